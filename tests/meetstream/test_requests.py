"""What the client sends: the documented requests, ids as one segment, and the list path."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from aioresponses import aioresponses as Mocked

from meetstream_async import (
    ApiError,
    AuthenticationError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    UserNotFoundError,
)
from tests.helpers.credentials import KEY
from tests.helpers.meetstream import NEW, OLD, Call, Start, answer, asked, client, listing
from tests.helpers.raw_server import reply

NOON = datetime(2024, 12, 20, 12, tzinfo=UTC)


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
        (
            lambda c: c.list_calendar_events(time_min=NOON, limit=50, cursor="a+/b="),
            "GET",
            "/v1/calendar/events?sync=false&limit=50&time_min=2024-12-20T12:00:00Z&cursor=a%2B/b%3D",
            None,
        ),
    ],
)
async def test_each_method_sends_the_documented_request(
    raw_server: Start, call: Call, method: str, target: str, body: dict[str, Any] | None
) -> None:
    """Method, path, query, credential and body are exactly those of the API's document."""
    server = await raw_server(reply(200, {"scheduled_bots": [], "results": []}))
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


MISSING = [
    (404, {"message": "Not Found"}),
    (404, b"<html><title>404</title></html>"),
    (404, b""),
    (405, {"message": "Method Not Allowed"}),
    (403, {"message": "Missing Authentication Token"}),
]


@pytest.mark.parametrize(("status", "body"), MISSING)
async def test_a_missing_list_route_leads_to_the_other_one_which_is_remembered(
    mocked: Mocked, status: int, body: object
) -> None:
    """If the documented path does not exist, the one of the published clients is used, then and later."""
    answer(mocked, OLD, status, body, repeat=True)
    answer(mocked, NEW, 200, listing({"bot_id": "b"}), repeat=True)
    async with client() as c:
        for _ in range(3):
            assert [bot.bot_id for bot in (await c.list_scheduled_bots()).bots] == ["b"]
    assert asked(mocked) == ["/v1/calendar/scheduled"] + ["/v1/calendar/scheduled_bots"] * 3


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"message": "User not found"}, UserNotFoundError),
        (404, {"error": "User not found."}, UserNotFoundError),
        (403, {"message": "Invalid API key"}, ApiError),
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
    answer(mocked, OLD, status, body)
    async with client() as c:
        with pytest.raises(kind):
            await c.list_scheduled_bots()
    assert asked(mocked) == ["/v1/calendar/scheduled"]


@pytest.mark.parametrize("body", [{"message": "Forbidden"}, b"<html><body>Access denied</body></html>"])
async def test_a_refusal_in_front_of_the_api_is_tried_at_the_other_list_route_once(
    mocked: Mocked, body: object
) -> None:
    """A firewall's rule may name one of the paths; the error says that the key is not in question."""
    answer(mocked, OLD, 403, body, repeat=True)
    answer(mocked, NEW, 403, body, repeat=True)
    async with client() as c:
        with pytest.raises(PermissionDeniedError) as caught:
            await c.list_scheduled_bots()
    assert asked(mocked) == ["/v1/calendar/scheduled", "/v1/calendar/scheduled_bots"]
    assert not caught.value.key_rejected
    assert caught.value.attempts == 2


@pytest.mark.parametrize(
    ("status", "body", "accepted_before", "key_rejected"),
    [
        (401, {"message": "Unauthorized"}, False, True),
        (401, b"<html><title>Login</title></html>", False, False),
        (403, {"message": "Invalid API key"}, False, True),
        (403, {"message": "Invalid API key"}, True, True),
        (403, {"message": "No access"}, False, True),
        (403, {"message": "No access"}, True, False),
        (403, {"message": "Forbidden"}, False, False),
        (403, {"message": "Missing Authentication Token"}, False, False),
        (403, {"message": "Bot does not belong to the authenticated user."}, False, False),
    ],
)
async def test_only_the_apis_own_word_rejects_the_key(
    mocked: Mocked, status: int, body: object, accepted_before: bool, key_rejected: bool
) -> None:
    """Pages, gateways' texts, one bot's owner, and a refusal after a success say nothing about the key."""
    async with client() as c:
        if accepted_before:
            answer(mocked, OLD, 200, listing())
            await c.list_scheduled_bots()
        mocked.delete(
            re.compile(".*"),
            status=status,
            # A missing route is looked for under its other names.
            repeat=True,
            **({"body": body} if isinstance(body, bytes) else {"payload": body}),
        )
        with pytest.raises(ApiError) as caught:
            await c.delete_scheduled_bot("b")
    assert caught.value.key_rejected is key_rejected


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
    answer(mocked, OLD, 404, {"message": "the first"}, repeat=True)
    answer(mocked, NEW, status, body)
    answer(mocked, NEW, 200, listing())
    async with client() as c:
        with pytest.raises(ApiError, match="the first"):
            await c.list_scheduled_bots()
        await c.list_scheduled_bots()
    assert sorted(asked(mocked)) == ["/v1/calendar/scheduled"] * 2 + ["/v1/calendar/scheduled_bots"] * 2


async def test_a_path_that_once_answered_is_kept(mocked: Mocked) -> None:
    """After a 2xx a 404 of the same path is an error, no reason to look elsewhere."""
    answer(mocked, OLD, 200, listing())
    answer(mocked, OLD, 404)
    async with client() as c:
        await c.list_scheduled_bots()
        with pytest.raises(NotFoundError):
            await c.list_scheduled_bots()
    assert asked(mocked) == ["/v1/calendar/scheduled"] * 2
