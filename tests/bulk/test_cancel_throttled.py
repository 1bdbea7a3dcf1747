"""A bulk cancel under the simulator's rate limit, on a clock that jumps and on real sockets."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from aioresponses import CallbackResult

from meetstream_async import MeetBitClient, bulk_cancel_events
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import statuses
from tests.helpers.clock import now, virtual_time
from tests.helpers.meetbit import meetbit, pairs
from tests.helpers.meetbit_pace import HUSH, TOLERANCE, client, fullest_second, good, refusal, targets
from tests.helpers.proof import sized
from tests.helpers.tasks import ours_running

# --- the simulator's rate limit, on the clock that jumps -----------------------------------------------


def limited(mocked, sim, *, latency=0.02, hush=False):
    """Let the simulator's rate limit decide on each arrival; returns the arrivals and their verdicts."""
    log = []

    async def callback(url, **_):
        verdict = sim.meetbit.arrive(sim.access_key_id, now())
        log.append((now(), verdict))
        await asyncio.sleep(latency)
        if verdict.suspended:
            return CallbackResult(status=401, body="Access Denied.", content_type="text/plain")
        if verdict.retry_after is not None:
            return refusal(**verdict.headers, Retry_After=str(verdict.retry_after))
        return good(**{**verdict.headers, **(HUSH if hush else {})})

    mocked.post(re.compile(""), callback=callback, repeat=True)
    return log


def assert_nothing_came_early(log):
    """No request of any task before the Retry-After of a 429 has passed."""
    for at, verdict in log:
        if verdict.retry_after is not None:
            early = [other - at for other, _ in log if at < other < at + verdict.retry_after - TOLERANCE]
            assert early == []


@pytest.mark.parametrize("hush", [False, True], ids=["told", "not told"])
@virtual_time
async def test_a_hundred_cancels_at_the_default_pace_meet_no_429(mocked, hush):
    """Also where no answer says how much of the limit is left: the pace alone keeps within it."""
    sim = Simulator(0, events=0)
    log = limited(mocked, sim, hush=hush)
    async with client() as c:
        report = await bulk_cancel_events(c, targets(100), "x")
    assert statuses(report) == {"cancelled": 100}
    assert (sim.meetbit.throttled, len(log)) == (0, 100)
    assert fullest_second([at for at, _ in log]) <= 5


@pytest.mark.parametrize("cap", [1, 5])
@virtual_time
async def test_under_half_that_limit_no_429_is_answered_early(mocked, cap):
    """A few 429s come and slow it down, nobody goes back too soon, and every event is cancelled."""
    sim = Simulator(0, events=0, meetbit_tenant_rate=2.5)
    log = limited(mocked, sim, hush=True)
    async with client() as c:
        report = await bulk_cancel_events(c, targets(100), "x", max_concurrency=cap)
    assert statuses(report) == {"cancelled": 100}
    assert len(report.outcomes) == 100
    assert 1 <= sim.meetbit.throttled <= 10
    assert (sim.meetbit.early_requests, sim.meetbit.suspended) == (0, False)
    assert_nothing_came_early(log)


@virtual_time
async def test_a_limit_that_announces_its_end_is_never_met(mocked):
    """With RateLimit-Remaining on each answer half the limit brings no 429 at all."""
    sim = Simulator(0, events=0, meetbit_tenant_rate=2.5)
    limited(mocked, sim)
    async with client() as c:
        report = await bulk_cancel_events(c, targets(100), "x")
    assert statuses(report) == {"cancelled": 100}
    assert sim.meetbit.throttled == 0


# --- real sockets, the real clock ----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.soak
async def test_cancels_at_the_default_pace_meet_no_429():
    """On the wire: no 429, and no more than 5 requests in any second of the server's log."""
    events = sized(8, 40, 40)
    async with Simulator(0, events=events) as sim, meetbit(sim, rate_limit=5.0) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=5)
    assert statuses(report) == {"cancelled": events}
    assert len(sim.ledger.cancelled_events) == len(sim.requests) == events
    assert (sim.meetbit.throttled, sim.meetbit.early_requests) == (0, 0)
    assert {request.status for request in sim.requests} == {200}
    assert fullest_second([request.at for request in sim.requests]) <= 5


