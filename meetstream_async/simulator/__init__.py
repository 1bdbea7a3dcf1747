"""A fake MeetStream and MeetBit on a real socket, for testing code that calls the real ones.

    async with Simulator(bots=250, seed=1) as sim:
        ...                                  # point a client at sim.base_url with sim.api_key
        assert sim.ledger.scheduled_events == frozenset()
        ...                                  # or at sim.meetbit_base_url with sim.access_key_id
        assert sim.ledger.live_events == frozenset()

It shares no code with the client, so that one mistake cannot hide in both.
"""

from .bots import SimulatedBot
from .index import SimulatedMeetStreamEvent
from .ledger import BotRecord, CalendarEventRecord, EventRecord, Ledger, PaceRecord
from .meetbit_calendars import SimulatedEvent
from .meetstream_limit import SlidingWindow, TokenBucket
from .server import Simulator
from .trouble import RequestRecord, Trouble

__all__ = [
    "BotRecord",
    "CalendarEventRecord",
    "EventRecord",
    "Ledger",
    "PaceRecord",
    "RequestRecord",
    "SimulatedBot",
    "SimulatedEvent",
    "SimulatedMeetStreamEvent",
    "Simulator",
    "SlidingWindow",
    "TokenBucket",
    "Trouble",
]
