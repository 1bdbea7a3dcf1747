"""The API's own terms as frozen values, and the filter over them.

Sources: "List Scheduled Bots" and "Unschedule Bot for Event" of the MeetStream API reference. The values
know nothing of JSON; :mod:`meetstream_async.wire` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from attrs import field, frozen

from .errors import ConfigurationError
from .schemas import Schemed


# With slots a frozen class sets each attribute by way of object.__setattr__: a tenth of reading a listing.
@frozen(slots=False)
class ScheduledBot(Schemed):
    """One row of ``GET /calendar/scheduled``: a bot that is going to join a meeting.

    Only ``bot_id`` is certain to be there. Strings are open: the API adds platforms and states.
    """

    bot_id: str
    """The bot's own id."""
    platform: str | None = None
    """``google_meet``, ``zoom``, ``microsoft_teams``, or another spelling of them."""
    status: str | None = None
    """Such as ``Scheduled``, ``InMeeting``, ``Stopped``."""
    scheduled_join_time: datetime | None = None
    """Aware, or None: a time without an offset is not guessed at."""
    bot_username: str | None = None
    """The name under which the bot joins."""
    is_scheduled: bool | None = None
    """Whether the bot still waits for its meeting."""
    # A dict cannot be hashed; bots that are equal still hash alike by their other fields.
    custom_attributes: Mapping[str, Any] = field(factory=dict, hash=False)
    """What the bot was scheduled with; ``event_id`` names its calendar event, where it has one."""
    meeting_link: str | None = field(default=None, repr=False)
    """Where it joins. Not in the repr: links carry meeting passwords."""

    @property
    def event_id(self) -> str | None:
        """The calendar event, from the attributes; None for a one-off bot."""
        return self._text("event_id")

    @property
    def source(self) -> str | None:
        """What scheduled the bot, such as ``calendar_schedule_api``."""
        return self._text("source")

    @property
    def deduplication_key(self) -> str | None:
        """The key under which the bot was scheduled."""
        return self._text("deduplication_key")

    def _text(self, name: str) -> str | None:
        value = self.custom_attributes.get(name)
        return value if isinstance(value, str) and value else None


@frozen
class RejectedRow(Schemed):
    """A row of a listing that could not be read and is never acted on."""

    index: int
    """Position in the listing, from 0."""
    path: str
    """The place that was wrong, such as ``$.scheduled_bots[3].bot_id``."""
    reason: str
    """What was wrong there."""


@frozen
class ScheduledBotPage(Schemed):
    """One reply of ``GET /calendar/scheduled``."""

    bots: tuple[ScheduledBot, ...]
    """In the API's order, which it does not document."""
    limit: int
    """How many rows were asked for."""
    truncated: bool
    """The reply came back full, so there may be more bots; the API has no cursor to ask for them."""
    rejected: tuple[RejectedRow, ...] = ()
    """Rows that could not be read."""


@frozen
class UnscheduleResult(Schemed):
    """The reply of ``DELETE /calendar/schedule/{event_id}``: the shapes of a single event and a series."""

    unscheduled: bool | None = None
    """In the shape of a single event: the bot is unscheduled."""
    cancelled: bool | None = None
    """In the series shape: the occurrences are cancelled."""
    event_id: str | None = None
    """The event that was asked for."""
    master_event_id: str | None = None
    """In the series shape: the event that the occurrences belong to."""
    cancelled_schedules: tuple[str, ...] | None = None
    """Names of the schedules that were cancelled; opaque."""
    schedules_cancelled: int | None = None
    """How many schedules were cancelled."""
    bots_deleted: int | None = None
    """How many bots were deleted with them."""
    cancel_all_occurrences: bool | None = None
    """Whether the whole series was asked for."""
    from_date: datetime | None = None
    """From when on occurrences were cancelled."""
    is_recurring_series: bool | None = None
    """Whether the event belongs to a series."""
    occurrences_affected: int | None = None
    """In the series shape: how many occurrences were cancelled."""
    inferred: bool = False
    """No reply said so: an earlier attempt's answer was lost, and a later one found the goal reached."""


