"""Pauses of a bulk cancel: whose clock runs, what goes back, and when the run ends. On a clock that jumps."""

from __future__ import annotations

import asyncio

import pytest

from meetstream_async import NotFoundError, RateLimitError, RetryPolicy, bulk_cancel_events
from tests.helpers.accounts import statuses
from tests.helpers.clock import now, virtual_time
from tests.helpers.meetbit_pace import EXACT, answering, client, gaps, good, refusal, targets
from tests.helpers.tasks import ours_running

# --- bulk: whose clock runs, who goes back, and when it ends -------------------------------------------


@pytest.mark.parametrize("seconds", [30, 59, 60, 61, 299])
@virtual_time
async def test_a_long_pause_fails_no_target(mocked, seconds):
    """Up to max_pause everybody waits it out, the target that met it included, which goes back."""
    arrivals = answering(mocked, lambda number: refusal(Retry_After=str(seconds)) if number == 3 else good())
    async with client() as c:
        report = await bulk_cancel_events(c, targets(40), "x", max_concurrency=5)
    assert statuses(report) == {"cancelled": 40}
    assert report.ok
    assert len(arrivals) == 41
    assert arrivals[4] - arrivals[3] >= seconds
    assert sorted(outcome.attempts for outcome in report.outcomes) == [1] * 39 + [2]


@virtual_time
async def test_waiting_for_the_gate_happens_before_a_calls_clock_starts(mocked):
    """Turns 10 s apart and a pause of 200 s: calls of at most 5 s still succeed, and none took long."""
    told = {"RateLimit_Remaining": "0", "RateLimit_Reset": "200"}
    answering(mocked, lambda number: good(**told) if number == 4 else good())
    policy = RetryPolicy(max_elapsed=5)
    async with client(rate_limit=0.1, timeout=1, retry=policy) as c:
        report = await bulk_cancel_events(c, targets(12), "x")
    assert statuses(report) == {"cancelled": 12}
    assert max(outcome.elapsed for outcome in report.outcomes) < 1


@virtual_time
async def test_the_target_that_met_the_429_goes_back_once(mocked):
    """If it meets another one it has failed, after two requests, each later than told."""
    arrivals = answering(mocked, lambda _: refusal(Retry_After="100"))
    async with client() as c:
        report = await bulk_cancel_events(c, targets(1), "x", max_concurrency=1)
    assert statuses(report) == {"failed": 1}
    assert [outcome.attempts for outcome in report.outcomes] == [2]
    assert all(isinstance(outcome.error, RateLimitError) for outcome in report.outcomes)
    assert len(arrivals) == 2
    assert min(gaps(arrivals)) >= 100 - EXACT


@virtual_time
async def test_a_run_to_which_nothing_is_let_through_ends_after_the_longest_pause(mocked):
    """From its first request on, as later: a thousand targets don't fail one after the other for hours."""
    answering(mocked, lambda _: refusal(Retry_After="20"))
    async with client() as c:
        began = now()
        report = await bulk_cancel_events(c, targets(1000), "x", max_concurrency=2, max_pause=200)
        assert now() - began <= 300
    found = statuses(report)
    assert found["not_attempted"] >= 980
    assert report.reason is not None
    assert "the API has let nothing through for" in report.reason


@virtual_time
async def test_a_lost_answer_is_remembered_when_a_target_goes_back(mocked):
    """503, then a 429 that it waits out, then 404: the event may be cancelled, so it is unknown."""
    answers = [refusal(503), refusal(Retry_After="100"), refusal(404)]
    answering(mocked, lambda number: answers[number])
    async with client() as c:
        report = await bulk_cancel_events(c, targets(1), "x")
    assert statuses(report) == {"unknown": 1}
    (outcome,) = report.outcomes
    assert isinstance(outcome.error, NotFoundError)
    assert (outcome.error.outcome_unknown, outcome.attempts) == (True, 3)


@pytest.mark.parametrize(
    "told", [{"Retry_After": "61"}, {"RateLimit_Remaining": "0", "RateLimit_Reset": "61"}]
)
@virtual_time
async def test_a_pause_beyond_max_pause_stops_the_run(mocked, told):
    """Nothing more is sent, the rest is not_attempted, and the reason names both figures."""
    arrivals = answering(mocked, lambda number: refusal(**told) if number == 2 else good())
    async with client() as c:
        report = await bulk_cancel_events(c, targets(50), "x", max_pause=60, max_concurrency=5)
        assert now() - arrivals[-1] < 1
        await asyncio.sleep(1000)
    assert len(arrivals) == 3
    assert statuses(report) == {"cancelled": 2, "failed": 1, "not_attempted": 47}
    assert not report.complete
    assert "61 s" in report.reason
    assert "max_pause (60 s)" in report.reason


@virtual_time
async def test_a_single_call_that_would_wait_too_long_sends_nothing(mocked):
    """It raises RateLimitError with the seconds that are left; after them the next call goes through."""
    arrivals = answering(mocked, lambda number: refusal(Retry_After="300") if number == 0 else good())
    async with client() as c:
        with pytest.raises(RateLimitError):
            await c.cancel_event(1, 1, "x")
        await asyncio.sleep(100)
        with pytest.raises(RateLimitError) as caught:
            await c.cancel_event(1, 2, "x")
        assert caught.value.retry_after == pytest.approx(200)
        assert (caught.value.attempts, caught.value.outcome_unknown, len(arrivals)) == (0, False, 1)
        await asyncio.sleep(200)
        await c.cancel_event(1, 2, "x")
    assert len(arrivals) == 2


@pytest.mark.parametrize("bulk", [False, True], ids=["single", "bulk"])
@virtual_time
async def test_a_call_that_is_cancelled_in_a_pause_ends_at_once(mocked, bulk):
    """CancelledError comes out without waiting, no request follows, no task stays."""
    arrivals = answering(mocked, lambda _: refusal(Retry_After="50"))
    async with client() as c:
        call = bulk_cancel_events(c, targets(20), "x") if bulk else c.cancel_event(1, 1, "x")
        task = asyncio.create_task(call)
        await asyncio.sleep(10)
        assert len(arrivals) == 1
        began = now()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert now() == began
        assert ours_running() == []
        await asyncio.sleep(1000)
    assert len(arrivals) == 1


@virtual_time
async def test_stop_does_not_wait_for_the_end_of_a_pause(mocked):
    """The report comes back at once: what met the 429 has failed, the rest was not attempted."""
    arrivals = answering(mocked, lambda _: refusal(Retry_After="200"))
    stop = asyncio.Event()
    async with client() as c:
        task = asyncio.create_task(bulk_cancel_events(c, targets(20), "x", stop=stop))
        await asyncio.sleep(10)
        began = now()
        stop.set()
        report = await task
        assert now() == began
    assert len(arrivals) == 1
    assert statuses(report) == {"failed": 1, "not_attempted": 19}
    assert "the run was stopped" in report.reason


@virtual_time
async def test_a_pause_holds_one_client_only(mocked):
    """A second client, with a key of its own, keeps its pace while the first one waits."""
    arrivals = answering(mocked, lambda number: refusal(Retry_After="30") if number == 0 else good())
    async with client() as throttled, client(access_key_id="another-key-id-of-us") as other:
        waiting = asyncio.create_task(throttled.cancel_event(1, 1, "x"))
        await asyncio.sleep(0.05)
        began = now()
        await asyncio.gather(*(other.cancel_event(1, number, "x") for number in range(2, 12)))
        assert 1.8 - EXACT <= now() - began <= 2.0
        assert not waiting.done()
        await waiting
    assert arrivals[-1] - arrivals[0] >= 30
