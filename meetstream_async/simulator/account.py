"""What there is: the account's bots, the events of its calendars, and the meetings at MeetBit."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from .bots import SimulatedBot, generate
from .identities import digest
from .index import CalendarIndex, SimulatedMeetStreamEvent, further_events
from .meetbit_calendars import Calendars, SimulatedEvent, generate_events
from .settings import Settings
from .world import World

_FREE, _DELETED = 0.1, 0.02
"""Further events and tombstones of a generated account, for each of its bots."""


class Account:
    """The state of both APIs, generated or given.

    born: when the account was made; generated times are relative to it.
    shares: those of the generated bots.
    """

    def __init__(
        self,
        bots: int | Iterable[SimulatedBot],
        known: Iterable[SimulatedMeetStreamEvent] | None,
        events: int | Iterable[SimulatedEvent] | None,
        *,
        seed: int,
        user_id: str,
        born: datetime,
        settings: Settings,
        shares: Mapping[str, float],
    ) -> None:
        self._seed = seed
        self._made = 0
        self.born = born
        self.settings = settings
        self.user_id = user_id
        self.connected: bool = settings.calendar_connected
        self.auto_schedule: bool = settings.auto_schedule
        self.default_bot_config: dict[str, Any] = {}
        self.syncs: list[int] = []
        self.index: CalendarIndex = CalendarIndex(seed, settings.ids)
        self.world: World = World(seed, self.index, settings)
        for event in known or ():
            self.index.put(event)
        if isinstance(bots, int):
            self.world.add(generate(bots, seed, born, **shares))
            if known is None:
                for event in further_events(round(bots * _FREE), round(bots * _DELETED), seed, born):
                    self.index.put(event)
        else:
            self.world.add(bots)
        self.calendars: Calendars = Calendars()
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

    def new_id(self, kind: str) -> str:
        """A random-looking id, the same in each run with the same seed."""
        self._made += 1
        return str(UUID(bytes=digest(self._seed, kind, str(self._made)), version=4))

    def schedule_id(self, bot: SimulatedBot) -> str:
        """The name of a bot's schedule: eight characters of the user's id, twelve of the bot's."""
        return f"bot-{self.user_id[:8]}-{bot.bot_id[:12]}"
