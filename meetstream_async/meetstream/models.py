"""The API's own terms as frozen values, and the filter over them.

Sources: "List Scheduled Bots" and "Unschedule Bot for Event" of the MeetStream API reference. The values
know nothing of JSON; :mod:`meetstream_async._http.convert` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import field, frozen

from .._pydantic import Schemed


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
    """The reply came back full, or says that there are more bots; the API has no cursor to ask for them."""
    rejected: tuple[RejectedRow, ...] = ()
    """Rows that could not be read."""
    server_time: datetime | None = field(default=None, eq=False)
    """When the API answered, by its own clock; aware."""


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


def soonest_first(bots: Sequence[ScheduledBot]) -> list[ScheduledBot]:
    """By join time; bots without one last."""
    latest = datetime.max.replace(tzinfo=UTC)
    return sorted(bots, key=lambda bot: bot.scheduled_join_time or latest)
