"""A process whose first reply is read while a test has frozen the clock."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import asyncio, json
from freezegun import freeze_time
from meetstream_async import MeetBitClient, MeetStreamClient
from meetstream_async.simulator import Simulator

async def times():
    async with Simulator(3, seed=1, one_off=0, several=0) as sim:
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            bots = (await client.list_scheduled_bots()).bots
        keys = sim.access_key_id, sim.access_key_secret
        async with MeetBitClient("acme.example.com", *keys, base_url=sim.meetbit_base_url) as client:
            event = sim.calendar_events[0]
            cancelled = await client.cancel_event(event.calendar_id, event.event_id, "Off")
        found = [*(bot.scheduled_join_time for bot in bots), cancelled.event.start]
        return [time and type(time).__module__ for time in found]

with freeze_time("2026-06-01", real_asyncio=True):
    frozen = asyncio.run(times())
print(json.dumps([frozen, asyncio.run(times())]))
"""

MEANWHILE = CODE.replace(
    "from meetstream_async import MeetBitClient, MeetStreamClient\n",
    "from meetstream_async import {before}\n",
).replace("async def times():\n", "async def times():\n    from meetstream_async import {meanwhile}\n")

SCHEMA = """
import json
from freezegun import freeze_time
from pydantic import TypeAdapter
from meetstream_async import ScheduledBot

row = {"bot_id": "b", "scheduled_join_time": "2026-06-01T10:00:00+00:00"}
with freeze_time("2026-06-01"):
    adapter = TypeAdapter(ScheduledBot)
    frozen = adapter.validate_python(row)
print(json.dumps([str(frozen.scheduled_join_time), str(adapter.validate_python(row).scheduled_join_time)]))
"""


@functools.cache
def run(code: str) -> list[list[str | None] | str]:
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root
    )
    assert ended.returncode == 0, ended.stderr
    result: list[list[str | None] | str] = json.loads(ended.stdout)
    return result


def test_times_are_read() -> None:
    """Join times of bots and times of events are real datetimes, not None: while the clock is frozen, and for
    the rest of the process.
    """
    assert run(CODE) == [["datetime"] * 4] * 2


@pytest.mark.parametrize(
    ("before", "meanwhile"),
    [
        ("MeetStreamClient", "MeetBitClient"),
        ("__version__", "MeetBitClient, MeetStreamClient"),
    ],
)
@pytest.mark.slow
def test_times_are_read_by_what_is_imported_meanwhile(before: str, meanwhile: str) -> None:
    """Names of the package are imported when they are first used, which may be in a test of its clock."""
    assert (
        run(MEANWHILE.replace("{before}", before).replace("{meanwhile}", meanwhile)) == [["datetime"] * 4] * 2
    )


@pytest.mark.slow
def test_a_schema_that_is_made_meanwhile_reads_times() -> None:
    """While the clock is frozen, and afterwards."""
    assert run(SCHEMA) == ["2026-06-01 10:00:00+00:00"] * 2
