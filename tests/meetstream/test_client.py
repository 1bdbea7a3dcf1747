"""What the client makes of the answers, how calls share its pace, and its life."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses as Mocked
from yarl import URL

from meetstream_async import (
    ApiError,
    ConfigurationError,
    EventNotFoundError,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    ScheduledBotPage,
    UnscheduleResult,
)
from tests.helpers.clock import virtual_time
from tests.helpers.credentials import API
from tests.helpers.meetstream import OLD, Call, Start, answer, asked, client, listing
from tests.helpers.raw_server import RawRequest, reply

NOON = datetime(2024, 12, 20, 12, tzinfo=UTC)


# --- listings and streams ------------------------------------------------------------------------------

SHUFFLED = listing(
    {"bot_id": "no time"},
    {"bot_id": "last", "scheduled_join_time": "2024-12-20T12:00:00Z"},
    {"bot_id": 5},
    {"bot_id": "first", "scheduled_join_time": "2024-12-20T12:30:00+02:00"},
    {"bot_id": "second", "scheduled_join_time": "2024-12-20T11:00:00Z"},
)


async def test_a_page_keeps_the_apis_order_and_a_stream_is_soonest_first(mocked: Mocked) -> None:
    """Bots without a time come last in a stream, and times compare as moments, not as texts."""
    answer(mocked, OLD, 200, SHUFFLED, repeat=True)
    async with client() as c:
        page = await c.list_scheduled_bots()
        streamed = [bot.bot_id async for bot in c.iter_scheduled_bots()]
    assert [bot.bot_id for bot in page.bots] == ["no time", "last", "first", "second"]
    assert streamed == ["first", "second", "last", "no time"]


async def test_a_stream_knows_what_its_listing_lacked(mocked: Mocked) -> None:
    """truncated and rejected are unknown before the first bot and those of the listing after it."""
    mocked.get(f"{OLD}?limit=5", payload=SHUFFLED)
    async with client() as c:
        stream = c.iter_scheduled_bots(limit=5)
        assert (stream.truncated, stream.rejected) == (None, ())
        await anext(stream)
        assert stream.truncated is True
        assert [row.path for row in stream.rejected] == ["$.scheduled_bots[2].bot_id"]
        assert len([bot async for bot in stream]) == 3
        assert [bot async for bot in stream] == []
    assert len(asked(mocked)) == 1


async def test_an_empty_stream_still_reads_its_listing(mocked: Mocked) -> None:
    """No bot at all is a listing that was read, and is not truncated."""
    answer(mocked, OLD, 200, listing())
    async with client() as c:
        stream = c.iter_scheduled_bots()
        assert [bot async for bot in stream] == []
    assert stream.truncated is False


@virtual_time
async def test_a_page_is_retried_not_the_stream(mocked: Mocked) -> None:
    """After a 503 no bot comes twice."""
    answer(mocked, OLD, 503)
    answer(mocked, OLD, 200, SHUFFLED)
    async with client() as c:
        assert [bot.bot_id async for bot in c.iter_scheduled_bots()] == ["first", "second", "last", "no time"]


async def test_a_listing_beyond_64_kib_is_read(mocked: Mocked) -> None:
    """A hundred rows with long attributes are an ordinary page."""
    rows = [{"bot_id": f"b{index}", "custom_attributes": {"note": "x" * 5000}} for index in range(100)]
    answer(mocked, OLD, 200, listing(*rows))
    async with client() as c:
        page: ScheduledBotPage = await c.list_scheduled_bots()
    assert (len(page.bots), page.truncated) == (100, True)


# --- answers to a DELETE -------------------------------------------------------------------------------


@virtual_time
async def test_not_scheduled_after_a_lost_answer_is_an_inferred_success(mocked: Mocked) -> None:
    """A 503 that took effect, and the retry's 400, make one success that says how it is known."""
    mocked.delete(f"{API}/calendar/schedule/evt_1", status=503)
    mocked.delete(f"{API}/calendar/schedule/evt_1", status=400, payload={"message": "Event not scheduled"})
    async with client() as c:
        result = await c.unschedule_event("evt_1")
    assert result == UnscheduleResult(unscheduled=True, event_id="evt_1", inferred=True)


