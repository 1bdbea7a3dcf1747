"""Bulk runs on loops with eager tasks, whose first step runs while the task is made."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from meetstream_async import bulk_unschedule, stream_unschedule, unschedule_all
from meetstream_async.simulator import Trouble
from tests.helpers import loops
from tests.helpers.accounts import connect, deletes, plain_account, statuses
from tests.helpers.tasks import ours_running

Test = Callable[..., Coroutine[Any, Any, None]]


def on_every_loop(test: Test) -> Callable[..., None]:
    """Decorates an async test that runs once on each kind of loop that this interpreter has."""

    @wraps(test)
    def run(loop_name: str, **arguments: Any) -> None:
        with asyncio.Runner(loop_factory=loops.factory(loop_name)) as runner:
            runner.run(asyncio.wait_for(test(loop_name, **arguments), 30))

    return pytest.mark.parametrize("loop_name", loops.here())(run)


@on_every_loop
async def test_each_event_has_one_outcome(loop_name: str) -> None:
    """Thirty ids are thirty DELETEs and thirty outcomes."""
    async with plain_account(30) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, sorted(sim.ledger.scheduled_events))
    assert statuses(report) == {"unscheduled": 30}
    assert len(report.outcomes) == len(deletes(sim)) == 30


@on_every_loop
async def test_the_cap_holds(loop_name: str) -> None:
    """A cap of two lets two requests through at once, and no third."""
    async with plain_account(32, latency=0.02) as sim, connect(sim) as client:
        await bulk_unschedule(client, sorted(sim.ledger.scheduled_events), max_concurrency=2)
    assert sim.max_in_flight == 2


@on_every_loop
async def test_a_drain_ends(loop_name: str) -> None:
    """More than a listing shows: all of it is unscheduled, and the run comes back."""
    async with plain_account(130) as sim, connect(sim) as client:
        report = await unschedule_all(client, max_concurrency=10)
    assert report.ok
    assert statuses(report) == {"unscheduled": 130}
    assert not sim.ledger.scheduled_events


@on_every_loop
async def test_a_stream_hands_each_outcome_out_once(loop_name: str) -> None:
    """And leaves no task behind."""
    async with plain_account(30) as sim, connect(sim) as client:
        async with stream_unschedule(client, sorted(sim.ledger.scheduled_events), max_concurrency=3) as run:
            heard = Counter([outcome.event_id async for outcome in run])
        assert ours_running() == []
    assert len(heard) == heard.total() == 30


@on_every_loop
async def test_a_run_that_was_stopped_before_it_began_sends_nothing(loop_name: str) -> None:
    """Not even the first step of its first task."""
    stop = asyncio.Event()
    stop.set()
    async with plain_account(5) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, sorted(sim.ledger.scheduled_events), stop=stop)
    assert statuses(report) == {"not_attempted": 5}
    assert sim.requests == []


@on_every_loop
async def test_calls_that_end_without_waiting_are_counted_once(loop_name: str) -> None:
    """A client that is closed in mid-run fails each call at once, before its task is even made."""
    async with plain_account(6) as sim:
        client = connect(sim)
        ids = sorted(sim.ledger.scheduled_events)
        async with stream_unschedule(client, ids, max_concurrency=1) as run:
            first = await anext(aiter(run))
            await client.close()
            outcomes = [first, *[outcome async for outcome in run]]
    assert [outcome.event_id for outcome in outcomes] == ids
    assert sum(run.report.counts.values()) == 6


@on_every_loop
async def test_a_listener_that_raises_stops_the_run_and_is_heard(loop_name: str) -> None:
    """What it raised comes at the end; what was in flight has finished, the rest is not attempted."""

    def listen(outcome: object) -> None:
        raise LookupError("no room")

    async with plain_account(20) as sim, connect(sim) as client:
        with pytest.raises(LookupError, match="no room"):
            await bulk_unschedule(client, sorted(sim.ledger.scheduled_events), on_outcome=listen)
        assert ours_running() == []
    assert len(deletes(sim)) < 20


@on_every_loop
async def test_an_outage_is_ridden_out(loop_name: str) -> None:
    """Targets that met it go back once, and each has one outcome."""
    async with plain_account(20) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, skip=5, times=10))
        report = await bulk_unschedule(client, sorted(sim.ledger.scheduled_events), max_concurrency=4)
    assert sum(report.counts.values()) == len(report.outcomes) == 20
    assert report.ok
