"""The gate of a run: when something new may start, and whom a stop wakes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from meetstream_async._http.rate_limit import RateLimiter
from meetstream_async.bulk._gate import Gate
from meetstream_async.bulk.options import BulkOptions
from tests.helpers.clock import now, virtual_time


def _gate(limiter: RateLimiter | None = None, longest_outage: float = 40, **options: Any) -> Gate:
    return Gate(limiter or RateLimiter(), longest_outage, BulkOptions(**options))


@virtual_time
async def test_a_gate_is_open_until_a_stop_a_pause_or_an_outage() -> None:
    """Each of the three closes it by itself."""
    assert _gate().is_open()
    stopped = _gate()
    stopped.stop()
    paused = RateLimiter()
    paused.pause(5)
    down = _gate()
    down.breaker.record_answer()
    down.breaker.record_failure(True)
    asked = asyncio.Event()
    asked.set()
    gates = [stopped, _gate(paused), down, _gate(stop=asked)]
    assert [gate.is_open() for gate in gates] == [False] * 4
    assert not _gate(stop=asyncio.Event()).wants_to_stop()
    assert [gate.wants_to_stop() for gate in gates] == [True, False, False, True]


@virtual_time
async def test_the_first_reason_to_stop_is_kept() -> None:
    """What comes later does not hide why the run stopped."""
    gate = _gate()
    assert (gate.stopping, gate.stop_reason, gate.aborted) == (False, None, False)
    gate.stop("first")
    gate.stop("second")
    assert (gate.stopping, gate.stop_reason) == (True, "first")


@virtual_time
async def test_a_turn_waits_for_the_pause_and_the_outage() -> None:
    """And is there as soon as both are over."""
    limiter = RateLimiter()
    gate = _gate(limiter)
    assert await gate.turn()
    limiter.pause(5)
    began = now()
    assert await gate.turn()
    assert now() - began == pytest.approx(5)
    gate.breaker.record_answer()
    gate.breaker.record_failure(True)
    turn = asyncio.create_task(gate.turn())
    await asyncio.sleep(7)
    assert not turn.done()
    gate.breaker.record_answer()
    assert await turn
    began = now()
    assert await gate.wait_and_pace(3)
    assert now() - began == pytest.approx(3)


@virtual_time
async def test_a_pause_beyond_max_pause_stops_the_run() -> None:
    """With both figures in the reason."""
    limiter = RateLimiter()
    limiter.pause(31)
    gate = _gate(limiter, max_pause=30)
    assert not await gate.turn()
    assert gate.stop_reason == "the API asked for a pause of 31 s, longer than max_pause (30 s)"


@virtual_time
async def test_a_stop_that_was_asked_for_is_seen_at_the_next_turn() -> None:
    """Even before the watcher had its own turn; the watcher sees it as well."""
    asked = asyncio.Event()
    gate = _gate(stop=asked)
    watcher = asyncio.create_task(gate.watch())
    await asyncio.sleep(1)
    assert not gate.stopping
    asked.set()
    assert not await gate.pace()
    assert gate.stop_reason == "the run was stopped"
    await watcher
    watched = _gate(stop=asked)
    await watched.watch()
    assert watched.stopping
    unwatched = _gate()
    await unwatched.watch()
    assert not unwatched.stopping


@virtual_time
async def test_a_stop_ends_what_only_waits() -> None:
    """At once, with False, and without a trace of the cancellation."""
    gate = _gate()
    began = now()

    async def wait() -> tuple[bool, int]:
        result = await gate.until_stopped(gate.wait_and_pace(100))
        task = asyncio.current_task()
        assert task is not None
        await asyncio.sleep(1)
        return result, task.cancelling()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(5)
    assert gate.waiting == {waiting}
    gate.stop()
    assert await waiting == (False, 0)
    assert now() - began == pytest.approx(6)
    assert gate.waiting == set()
    assert await gate.until_stopped(gate.wait_and_pace(100)) is False
    assert now() - began == pytest.approx(6)


@virtual_time
async def test_whoever_has_waited_long_enough_is_not_cancelled_by_a_later_stop() -> None:
    """It is at work then, and what is at work finishes."""
    gate = _gate()

    async def wait_and_work() -> bool:
        began = await gate.until_stopped(gate.wait_and_pace(1))
        await asyncio.sleep(10)
        return began

    working = asyncio.create_task(wait_and_work())
    await asyncio.sleep(5)
    assert gate.waiting == set()
    gate.stop()
    assert await working is True


@pytest.mark.parametrize("aborted", [False, True])
@virtual_time
async def test_a_cancellation_from_elsewhere_goes_on(aborted: bool) -> None:
    """Where nobody called stop, or the run itself was cancelled, a waiting task ends as cancelled."""
    gate = _gate()
    waiting = asyncio.create_task(gate.until_stopped(gate.wait_and_pace(100)))
    await asyncio.sleep(1)
    if aborted:
        gate.aborted = True
        gate.stop()
    else:
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.waiting == set()


@virtual_time
async def test_whoever_stops_the_run_is_not_cancelled_by_it() -> None:
    """A waiting task that finds the reason to stop goes on to say so."""
    limiter = RateLimiter()
    gate = _gate(limiter, max_pause=1)
    limiter.pause(5)
    assert await gate.until_stopped(gate.turn()) is False
    await asyncio.sleep(1)
    assert gate.stopping


@virtual_time
async def test_after_a_429_a_target_goes_back_while_others_get_through() -> None:
    """As often as needed; once nothing has been let through for max_pause the run stops, and says so."""
    limiter = RateLimiter()
    gate = _gate(limiter, max_pause=30)
    gate.start()
    limiter.observe(200, {})
    for times in range(1, 20):
        await asyncio.sleep(10)
        limiter.observe(200, {})
        assert await gate.turn_after_a_refusal(times)
    await asyncio.sleep(30)
    assert not await gate.turn_after_a_refusal(20)
    assert gate.stop_reason == "the API has let nothing through for 30 s, and max_pause is 30 s"


@virtual_time
async def test_where_nothing_was_let_through_a_target_goes_back_once_and_then_for_a_while() -> None:
    """Six times as long as an outage is waited for; the run goes on."""
    gate = _gate(longest_outage=10)
    gate.start()
    await asyncio.sleep(59)
    assert await gate.turn_after_a_refusal(5)
    await asyncio.sleep(1)
    assert await gate.turn_after_a_refusal(1)
    assert not await gate.turn_after_a_refusal(2)
    assert gate.stop_reason is None
