"""MeetBit's rate limit in the simulator: who is throttled, how penalties grow, and how it ends."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from meetstream_async.simulator import SimulatedEvent, Simulator, Trouble
from tests.helpers.simulator import Reply, access, cancel

EVENTS = [SimulatedEvent(event_id=number, calendar_id=1) for number in range(1, 101)]
NOWHERE = "/calendars/1/events/999/cancel"


# A second added and taken away again leaves a little more than a second here.
START = 1.2


class Clock:
    def __init__(self) -> None:
        self.seconds = START

    def __call__(self) -> float:
        return self.seconds


def limited(clock: Callable[[], float] | None, **more: Any) -> Simulator:
    return Simulator(0, events=EVENTS, clock=clock, **more)


async def statuses(sim: Simulator, count: int, headers: dict[str, str] | None = None) -> list[int | None]:
    return [(await cancel(sim, NOWHERE, headers=headers)).status for _ in range(count)]


def limits(reply: Reply) -> tuple[str, ...]:
    return tuple(reply.headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset"))


async def test_the_sixth_request_within_a_second_is_throttled() -> None:
    """It gets 429 in plain text with Retry-After, changes nothing, and is counted for its event."""
    clock = Clock()
    async with limited(clock) as sim:
        assert await statuses(sim, 5) == [404] * 5
        clock.seconds += 0.9
        reply = await cancel(sim, EVENTS[0])
        record = sim.ledger.calendar_events[1]
        assert (record.cancelled, record.cancel_requests) == (False, 1)
        assert (sim.requests[5].route, sim.requests[5].status) == ("cancel_event", 429)
        assert (sim.meetbit.throttled, sim.meetbit.early_requests, sim.meetbit.suspended) == (1, 0, False)
    assert (reply.status, reply.body) == (429, b"Too many requests.")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert (reply.headers["retry-after"], limits(reply)) == ("1", ("5", "0", "1"))


async def test_a_steady_client_is_never_throttled() -> None:
    """Requests a fifth of a second apart all pass, a few milliseconds of jitter included."""
    clock = Clock()
    async with limited(clock) as sim:
        for number in range(40):
            clock.seconds = START + number / 5 + (0.004 if number % 2 else 0.0)
            assert await statuses(sim, 1) == [404]
        clock.seconds += 60
        assert await statuses(sim, 5) == [404] * 5


async def test_the_window_slides() -> None:
    """A new second does not open a new quota: only what is older than a second makes room."""
    clock = Clock()
    async with limited(clock) as sim:
        assert await statuses(sim, 1) == [404]
        clock.seconds += 0.9
        assert await statuses(sim, 4) == [404] * 4
        clock.seconds += 0.1
        assert await statuses(sim, 2) == [404, 429]


async def test_every_answer_tells_the_limit() -> None:
    """Successes, errors, unknown routes and scripted answers carry the three headers; MeetStream's none."""
    clock = Clock()
    trouble = Trouble("cancel_event", 503, when=lambda record: record.calendar_event_id == 2)
    async with limited(clock, troubles=[trouble]) as sim:
        replies = [
            await cancel(sim, EVENTS[0]),
            await cancel(sim, EVENTS[2], {}),
            await cancel(sim, EVENTS[1]),
            await cancel(sim, "/nothing"),
            await cancel(sim, EVENTS[0], method="GET"),
            await cancel(sim, EVENTS[0]),
        ]
        stranger = await cancel(sim, EVENTS[0], headers={})
    assert [reply.status for reply in replies] == [200, 400, 503, 404, 405, 429]
    assert [limits(reply)[:2] for reply in replies] == [("5", str(left)) for left in (4, 3, 2, 1, 0, 0)]
    assert {limits(reply)[2] for reply in replies} == {"1"}
    assert (stranger.status, limits(stranger)) == (401, ("5", "4", "1"))


@pytest.mark.parametrize(
    ("path", "body", "secret", "status"),
    [
        (EVENTS[0], {}, None, 400),
        (EVENTS[0], b"{", None, 400),
        (EVENTS[0], {"cancel_note": "x"}, "wrong", 401),
        (NOWHERE, {"cancel_note": "x"}, None, 404),
        ("/nothing", None, None, 404),
    ],
)
async def test_invalid_requests_count(path: Any, body: Any, secret: str | None, status: int) -> None:
    """Five requests that achieve nothing use up the second as well as good ones."""
    async with limited(Clock()) as sim:
        headers = access(sim) | ({"X-Access-Key-Secret": secret} if secret else {})
        for _ in range(5):
            assert (await cancel(sim, path, body, headers)).status == status
        assert (await cancel(sim, EVENTS[0])).status == 429


