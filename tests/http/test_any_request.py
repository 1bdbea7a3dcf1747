"""``client.request``: endpoints that have no method of their own, with the same key, pace and errors."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from meetstream_async import (
    ConfigurationError,
    EventNotFoundError,
    InvalidResponseError,
    MeetBitClient,
    MeetStreamClient,
    NotFoundError,
    RetryPolicy,
    ServerError,
    TransportError,
)
from tests.helpers.credentials import API, KEY
from tests.helpers.meetstream import client
from tests.helpers.raw_server import RawServer, drop, reply

Start = Callable[..., Awaitable[RawServer]]
QUICK = RetryPolicy(max_attempts=3, initial_wait=0)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/bots/b1/detail", "/v1/bots/b1/detail"),
        ("bots/b1/detail", "/v1/bots/b1/detail"),
        ("/calendar/", "/v1/calendar/"),
        ("/bots/a%2Fb", "/v1/bots/a%2Fb"),
        ("/bots/a b", "/v1/bots/a%20b"),
        ("/bots/ä", "/v1/bots/%C3%A4"),
        ("/bots/a:b@c", "/v1/bots/a:b@c"),
        ("/bots/...", "/v1/bots/..."),
    ],
)
async def test_a_path_is_below_the_base_url(raw_server: Start, path: str, target: str) -> None:
    """With or without its first slash; what is escaped stays so, and what has to be is."""
    server = await raw_server(reply(200, {}))
    async with client(f"{server.url}/v1") as c:
        await c.request("GET", path)
    (request,) = server.requests
    assert (request.method, request.target) == ("GET", target)
    assert request.header("authorization") == [f"Token {KEY}"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//other.example/x",
        "https://other.example/x",
        "/a//b",
        "/..",
        "/a/../b",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a/..%2fb",
        "/a\\b",
        "/a?b=1",
        "/a#b",
        "/a%",
        "/a%zz",
        "/a\nb",
        "/a%0d%0aHost:x",
        "/a\x7f",
        "/a\ud800",
        None,
        5,
    ],
)
async def test_a_path_that_leads_elsewhere_is_refused(path: Any) -> None:
    """Another origin, dot segments, control characters, also escaped: nothing is sent, and nothing shown."""
    c = client(API)
    with pytest.raises(ConfigurationError, match=r"^path ") as caught:
        await c.request("GET", path)
    assert "other.example" not in str(caught.value)


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "GET /x HTTP/1.1\r\n", "", None])
async def test_a_method_is_one_of_seven(method: Any) -> None:
    """Anything else is refused before anything is sent."""
    with pytest.raises(ConfigurationError, match="method must be one of DELETE, GET,"):
        await client(API).request(method, "/x")


async def test_the_query_is_a_mapping_of_plain_values(raw_server: Start) -> None:
    """Booleans as JSON writes them, None left out, a list as a repeated name."""
    server = await raw_server(reply(200, {}))
    params = {"limit": 5, "sync": False, "cursor": None, "id": ["a b", "c&d"], "none": []}
    async with client(f"{server.url}/v1") as c:
        await c.request("get", "/x", params=params)
    assert server.requests[0].target == "/v1/x?limit=5&sync=false&id=a+b&id=c%26d"


@pytest.mark.parametrize("params", [5, "a=1", {"a": {"b": 1}}, {"a": b"x"}, {5: "x"}, {"a": "\ud800"}])
async def test_a_query_that_cannot_be_sent_is_refused(params: Any) -> None:
    """By a ConfigurationError."""
    with pytest.raises(ConfigurationError, match="params"):
        await client(API).request("GET", "/x", params=params)


async def test_a_body_is_json(raw_server: Start) -> None:
    """With its content type; and the answer is what JSON says."""
    server = await raw_server(reply(201, {"bot_id": "b1", "n": [1, None]}))
    async with client(server.url) as c:
        answer = await c.request("POST", "/bots/create_bot", json={"name": "ä"})
    assert answer == {"bot_id": "b1", "n": [1, None]}
    (request,) = server.requests
    assert json.loads(request.body) == {"name": "ä"}
    assert request.header("content-type") == ["application/json"]


@pytest.mark.parametrize("body", [object(), {"a": float("nan")}, {1: {2}}])
async def test_a_body_that_is_not_json_is_refused(body: Any) -> None:
    """By a ConfigurationError."""
    with pytest.raises(ConfigurationError, match="json can't be written as JSON"):
        await client(API).request("POST", "/x", json=body)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_safe_method_is_retried(raw_server: Start, method: str) -> None:
    """As the client's policy says; an answer without a body is None."""
    server = await raw_server(reply(503), reply(200))
    async with client(server.url, retry=QUICK) as c:
        assert await c.request(method, "/x") is None
    assert [request.method for request in server.requests] == [method, method]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_another_method_is_sent_once(raw_server: Start, method: str) -> None:
    """Nobody knows whether it may take effect twice; the error says that it may have taken effect once."""
    server = await raw_server(reply(503), reply(200))
    async with client(server.url, retry=QUICK) as c:
        with pytest.raises(ServerError) as caught:
            await c.request(method, "/x")
        assert (caught.value.outcome_unknown, caught.value.attempts) == (True, 1)
        assert len(server.requests) == 1
        assert await c.request(method, "/x", retry=True) is None