@frozen
class DeletedBot(Schemed):
    """The reply of ``DELETE /calendar/scheduled_bots/{bot_id}``."""

    message: str | None = None
    """The API's own text."""
    bot_id: str | None = None
    """The bot that was deleted."""
    inferred: bool = False
    """No reply said so: an earlier attempt's answer was lost, and a later one found the bot gone."""


_PLATFORMS = {
    "gmeet": "googlemeet",
    "meet": "googlemeet",
    "teams": "microsoftteams",
    "msteams": "microsoftteams",
}


def canonical_platform(name: str) -> str:
    """One spelling for all that the API and its clients use: ``GMeet``, ``google_meet``, ``Google Meet``."""
    plain = "".join(char for char in name.casefold() if char.isalnum())
    return _PLATFORMS.get(plain, plain)


def _same_value(value: object, wanted: object) -> bool:
    # 1 == True in Python, but not in the API's JSON.
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _check_text(instance: object, attribute: Any, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"BotFilter.{attribute.name} must be a string, not {type(value).__name__}")


def _check_time(instance: object, attribute: Any, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, datetime):
        raise ConfigurationError(f"BotFilter.{attribute.name} must be a datetime, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise ConfigurationError(
            f"BotFilter.{attribute.name} has no time zone; pass an aware datetime, "
            "such as datetime.now(timezone.utc)"
        )


def _check_attributes(instance: object, attribute: Any, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError("BotFilter.attributes must map names of custom attributes to their values")


@frozen
class BotFilter(Schemed):
    """Selects bots: all that is given must match, and a missing value never matches.

    ``before`` and ``after`` are aware datetimes (``after <= join time < before``), ``platform`` in any
    spelling, ``name`` a glob over ``bot_username``, ``attributes`` exact values of custom attributes.
    Raises ConfigurationError for arguments of another kind.
    """

    platform: str | None = field(default=None, validator=_check_text)
    """The platform, in any of its spellings."""
    before: datetime | None = field(default=None, validator=_check_time)
    """Bots that join before this time, which needs an offset."""
    after: datetime | None = field(default=None, validator=_check_time)
    """Bots that join at this time or later; it needs an offset."""
    name: str | None = field(default=None, validator=_check_text)
    """A glob over the name of the bot, such as ``Acme *``."""
    attributes: Mapping[str, Any] | None = field(default=None, validator=_check_attributes, hash=False)
    """Custom attributes and the exact values that they must have."""

    def __call__(self, bot: ScheduledBot) -> bool:
        if self.platform is not None and (
            bot.platform is None or canonical_platform(bot.platform) != canonical_platform(self.platform)
        ):
            return False
        joins = bot.scheduled_join_time
        if self.before is not None and (joins is None or joins >= self.before):
            return False
        if self.after is not None and (joins is None or joins < self.after):
            return False
        if self.name is not None and (
            bot.bot_username is None or not fnmatchcase(bot.bot_username, self.name)
        ):
            return False
        return all(
            key in bot.custom_attributes and _same_value(bot.custom_attributes[key], wanted)
            for key, wanted in (self.attributes or {}).items()
        )

    def to_dict(self) -> dict[str, Any]:
        """What is set, as JSON values; times in ISO 8601."""
        given: dict[str, Any] = {}
        for name in ("platform", "before", "after", "name", "attributes"):
            value = getattr(self, name)
            if value is not None:
                if isinstance(value, datetime):
                    value = value.isoformat()
                given[name] = dict(value) if isinstance(value, Mapping) else value
        return given

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BotFilter:
        """The inverse of ``to_dict``. Raises ConfigurationError for unknown names and unreadable times."""
        if not isinstance(values, Mapping):
            raise ConfigurationError(f"a filter is an object, not {type(values).__name__}")
        given = dict(values)
        unknown = given.keys() - {"platform", "before", "after", "name", "attributes"}
        if unknown:
            # A misspelt condition that is ignored would select too many bots.
            raise ConfigurationError(f"unknown filter condition: {', '.join(sorted(map(str, unknown)))}")
        for name in ("before", "after"):
            text = given.get(name)
            if isinstance(text, str):
                try:
                    given[name] = datetime.fromisoformat(text)
                except ValueError:
                    raise ConfigurationError(f"BotFilter.{name} {text!r} is no ISO 8601 time") from None
        return cls(**given)
