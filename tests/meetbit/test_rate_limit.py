"""The pace of a MeetBit client: evenly spaced, and a pause holds the whole client. On a clock that jumps."""

from __future__ import annotations

import asyncio
import re

import pytest
from aioresponses import aioresponses as Mocked
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meetstream_async import bulk_cancel_events
from tests.helpers.accounts import statuses
from tests.helpers.clock import now, run_virtual, virtual_time
from tests.helpers.meetbit_pace import (
    EXACT,
    answering,
    assert_spaced,
    client,
    fullest_second,
    gaps,
    good,
    refusal,
    targets,
)

# --- even spacing --------------------------------------------------------------------------------------


@virtual_time
async def test_requests_of_all_tasks_are_spaced_evenly_by_default(mocked):
    """5 a second, one every 0.2 s, however many tasks call at once."""
    arrivals = answering(mocked, lambda _: good())
    async with client() as c:
        await asyncio.gather(*(c.cancel_event(1, number, "x") for number in range(1, 21)))
    assert len(arrivals) == 20
    assert_spaced(arrivals, 0.2)


@virtual_time
async def test_retries_are_spaced_as_well(mocked):
    """An attempt after a 503 takes its turn in the same row."""
    arrivals = answering(mocked, lambda number: refusal(503) if number in (2, 3, 7) else good())
    async with client() as c:
        await asyncio.gather(*(c.cancel_event(1, number, "x") for number in range(1, 11)))
    assert len(arrivals) == 13
    assert min(gaps(arrivals)) >= 0.2 - EXACT


@pytest.mark.parametrize("cap", [1, 5, 50])
@virtual_time
async def test_a_bulk_run_is_spaced_whatever_its_concurrency(mocked, cap):
    """More concurrency does not mean more requests a second."""
    arrivals = answering(mocked, lambda number: refusal(503) if number % 9 == 4 else good())
    async with client() as c:
        report = await bulk_cancel_events(c, targets(50), "x", max_concurrency=cap)
    assert report.ok
    assert min(gaps(arrivals)) >= 0.2 - EXACT
    assert fullest_second(arrivals) <= 5


@virtual_time
async def test_the_rate_can_be_chosen_or_turned_off(mocked):
    """rate_limit=2 is one request every 0.5 s; None waits for nothing."""
    arrivals = answering(mocked, lambda _: good())
    for rate, gap in ((2, 0.5), (None, 0)):
        arrivals.clear()
        async with client(rate_limit=rate) as c:
            await bulk_cancel_events(c, targets(10), "x")
        assert len(arrivals) == 10
        assert_spaced(arrivals, gap)


# --- pauses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tasks", [1, 5, 12])
@virtual_time
async def test_a_429_pauses_every_task_of_the_client(mocked, tasks):
    """After a 429, no task sends a request before Retry-After has passed."""
    arrivals = answering(mocked, lambda number: refusal(Retry_After="7") if number == 0 else good())
    async with client() as c:
        await asyncio.gather(*(c.cancel_event(1, number, "x") for number in range(1, tasks + 1)))
    assert len(arrivals) == tasks + 1
    assert arrivals[1] - arrivals[0] >= 7
    assert tasks == 1 or min(gaps(arrivals)[1:]) >= 0.2 - EXACT


@pytest.mark.parametrize(
    "first", [good, lambda **told: refusal(404, **told), lambda **told: refusal(503, **told)]
)
@virtual_time
async def test_a_limit_that_is_used_up_pauses_before_the_429_comes(mocked, first):
    """RateLimit-Remaining: 0 with RateLimit-Reset is heard on any answer, invalid requests' included."""
    told = {"RateLimit_Remaining": "0", "RateLimit_Reset": "9", "RateLimit_Limit": "5"}
    arrivals = answering(mocked, lambda number: first(**told) if number == 0 else good())
    async with client() as c:
        calls = (c.cancel_event(1, number, "x") for number in range(1, 6))
        await asyncio.gather(*calls, return_exceptions=True)
    assert arrivals[1] - arrivals[0] >= 9