async def test_a_penalty_that_is_waited_for_is_over() -> None:
    """After Retry-After seconds five more pass, and the next penalty is one second again."""
    clock = Clock()
    async with limited(clock) as sim:
        for _ in range(4):
            assert await statuses(sim, 5) == [404] * 5
            reply = await cancel(sim, NOWHERE)
            assert (reply.status, reply.headers["retry-after"]) == (429, "1")
            clock.seconds += 1
        assert (sim.meetbit.throttled, sim.meetbit.early_requests) == (4, 0)


async def test_coming_back_early_doubles_the_penalty() -> None:
    """Each request before Retry-After has passed doubles it, from that moment on; then the client is out."""
    clock = Clock()
    async with limited(clock) as sim:
        await statuses(sim, 5)
        waits, resets = [], []
        for _ in range(6):
            reply = await cancel(sim, NOWHERE)
            assert reply.status == 429
            assert not (sim.meetbit.suspended and len(waits) < 5)
            waits.append(int(reply.headers["retry-after"]))
            resets.append(int(limits(reply)[2]))
            clock.seconds += waits[-1] - 0.1
        assert waits == resets == [1, 2, 4, 8, 16, 32]
        assert (sim.meetbit.throttled, sim.meetbit.early_requests, sim.meetbit.suspended) == (6, 5, True)


async def test_a_few_milliseconds_early_is_in_time() -> None:
    """Up to 5 ms before Retry-After has passed the client is let in; before that it is not."""
    for early, status in [(0.004, 404), (0.006, 429)]:
        clock = Clock()
        async with limited(clock) as sim:
            await statuses(sim, 6)
            clock.seconds += 1 - early
            assert await statuses(sim, 1) == [status]
            assert sim.meetbit.early_requests == (status == 429)


async def test_a_doubled_penalty_that_is_waited_for_is_over() -> None:
    """A client that then waits as long as it was told goes on, its early request remembered."""
    clock = Clock()
    async with limited(clock) as sim:
        await statuses(sim, 7)
        clock.seconds += 2
        assert await statuses(sim, 6) == [404] * 5 + [429]
        assert sim.meetbit.early_requests == 1


async def test_a_suspended_client_is_denied_for_good() -> None:
    """However long it waits, every request is 401 "Access Denied." without Retry-After, and does nothing."""
    clock = Clock()
    async with limited(clock, meetbit_suspend_after=2) as sim:
        assert await statuses(sim, 8) == [404] * 5 + [429] * 3
        for seconds in (0, 100, 10_000_000):
            clock.seconds += seconds
            reply = await cancel(sim, EVENTS[0])
            assert (reply.status, reply.body) == (401, b"Access Denied.")
            assert limits(reply) == ("5", "0", "86400")
            assert "retry-after" not in reply.headers
        assert sim.meetbit.throttled == 3
        assert len(sim.ledger.live_events) == len(EVENTS)


async def test_suspension_can_be_turned_off() -> None:
    """With None the penalty grows to an hour and no further, and nobody is suspended."""
    clock = Clock()
    async with limited(clock, meetbit_suspend_after=None) as sim:
        await statuses(sim, 5)
        replies = [await cancel(sim, NOWHERE) for _ in range(20)]
        assert {reply.status for reply in replies} == {429}
        assert replies[-1].headers["retry-after"] == "3600"
        assert not sim.meetbit.suspended


async def test_tasks_that_retry_on_their_own_get_the_client_suspended() -> None:
    """Twelve tasks that each repeat a refused request at once lose the account: the limit is real."""
    async with limited(Clock()) as sim:

        async def stubborn(event: SimulatedEvent) -> int | None:
            while (reply := await cancel(sim, event)).status == 429:
                pass
            return reply.status

        ended = Counter(await asyncio.gather(*(stubborn(event) for event in EVENTS[:12])))
        assert ended == {200: 5, 401: 7}
        assert sim.meetbit.suspended
        assert (sim.meetbit.throttled, sim.meetbit.early_requests) == (6, 5)
        assert len(sim.ledger.cancelled_events) == 5


async def test_a_client_that_waits_as_told_gets_through() -> None:
    """On the real clock, one task that honours Retry-After cancels everything and is never early."""
    async with limited(None) as sim:
        started = time.monotonic()
        for event in EVENTS[:7]:
            while (reply := await cancel(sim, event)).status == 429:
                await asyncio.sleep(int(reply.headers["retry-after"]))
            assert reply.status == 200
        assert 0.9 < time.monotonic() - started < 10
        assert (sim.meetbit.early_requests, len(sim.ledger.cancelled_events)) == (0, 7)


