"""What is known of bots before they are cancelled, so that they can be scheduled again: a plain value.

It holds meeting links, with their passcodes, and attributes that may be personal: keep it as you would keep
those. None of them is in a repr, a log line or a report.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Self

import attrs
from attrs import field, frozen

from .._http.pace_key import mark_of
from .._pydantic import PydanticType
from .._times import read_time
from ..errors import ConfigurationError
from ..meetstream import check_config, check_identifier
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import ScheduledBot, is_own_event_id

FORMAT: Final = 1
"""Version of the JSON form."""
MOST_BOTS: Final = 200_000
"""Bots in one snapshot that are read."""
_LONGEST_ID: Final = 2048
"""Characters."""


@frozen(kw_only=True)
class SnapshotBot(PydanticType):
    """One bot as it was before it was cancelled. Only ``bot_id`` is always set."""

    bot_id: str
    """The bot's own id."""
    event_id: str | None = None
    """MeetStream's own id of its event (``evt_…``), where it is certain; None for a one-off bot."""
    listed_event_id: str | None = None
    """The event's id as the listing showed it: MeetStream's, the calendar provider's, or None."""
    is_one_off: bool = False
    """Nothing showed that a calendar scheduled it: it was created on its own."""
    join_time: datetime | None = None
    """When it was to join; aware."""
    platform: str | None = None
    """``google_meet``, ``zoom``, ``microsoft_teams``, or a variant spelling."""
    bot_username: str | None = None
    """The name that it was to join with."""
    # Titles, people and links are personal, and a link may hold a passcode.
    custom_attributes: Mapping[str, Any] = field(factory=dict, hash=False, repr=False)
    """The attributes of its row. Not in the repr."""
    meeting_link: str | None = field(default=None, repr=False)
    """The meeting to join. Not in the repr."""
    config: Mapping[str, Any] | None = field(default=None, hash=False, repr=False)
    """The body of the request that made it, from its detail; None if that was not read. Not in the repr."""
    other_bots: tuple[str, ...] = ()
    """Ids of the other bots that its event had."""
    other_events: tuple[str, ...] = ()
    """Ids of the other events that shared it."""
    has_row: bool = True
    """A listing showed it; else only the calendars' events told of it, which have no attributes and link."""
    no_detail: str | None = None
    """Why its detail could not be read, where it was asked for."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values; the time in ISO 8601. Fields that say nothing are left out."""
        values = {option.name: getattr(self, option.name) for option in attrs.fields(SnapshotBot)}
        values["join_time"] = None if self.join_time is None else self.join_time.isoformat()
        for name in ("other_bots", "other_events"):
            values[name] = list(values[name])
        for name in ("custom_attributes", "config"):
            values[name] = None if values[name] is None else dict(values[name])
        plain = {one.name: one.default for one in attrs.fields(SnapshotBot)}
        plain |= {"custom_attributes": {}, "other_bots": [], "other_events": []}
        return {name: value for name, value in values.items() if value != plain[name]}

    def as_row(self) -> ScheduledBot:
        """The bot as a listing showed it, with MeetStream's own id of its event."""
        own = {} if self.event_id is None else {"event_id": self.event_id}
        return ScheduledBot(
            self.bot_id,
            self.platform,
            scheduled_join_time=self.join_time,
            bot_username=self.bot_username,
            custom_attributes={**self.custom_attributes, **own},
            meeting_link=self.meeting_link,
        )

    def with_row(self, bot: ScheduledBot) -> SnapshotBot:
        """The same bot with what a row tells that a later listing shows."""
        event_id = self.event_id or (bot.event_id if is_own_event_id(bot.event_id) else None)
        return attrs.evolve(
            self,
            event_id=event_id,
            listed_event_id=bot.event_id,
            is_one_off=bot.is_one_off and event_id is None,
            join_time=bot.scheduled_join_time or self.join_time,
            platform=bot.platform or self.platform,
            bot_username=bot.bot_username or self.bot_username,
            custom_attributes=kept(bot.custom_attributes) or self.custom_attributes,
            meeting_link=bot.meeting_link or self.meeting_link,
            has_row=True,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``. Raises ConfigurationError, which shows no value, for anything else."""
        if not isinstance(values, Mapping):
            raise ConfigurationError(f"a bot of the snapshot is {type(values).__name__}, not an object")
        known = {option.name for option in attrs.fields(cls)}
        if unknown := values.keys() - known:
            shown = ", ".join(sorted(str(name)[:40] for name in unknown))
            raise ConfigurationError(f"a bot of the snapshot has unknown fields: {shown}")
        given = dict(values)
        given["bot_id"] = _identifier(values.get("bot_id"), "bot_id")
        for name in ("event_id", "listed_event_id"):
            if given.get(name) is not None:
                given[name] = _identifier(given[name], name)
        if (event_id := given.get("event_id")) is not None and not is_own_event_id(event_id):
            raise ConfigurationError("event_id of a bot of the snapshot is not an id of MeetStream's own")
        for name in ("other_bots", "other_events"):
            if not isinstance(given.setdefault(name, []), list):
                raise ConfigurationError(f"{name} of a bot of the snapshot is not a list of ids")
            given[name] = tuple(_identifier(one, name) for one in given[name])
        for name in ("custom_attributes", "config"):
            if given.get(name) is not None:
                given[name] = check_config(given[name], f"{name} of a bot of the snapshot")
        given["custom_attributes"] = given.get("custom_attributes") or {}
        for name in ("is_one_off", "has_row"):
            if not isinstance(given.get(name, False), bool):
                raise ConfigurationError(f"{name} of a bot of the snapshot is not true or false")
        for name in ("platform", "bot_username", "meeting_link", "no_detail"):
            if not isinstance(given.get(name, ""), str | None):
                raise ConfigurationError(f"{name} of a bot of the snapshot is not a string")
        if given.get("join_time") is not None:
            given["join_time"] = _time(given["join_time"], "join_time of a bot of the snapshot")
        return cls(**given)


@frozen(kw_only=True)
class Snapshot(PydanticType):
    """Bots as they were before they were cancelled, for ``bulk_reschedule``. Made by ``take_snapshot``."""

    id: str
    """Random. With a bot's id it makes the key under which a one-off bot is created again, so that a repeated
    undo creates nothing twice."""
    taken_at: datetime
    """By the API's clock; aware."""
    base_url: str
    """Of the API that it was taken from."""
    bots: tuple[SnapshotBot, ...] = field(repr=lambda bots: f"<{len(bots)} bots>")
    """Each bot once."""
    why_incomplete: str | None = None
    """What is not known of some of them, and why; None if nothing is missing."""
    key_mark: str | None = None
    """A mark of the key that it was taken with, from which nobody can tell the key. None if it has none."""

    def is_of(self, client: MeetStreamClient) -> bool:
        """Whether it was taken with the key of this client; True as well if it has no mark.

        Another key may be a new one of the same account, or that of another account, where no event of the
        snapshot is known, and a one-off bot would be created all the same.
        """
        return self.key_mark is None or self.key_mark == mark_of(client.api.key_name, self.id)

    def __iter__(self) -> Iterator[SnapshotBot]:
        return iter(self.bots)

    def __len__(self) -> int:
        return len(self.bots)

    def only(self, bot_ids: Collection[str]) -> Snapshot:
        """The same snapshot with these bots alone. Raises ConfigurationError for one that it does not know.

        No id selects nothing: an empty collection makes an empty snapshot.
        """
        if isinstance(bot_ids, str | bytes):
            raise ConfigurationError("bot_ids must be a collection of ids, not one string")
        wanted = frozenset(bot_ids)
        if unknown := wanted - {bot.bot_id for bot in self.bots}:
            raise ConfigurationError(f"not in the snapshot: {', '.join(sorted(map(repr, unknown))[:5])}")
        return attrs.evolve(self, bots=tuple(bot for bot in self.bots if bot.bot_id in wanted))

    def to_dict(self) -> dict[str, Any]:
        """JSON values, with links and attributes: to be kept like the meetings themselves."""
        return {**self.head(), "bots": [bot.to_dict() for bot in self.bots]}

    def head(self) -> dict[str, Any]:
        """``to_dict`` without the bots."""
        return {
            "snapshot": FORMAT,
            "id": self.id,
            "taken_at": self.taken_at.isoformat(),
            "base_url": self.base_url,
            "why_incomplete": self.why_incomplete,
            "key_mark": self.key_mark,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``.

        Raises ConfigurationError, which shows no value, for data of another kind or of a later version, for
        a bot that is in it twice, and for more than 200,000 bots.
        """
        if not isinstance(values, Mapping) or "snapshot" not in values:
            raise ConfigurationError("this is not a snapshot")
        if values["snapshot"] != FORMAT:
            raise ConfigurationError(
                f"the snapshot is of another version than this package reads ({FORMAT}): use the version "
                "that wrote it"
            )
        if unknown := values.keys() - {*_HEAD, "bots"}:
            raise ConfigurationError(
                f"the snapshot has unknown fields: {', '.join(sorted(map(str, unknown)))}"
            )
        for name in ("id", "base_url"):
            if not isinstance(values.get(name), str) or not values[name]:
                raise ConfigurationError(f"{name} of the snapshot is not a string, or empty")
        for name in ("why_incomplete", "key_mark"):
            if not isinstance(values.get(name), str | None):
                raise ConfigurationError(f"{name} of the snapshot is not a string")
        bots = values.get("bots")
        if not isinstance(bots, list) or len(bots) > MOST_BOTS:
            raise ConfigurationError(f"bots of the snapshot is not a list of at most {MOST_BOTS} bots")
        read = tuple(map(SnapshotBot.from_dict, bots))
        if len({bot.bot_id for bot in read}) < len(read):
            raise ConfigurationError("a bot is in the snapshot twice")
        return cls(
            id=values["id"],
            taken_at=_time(values.get("taken_at"), "taken_at of the snapshot"),
            base_url=values["base_url"],
            bots=read,
            why_incomplete=values.get("why_incomplete"),
            key_mark=values.get("key_mark"),
        )


_HEAD = ("snapshot", "id", "taken_at", "base_url", "why_incomplete", "key_mark")


def kept(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """A copy of what the API sent; None if it is more than is read back."""
    try:
        return check_config(values, "it")
    except ConfigurationError:
        return None


def _identifier(value: object, name: str) -> str:
    if isinstance(value, str) and len(value) <= _LONGEST_ID:
        return check_identifier(value, f"{name} of a bot of the snapshot")
    raise ConfigurationError(f"{name} of a bot of the snapshot is not an id")


def _time(value: object, name: str) -> datetime:
    try:
        time = read_time(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.utcoffset() is None:
        raise ConfigurationError(f"{name} is not an ISO 8601 time with an offset")
    return time