@pytest.mark.parametrize(
    "headers",
    [
        {"RateLimit_Remaining": "1", "RateLimit_Reset": "9"},
        {"RateLimit_Remaining": "0"},
        {"RateLimit_Reset": "9"},
        {"RateLimit_Remaining": "0", "RateLimit_Reset": "soon"},
        {"RateLimit_Remaining": "none", "RateLimit_Reset": "9"},
        {"RateLimit_Remaining": "0", "RateLimit_Reset": "0"},
        {"RateLimit_Remaining": "0", "RateLimit_Reset": "-5"},
    ],
)
@virtual_time
async def test_other_limit_headers_pause_nothing(mocked, headers):
    """A limit that is not used up, or that nobody can tell the end of, keeps the pace and no more."""
    arrivals = answering(mocked, lambda _: good(**headers))
    async with client() as c:
        await bulk_cancel_events(c, targets(10), "x")
    assert len(arrivals) == 10
    assert_spaced(arrivals, 0.2)


@pytest.mark.parametrize(("after", "reset", "pause"), [("8", "2", 8), (None, "6", 6)])
@virtual_time
async def test_a_429_is_waited_out_whichever_header_tells_how_long(mocked, after, reset, pause):
    """Retry-After binds, and without it RateLimit-Reset."""
    told = {"RateLimit_Remaining": "0", "RateLimit_Reset": reset} | ({"Retry_After": after} if after else {})
    arrivals = answering(mocked, lambda number: refusal(**told) if number == 0 else good())
    async with client() as c:
        await bulk_cancel_events(c, targets(5), "x")
    assert arrivals[1] - arrivals[0] >= pause


@virtual_time
async def test_a_pause_that_is_told_anew_is_heard_by_all_who_wait(mocked):
    """A second 429, right after the first pause, holds everybody back again."""
    arrivals = answering(mocked, lambda number: refusal(Retry_After="5") if number in (0, 1) else good())
    async with client() as c:
        report = await bulk_cancel_events(c, targets(8), "x")
    assert report.ok
    assert arrivals[1] - arrivals[0] >= 5
    assert arrivals[2] - arrivals[1] >= 5


step = st.tuples(
    st.sampled_from(["good", "good", "good", "429", "503", "404", "used up"]),
    st.integers(0, 40),
    st.floats(0, 3),
)


@given(st.lists(step, max_size=25), st.integers(1, 8), st.sampled_from([5, 50, None]))
@settings(max_examples=25)
@example([("good", 0, 1.0), ("429", 9, 0.0), ("429", 30, 2.0)], 5, 5)
@example([("used up", 40, 2.0), ("503", 0, 0.5), ("429", 1, 2.5)], 8, None)
def test_no_request_starts_earlier_than_the_client_was_told(script, cap, rate):
    """Whatever the answers and however late: no start before any wait that was told, nor too close."""
    told = [0.0]
    starts = []

    async def callback(url, **_):
        starts.append(now())
        assert now() >= max(told) - EXACT
        kind, seconds, latency = script[len(starts) - 1] if len(starts) <= len(script) else ("good", 0, 0.1)
        await asyncio.sleep(latency)
        if kind in ("429", "used up"):
            told.append(now() + seconds)
        if kind == "429":
            return refusal(Retry_After=str(seconds))
        if kind == "used up":
            return good(RateLimit_Remaining="0", RateLimit_Reset=str(seconds))
        return good() if kind == "good" else refusal(int(kind))

    async def main():
        with Mocked() as mocked:
            mocked.post(re.compile(""), callback=callback, repeat=True)
            async with client(rate_limit=rate, timeout=10) as c:
                return await bulk_cancel_events(c, targets(20), "x", max_concurrency=cap)

    report = run_virtual(main())
    assert sum(statuses(report).values()) == 20
    assert report.counts["not_attempted"] == 0
    assert sum(outcome.attempts for outcome in report.outcomes) == len(starts)
    if rate is not None:
        assert min(gaps(starts)) >= 1 / rate - EXACT