@pytest.mark.parametrize("status", [429, 425, 408])
async def test_another_method_is_retried_where_nothing_took_effect(raw_server: Start, status: int) -> None:
    """The API says that it did not do it; and a connection that is refused carried nothing."""
    server = await raw_server(reply(status), reply(200, 1))
    async with client(server.url, retry=QUICK) as c:
        assert await c.request("POST", "/x") == 1
    async with client("http://127.0.0.1:9", retry=QUICK) as c:
        with pytest.raises(TransportError) as caught:
            await c.request("POST", "/x")
    assert (caught.value.attempts, caught.value.outcome_unknown) == (3, False)


async def test_the_caller_decides_whether_it_is_retried(raw_server: Start) -> None:
    """``retry=True`` for a POST that may be repeated, ``retry=False`` for a GET that must not wait."""
    server = await raw_server(drop, reply(200, 7), reply(503))
    async with client(server.url, retry=QUICK) as c:
        assert await c.request("POST", "/x", retry=True) == 7
        with pytest.raises(ServerError) as caught:
            await c.request("GET", "/x", retry=False)
    assert (caught.value.outcome_unknown, len(server.requests)) == (False, 3)
    with pytest.raises(ConfigurationError, match="retry must be True, False or None"):
        await c.request("GET", "/x", retry=RetryPolicy())  # type: ignore[arg-type]


async def test_errors_are_those_of_other_calls(raw_server: Start) -> None:
    """The API's own words, its request id, and no key in them."""
    refusal = reply(404, {"message": f"Event not found {KEY}"}, ("x-request-id", "r-9"))
    server = await raw_server(refusal, refusal, reply(200, b"<html>"), reply(302, b""), drop)
    async with client(server.url) as c:
        with pytest.raises(EventNotFoundError) as caught:
            await c.request("POST", "/x")
        assert (caught.value.request_id, KEY in str(caught.value)) == ("r-9", False)
        with pytest.raises(NotFoundError):
            await c.request("GET", "/x")
        with pytest.raises(InvalidResponseError, match="is not JSON") as unreadable:
            await c.request("POST", "/x")
        assert unreadable.value.outcome_unknown
        with pytest.raises(Exception, match="redirects are not followed"):
            await c.request("GET", "/x")
        with pytest.raises(TransportError):
            await c.request("POST", "/x")


async def test_an_address_in_a_path_is_not_logged(
    raw_server: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """The line of a retry names the rest of the path."""
    caplog.set_level("INFO", "meetstream_async")
    server = await raw_server(reply(503), reply(200))
    async with client(server.url, retry=QUICK) as c:
        await c.request("GET", "/calendar/jo@acme.example/events", params={"q": "jo@acme.example"})
    assert "GET /calendar/REDACTED/events: status 503" in caplog.text
    assert "acme.example" not in caplog.text


async def test_what_a_2xx_says_of_itself_is_for_the_caller(raw_server: Start) -> None:
    """Nobody here knows what the fields of this endpoint mean."""
    server = await raw_server(reply(200, {"success": False, "error": "no"}))
    async with client(server.url) as c:
        assert await c.request("GET", "/x") == {"success": False, "error": "no"}


async def test_meetbit_has_it_as_well(raw_server: Start) -> None:
    """With both of its keys."""
    server = await raw_server(reply(200, {"data": []}))
    async with MeetBitClient(None, "access-key-0001", "secret-0001", base_url=server.url) as c:
        assert await c.request("GET", "/calendars") == {"data": []}
    assert server.requests[0].header("x-access-key-secret") == ["secret-0001"]


async def test_it_waits_for_the_pace(raw_server: Start) -> None:
    """A pause that an answer asked for holds it back like any call of the client."""
    server = await raw_server(reply(429, b"", ("Retry-After", "3600")), reply(200))
    async with MeetStreamClient(KEY, base_url=server.url) as c:
        for _ in range(2):
            with pytest.raises(Exception, match="429"):
                await c.request("GET", "/x")
    assert len(server.requests) == 1
