"""What a reply's status and headers do to the rate limiter of its client."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from meetstream_async._http import waits
from meetstream_async._http.rate_limit import RateLimiter, WaitTooLongError
from tests.helpers.clock import now, virtual_time
from tests.helpers.pace import apart

TODAY = 1_900_000_000
"""Seconds since 1970, for limits that reset at a time."""


async def _pauses(limiter: RateLimiter, *replies: tuple[int, dict[str, str]]) -> list[float]:
    """The pause after each reply, waited out before the next."""
    seconds = []
    for status, headers in replies:
        limiter.observe(status, headers)
        seconds.append(limiter.paused_for())
        await limiter.wait()
    return seconds


@virtual_time
async def test_a_429_without_a_time_pauses_twice_as_long_each_time() -> None:
    """From half a second to eight, and from the beginning once a request was not refused."""
    refused, answered = (429, {}), (200, {})
    replies = [refused] * 6 + [answered] + [refused] * 2
    pauses = await _pauses(RateLimiter(), *replies)
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 8, 0, 0.5, 1])


@virtual_time
async def test_first_and_longest_pause_can_be_chosen() -> None:
    """They bound the pauses after a 429 that does not say for how long."""
    limiter = RateLimiter(first_pause=3, longest_pause=10)
    assert await _pauses(limiter, *[(429, {})] * 3) == pytest.approx([3, 6, 10])


@virtual_time
async def test_any_number_of_refusals_pauses_for_no_longer_than_the_longest() -> None:
    """A thousand 429s in a row are no overflow."""
    limiter = RateLimiter(first_pause=1e-9, longest_pause=5)
    for _ in range(1100):
        limiter.observe(429, {})
    assert limiter.paused_for() == pytest.approx(1.07, abs=0.01)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (200, {}, 0),
        (200, {"Retry-After": "20"}, 0),
        (399, {"Retry-After": "20"}, 0),
        (400, {"Retry-After": "20"}, 20),
        (503, {"Retry-After": "20"}, 20),
        (503, {"Retry-After": "0"}, 0),
        (503, {"Retry-After": "soon"}, 0),
        (
            503,
            {"Retry-After": "Fri, 20 Dec 2024 12:00:30 GMT", "Date": "Fri, 20 Dec 2024 12:00:00 GMT"},
            30,
        ),
        (429, {"Retry-After": "20"}, 20),
        (429, {"Retry-After": "0"}, 0),
        (
            429,
            {"Retry-After": "Fri, 20 Dec 2024 12:00:30 GMT", "Date": "Fri, 20 Dec 2024 12:00:00 GMT"},
            30,
        ),
        (429, {"Retry-After": "3", "RateLimit-Reset": "7"}, 7),
        (429, {"Retry-After": "7", "RateLimit-Reset": "3"}, 7),
        (429, {"RateLimit-Reset": "3"}, 3),
        (200, {"RateLimit-Reset": "3"}, 0),
        (200, {"RateLimit-Remaining": "1", "RateLimit-Reset": "3"}, 0),
        (200, {"RateLimit-Remaining": " 0 ", "RateLimit-Reset": " 3 "}, 3),
        (200, {"RateLimit-Remaining": "0"}, 0),
        (200, {"RateLimit-Remaining": "0", "RateLimit-Reset": "0"}, 0),
        (200, {"RateLimit-Remaining": "0", "RateLimit-Reset": "soon"}, 0),
        (503, {"Retry-After": "2", "RateLimit-Remaining": "0", "RateLimit-Reset": "9"}, 9),
    ],
)
@virtual_time
async def test_a_reply_pauses_for_as_long_as_it_says(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    """Errors are asked for Retry-After, every reply whether the limit is used up; the longer wait counts."""
    assert await _pauses(RateLimiter(), (status, headers)) == pytest.approx([seconds])


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("2.5", 2.5),
        ("3599", 3599),
        ("3601", 3600),
        ("99999999", 3600),
        ("1234567.25", 3600),
        ("100000000", 0),
        (str(TODAY + 40), 40),
        (str(TODAY), 0),
        (str(TODAY - 1), 0),
        (f" {TODAY + 40} ", 40),
        (str(TODAY + 3601), 3600),
        (str((TODAY + 40) * 1000), 40),
    ],
)
@virtual_time
async def test_a_reset_is_seconds_or_a_time_and_an_hour_at_most(
    monkeypatch: Any, reset: str, seconds: float
) -> None:
    """Nine digits and more are a time since 1970; an hour is the most that is believed."""
    monkeypatch.setattr(waits, "time", SimpleNamespace(time=lambda: float(TODAY)))
    headers = {"RateLimit-Remaining": "0", "RateLimit-Reset": reset}
    assert await _pauses(RateLimiter(), (200, headers)) == pytest.approx([seconds])


@virtual_time
async def test_a_limiter_without_a_rate_is_open_but_for_its_pauses() -> None:
    """It is open before a pause and once what follows it is over; one with a rate never promises that."""
    limiter = RateLimiter()
    assert (limiter.is_open, limiter.paused_for()) == (True, 0.0)
    limiter.pause(5)
    assert not limiter.is_open
    await asyncio.sleep(5)
    assert (limiter.is_open, limiter.paused_for()) == (False, 0.0)
    await asyncio.gather(*(limiter.wait() for _ in range(40)))
    assert (limiter.is_open, limiter.paused_for()) == (True, 0.0)
    assert not RateLimiter(5).is_open


@pytest.mark.parametrize("rate", [1e-6, 1, 0.5, 1e6])
@virtual_time
async def test_a_rate_from_a_millionth_to_a_million_is_kept(rate: float) -> None:
    """Both bounds are usable rates: the second start is one interval behind the first."""
    limiter = RateLimiter(rate)
    await limiter.wait()
    began = now()
    await limiter.wait()
    assert now() - began == pytest.approx(1 / rate, rel=0.02, abs=0.02)


@virtual_time
async def test_whoever_gives_up_its_turn_lets_nobody_overtake() -> None:
    """A waiter that runs out of time in the queue leaves the others as far apart as they were."""
    limiter = RateLimiter(1)
    began = now()

    async def start(**limits: Any) -> float:
        await limiter.wait(**limits)
        return now() - began

    await limiter.wait()
    first = asyncio.create_task(start())
    await asyncio.sleep(0)
    hasty = asyncio.create_task(start(limit=3))
    last = asyncio.create_task(start())
    await asyncio.sleep(0.5)
    limiter.pause(10)
    with pytest.raises(WaitTooLongError, match=r"in 7\.5 s") as caught:
        await hasty
    assert (now() - began, caught.value.seconds) == pytest.approx((3, 7.5))
    assert [await first, await last] == pytest.approx([10.5, 10.5 + apart(1)])


@virtual_time
async def test_the_pace_that_was_found_is_told_once_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Each time that it is found anew, with the first reply that shows it."""
    limiter = RateLimiter()
    loop = asyncio.get_running_loop()
    caplog.set_level(logging.INFO, "meetstream_async.http")
    for status in (200, 200, 200, 429, 200, 200):
        await limiter.wait()
        began = loop.time()
        await asyncio.sleep(0.05)
        limiter.observe(status, {"Retry-After": "1"} if status == 429 else {}, began)
    told = [record.getMessage() for record in caplog.records if "finding the pace" in record.getMessage()]
    assert limiter.pace == 3  # in the fullest second; what may start has grown meanwhile
    assert told == ["finding the pace of the API: 3 requests a second"]


