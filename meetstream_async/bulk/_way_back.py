"""What can come back of a bot, by which request, with what it is sent, and what is lost. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ..meetstream.models import ScheduledBot
from ._evidence import RESOLUTION
from .report import Method
from .snapshot import SnapshotBot

# Why a bot can't come back.
PAST: Final = "its join time has passed"
NO_EVENT: Final = "the id of its event is not known for certain"
NO_LINK: Final = "no link of its meeting is known"
NO_TIME: Final = "no join time is known, so it would join at once"
NO_NAME: Final = "no name is known that it joined with"
ONE_FOR_AN_EVENT: Final = "the API schedules one bot for an event, and another one of this event comes back"
SIBLING: Final = "another bot of its event is scheduled, and the API schedules one for an event"

_SYSTEM: Final = frozenset(
    (
        "event_id",
        "source",
        "deduplication_key",
        "event_summary",
        "scheduled_by",
        "calendar_id",
        "event_start_time",
        "occurrence_start_time",
        "occurrence_number",
        "is_recurring",
    )
)
"""Attributes that the API gives to a calendar's bot by itself."""
_NEVER: Final = frozenset(
    (
        "bot_name",
        "custom_attributes",
        "deduplication_key",
        "event_id",
        "join_at",
        "meeting_link",
        "meeting_url",
        "occurrence_date",
        "occurrence_limit",
        "recurring_event",
        "schedule_all_occurrences",
    )
)
"""Fields of a configuration that are not sent as they were: time, place, and keys of the first time."""


def refusal_of(entry: SnapshotBot, time: datetime) -> str | None:
    """Why this bot can't come back, as far as it can be known before asking. ``time``: the server's."""
    if entry.join_time is not None and entry.join_time <= time + RESOLUTION:
        return PAST
    if not entry.is_one_off:
        return NO_EVENT if entry.event_id is None else None
    if not (link_of(entry) or "").startswith("https://"):
        return NO_LINK
    if entry.join_time is None:
        return NO_TIME
    return None if name_of(entry) else NO_NAME


def idempotency_key_of(snapshot_id: str, bot_id: str) -> str:
    """The idempotency key of a one-off bot: the same for each undo of the same run."""
    return "undo-" + hashlib.sha256(f"{snapshot_id}/{bot_id}".encode("utf-8", "replace")).hexdigest()[:40]


def link_of(entry: SnapshotBot) -> str | None:
    """The meeting that a one-off bot was to join."""
    link = entry.meeting_link or (entry.config or {}).get("meeting_link")
    return link if isinstance(link, str) else None


def name_of(entry: SnapshotBot) -> str | None:
    """The name that it joined with."""
    name = entry.bot_username or (entry.config or {}).get("bot_name")
    return name if isinstance(name, str) and name else None


def config_of(entry: SnapshotBot) -> dict[str, Any]:
    """What is sent of its configuration, less its name, place and time."""
    config = {
        name: value
        for name, value in (entry.config or {}).items()
        if name not in _NEVER and value is not None
    }
    if attributes := attributes_of(entry):
        config["custom_attributes"] = attributes
    return config


def attributes_of(entry: SnapshotBot) -> dict[str, Any]:
    """Its custom attributes, less those that the API gives to a calendar's bot by itself."""
    made_with = (entry.config or {}).get("custom_attributes")
    known = {**(made_with if isinstance(made_with, Mapping) else {}), **entry.custom_attributes}
    dropped = {"event_id", "deduplication_key"} if entry.is_one_off else _SYSTEM
    return {name: value for name, value in known.items() if name not in dropped}


def restores(entry: SnapshotBot, way: Method | None) -> tuple[str, ...]:
    """What comes back with it."""
    found = ["a bot for its event" if way == "event" else "a bot for its meeting"]
    if name_of(entry):
        found.append("its name")
    if attributes_of(entry):
        found.append("its custom attributes")
    if way == "bot":
        found.append("its join time")
    if entry.config is not None:
        found.append("its configuration")
    return tuple(found)


def losses(entry: SnapshotBot, way: Method | None) -> tuple[str, ...]:
    """What does not come back with it."""
    found = ["its bot, schedule and transcript ids"]
    if entry.config is None:
        found.append("any configuration beyond its name and attributes")
    if not entry.has_row:
        found.append("its custom attributes, which no listing showed")
    if way == "event":
        attributes = entry.custom_attributes
        if attributes.get("deduplication_key") is not None:
            found.append("its deduplication key")
        if attributes.get("is_recurring") is True or attributes.get("occurrence_number") is not None:
            found.append("its place in the chain of a recurring event")
        if entry.other_events:
            found.append("its place in the other events that shared it")
    return tuple(found)


def attributes_of_row(bot: ScheduledBot) -> dict[str, object]:
    """A one-off bot's attributes, as an entry of a snapshot would have them."""
    return {
        name: value
        for name, value in bot.custom_attributes.items()
        if name not in ("event_id", "deduplication_key")
    }