@pytest.mark.slow
@pytest.mark.soak
async def test_under_half_that_limit_nothing_is_sent_before_retry_after_has_passed():
    """On the wire, at the default pace: 429s come, nobody is early, and every event is cancelled."""
    hush = Trouble("cancel_event", headers=HUSH)
    events = sized(8, 10, 10)
    async with Simulator(0, events=events, meetbit_tenant_rate=2.5, troubles=[hush]) as sim:
        async with meetbit(sim, rate_limit=5.0) as c:
            report = await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=5)
    assert statuses(report) == {"cancelled": events}
    assert len(sim.ledger.cancelled_events) == events
    assert sim.meetbit.throttled >= 2
    assert (sim.meetbit.early_requests, sim.meetbit.suspended) == (0, False)
    # Penalties are whole seconds, one at least.
    for refused in (request.at for request in sim.requests if request.status == 429):
        assert [r.at for r in sim.requests if refused < r.at < refused + 1 - TOLERANCE] == []


@pytest.mark.slow
@pytest.mark.soak
async def test_a_client_that_is_set_faster_than_its_tenant_allows_gets_through():
    """50 a second where the tenant has 25: it is throttled, not suspended, and loses nothing."""
    hush = Trouble("cancel_event", headers=HUSH)
    events = sized(40, 60, 60)
    limits = {"meetbit_rate": 50, "meetbit_tenant_rate": 25}
    async with (
        Simulator(0, events=events, **limits, troubles=[hush]) as sim,
        meetbit(sim, rate_limit=50) as c,
    ):
        report = await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=5)
    assert statuses(report) == {"cancelled": events}
    assert len(sim.ledger.cancelled_events) == events
    assert sim.meetbit.throttled >= 1
    assert not sim.meetbit.suspended


async def test_one_client_that_is_throttled_leaves_the_others_latency_alone():
    """Two clients with different keys: while one waits as told the other one is as quick as ever."""
    own = {"another-key-id": "another-key-secret"}
    hush = Trouble("cancel_event", headers=HUSH)
    async with Simulator(0, events=20, meetbit_clients=own, meetbit_tenant_rate=None, troubles=[hush]) as sim:
        events = pairs(sim)
        other = MeetBitClient(
            access_key_id="another-key-id",
            access_key_secret="another-key-secret",
            base_url=sim.meetbit_base_url,
            rate_limit=None,
        )
        async with meetbit(sim) as c, other:
            busy = asyncio.create_task(bulk_cancel_events(c, events[:7], "Off", max_concurrency=1))
            while not sim.meetbit.throttled:
                await asyncio.sleep(0.005)
            took = []
            for event in events[7:12]:
                began = time.monotonic()
                await other.cancel_event(*event, "Off")
                took.append(time.monotonic() - began)
            assert not busy.done()
            report = await busy
    assert max(took) < 0.5
    assert sim.meetbit.client("another-key-id").throttled == 0
    assert sim.meetbit.client(sim.access_key_id).throttled >= 1
    assert statuses(report) == {"cancelled": 7}


async def test_a_call_that_is_cancelled_in_a_pause_sends_nothing_more():
    """Cancellation raises CancelledError at once, and the server gets nothing after it."""
    trouble = Trouble("cancel_event", 429, retry_after=0.5)
    async with Simulator(0, events=10, troubles=[trouble]) as sim, meetbit(sim) as c:
        task = asyncio.create_task(bulk_cancel_events(c, pairs(sim), "Off"))
        while not sim.requests or sim.in_flight:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        seen = len(sim.requests)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1.5
        assert ours_running() == []
        await asyncio.sleep(0.7)
        assert len(sim.requests) == seen