@pytest.mark.parametrize(
    "options", [{"cancel_all_occurrences": True}, {"cancel_all_occurrences": True, "from_date": NOON}]
)
@virtual_time
async def test_of_a_series_a_lost_answer_may_have_done_a_part(
    mocked: Mocked, options: dict[str, Any]
) -> None:
    """With series options the retry's 400 stays an error, outcome unknown."""
    mocked.delete(f"{API}/calendar/schedule/evt_1", status=503)
    mocked.delete(f"{API}/calendar/schedule/evt_1", status=400, payload={"message": "Event not scheduled"})
    async with client() as c:
        with pytest.raises(ApiError) as caught:
            await c.unschedule_event("evt_1", **options)
    assert (caught.value.status, caught.value.outcome_unknown, caught.value.attempts) == (400, True, 2)


@virtual_time
async def test_an_event_not_found_after_a_lost_answer_stays_open(mocked: Mocked) -> None:
    """A gateway's 503 may have hidden a wrong id, so a 404 after it proves nothing."""
    mocked.delete(f"{API}/calendar/schedule/evt_1", status=503)
    mocked.delete(f"{API}/calendar/schedule/evt_1", status=404, payload={"message": "Event not found"})
    async with client() as c:
        with pytest.raises(EventNotFoundError) as caught:
            await c.unschedule_event("evt_1")
    assert (caught.value.outcome_unknown, caught.value.attempts) == (True, 2)


@virtual_time
async def test_a_bot_that_is_not_found_after_a_lost_answer_proves_nothing(mocked: Mocked) -> None:
    """A 503 and then a 404 for a bot's own id is the error, outcome unknown: the id may be wrong."""
    mocked.delete(f"{API}/calendar/scheduled_bots/bot-1", status=503)
    mocked.delete(f"{API}/calendar/scheduled_bots/bot-1", status=404)
    async with client() as c:
        with pytest.raises(NotFoundError) as caught:
            await c.delete_scheduled_bot("bot-1")
    assert (caught.value.outcome_unknown, caught.value.attempts) == (True, 2)


async def test_an_error_carries_what_support_needs(mocked: Mocked) -> None:
    """Status, text, request id and attempts are on the error."""
    mocked.delete(
        f"{API}/calendar/schedule/evt_1",
        status=400,
        payload={"error": "Invalid from_date format"},
        headers={"x-request-id": "req-1"},
    )
    async with client() as c:
        with pytest.raises(ApiError) as caught:
            await c.unschedule_event("evt_1")
    error = caught.value
    assert (error.status, error.message, error.request_id) == (400, "Invalid from_date format", "req-1")
    assert (error.attempts, error.outcome_unknown) == (1, False)


@virtual_time
async def test_a_429_pauses_every_call_of_the_client(mocked: Mocked) -> None:
    """A pause that one task learns of also holds for others, including those that start later."""
    asked: list[float] = []
    mocked.delete(f"{API}/calendar/schedule/evt_1", status=429, headers={"Retry-After": "7"})
    for name in ("evt_1", "evt_2"):
        mocked.delete(
            f"{API}/calendar/schedule/{name}",
            payload={},
            callback=lambda url, **_: asked.append(asyncio.get_running_loop().time()),
        )
    async with client() as c:
        began = asyncio.get_running_loop().time()
        first = asyncio.create_task(c.unschedule_event("evt_1"))
        await asyncio.sleep(1)
        await c.unschedule_event("evt_2")
        await first
    assert [at - began >= 7 for at in asked] == [True, True]


