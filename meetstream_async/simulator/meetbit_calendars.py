"""The simulated calendars: events, their generation, and a record of every cancellation."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from attrs import Factory, evolve, field, frozen

from .index import TITLES, SimulatedMeetStreamEvent
from .ledger import CalendarEventRecord

_PEOPLE = ("ada@example.com", "grace@example.com", "linus@example.org", "margaret@example.net")
_CALENDARS = 4


@frozen(kw_only=True)
class SimulatedEvent:
    """One event of a MeetBit calendar.

    event_id, calendar_id: positive; an event id is unique across all calendars.
    title, body, location: as the answers show them.
    start, end: timezone-aware; by default the event is in one day and takes half an hour.
    attendees: e-mail addresses; the first is the organizer's.
    provider_event_id: the id at Google or Outlook, which MeetStream knows as `platform_id`.
    fields: additional fields of the event in responses; they override all others.
    """

    event_id: int
    calendar_id: int
    title: str = "Weekly sync"
    start: datetime = Factory(lambda: datetime.now(UTC).replace(microsecond=0) + timedelta(days=1))
    end: datetime = Factory(lambda self: self.start + timedelta(minutes=30), takes_self=True)
    attendees: tuple[str, ...] = _PEOPLE[:2]
    provider_event_id: str | None = None
    body: str | None = None
    location: str | None = None
    fields: Mapping[str, Any] = field(factory=dict, hash=False)

    def __attrs_post_init__(self) -> None:
        for name, value in (("event_id", self.event_id), ("calendar_id", self.calendar_id)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"SimulatedEvent: {name} must be a positive integer")
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("SimulatedEvent: start and end must be timezone-aware")
        if not self.fields:
            return
        try:
            json.dumps(dict(self.fields))
        except TypeError as error:
            raise ValueError(f"SimulatedEvent: fields must be JSON: {error}") from None


def generate_events(
    count: int | None,
    booked: Iterable[SimulatedMeetStreamEvent],
    others: Iterable[SimulatedMeetStreamEvent],
    seed: int,
    now: datetime,
) -> list[SimulatedEvent]:
    """`count` events in a few calendars, the same for the same arguments.

    They are the events that MeetStream knows from the provider's calendars, with the provider's ids: first
    the booked ones, those with bots, then the others, then events that MeetStream does not know. Without a
    count, the booked ones alone.
    """
    if count is not None and count < 0:
        raise ValueError("events must not be negative")
    random = Random(f"{seed}:events")
    chosen = list(booked)
    if count is not None:
        chosen = [*chosen, *others][:count]
    known = [(event.platform_id, event.title, event.start, event.end) for event in chosen]
    while count is not None and len(known) < count:
        begin = now.replace(microsecond=0) + timedelta(minutes=15 * random.randint(4, 14 * 96))
        title = random.choice(TITLES)
        known.append((f"{random.getrandbits(128):032x}", title, begin, begin + timedelta(minutes=30)))
    calendars = random.sample(range(100, 1000), _CALENDARS)
    event_id = random.randint(10_000, 99_999)
    events = []
    for platform_id, title, start, end in known:
        event_id += random.randint(1, 9)
        first = random.randrange(len(_PEOPLE) - 1)
        events.append(
            SimulatedEvent(
                event_id=event_id,
                calendar_id=random.choice(calendars),
                title=title,
                start=start,
                end=end,
                attendees=_PEOPLE[first : first + 2],
                provider_event_id=platform_id,
            )
        )
    return events


class Calendars:
    """The events of all calendars, and the records of their cancellations. Every lookup is O(1)."""

    def __init__(self) -> None:
        self.events: dict[int, SimulatedEvent] = {}
        self.records: dict[int, CalendarEventRecord] = {}
        self.cancel_requests: Counter[tuple[int, int]] = Counter()
        self._of_provider: dict[str, SimulatedEvent] = {}

    def add(self, events: Iterable[SimulatedEvent]) -> None:
        """Put events into their calendars."""
        fresh = {}
        for event in events:
            if event.event_id in self.events or event.event_id in fresh:
                raise ValueError(f"two events with the id {event.event_id}")
            fresh[event.event_id] = event
        self.events |= fresh
        for event in fresh.values():
            self.records[event.event_id] = CalendarEventRecord(
                event_id=event.event_id,
                calendar_id=event.calendar_id,
                provider_event_id=event.provider_event_id,
                cancel_requests=self.cancel_requests[event.calendar_id, event.event_id],
            )
            if event.provider_event_id is not None:
                self._of_provider.setdefault(event.provider_event_id, event)

    def of_provider(self, provider_event_id: str) -> SimulatedEvent:
        """The first event with this provider id, cancelled or not. Raises KeyError if there is none."""
        return self._of_provider[provider_event_id]

    def live(self, calendar_id: int, event_id: int) -> SimulatedEvent | None:
        """The event of that calendar, unless it was cancelled."""
        event = self.events.get(event_id)
        if event is None or event.calendar_id != calendar_id or self.records[event_id].cancelled:
            return None
        return event

    def count(self, calendar_id: int, event_id: int) -> None:
        """Record one request to cancel an event, known or not."""
        self.cancel_requests[calendar_id, event_id] += 1
        record = self.records.get(event_id)
        if record is not None and record.calendar_id == calendar_id:
            self.records[event_id] = evolve(record, cancel_requests=record.cancel_requests + 1)

    def cancel(self, event: SimulatedEvent, note: str, now: datetime, request: int) -> None:
        """Cancel a live event, by the request with this index."""
        self.records[event.event_id] = evolve(
            self.records[event.event_id],
            cancelled=True,
            cancelled_at=now,
            cancel_note=note,
            applied_by=request,
        )
