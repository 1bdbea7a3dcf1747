"""A fake MeetStream API on a real socket, for testing code that calls the real one.

    async with Simulator(bots=250, seed=1) as sim:
        ...                                  # point a client at sim.base_url with sim.api_key
        assert sim.ledger.scheduled_events == frozenset()

It shares no code with the client, so that one mistake cannot hide in both.
"""

from .ledger import BotRecord, EventRecord, Ledger
from .server import Simulator
from .trouble import RequestRecord, Trouble
from .world import SimulatedBot

__all__ = [
    "BotRecord",
    "EventRecord",
    "Ledger",
    "RequestRecord",
    "SimulatedBot",
    "Simulator",
    "Trouble",
]