@virtual_time
async def test_a_call_during_a_pause_that_is_too_long_sends_nothing(mocked: Mocked) -> None:
    """A RateLimitError says how long the pause still lasts; the API is not asked in vain."""
    mocked.delete(f"{API}/calendar/schedule/evt_1", status=429, headers={"Retry-After": "300"})
    async with client() as c:
        with pytest.raises(RateLimitError):
            await c.unschedule_event("evt_1")
        await asyncio.sleep(100)
        with pytest.raises(RateLimitError) as caught:
            await c.unschedule_event("evt_2")
    assert caught.value.retry_after == pytest.approx(200)
    assert (caught.value.attempts, caught.value.outcome_unknown) == (0, False)
    assert asked(mocked) == ["/v1/calendar/schedule/evt_1"]


@virtual_time
async def test_the_rate_limit_spaces_the_clients_requests(mocked: Mocked) -> None:
    """rate_limit=5 starts 5 requests in 1.01 s, evenly and retries included."""
    asked: list[float] = []
    for index in range(10):
        for status in ([503] if index == 3 else []) + [200]:
            mocked.delete(
                f"{API}/calendar/schedule/evt_{index}",
                status=status,
                payload={},
                callback=lambda url, **_: asked.append(asyncio.get_running_loop().time()),
            )
    async with client(rate_limit=5, retry=RetryPolicy(initial_wait=0)) as c:
        await asyncio.gather(*(c.unschedule_event(f"evt_{index}") for index in range(10)))
    gaps = [after - before for before, after in pairwise(asked)]
    assert gaps == pytest.approx([1.01 / 5] * 10)


# --- the life of a client ------------------------------------------------------------------------------


async def test_a_client_opens_itself_with_its_first_request(mocked: Mocked) -> None:
    """Without `async with`, a call and then close() are enough."""
    mocked.delete(f"{API}/calendar/schedule/evt_1", payload={})
    c = client()
    assert await c.unschedule_event("evt_1") == UnscheduleResult()
    await c.close()


async def test_closing_twice_or_unopened_is_fine() -> None:
    """close() may be called at any time."""
    c = client()
    await c.close()
    await c.close()
    async with client() as c:
        await c.close()
    with pytest.raises(ConfigurationError, match="closed"):
        await c.list_scheduled_bots()


@pytest.mark.parametrize("call", [lambda c: c.list_scheduled_bots(), lambda c: c.unschedule_event("e")])
async def test_a_closed_client_says_so(mocked: Mocked, call: Call) -> None:
    """A call after close() is a ConfigurationError and sends nothing; so is entering it again."""
    async with client() as c:
        pass
    with pytest.raises(ConfigurationError, match="closed"):
        await call(c)
    with pytest.raises(ConfigurationError, match="closed"):
        await c.__aenter__()
    assert mocked.requests == {}


def test_a_client_belongs_to_one_event_loop(mocked: Mocked) -> None:
    """On another loop a client says what is wrong, before it sends anything."""
    mocked.delete(f"{API}/calendar/schedule/evt_1", payload={}, repeat=True)
    c = client()
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(c.unschedule_event("evt_1"))
        with pytest.raises(ConfigurationError, match="event loop"):
            second.run(c.unschedule_event("evt_1"))
        first.run(c.close())
    assert len(mocked.requests[("DELETE", URL(f"{API}/calendar/schedule/evt_1"))]) == 1


async def test_trace_configs_hear_the_requests_of_a_session_opened_here(raw_server: Start) -> None:
    """A trace that is given to the client sees its requests."""
    heard: list[str] = []

    async def on_start(session: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        heard.append(params.method)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(on_start)
    server = await raw_server(reply(200, {}))
    async with client(server.url, trace_configs=[trace]) as c:
        await c.unschedule_event("evt_1")
    assert heard == ["DELETE"]


async def test_a_request_reads_its_answer_before_the_next(raw_server: Start) -> None:
    """Calls one after the other share one connection: each answer is read and released."""
    server = await raw_server(reply(400, {"message": "no"}), reply(404), reply(200, {}))
    async with client(server.url, retry=RetryPolicy(max_attempts=1)) as c:
        for _ in range(2):
            with pytest.raises(ApiError):
                await c.unschedule_event("evt_1")
        await c.unschedule_event("evt_1")
    assert (len(server.requests), server.connections) == (3, 1)
    assert all(isinstance(request, RawRequest) for request in server.requests)