@pytest.mark.parametrize(("remaining", "lets"), [("0", 1), ("2", 3)])
@virtual_time
async def test_after_a_limit_that_was_used_up_nothing_starts_in_a_burst(remaining: str, lets: int) -> None:
    """Nor where a count was told, although the pace has risen meanwhile."""
    limiter = RateLimiter()
    began = now()
    limiter.observe(200, {"RateLimit-Remaining": remaining, "RateLimit-Reset": "4"}, began)
    starts: list[float] = []

    async def start() -> None:
        await limiter.wait()
        starts.append(now() - began)

    await asyncio.gather(*(start() for _ in range(20)))
    late = [at for at in starts if at >= 4]
    assert len(late) >= 20 - lets
    assert min(late) == pytest.approx(4)
    assert sum(at < 4.1 for at in late) <= 3


@pytest.mark.parametrize("wary", [False, True])
@virtual_time
async def test_a_limit_that_is_always_used_up_is_not_believed_for_ever(wary: bool) -> None:
    """Of twenty under way each is let through as the last one: that is ignored until one is refused."""
    limiter = RateLimiter(wary=wary)
    last = {"RateLimit-Remaining": "0", "RateLimit-Reset": "30"}
    began = now()
    await asyncio.sleep(0.1)
    for _ in range(20):
        limiter.observe(200, last, began)
    assert limiter.paused_for() == pytest.approx(30)
    await asyncio.sleep(30)
    limiter.observe(200, last, now())
    assert limiter.paused_for() == (30 if wary else 0)
    limiter.observe(429, {"Retry-After": "40"}, now())
    await asyncio.sleep(40)
    limiter.observe(200, last, now())
    assert limiter.paused_for() == 30
