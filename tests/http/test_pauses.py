"""No request is sent during a pause, wherever it waited when the pause began."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from meetstream_async import (
    EventNotFoundError,
    MeetStreamClient,
    RateLimitError,
    RetryPolicy,
    bulk_unschedule,
)
from meetstream_async._http.rate_limit import RateLimiter
from meetstream_async.simulator import Trouble
from tests.helpers.accounts import connect, plain_account, statuses
from tests.helpers.clock import now, virtual_time


@pytest.mark.parametrize("borrowed", [False, True])
async def test_a_request_that_waited_for_a_connection_does_not_leave_inside_a_pause(borrowed):
    """Whether in the pool of a borrowed session or while its own connection was being made."""
    trace = aiohttp.TraceConfig()

    async def slow_connect(session, context, params):
        if sim.requests:
            await asyncio.sleep(0.3)

    trace.on_connection_create_start.append(slow_connect)
    async with plain_account(0, latency=0.1) as sim:
        sim.add_trouble(Trouble("unschedule", 429, retry_after=0.5, times=1))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            arguments = {"session": session} if borrowed else {"trace_configs": [trace]}
            async with MeetStreamClient(sim.api_key, base_url=sim.base_url, **arguments) as client:
                await asyncio.gather(
                    *(client.unschedule_event(f"evt_{n}") for n in range(3)), return_exceptions=True
                )
    refused = next(request for request in sim.requests if request.status == 429)
    told = refused.at + 0.1
    assert [r.at for r in sim.requests if told < r.at < told + 0.5] == []
    assert len(sim.requests) == 4 or not borrowed


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
    async with plain_account(0, latency=0.01) as sim:
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
