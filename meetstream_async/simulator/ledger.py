"""Records of what was scheduled, unscheduled and cancelled, when, and by which request."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from attrs import frozen


@frozen(kw_only=True)
class BotRecord:
    """One bot. `scheduled` until a request removes it.

    bot_id, event_id: its own id, and MeetStream's own id of its event, None for a one-off bot.
    delete_requests: DELETE requests for this bot id, including refused and dropped ones.
    created_by: index in the request log of the request that made it; None if it was there before, or if the
        nightly job made it.
    moved_by: index of the last request that moved its `join_time`.
    removed_at: UTC; None while scheduled.
    applied_by: index in the request log of the request that removed it.
    A bot whose `join_time` has passed stays `scheduled`: it joined, and no request removed it.
    """

    bot_id: str
    event_id: str | None
    join_time: datetime
    scheduled: bool = True
    removed_at: datetime | None = None
    delete_requests: int = 0
    applied_by: int | None = None
    created_by: int | None = None
    moved_by: int | None = None


@frozen(kw_only=True)
class EventRecord:
    """One event. `scheduled` until its last bot is removed.

    event_id: MeetStream's own id, whatever the listing shows.
    bot_ids: all bots that it ever had.
    master_event_id: of an occurrence, the id of its series.
    provider_event_id, ical_uid: its ids in the provider's calendar.
    unscheduled_at: UTC; None while scheduled.
    applied_by: index in the request log of the request that removed the last bot.
    delete_requests: DELETE requests for this event id, including refused requests and those whose connection
        was dropped, but not requests for another occurrence of its series or for one of its bots.
    """

    event_id: str
    bot_ids: tuple[str, ...] = ()
    master_event_id: str | None = None
    scheduled: bool = True
    unscheduled_at: datetime | None = None
    delete_requests: int = 0
    applied_by: int | None = None
    provider_event_id: str | None = None
    ical_uid: str | None = None


@frozen(kw_only=True)
class CalendarEventRecord:
    """One event of a MeetBit calendar. Live until a request cancels it.

    event_id, calendar_id: MeetBit's ids.
    provider_event_id: the id at Google or Outlook.
    cancelled: whether a request cancelled it.
    cancel_note: the note of that request.
    cancelled_at: UTC; None while live.
    applied_by: index in the request log of the request that cancelled it.
    cancel_requests: requests that named it in its own calendar, including refused and dropped ones.
    """

    event_id: int
    calendar_id: int
    provider_event_id: str | None
    cancelled: bool = False
    cancelled_at: datetime | None = None
    cancel_note: str | None = None
    cancel_requests: int = 0
    applied_by: int | None = None


@frozen(kw_only=True)
class PaceRecord:
    """What the rate limit of MeetStream did so far.

    seen: requests that arrived. limited: those that it answered with 429. passed: all others.
    early: those that arrived before the `Retry-After` of the last 429 had passed.
    """

    seen: int = 0
    limited: int = 0
    passed: int = 0
    early: int = 0


class Ledger:
    """A read-only view of the simulator's records. A record is a snapshot: read it again after a change."""

    __slots__ = (
        "_bot_deletes",
        "_cancels",
        "_event_deletes",
        "_pace",
        "_syncs",
        "bots",
        "calendar_events",
        "events",
    )

    bots: Mapping[str, BotRecord]
    """Every bot, by its id."""
    events: Mapping[str, EventRecord]
    """Every event that has or had a bot, by MeetStream's own id."""
    calendar_events: Mapping[int, CalendarEventRecord]
    """Every event of MeetBit's calendars, by MeetBit's id."""

    def __init__(
        self,
        *,
        events: dict[str, EventRecord],
        bots: dict[str, BotRecord],
        calendar_events: dict[int, CalendarEventRecord],
        event_deletes: Mapping[str, int],
        bot_deletes: Mapping[str, int],
        cancels: Mapping[tuple[int, int], int],
        syncs: Sequence[int],
        pace: Callable[[], PaceRecord],
    ) -> None:
        self.events = MappingProxyType(events)
        self.bots = MappingProxyType(bots)
        self.calendar_events = MappingProxyType(calendar_events)
        self._event_deletes = event_deletes
        self._bot_deletes = bot_deletes
        self._cancels = cancels
        self._syncs = syncs
        self._pace = pace

    @property
    def scheduled_events(self) -> frozenset[str]:
        """Ids of the events that still have a scheduled bot."""
        return frozenset(key for key, event in self.events.items() if event.scheduled)

    @property
    def unscheduled_events(self) -> frozenset[str]:
        """Ids of the events whose bots have all been removed."""
        return frozenset(key for key, event in self.events.items() if not event.scheduled)

    @property
    def scheduled_bots(self) -> frozenset[str]:
        """Ids of the bots that have not been removed, one-off bots included."""
        return frozenset(key for key, bot in self.bots.items() if bot.scheduled)

    @property
    def removed_bots(self) -> frozenset[str]:
        """Ids of the bots that were removed."""
        return frozenset(key for key, bot in self.bots.items() if not bot.scheduled)

    def delete_requests(self, event_id: str) -> int:
        """Number of DELETE requests for this event id, known or not, including refused and dropped ones."""
        return self._event_deletes.get(event_id, 0)

    def bot_delete_requests(self, bot_id: str) -> int:
        """Number of DELETE requests for this bot id, known or not, including refused and dropped ones."""
        return self._bot_deletes.get(bot_id, 0)

    @property
    def live_events(self) -> frozenset[int]:
        """Ids of the calendar events that have not been cancelled."""
        return frozenset(key for key, event in self.calendar_events.items() if not event.cancelled)

    @property
    def cancelled_events(self) -> frozenset[int]:
        """Ids of the calendar events that were cancelled."""
        return frozenset(key for key, event in self.calendar_events.items() if event.cancelled)

    def cancel_requests(self, calendar_id: int, event_id: int) -> int:
        """Number of cancel requests for this event, known or not, including refused and dropped ones."""
        return self._cancels.get((calendar_id, event_id), 0)

    @property
    def syncs(self) -> tuple[int, ...]:
        """Indexes of the requests for events that made MeetStream read the calendars again.

        The real one may move or cancel bots then; only `sync=false` prevents it.
        """
        return tuple(self._syncs)

    @property
    def pace(self) -> PaceRecord:
        """Counts of MeetStream's rate limit."""
        return self._pace()

    def __repr__(self) -> str:
        held = (
            f"{len(self.events)} events, {len(self.bots)} bots, {len(self.calendar_events)} calendar events"
        )
        return f"<Ledger: {held}>"
