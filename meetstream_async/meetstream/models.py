"""MeetStream's models as immutable values.

Sources: "List Scheduled Bots" and "Unschedule Bot for Event" of the MeetStream API reference, and the
vendor's published clients for ``/calendar/events``. The models do not know JSON;
:mod:`meetstream_async._http.convert` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeGuard

from attrs import field, frozen

from .._http.making import maker
from .._pydantic import PydanticType

SHOWN_ATTRIBUTES = (
    "event_id",
    "source",
    "deduplication_key",
    "occurrence_start_time",
    "occurrence_number",
    "is_recurring",
)
"""Attributes that hold no personal data. Others may: the title of a meeting, who scheduled it, and
``calendar_id``, which at Google is somebody's address."""


def _shown(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a bot's attributes that hold no personal data, for people and logs."""
    return {
        name: attributes[name]
        for name in SHOWN_ATTRIBUTES
        if isinstance(attributes.get(name), str | int | float)
    }


def _attributes_repr(attributes: Mapping[str, Any]) -> str:
    shown = _shown(attributes)
    pairs = [f"{name!r}: {value!r}" for name, value in shown.items()]
    return "{" + ", ".join(pairs + ["..."] * (len(shown) < len(attributes))) + "}"


# No weak references: see meetstream_async._http.making.
@frozen(weakref_slot=False)
class ScheduledBot(PydanticType):
    """One row of ``GET /calendar/scheduled``: a bot that is scheduled to join a meeting.

    Only ``bot_id`` is always set. Any string may occur: the API adds platforms and statuses.
    """

    bot_id: str
    """The bot's own id."""
    platform: str | None = None
    """``google_meet``, ``zoom``, ``microsoft_teams``, or a variant spelling."""
    status: str | None = None
    """For example ``Scheduled``, ``InMeeting``, ``Stopped``."""
    scheduled_join_time: datetime | None = None
    """Aware datetime; None if missing or without an offset."""
    bot_username: str | None = None
    """The name that the bot joins with."""
    is_scheduled: bool | None = None
    """Whether the bot is still waiting for its meeting."""
    # A dict cannot be hashed; equal bots still have equal hashes through their other fields.
    custom_attributes: Mapping[str, Any] = field(factory=dict, hash=False, repr=_attributes_repr)
    """Attributes that the bot was scheduled with; ``event_id`` is its calendar event, if any. They may hold
    personal data, such as a title, so the repr only has those of the property ``shown_attributes``."""
    meeting_link: str | None = field(default=None, repr=False)
    """The meeting to join. Not in the repr: links may contain meeting passwords."""

    @property
    def shown_attributes(self) -> dict[str, Any]:
        """The attributes that hold no personal data: ids, the source, and the place in a series."""
        return _shown(self.custom_attributes)

    @property
    def event_id(self) -> str | None:
        """The calendar event, from the attributes; None for a one-off bot."""
        return self._text("event_id")

    @property
    def is_one_off(self) -> bool:
        """Nothing shows that a calendar scheduled it: neither an event id nor its source."""
        return self.event_id is None and not (self.source or "").casefold().startswith("calendar")

    @property
    def source(self) -> str | None:
        """What scheduled the bot, for example ``calendar_schedule_api``."""
        return self._text("source")

    @property
    def deduplication_key(self) -> str | None:
        """The deduplication key that the bot was scheduled with."""
        return self._text("deduplication_key")

    def _text(self, name: str) -> str | None:
        value = self.custom_attributes.get(name)
        return value if isinstance(value, str) and value else None


@frozen
class RejectedRow(PydanticType):
    """A row of a listing that could not be read and is never acted on."""

    index: int
    """Position in the listing, from 0."""
    path: str
    """The invalid place, such as ``$.scheduled_bots[3].bot_id``."""
    reason: str
    """What is wrong there."""


@frozen
class ScheduledBotPage(PydanticType):
    """One reply of ``GET /calendar/scheduled``."""

    bots: tuple[ScheduledBot, ...]
    """In the API's order, which is undocumented."""
    limit: int
    """The number of rows requested."""
    truncated: bool
    """The page is full, or says that there are more bots; the API has no cursor to request them."""
    rejected: tuple[RejectedRow, ...] = ()
    """Rows that could not be read."""
    server_time: datetime | None = field(default=None, eq=False)
    """When the API answered, by its own clock; aware."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the request, for questions to its vendor; None if it sent none."""


# No weak references: see meetstream_async._http.making.
@frozen(weakref_slot=False)
class UnscheduleResult(PydanticType):
    """The reply of ``DELETE /calendar/schedule/{event_id}``, for a single event or for a series."""

    unscheduled: bool | None = None
    """Single event: whether the bot was unscheduled."""
    cancelled: bool | None = None
    """Series: whether the occurrences were cancelled."""
    event_id: str | None = None
    """The requested event."""
    master_event_id: str | None = None
    """Series: the event that the occurrences belong to."""
    cancelled_schedules: tuple[str, ...] | None = None
    """Opaque names of the schedules that were cancelled."""
    schedules_cancelled: int | None = None
    """Number of schedules that were cancelled."""
    bots_deleted: int | None = None
    """Number of bots that were deleted with them."""
    cancel_all_occurrences: bool | None = None
    """Whether the whole series was requested."""
    from_date: datetime | None = None
    """Time from which occurrences were cancelled."""
    is_recurring_series: bool | None = None
    """Whether the event belongs to a series."""
    occurrences_affected: int | None = None
    """Series: number of occurrences that were cancelled."""
    inferred: bool = False
    """Set if no reply confirmed it: an attempt's response was lost, and a later attempt found it done."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the request, for questions to its vendor; None if it sent none."""


@frozen
class DeletedBot(PydanticType):
    """The reply of ``DELETE /calendar/scheduled_bots/{bot_id}``."""

    message: str | None = None
    """The API's own text."""
    bot_id: str | None = None
    """The bot that was deleted."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the request, for questions to its vendor; None if it sent none."""


_make_row = maker(ScheduledBot)


# No weak references: see meetstream_async._http.making.
@frozen(weakref_slot=False)
class EventBot(PydanticType):
    """A bot of a calendar event. Only ``id`` is always set."""

    id: str
    """The bot's own id: ``bot_id`` of a listing."""
    status: str | None = None
    """For example ``Scheduled``, ``InMeeting``, ``Stopped``."""
    scheduled_join_time: datetime | None = None
    """Aware datetime; None if missing or without an offset."""
    bot_username: str | None = None
    """The name that the bot joins with."""
    platform: str | None = None
    """``google_meet``, ``zoom``, ``microsoft_teams``, or a variant spelling."""
    is_scheduled: bool | None = None
    """Whether the bot is still waiting for its meeting."""

    def as_row(self, event_id: str) -> ScheduledBot:
        """The bot as a listing would show it, with the id of its event; without other attributes and link."""
        return _make_row(
            self.id,
            self.platform,
            self.status,
            self.scheduled_join_time,
            self.bot_username,
            self.is_scheduled,
            {"event_id": event_id},
        )


# No weak references: see meetstream_async._http.making.
@frozen(weakref_slot=False)
class MeetStreamEvent(PydanticType):
    """One event of ``GET /calendar/events``, with its bots. Only ``id`` is always set.

    What the calendar's provider says of it (title, people, links) is not kept.
    """

    id: str
    """MeetStream's own id, which ``unschedule_event`` takes."""
    platform: str | None = None
    """Whose calendar it is in: ``google`` or ``outlook``."""
    platform_id: str | None = None
    """The provider's id; MeetBit's ``provider_event_id``."""
    ical_uid: str | None = None
    """The id that all copies and occurrences of it share."""
    # Often somebody's address.
    calendar_id: str | None = field(default=None, repr=False)
    """The provider's id of its calendar."""
    start_time: datetime | None = None
    """Aware datetime; None if missing or without an offset."""
    end_time: datetime | None = None
    """Aware datetime; None if missing or without an offset."""
    meeting_platform: str | None = None
    """Where the meeting takes place, for example ``google_meet``."""
    is_deleted: bool | None = None
    """It is gone from its calendar."""
    bots: tuple[EventBot, ...] = ()
    """Its bots, also those that are not scheduled any more."""


@frozen
class MeetStreamEventPage(PydanticType):
    """One reply of ``GET /calendar/events``."""

    events: tuple[MeetStreamEvent, ...]
    """In no order; a page may be short, or empty, with more to come."""
    next: str | None = field(default=None, repr=False)
    """The cursor of the next page; None at the end."""
    has_more: bool = False
    """The reply says that there is more, whether or not it has a cursor."""
    rejected: tuple[RejectedRow, ...] = ()
    """Events, and bots of events, that could not be read."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the request, for questions to its vendor; None if it sent none."""


def is_own_event_id(event_id: str | None) -> TypeGuard[str]:
    """Whether an event's id is MeetStream's own (``evt_…``): other ids are the calendar provider's."""
    return event_id is not None and event_id.startswith("evt_")


def soonest_first(bots: Sequence[ScheduledBot]) -> list[ScheduledBot]:
    """Sorted by join time; bots without one come last."""
    latest = datetime.max.replace(tzinfo=UTC)
    return sorted(bots, key=lambda bot: bot.scheduled_join_time or latest)
