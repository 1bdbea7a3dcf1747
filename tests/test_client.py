"""The client's argument checks, its requests, and how it reads responses."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses as Mocked
from support import API, KEY, RawRequest, RawServer, reply, virtual_time
from yarl import URL

from meetstream_async import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    DeletedBot,
    EventNotFoundError,
    InvalidResponseError,
    MeetStreamClient,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    ScheduledBotPage,
    ServerError,
    UnscheduleResult,
    UserNotFoundError,
)

NOON = datetime(2024, 12, 20, 12, tzinfo=UTC)
Start = Callable[..., Awaitable[RawServer]]
Call = Callable[[MeetStreamClient], Awaitable[Any]]


def client(base_url: str = API, **options: Any) -> MeetStreamClient:
    return MeetStreamClient(KEY, base_url=base_url, **options)


def listing(*bots: dict[str, Any]) -> dict[str, Any]:
    return {"scheduled_bots": list(bots)}


# --- refused before anything is sent -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"api_key": None}, "no key"),
        ({"api_key": ""}, "api_key is empty"),
        ({"api_key": KEY + "\n"}, "line break"),
        ({"api_key": f"Token {KEY}"}, "the key alone"),
        ({"api_key": 5}, "must be a string"),
        ({"base_url": "http://api.example.com/v1"}, "unencrypted"),
        ({"base_url": ""}, "base_url must be a URL"),
        ({"base_url": 5}, "base_url must be a URL"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": math.nan}, "timeout"),
        ({"timeout": math.inf}, "timeout"),
        ({"timeout": "30"}, "timeout"),
        ({"timeout": None}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"timeout": aiohttp.ClientTimeout(total=5)}, "timeout"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": -5}, "rate_limit"),
        ({"rate_limit": math.nan}, "rate_limit"),
        ({"rate_limit": "5"}, "rate_limit"),
        ({"rate_limit": True}, "rate_limit"),
        ({"retry": None}, "retry must be a RetryPolicy"),
        ({"retry": 3}, "retry must be a RetryPolicy"),
        ({"retry": {"max_attempts": 3}}, "retry must be a RetryPolicy"),
        ({"session": "session"}, "session must be an aiohttp.ClientSession"),
        ({"session": aiohttp.ClientSession}, "session must be an aiohttp.ClientSession"),
    ],
)
def test_an_unusable_argument_of_the_client_is_refused(options: dict[str, Any], says: str) -> None:
    """The constructor names what is wrong, and never shows the key."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        MeetStreamClient(**{"api_key": KEY, "base_url": API} | options)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        *(
            (lambda c, n=limit: c.list_scheduled_bots(n), "limit must be an int from 1 to 100")
            for limit in (0, 101, -1, True, "100", 50.0, None)
        ),
        *(
            (lambda c, i=identifier: c.unschedule_event(i), "event_id")
            for identifier in ("", ".", "..", "evt\n", "evt\x00", "evt\x7f", "evt\ud800", None, 5, b"evt")
        ),
        *(
            (lambda c, i=identifier: c.delete_scheduled_bot(i), "bot_id")
            for identifier in ("", ".", "..", "bot\r\n", "bot\x00", None, 5)
        ),
        (lambda c: c.unschedule_event("e", True, datetime(2024, 12, 20)), "no time zone"),
        (lambda c: c.unschedule_event("e", True, "2024-12-20T00:00:00Z"), "must be a datetime"),
        (lambda c: c.unschedule_event("e", True, NOON.date()), "must be a datetime"),
        (lambda c: c.unschedule_event("e", None, NOON), "needs cancel_all_occurrences=True"),
        (lambda c: c.unschedule_event("e", False, NOON), "needs cancel_all_occurrences=True"),
        (lambda c: c.unschedule_event("e", "yes"), "cancel_all_occurrences must be"),
        (lambda c: c.unschedule_event("e", 1), "cancel_all_occurrences must be"),
        (
            lambda c: c.unschedule_event(
                "e", True, datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))
            ),
            "out of range",
        ),
    ],
)
async def test_an_unusable_argument_of_a_call_is_refused_without_a_request(
    mocked: Mocked, call: Call, says: str
) -> None:
    """The error names the argument, and nothing has been sent."""
    async with client() as c:
        with pytest.raises(ConfigurationError, match=says) as caught:
            await call(c)
    assert caught.value.attempts == 0
    assert mocked.requests == {}


@pytest.mark.parametrize("limit", [0, 101, True])
async def test_a_stream_refuses_its_limit_when_it_is_made(limit: Any) -> None:
    """iter_scheduled_bots does not wait for its first bot to complain."""
    with pytest.raises(ConfigurationError, match="limit"):
        client().iter_scheduled_bots(limit)


async def test_constructing_does_no_io(mocked: Mocked) -> None:
    """Neither a client nor a stream that nobody reads sends anything."""
    client().iter_scheduled_bots()
    assert mocked.requests == {}


