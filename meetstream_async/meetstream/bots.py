"""Bots that are scheduled again, as immutable values: what the API answers, and what it tells of one bot.

Sources: the vendor's OpenAPI file and published clients for ``POST /calendar/schedule/{event_id}``,
``POST /bots/create_bot``, ``GET /bots/{bot_id}/detail`` and ``PATCH /calendar/scheduled_bots/{bot_id}``.
The models do not know JSON; :mod:`meetstream_async._http.convert` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from .._pydantic import PydanticType


@frozen
class ScheduleResult(PydanticType):
    """The reply of ``POST /calendar/schedule/{event_id}``: the bot that is scheduled for the event now."""

    scheduled: bool | None = None
    """Whether a bot was scheduled."""
    bot_id: str | None = None
    """The new bot's own id."""
    event_id: str | None = None
    """The requested event."""
    schedule_id: str | None = None
    """Opaque name of the schedule."""
    schedule_group: str | None = None
    """Opaque name of the group that the schedule is in."""
    scheduled_time: datetime | None = None
    """When the bot joins; aware."""
    existing_schedules: int | None = None
    """Number of schedules that the event had."""
    occurrence_date: str | None = None
    """The occurrence that was asked for, as it was asked for."""
    is_recurring_occurrence: bool | None = None
    """Whether the event belongs to a series."""
    # It holds the meeting's link.
    bot_config: Mapping[str, Any] = field(factory=dict, hash=False, repr=False)
    """What the bot was scheduled with, as the API says. Not in the repr."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the request, for questions to its vendor; None if it sent none."""


@frozen
class CreatedBot(PydanticType):
    """The reply of ``POST /bots/create_bot``. Only ``bot_id`` is always set."""

    bot_id: str
    """The bot's own id."""
    status: str | None = None
    """For example ``Scheduled``, ``Joining``."""
    transcript_id: str | None = None
    """Id of its transcript; None before it joins."""
    # Links may contain meeting passwords.
    meeting_url: str | None = field(default=None, repr=False)
    """The meeting to join. Not in the repr."""
    repeated: bool = False
    """The API gave the answer to an earlier request with the same idempotency key."""
    inferred: bool = False
    """That earlier request was an attempt of this call, whose response was lost."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the request, for questions to its vendor; None if it sent none."""


@frozen
class BotDetail(PydanticType):
    """The reply of ``GET /bots/{bot_id}/detail``. Only ``bot_id`` is always set."""

    bot_id: str
    """The bot's own id."""
    status: str | None = None
    """For example ``Scheduled``, ``InMeeting``, ``Stopped``, ``Cancelled``."""
    platform: str | None = None
    """``GMeet``, ``Zoom``, ``Teams``, or another spelling."""
    bot_username: str | None = None
    """The name that the bot joins with."""
    # Links may contain meeting passwords, and the body that created it may hold keys of other services.
    meeting_link: str | None = field(default=None, repr=False)
    """The meeting to join. Not in the repr."""
    request_payload: Mapping[str, Any] = field(factory=dict, hash=False, repr=False)
    """The body of the request that created it: its whole configuration. Not in the repr."""
    custom_attributes: Mapping[str, Any] = field(factory=dict, hash=False, repr=False)
    """Attributes that it was scheduled with; they may hold personal data. Not in the repr."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the request, for questions to its vendor; None if it sent none."""


@frozen
class MovedBot(PydanticType):
    """The reply of ``PATCH /calendar/scheduled_bots/{bot_id}``."""

    message: str | None = None
    """The API's own text."""
    bot_id: str | None = None
    """The bot that was moved."""
    updated_fields: tuple[str, ...] | None = None
    """Names of the fields that were changed."""
    schedule_updated: bool | None = None
    """Whether the time at which it joins was changed."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the request, for questions to its vendor; None if it sent none."""
