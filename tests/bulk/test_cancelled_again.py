"""Runs whose caller is cancelled again while they clean up: nothing runs on, nothing is lost."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import anyio
import pytest

from meetstream_async import BulkRun, bulk_unschedule, stream_unschedule, unschedule_all
from meetstream_async._tasks import pause
from meetstream_async.simulator import Trouble
from tests.helpers.accounts import connect, deletes, plain_account
from tests.helpers.tasks import ours_running

COUNT = 20
CAP = 5


def assert_all_accounted_for(run: BulkRun[Any]) -> None:
    """What was in flight is unknown, what was never sent is not attempted; together they are all."""
    counts = {str(status): count for status, count in run.report.counts.items() if count}
    assert counts == {"unknown": CAP, "not_attempted": COUNT - CAP}
    assert ours_running() == []


async def consume(run: BulkRun[Any]) -> None:
    async with run:
        async for _ in run:
            pass


async def until_in_flight(sim: Any, count: int) -> None:
    while sim.in_flight < count:
        await pause(0.005)


async def test_a_stream_has_ended_when_a_cancel_scope_of_anyio_is_left() -> None:
    """Starlette, FastAPI and MCP servers leave a block that way; the report counts all."""
    async with plain_account(COUNT, latency=5) as sim, connect(sim) as client:
        run = stream_unschedule(client, sorted(sim.ledger.scheduled_events), max_concurrency=CAP)
        async with anyio.create_task_group() as group:
            group.start_soon(consume, run)
            await until_in_flight(sim, CAP)
            group.cancel_scope.cancel()
        assert_all_accounted_for(run)
    assert len(deletes(sim)) == CAP


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_stream_that_is_cancelled_several_times_has_ended_when_it_raises(times: int) -> None:
    """Each further cancellation finds it cleaning up, and does not keep it from that."""
    async with plain_account(COUNT, latency=5) as sim, connect(sim) as client:
        run = stream_unschedule(client, sorted(sim.ledger.scheduled_events), max_concurrency=CAP)
        task = asyncio.create_task(consume(run))
        await until_in_flight(sim, CAP)
        for _ in range(times):
            task.cancel()
            await pause()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert_all_accounted_for(run)


async def test_a_stop_that_is_cancelled_takes_what_is_in_flight_with_it() -> None:
    """As the block does: the cancellation is raised when nothing runs any more."""
    async with plain_account(COUNT, latency=5) as sim, connect(sim) as client:
        run = stream_unschedule(client, sorted(sim.ledger.scheduled_events), max_concurrency=CAP)
        async with run:
            await until_in_flight(sim, CAP)
            with anyio.move_on_after(0.05) as scope:
                await run.stop()
            assert scope.cancelled_caught
            assert_all_accounted_for(run)


@pytest.mark.parametrize("drain", [False, True], ids=["given ids", "a whole account"])
async def test_a_function_inside_a_cancel_scope_leaves_no_task(drain: bool) -> None:
    """The listing that a drain is fetching included."""
    async with plain_account(120) as sim, connect(sim) as client:
        ids = sorted(sim.ledger.scheduled_events)
        sim.add_trouble(Trouble("*", latency=5, skip=80))
        async with anyio.create_task_group() as group:
            group.start_soon(unschedule_all if drain else partial(bulk_unschedule, targets=ids), client)
            await until_in_flight(sim, CAP)
            group.cancel_scope.cancel()
        assert ours_running() == []
        seen = len(sim.requests)
        await pause(0.05)
        assert len(sim.requests) == seen