def test_a_client_is_made_without_a_running_loop() -> None:
    """A module may make its client at import time."""
    assert client().base_url == API


# --- what goes on the wire -----------------------------------------------------------------------------

EVENT = "/v1/calendar/schedule/evt_1"


@pytest.mark.parametrize(
    ("call", "method", "target", "body"),
    [
        (lambda c: c.list_scheduled_bots(), "GET", "/v1/calendar/scheduled?limit=100", None),
        (lambda c: c.list_scheduled_bots(limit=7), "GET", "/v1/calendar/scheduled?limit=7", None),
        (lambda c: anext(c.iter_scheduled_bots(7), None), "GET", "/v1/calendar/scheduled?limit=7", None),
        (lambda c: c.unschedule_event("evt_1"), "DELETE", EVENT, None),
        (lambda c: c.unschedule_event("evt_1", True), "DELETE", EVENT, {"cancel_all_occurrences": True}),
        (lambda c: c.unschedule_event("evt_1", False), "DELETE", EVENT, {"cancel_all_occurrences": False}),
        (
            lambda c: c.unschedule_event("evt_1", cancel_all_occurrences=True, from_date=NOON),
            "DELETE",
            EVENT,
            {"cancel_all_occurrences": True, "from_date": "2024-12-20T12:00:00Z"},
        ),
        (
            lambda c: c.unschedule_event(
                "evt_1", True, datetime(2024, 12, 31, 20, tzinfo=timezone(timedelta(hours=-7)))
            ),
            "DELETE",
            EVENT,
            {"cancel_all_occurrences": True, "from_date": "2025-01-01T03:00:00Z"},
        ),
        (
            lambda c: c.unschedule_event("evt_1", True, datetime(999, 1, 2, tzinfo=UTC)),
            "DELETE",
            EVENT,
            {"cancel_all_occurrences": True, "from_date": "0999-01-02T00:00:00Z"},
        ),
        (lambda c: c.delete_scheduled_bot("bot-1"), "DELETE", "/v1/calendar/scheduled_bots/bot-1", None),
    ],
)
async def test_each_method_sends_the_documented_request(
    raw_server: Start, call: Call, method: str, target: str, body: dict[str, Any] | None
) -> None:
    """Method, path, query, credential and body are exactly those of the API's document."""
    server = await raw_server(reply(200, {"scheduled_bots": []}))
    async with client(f"{server.url}/v1/") as c:
        await call(c)
    (request,) = server.requests
    assert (request.method, request.target) == (method, target)
    assert request.header("authorization") == [f"Token {KEY}"]
    assert request.header("accept") == ["application/json"]
    assert request.header("host") == [f"127.0.0.1:{server.port}"]
    assert request.header("user-agent")[0].startswith("meetstream-async/")
    if body is None:
        assert request.body == b""
        assert request.header("content-type") == []
    else:
        assert json.loads(request.body) == body
        assert request.header("content-type") == ["application/json"]


@pytest.mark.parametrize(
    ("event_id", "segment"),
    [
        ("a/b=c+d@x%2F..", "a%2Fb%3Dc%2Bd%40x%252F.."),
        ("../../admin", "..%2F..%2Fadmin"),
        ("a b?c#d;e&f", "a%20b%3Fc%23d%3Be%26f"),
        ("%2e%2e", "%252e%252e"),
        ("...", "..."),
        ("会议", "%E4%BC%9A%E8%AE%AE"),
        ("~-_.A9", "~-_.A9"),
    ],
)
@pytest.mark.parametrize("method", ["unschedule_event", "delete_scheduled_bot"])
async def test_an_id_arrives_as_one_segment_exactly(
    raw_server: Start, event_id: str, segment: str, method: str
) -> None:
    """Nothing in an id is taken for a part of the URL, and no layer encodes it again."""
    server = await raw_server(reply(200, {}))
    async with client(f"{server.url}/v1") as c:
        await getattr(c, method)(event_id)
    assert server.requests[0].target.rpartition("/")[2] == segment
    assert server.requests[0].target.count("/") == 4


# --- the list path -------------------------------------------------------------------------------------

OLD, NEW = f"{API}/calendar/scheduled", f"{API}/calendar/scheduled_bots"
MISSING = [
    (404, {"message": "Not Found"}),
    (404, b"<html><title>404</title></html>"),
    (404, b""),
    (405, {"message": "Method Not Allowed"}),
    (403, {"message": "Missing Authentication Token"}),
]


def _answer(mocked: Mocked, url: str, status: int, body: object = b"", **options: Any) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    mocked.get(f"{url}?limit=100", status=status, body=content, **options)


def _asked(mocked: Mocked) -> list[str]:
    """The paths that were asked, each as often as it was."""
    return [url.path for (_, url), calls in mocked.requests.items() for _ in calls]


