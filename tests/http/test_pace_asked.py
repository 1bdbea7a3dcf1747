"""A rate that is asked for: it arrives, and no second at the server holds more. In virtual time."""

from __future__ import annotations

import asyncio
import math
import random
from bisect import bisect_left

import pytest

from meetstream_async import MeetStreamClient, bulk_unschedule
from meetstream_async._http.pace_bound import JITTER
from meetstream_async._http.rate_limit import RateLimiter
from tests.helpers.clock import VirtualLoop, now
from tests.helpers.far_api import FarApi

_RATES = [(5, 0.98), (50, 0.98), (200, 0.98), (500, 0.98), (1000, 0.95)]


class LateLoop(VirtualLoop):
    """Its timers ring at whole milliseconds, and up to three late."""

    draw = random.Random(5)

    def call_at(self, when: float, *args: object, **options: object) -> asyncio.TimerHandle:
        late = math.ceil(when * 1000) / 1000 + 0.003 * self.draw.random()
        return super().call_at(late, *args, **options)  # type: ignore[arg-type]


def fullest_second(times: list[float]) -> int:
    return max(bisect_left(times, at + 1.0 - 1e-9) - first for first, at in enumerate(times))


async def _starts(rate: float, count: int) -> list[float]:
    """When each of so many starts, ten at a time waiting for theirs."""
    limiter, starts = RateLimiter(rate), []

    async def one_after_the_other() -> None:
        while len(starts) < count:
            await limiter.wait()
            starts.append(now())

    await asyncio.gather(*(one_after_the_other() for _ in range(10)))
    return starts


@pytest.mark.parametrize(("rate", "least"), _RATES)
def test_the_rate_arrives_whatever_timers_overshoot(rate: float, least: float) -> None:
    """And the network may take up to 10 ms longer for one request than for another."""
    with asyncio.Runner(loop_factory=LateLoop) as runner:
        starts = runner.run(_starts(rate, int(4 * rate) + 20))
    assert (len(starts) - 1) / (starts[-1] - starts[0]) >= least * rate
    draw = random.Random(7)
    assert fullest_second(sorted(at + JITTER * draw.random() for at in starts)) <= rate


@pytest.mark.parametrize("rate", [5, 50])
def test_no_second_holds_more_where_connecting_takes_long(rate: int) -> None:
    """A request leaves when it has its connection, later than it started; it is counted when it leaves."""
    draw = random.Random(3)
    api = FarApi(4 * rate, 0.1, connecting=lambda: draw.choice([0.01, 0.3, 0.5]))

    async def main(client: MeetStreamClient) -> None:
        await bulk_unschedule(client, api.ids(), max_concurrency=20)

    _, seconds = api.run(main, rate_limit=rate)
    assert api.fullest_second() <= rate
    assert seconds <= 4.0 / 0.9 + 1.0


def test_a_request_that_is_cancelled_before_it_may_leave_is_not_sent() -> None:
    """The first one connected for half a second, so the second waits at its connection; the third is sent."""
    delays = iter([0.5])
    api = FarApi(3, 0.1, connecting=lambda: next(delays, 0.0))

    async def main(client: MeetStreamClient) -> None:
        first, second, third = api.ids()
        await client.unschedule_event(first)
        task = asyncio.create_task(client.unschedule_event(second))
        await asyncio.sleep(0.65)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(api.arrivals) == 1
        await client.unschedule_event(third)

    api.run(main, rate_limit=1)
    assert [at for at, _ in api.arrivals] == pytest.approx([0.5, 2.02], abs=0.03)
