"""MeetStream's rate limit: none, a token bucket or a sliding window, and what the ledger counts."""

from __future__ import annotations

from typing import Any

import pytest

from meetstream_async.simulator import PaceRecord, Simulator, SlidingWindow, TokenBucket
from tests.helpers.simulator import Reply, ask


class Clocked:
    """A simulator with a clock that the test sets."""

    def __init__(self, limit: Any) -> None:
        self.now = 0.0
        self.sim = Simulator(1, limit=limit, clock=lambda: self.now)

    async def at(self, seconds: float) -> Reply:
        self.now = seconds
        return await ask(self.sim, "GET", "/calendar/scheduled")

    async def statuses(self, *times: float) -> list[int | None]:
        return [(await self.at(seconds)).status for seconds in times]


async def test_there_is_no_limit_by_default() -> None:
    """A hundred requests at once pass, and are counted."""
    clocked = Clocked(None)
    async with clocked.sim as sim:
        assert set(await clocked.statuses(*[0.0] * 100)) == {200}
        assert sim.ledger.pace == PaceRecord(seen=100, limited=0, passed=100, early=0)


async def test_a_bucket_gives_a_burst_and_then_its_rate() -> None:
    """Three at once, then two a second; a refusal costs no token and has no Retry-After."""
    clocked = Clocked(TokenBucket(rate=2, burst=3))
    async with clocked.sim as sim:
        assert await clocked.statuses(0, 0, 0) == [200, 200, 200]
        refused = await clocked.at(0)
        assert await clocked.statuses(0.4, 0.5, 0.5, 1.0, 9, 9, 9, 9) == [
            429, 200, 429, 200, 200, 200, 200, 429,
        ]  # fmt: skip
        assert sim.ledger.pace == PaceRecord(seen=12, limited=4, passed=8, early=0)
    assert (refused.status, refused.json) == (429, {"message": "Too Many Requests"})
    assert "retry-after" not in refused.headers


@pytest.mark.parametrize(("retry_after", "header"), [(1, "1"), (0.5, "0.5"), ("exact", "10")])
async def test_a_bucket_may_tell_when(retry_after: Any, header: str) -> None:
    """A fixed number of seconds, or those until there is a token; coming earlier is counted."""
    clocked = Clocked(TokenBucket(0.1, 1, retry_after=retry_after))
    async with clocked.sim as sim:
        await clocked.at(0)
        assert (await clocked.at(0)).headers["retry-after"] == header
        await clocked.at(0.1)
        assert (sim.ledger.pace.limited, sim.ledger.pace.early) == (2, 1)
        assert await clocked.statuses(10.0) == [200]


async def test_a_window_tells_when_its_oldest_request_falls_out() -> None:
    """429 in the framework's words, and whole seconds until one more may come; refusals don't count."""
    clocked = Clocked(SlidingWindow(2, 60))
    async with clocked.sim:
        assert await clocked.statuses(0, 20) == [200, 200]
        refused = await clocked.at(30.5)
        assert await clocked.statuses(59.9, 60, 61, 80) == [429, 200, 429, 200]
    assert refused.headers["retry-after"] == "30"
    assert refused.json == {"detail": "Request was throttled. Expected available in 30 seconds."}


async def test_a_limit_changes_in_mid_run() -> None:
    """A bucket keeps what is left in it, a window its requests, and another kind begins anew."""
    clocked = Clocked(TokenBucket(1, 4))
    async with clocked.sim as sim:
        assert await clocked.statuses(0, 0, 0) == [200, 200, 200]
        sim.limit = TokenBucket(rate=10, burst=20)
        assert await clocked.statuses(0, 0, 0.1) == [200, 429, 200]
        sim.limit = SlidingWindow(3, 10)
        assert await clocked.statuses(1, 2, 3, 4) == [200, 200, 200, 429]
        sim.limit = SlidingWindow(1, 10)
        refused = await clocked.at(4)
        sim.limit = None
        assert await clocked.statuses(5, 5) == [200, 200]
        assert sim.limit is None
    assert refused.headers["retry-after"] == "9"


async def test_every_request_counts_and_the_limit_comes_first() -> None:
    """A wrong key, an unknown path and a DELETE use up the limit, and a refused DELETE removes nothing."""
    async with Simulator(1, limit=TokenBucket(0.001, 2)) as sim:
        (event_id,) = sim.ledger.scheduled_events
        assert (await ask(sim, "GET", "/calendar/scheduled", key="Token wrong")).status == 403
        assert (await ask(sim, "GET", "/elsewhere")).status == 404
        assert (await ask(sim, "DELETE", f"/calendar/schedule/{event_id}")).status == 429
        assert sim.ledger.scheduled_events == {event_id}
        assert sim.ledger.delete_requests(event_id) == 1
        assert sim.requests[-1].status == 429


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TokenBucket(0), "rate must be positive and finite"),
        (lambda: TokenBucket(1, float("inf")), "burst must be positive and finite"),
        (lambda: TokenBucket(1, 0.5), "burst must be at least 1"),
        (lambda: SlidingWindow(0), "count must be at least 1"),
        (lambda: SlidingWindow(1, 0), "seconds must be positive"),
        (lambda: Simulator(1, limit=5), "a limit is a TokenBucket, a SlidingWindow or None"),  # type: ignore[arg-type]
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(make: Any, words: str) -> None:
    """The error names what is wrong."""
    with pytest.raises((ValueError, TypeError), match=words):
        make()
