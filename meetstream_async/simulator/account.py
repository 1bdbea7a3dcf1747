"""What there is: the account's bots, the events of its calendars, and the meetings at MeetBit."""

from collections.abc import Iterable
from datetime import datetime

from .bots import SimulatedBot, generate
from .calendars import Calendars, SimulatedEvent, generate_events
from .index import CalendarIndex, SimulatedMeetStreamEvent, further_events
from .settings import Settings
from .world import World

_FREE, _DELETED = 0.1, 0.02
"""Further events and tombstones of a generated account, for each of its bots."""


class Account:
    """The state of both APIs, generated or given.

    born: when the account was made; generated times are relative to it.
    series, one_off, several: shares of generated bots.
    """

    def __init__(
        self,
        bots: int | Iterable[SimulatedBot],
        known: Iterable[SimulatedMeetStreamEvent] | None,
        events: int | Iterable[SimulatedEvent] | None,
        *,
        seed: int,
        born: datetime,
        settings: Settings,
        series: float,
        one_off: float,
        several: float,
    ) -> None:
        self.index = CalendarIndex(seed, settings.ids)
        self.world = World(seed, settings.listing_lag, self.index, settings.series_as)
        for event in known or ():
            self.index.put(event)
        if isinstance(bots, int):
            self.world.add(generate(bots, seed, born, series=series, one_off=one_off, several=several))
            if known is None:
                for event in further_events(round(bots * _FREE), round(bots * _DELETED), seed, born):
                    self.index.put(event)
        else:
            self.world.add(bots)
        self.calendars = Calendars()
        if events is None or isinstance(events, int):
            events = generate_events(events, self._booked(), self._free(), seed, born)
        self.calendars.add(events)

    def _booked(self) -> Iterable[SimulatedMeetStreamEvent]:
        return (self.index.events[event_id] for event_id in self.world.event_records)

    def _free(self) -> Iterable[SimulatedMeetStreamEvent]:
        booked = self.world.event_records
        return (
            event
            for event in self.index.events.values()
            if event.event_id not in booked and not event.is_deleted
        )

    def meeting(self, any_id: str) -> SimulatedEvent:
        """MeetBit's event with this provider's id, or with this id at MeetStream. KeyError without one."""
        known = self.index.events.get(any_id)
        return self.calendars.of_provider((known and known.platform_id) or any_id)
