"""When a request may start: the rate and the pause, on a clock that jumps."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetstream_async import ConfigurationError
from meetstream_async._http.rate_limit import RateLimiter, WaitTooLongError
from tests.helpers.clock import now, run_virtual, virtual_time
from tests.helpers.pace import apart

EXACT = 1e-6
"""The float error that adding up intervals may bring."""


async def _starts(rate_limiter: RateLimiter, count: int, **limits: Any) -> list[float]:
    """The times, relative to now, at which that many waiters may start."""
    began = now()

    async def one() -> float:
        await rate_limiter.wait(**limits)
        return now() - began

    return list(await asyncio.gather(*(one() for _ in range(count))))


@virtual_time
async def test_requests_are_spaced_evenly() -> None:
    """With a rate of 5, no second holds more than 5 starts, with 10 ms to spare, and none is wasted."""
    starts = sorted(await _starts(RateLimiter(5), 100))
    assert starts == pytest.approx([index * 1.01 / 5 for index in range(100)])
    for start in starts:
        assert sum(start <= other < start + 1 - EXACT for other in starts) <= 5


@given(st.floats(0.1, 500), st.lists(st.floats(0, 3), min_size=2, max_size=30))
def test_no_burst_gets_through_whenever_requests_arrive(rate: float, arrivals: list[float]) -> None:
    """However requests arrive, two starts lie at least 1 / rate apart. Above 40 a second what is late is
    made up for, and still no second holds more than the rate."""

    async def main() -> list[float]:
        rate_limiter = RateLimiter(rate)

        async def one(arrival: float) -> float:
            await asyncio.sleep(arrival)
            await rate_limiter.wait()
            return now()

        return sorted(await asyncio.gather(*map(one, arrivals)))

    starts = run_virtual(main())
    gaps = [after - before for before, after in pairwise(starts)]
    assert rate > 39 or min(gaps) >= 1 / rate - EXACT
    for start in starts:
        assert sum(start <= other < start + 1 for other in starts) <= math.ceil(rate)


@virtual_time
async def test_an_idle_client_saves_up_no_burst() -> None:
    """After a long silence requests are spaced as ever."""
    rate_limiter = RateLimiter(5)
    await rate_limiter.wait()
    await asyncio.sleep(60)
    assert await _starts(rate_limiter, 4) == pytest.approx([index * apart(5) for index in range(4)])


@virtual_time
async def test_without_a_rate_nothing_waits() -> None:
    """rate None lets everything start at once."""
    assert await _starts(RateLimiter(), 100) == [0] * 100


@virtual_time
async def test_a_pause_holds_everybody_back_and_no_burst_follows() -> None:
    """Nobody starts before it is over; then one after the other, sooner and sooner."""
    rate_limiter = RateLimiter()
    rate_limiter.pause(7)
    starts = sorted(await _starts(rate_limiter, 60))
    gaps = [after - before for before, after in pairwise(starts)]
    assert starts[0] == pytest.approx(7)
    assert gaps[:3] == pytest.approx([0.05, 0.045, 0.0405])
    assert sorted(gaps, reverse=True) == pytest.approx(gaps)
    assert sum(start < 7.2 for start in starts) <= 6
    assert starts[-1] <= 7.5 + EXACT
    assert await _starts(rate_limiter, 3) == [0] * 3


@virtual_time
async def test_after_a_pause_the_rate_goes_on() -> None:
    """No burst follows a pause."""
    rate_limiter = RateLimiter(5)
    rate_limiter.pause(7)
    assert sorted(await _starts(rate_limiter, 4)) == pytest.approx(
        [7 + index * apart(5) for index in range(4)]
    )


@pytest.mark.parametrize(("first", "second", "ends"), [(10, 2, 10), (2, 10, 10), (5, 5, 5)])
@virtual_time
async def test_the_longer_pause_stays(first: float, second: float, ends: float) -> None:
    """A shorter pause that is asked for later does not end a longer one."""
    rate_limiter = RateLimiter()
    rate_limiter.pause(first)
    rate_limiter.pause(second)
    assert rate_limiter.paused_for() == pytest.approx(ends)
    assert await _starts(rate_limiter, 1) == pytest.approx([ends])
    assert rate_limiter.paused_for() == 0


@virtual_time
async def test_a_pause_catches_those_who_wait_for_their_turn() -> None:
    """A pause that begins while waiters sleep holds them back, and spaces them afterwards."""
    rate_limiter = RateLimiter(5)
    waiting = asyncio.create_task(_starts(rate_limiter, 10))
    await asyncio.sleep(0.5)
    rate_limiter.pause(30)
    starts = sorted(await waiting)
    assert starts[:3] == pytest.approx([0, apart(5), 2 * apart(5)])
    assert starts[3] >= 30.5 - EXACT
    gaps = [after - before for before, after in pairwise(starts[3:])]
    assert min(gaps) >= 0.2 - EXACT


@virtual_time
async def test_a_pause_that_is_prolonged_holds_those_who_wait_for_its_end() -> None:
    """A second 429 during a pause is heard by everybody."""
    rate_limiter = RateLimiter()
    rate_limiter.pause(5)
    waiting = asyncio.create_task(_starts(rate_limiter, 5))
    await asyncio.sleep(4)
    rate_limiter.pause(10)
    assert min(await waiting) == pytest.approx(14)


@pytest.mark.parametrize(("limit", "fits"), [(1.02, 5), (1.0, 4), (0.0, 1)])
@virtual_time
async def test_a_wait_beyond_the_limit_fails_at_once(limit: float, fits: int) -> None:
    """A waiter whose limit is too short gets the error at once, and does not delay others."""
    rate_limiter = RateLimiter(4)
    began = now()
    for _ in range(fits):
        waiting = asyncio.create_task(rate_limiter.wait(limit))
        await asyncio.sleep(0)
    with pytest.raises(WaitTooLongError) as caught:
        await rate_limiter.wait(limit)
    assert now() == began
    assert caught.value.seconds == pytest.approx(fits * apart(4))
    await waiting
    await rate_limiter.wait()
    assert now() - began == pytest.approx(fits * apart(4))


@virtual_time
async def test_a_pause_beyond_its_limit_fails_at_once() -> None:
    """pause_limit looks at the pause alone, not at the queue."""
    rate_limiter = RateLimiter(1)
    assert await _starts(rate_limiter, 5, pause_limit=0.0) == pytest.approx(
        [index * apart(1) for index in range(5)]
    )
    rate_limiter.pause(10)
    began = now()
    with pytest.raises(WaitTooLongError) as caught:
        await rate_limiter.wait(pause_limit=9.9)
    assert caught.value.seconds == pytest.approx(10)
    assert now() == began
    await rate_limiter.wait(pause_limit=10)
    assert now() - began == pytest.approx(10)


@virtual_time
async def test_a_pause_that_begins_later_ends_a_wait_that_cannot_last_so_long() -> None:
    """A sleeping waiter learns of a pause that is too long for it when it wakes, not at the pause's end."""
    rate_limiter = RateLimiter(1)
    await rate_limiter.wait()
    waiting = asyncio.create_task(rate_limiter.wait(5, pause_limit=20))
    await asyncio.sleep(0.5)
    began = now()
    rate_limiter.pause(10)
    with pytest.raises(WaitTooLongError):
        await waiting
    assert now() - began <= 1


@virtual_time
async def test_a_cancelled_waiter_blocks_nobody() -> None:
    """Those behind a cancelled waiter start at their own times."""
    rate_limiter = RateLimiter(5)
    tasks = [asyncio.create_task(rate_limiter.wait()) for _ in range(10)]
    began = now()
    await asyncio.sleep(0.1)
    for task in tasks[1:5]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [False] + [True] * 4 + [
        False
    ] * 5
    assert now() - began <= 9 * apart(5) + EXACT


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, "5", True, [5]])
def test_a_rate_that_is_none_is_refused(rate: Any) -> None:
    """A rate is a finite number above 0, or None."""
    with pytest.raises(ConfigurationError, match="rate_limit"):
        RateLimiter(rate)


@virtual_time
async def test_a_bound_counts_departures_and_a_pause_holds_them() -> None:
    """A request may leave later than it started: two of them do not leave at once because both are late."""
    assert RateLimiter().depart() == 0
    limiter = RateLimiter(1)
    assert limiter.depart() == 0
    assert limiter.depart() == pytest.approx(1.01)
    await asyncio.sleep(1.5)
    limiter.pause(2)
    assert limiter.depart() == math.inf
    await asyncio.sleep(2.5)
    assert limiter.depart() == 0