async def test_two_clients_have_a_limit_each() -> None:
    """One client's excess does not affect another's limit, as long as the tenant's is not reached."""
    async with limited(Clock(), meetbit_clients={"other-key-id": "other-secret"}) as sim:
        other = {"X-Access-Key-Id": "other-key-id", "X-Access-Key-Secret": "other-secret"}
        assert await statuses(sim, 7) == [404] * 5 + [429] * 2
        assert await statuses(sim, 6, other) == [404] * 5 + [429]
        first, second = sim.meetbit.client(sim.access_key_id), sim.meetbit.client("other-key-id")
        assert (first.throttled, first.early_requests) == (2, 1)
        assert (second.throttled, second.early_requests) == (1, 0)
        assert (sim.meetbit.throttled, sim.meetbit.early_requests) == (3, 1)


async def test_strangers_have_a_limit_of_their_own() -> None:
    """All unknown access keys share one limit, and take nothing from the clients or the tenant."""
    async with limited(Clock(), meetbit_tenant_rate=5) as sim:
        for number in range(5):
            assert await statuses(sim, 1, {"X-Access-Key-Id": f"unknown-{number}"}) == [401]
        assert await statuses(sim, 1, {}) == [429]
        assert await statuses(sim, 5) == [404] * 5
        assert sim.meetbit.client(None).throttled == sim.meetbit.throttled == 1


async def test_clients_share_the_tenant_s_limit() -> None:
    """With 7 a second for all, a second client gets what the first one left."""
    async with limited(Clock(), meetbit_clients={"other-key-id": "x"}, meetbit_tenant_rate=7) as sim:
        assert await statuses(sim, 5) == [404] * 5
        other = {"X-Access-Key-Id": "other-key-id", "X-Access-Key-Secret": "x"}
        reply = await cancel(sim, NOWHERE, headers=other)
        assert (reply.status, limits(reply)) == (404, ("5", "1", "1"))
        assert await statuses(sim, 2, other) == [404, 429]


async def test_a_tenant_limit_below_the_client_s_is_the_one_that_counts() -> None:
    """At 2.5 a second a request every 0.4 s passes; a faster one waits longer than the usual second."""
    clock = Clock()
    async with limited(clock, meetbit_tenant_rate=2.5) as sim:
        for number in range(30):
            clock.seconds = START + 0.4 * number
            reply = await cancel(sim, NOWHERE)
            assert (reply.status, limits(reply)[0]) == (404, "3")
        clock.seconds += 60
        assert await statuses(sim, 3) == [404] * 3
        reply = await cancel(sim, NOWHERE)
        assert (reply.status, reply.headers["retry-after"], limits(reply)) == (429, "2", ("3", "0", "2"))
        clock.seconds += 2
        assert await statuses(sim, 3) == [404] * 3


async def test_without_limits_nothing_is_throttled() -> None:
    """With both rates None any number passes, and no answer speaks of a limit."""
    async with limited(Clock(), meetbit_rate=None, meetbit_tenant_rate=None) as sim:
        replies = [await cancel(sim, event) for event in EVENTS]
        assert {reply.status for reply in replies} == {200}
        assert not any("ratelimit" in name for reply in replies for name in reply.headers)


async def test_trouble_neither_sees_nor_starts_a_penalty() -> None:
    """A request that the limit refuses uses up no trouble, and a scripted 429 blocks nobody."""
    clock = Clock()
    scripted = Trouble("cancel_event", 429, retry_after=30, times=2)
    async with limited(clock, troubles=[scripted]) as sim:
        first = await cancel(sim, EVENTS[0])
        assert (first.status, first.headers["retry-after"]) == (429, "30")
        assert (sim.meetbit.throttled, sim.meetbit.early_requests) == (0, 0)
        clock.seconds += 5
        sim.clear_troubles()
        assert await statuses(sim, 5) == [404] * 5
        sim.add_trouble(Trouble("cancel_event", 503, times=1))
        assert (await cancel(sim, EVENTS[0])).status == 429
        assert sim.requests[-1].trouble is None
        clock.seconds += 1
        assert (await cancel(sim, EVENTS[0])).status == 503
        assert (await cancel(sim, EVENTS[0])).status == 200


async def test_a_dropped_request_counts() -> None:
    """The limit counts all arrivals, whatever their outcome."""
    async with limited(Clock(), troubles=[Trouble("cancel_event", drop="before", times=5)]) as sim:
        assert await statuses(sim, 6) == [None] * 5 + [429]
