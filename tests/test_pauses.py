"""No request is sent during a pause, wherever it waited when the pause began, and none is lost."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from accounts import connect, plain_account, statuses
from support import now, virtual_time

from meetstream_async import (
    EventNotFoundError,
    MeetBitClient,
    MeetStreamClient,
    RateLimitError,
    RetryPolicy,
    ScheduledBot,
    bulk_cancel_events,
    bulk_unschedule,
    cancel_meeting,
)
from meetstream_async._http.rate_limit import RateLimiter
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble


def row(bot_id: str, event_id: str) -> ScheduledBot:
    return ScheduledBot(bot_id, custom_attributes={"event_id": event_id})


@pytest.mark.parametrize("lent", [False, True])
async def test_a_request_that_waited_for_a_connection_does_not_leave_inside_a_pause(lent):
    """Whether in the pool of a lent session or while its own connection was being made."""
    trace = aiohttp.TraceConfig()

    async def slow_connect(session, context, params):
        if sim.requests:
            await asyncio.sleep(0.3)

    trace.on_connection_create_start.append(slow_connect)
    async with plain_account(0, latency=0.1) as sim:
        sim.add_trouble(Trouble("unschedule", 429, retry_after=0.5, times=1))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            arguments = {"session": session} if lent else {"trace_configs": [trace]}
            async with MeetStreamClient(sim.api_key, base_url=sim.base_url, **arguments) as client:
                await asyncio.gather(
                    *(client.unschedule_event(f"evt_{n}") for n in range(3)), return_exceptions=True
                )
    refused = next(request for request in sim.requests if request.status == 429)
    told = refused.at + 0.1
    assert [r.at for r in sim.requests if told < r.at < told + 0.5] == []
    assert len(sim.requests) == 4 or not lent


async def test_a_pause_begins_with_the_head_of_the_429():
    """Its body may take as long as it likes."""
    async with plain_account(0) as sim:
        sim.add_trouble(Trouble("unschedule", 429, retry_after=0.4, times=1, half_body=True))
        async with connect(sim) as client:
            with pytest.raises(EventNotFoundError):
                await client.unschedule_event("evt_1")
    first, second = sim.requests
    assert second.at - first.at >= 0.4


@virtual_time
async def test_a_cancelled_waiter_takes_no_turn_with_it():
    """A waiter behind a hundred that gave up does not wait for their turns."""
    rate_limiter = RateLimiter(5)
    await rate_limiter.wait()
    waiters = [asyncio.create_task(rate_limiter.wait()) for _ in range(100)]
    await asyncio.sleep(0.1)
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    began = now()
    await rate_limiter.wait()
    assert now() - began <= 0.2


@virtual_time
async def test_those_who_came_first_go_first_after_a_pause():
    """A pause changes nobody's place."""
    rate_limiter = RateLimiter(5)
    order = []

    async def one(number):
        await rate_limiter.wait()
        order.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(10)]
    await asyncio.sleep(0.5)
    rate_limiter.pause(3)
    await asyncio.gather(*tasks)
    assert order == list(range(10))


async def test_a_call_whose_turn_comes_at_its_deadline_is_not_sent():
    """It would take effect, and be called a timeout."""
    policy = RetryPolicy(max_elapsed=0.5)
    async with plain_account(0, latency=0.05) as sim:
        async with connect(sim, retry=policy, rate_limit=20) as client:
            errors = await asyncio.gather(
                *(client.unschedule_event(f"evt_{n}") for n in range(14)), return_exceptions=True
            )
    assert {type(error) for error in errors} == {EventNotFoundError, RateLimitError}
    assert len(sim.requests) == sum(isinstance(error, EventNotFoundError) for error in errors)


async def test_a_5xx_that_also_uses_up_the_limit_is_still_uncertain():
    """The 404 after it is unknown, not failed."""
    headers = {"RateLimit-Remaining": "0", "RateLimit-Reset": "0.4"}
    async with plain_account(0) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, headers=headers, times=1))
        report = await bulk_unschedule(client, ["evt_wrong"])
    assert statuses(report) == {"unknown": 1}
    assert sim.requests[1].at - sim.requests[0].at >= 0.4


async def test_a_pause_between_turn_and_request_leaves_the_target_not_attempted():
    """Nothing was sent for it, so it has not failed."""
    async with plain_account(0) as sim, connect(sim) as client:

        async def targets():
            yield "evt_1"
            # The next one has its turn already when the pause begins.
            asyncio.get_running_loop().call_soon(client.api.rate_limiter.pause, 1000)
            yield "evt_2"

        report = await bulk_unschedule(client, targets(), max_concurrency=2)
    assert report.counts["failed"] + report.counts["not_attempted"] == 2
    assert all(outcome.attempts for outcome in report.outcomes if outcome.status == "failed")


async def test_a_row_that_comes_during_the_second_turn_of_its_event_is_not_lost():
    """429, then "Event not found": the rows that arrived meanwhile are deleted as well."""
    bots = [row("bot-1", "evt"), row("bot-2", "evt"), row("bot-3", "evt")]

    async def rows():
        yield bots[0]
        await asyncio.sleep(0.05)
        yield bots[1]
        await asyncio.sleep(0.5)
        yield bots[2]
        yield bots[2]

    account = Simulator([SimulatedBot(one.bot_id) for one in bots])
    async with account as sim, connect(sim, retry=RetryPolicy(max_attempts=1)) as client:
        sim.add_trouble(Trouble("unschedule", 429, retry_after=0.2, times=1))
        report = await bulk_unschedule(client, rows(), one_off_bots="delete")
    assert report.ok, report.reason
    assert sim.ledger.scheduled_bots == frozenset()
    assert max(record.delete_requests for record in sim.ledger.bots.values()) == 1


@pytest.mark.parametrize("with_bots", [False, True])
async def test_a_client_closed_between_the_halves_of_a_meeting_loses_nothing(with_bots):
    """The result says that the event is cancelled, whatever happens to its bot."""
    async with plain_account(2, latency=0.05) as sim:
        event = sim.calendar_events[0]
        meetbit = MeetBitClient(
            access_key_id=sim.access_key_id,
            access_key_secret=sim.access_key_secret,
            base_url=sim.meetbit_base_url,
        )
        async with meetbit, connect(sim) as meetstream:
            bot_event_id = event.provider_event_id if with_bots else None
            task = asyncio.create_task(
                cancel_meeting(
                    meetbit, meetstream, event.calendar_id, event.event_id, "x", bot_event_id=bot_event_id
                )
            )
            while not sim.requests:
                await asyncio.sleep(0.001)
            await meetstream.close()
            result = await task
    assert result.event is not None
    assert not result.ok
    assert "closed" in result.reason


async def test_targets_of_a_cancel_are_those_that_were_given():
    """A list that is changed while the run goes on cancels what it said at the start."""
    async with plain_account(6) as sim:
        meetbit = MeetBitClient(
            access_key_id=sim.access_key_id,
            access_key_secret=sim.access_key_secret,
            base_url=sim.meetbit_base_url,
            rate_limit=None,
        )
        targets = [[event.calendar_id, event.event_id] for event in sim.calendar_events[:3]]
        wanted = {event_id for _, event_id in targets}
        other = sim.calendar_events[5]

        def change(outcome):
            targets[2][:] = [other.calendar_id, other.event_id]

        async with meetbit:
            await bulk_cancel_events(meetbit, targets, "x", max_concurrency=1, on_outcome=change)
    assert sim.ledger.cancelled_events == wanted