@pytest.mark.parametrize(("status", "body"), MISSING)
async def test_a_missing_list_route_leads_to_the_other_one_which_is_remembered(
    mocked: Mocked, status: int, body: object
) -> None:
    """If the documented path does not exist, the one of the published clients is used, then and later."""
    _answer(mocked, OLD, status, body, repeat=True)
    _answer(mocked, NEW, 200, listing({"bot_id": "b"}), repeat=True)
    async with client() as c:
        for _ in range(3):
            assert [bot.bot_id for bot in (await c.list_scheduled_bots()).bots] == ["b"]
    assert _asked(mocked) == ["/v1/calendar/scheduled"] + ["/v1/calendar/scheduled_bots"] * 3


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"message": "User not found"}, UserNotFoundError),
        (404, {"error": "User not found."}, UserNotFoundError),
        (403, {"message": "Forbidden"}, ApiError),
        (401, {"message": "Missing user_id in token"}, AuthenticationError),
        (400, {"message": "Invalid limit"}, ApiError),
        (501, b"", ServerError),
        (302, b"", ApiError),
        (200, {"bots": []}, InvalidResponseError),
    ],
)
async def test_any_other_refusal_is_the_answer(
    mocked: Mocked, status: int, body: object, kind: type[Exception]
) -> None:
    """Only a route that is missing sends the client elsewhere."""
    _answer(mocked, OLD, status, body)
    async with client() as c:
        with pytest.raises(kind):
            await c.list_scheduled_bots()
    assert _asked(mocked) == ["/v1/calendar/scheduled"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"message": "the second"}),
        (405, {"message": "the second"}),
        (403, {"message": "Missing Authentication Token, the second"}),
        (401, {"message": "the second"}),
        (404, {"message": "User not found, the second"}),
        (501, {"message": "the second"}),
    ],
)
async def test_if_both_list_routes_fail_the_first_error_is_raised(
    mocked: Mocked, status: int, body: object
) -> None:
    """The documented path's refusal is what the caller sees, and nothing is remembered."""
    _answer(mocked, OLD, 404, {"message": "the first"}, repeat=True)
    _answer(mocked, NEW, status, body)
    _answer(mocked, NEW, 200, listing())
    async with client() as c:
        with pytest.raises(ApiError, match="the first"):
            await c.list_scheduled_bots()
        await c.list_scheduled_bots()
    assert sorted(_asked(mocked)) == ["/v1/calendar/scheduled"] * 2 + ["/v1/calendar/scheduled_bots"] * 2


async def test_a_path_that_once_answered_is_kept(mocked: Mocked) -> None:
    """After a 2xx a 404 of the same path is an error, no reason to look elsewhere."""
    _answer(mocked, OLD, 200, listing())
    _answer(mocked, OLD, 404)
    async with client() as c:
        await c.list_scheduled_bots()
        with pytest.raises(NotFoundError):
            await c.list_scheduled_bots()
    assert _asked(mocked) == ["/v1/calendar/scheduled"] * 2


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
    _answer(mocked, OLD, 200, SHUFFLED, repeat=True)
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
    assert len(_asked(mocked)) == 1


async def test_an_empty_stream_still_reads_its_listing(mocked: Mocked) -> None:
    """No bot at all is a listing that was read, and is not truncated."""
    _answer(mocked, OLD, 200, listing())
    async with client() as c:
        stream = c.iter_scheduled_bots()
        assert [bot async for bot in stream] == []
    assert stream.truncated is False


@virtual_time
async def test_a_page_is_retried_not_the_stream(mocked: Mocked) -> None:
    """After a 503 no bot comes twice."""
    _answer(mocked, OLD, 503)
    _answer(mocked, OLD, 200, SHUFFLED)
    async with client() as c:
        assert [bot.bot_id async for bot in c.iter_scheduled_bots()] == ["first", "second", "last", "no time"]


async def test_a_listing_beyond_64_kib_is_read(mocked: Mocked) -> None:
    """A hundred rows with long attributes are an ordinary page."""
    rows = [{"bot_id": f"b{index}", "custom_attributes": {"note": "x" * 5000}} for index in range(100)]
    _answer(mocked, OLD, 200, listing(*rows))
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
async def test_a_bot_that_is_gone_after_a_lost_answer_was_deleted(mocked: Mocked) -> None:
    """A 503 and then a 404 for a bot's own id is an inferred success."""
    mocked.delete(f"{API}/calendar/scheduled_bots/bot-1", status=503)
    mocked.delete(f"{API}/calendar/scheduled_bots/bot-1", status=404)
    async with client() as c:
        assert await c.delete_scheduled_bot("bot-1") == DeletedBot(inferred=True)


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
    assert _asked(mocked) == ["/v1/calendar/schedule/evt_1"]


@virtual_time
async def test_the_rate_limit_spaces_the_clients_requests(mocked: Mocked) -> None:
    """rate_limit=5 starts a request every 0.2 s, retries included."""
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
    assert gaps == pytest.approx([0.2] * 10)


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
