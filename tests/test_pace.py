"""The pace of MeetBit: evenly spaced, never earlier than told, and a pause holds the whole client.

Waits are on a clock that jumps; there the simulator's own rate limit decides on each arrival. What is
proved on real sockets and the real clock stands at the end.
"""

from __future__ import annotations

import asyncio
import re
import time
from itertools import pairwise

import pytest
from accounts import statuses
from aioresponses import CallbackResult
from aioresponses import aioresponses as Mocked
from hypothesis import example, given
from hypothesis import strategies as st
from proof import sized
from support import now, run_virtual, virtual_time
from test_bulk import ours_running
from test_meetbit import KEYS, meetbit, pairs

from meetstream_async import MeetBitClient, NotFoundError, RateLimitError, RetryPolicy, bulk_cancel_events
from meetstream_async.simulator import Simulator, Trouble

EXACT = 1e-6
"""The float error that adding up intervals may bring."""
TOLERANCE = 0.005
"""By which neither a clock nor a socket is exact; the simulator's own, too."""
HUSH = {"RateLimit-Remaining": "1"}
"""With it no good answer says that the limit is used up, so that a 429 comes."""


def client(**options):
    """A client whose retries have no jitter."""
    return MeetBitClient("acme.example.com", **{**KEYS, "retry": RetryPolicy(initial_wait=0), **options})


def answering(mocked, answer):
    """Let ``answer(number)`` say what the request of that number gets; returns the times of arrival."""
    arrivals = []

    def callback(url, **_):
        arrivals.append(now())
        return answer(len(arrivals) - 1)

    mocked.post(re.compile(""), callback=callback, repeat=True)
    return arrivals


def good(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return CallbackResult(payload={"data": {"id": 1}}, headers=named)


def refusal(status=429, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return CallbackResult(status=status, body="Too many requests.", headers=named, content_type="text/plain")


def targets(count):
    return [(1, number) for number in range(1, count + 1)]


def gaps(arrivals):
    return [after - before for before, after in pairwise(arrivals)]


def assert_spaced(arrivals, seconds):
    """Evenly, never closer than that, and hardly further apart."""
    assert gaps(arrivals) == pytest.approx([gaps(arrivals)[0]] * (len(arrivals) - 1))
    assert seconds - EXACT <= gaps(arrivals)[0] <= 1.1 * seconds


def fullest_second(arrivals):
    """The most requests in any one-second window that begins with one."""
    return max(sum(start <= other < start + 1 - TOLERANCE for other in arrivals) for start in arrivals)


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
        report = await bulk_cancel_events(c, targets(3), "x", max_concurrency=1)
    assert statuses(report) == {"failed": 3}
    assert [outcome.attempts for outcome in report.outcomes] == [2, 2, 2]
    assert all(isinstance(outcome.error, RateLimitError) for outcome in report.outcomes)
    assert len(arrivals) == 6
    assert min(gaps(arrivals)) >= 100 - EXACT


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
    assert "stopped by the caller" in report.reason


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
    """429s come, nobody goes back too soon, nobody is suspended, and every event is cancelled."""
    sim = Simulator(0, events=0, meetbit_tenant_rate=2.5)
    log = limited(mocked, sim, hush=True)
    async with client() as c:
        report = await bulk_cancel_events(c, targets(100), "x", max_concurrency=cap)
    assert statuses(report) == {"cancelled": 100}
    assert len(report.outcomes) == 100
    assert sim.meetbit.throttled > 10
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
        assert time.monotonic() - began < 0.5
        assert ours_running() == []
        await asyncio.sleep(0.7)
        assert len(sim.requests) == seen
