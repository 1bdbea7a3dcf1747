"""Scheduling bots again, one call at a time: what is sent, what answers mean, and what is never repeated."""

from __future__ import annotations

import json
import pickle
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from meetstream_async import (
    ApiError,
    ConfigurationError,
    ConnectionFailedError,
    EventAlreadyScheduledError,
    InvalidResponseError,
    MeetStreamClient,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    ServerError,
)
from tests.helpers.meetstream import Start, client
from tests.helpers.raw_server import drop, reply

NOON = datetime(2031, 5, 6, 12, tzinfo=UTC)
LINK = "https://zoom.us/j/1?pwd=open-sesame"
QUICK = RetryPolicy(max_attempts=4, initial_wait=0.001, max_wait=0.002)
Call = Callable[[MeetStreamClient], Awaitable[Any]]


@pytest.mark.parametrize(
    ("call", "method", "target", "body", "key"),
    [
        (lambda c: c.schedule_event("evt_1"), "POST", "/v1/calendar/schedule/evt_1", None, None),
        (
            lambda c: c.schedule_event("evt_1", {"bot_name": "Notes"}),
            "POST",
            "/v1/calendar/schedule/evt_1",
            {"bot_config": {"bot_name": "Notes"}},
            None,
        ),
        (
            lambda c: c.create_bot(LINK, "Notes"),
            "POST",
            "/v1/bots/create_bot",
            {"meeting_link": LINK, "bot_name": "Notes"},
            None,
        ),
        (
            lambda c: c.create_bot(
                LINK,
                "Notes",
                join_at=NOON,
                custom_attributes={"a": 1},
                config={"video_required": False},
                idempotency_key="undo-1",
            ),
            "POST",
            "/v1/bots/create_bot",
            {
                "video_required": False,
                "meeting_link": LINK,
                "bot_name": "Notes",
                "join_at": "2031-05-06T12:00:00Z",
                "custom_attributes": {"a": 1},
            },
            "undo-1",
        ),
        (lambda c: c.get_bot_detail("bot-1"), "GET", "/v1/bots/bot-1/detail", None, None),
        (
            lambda c: c.move_scheduled_bot("bot-1", NOON),
            "PATCH",
            "/v1/calendar/scheduled_bots/bot-1",
            {"scheduled_join_time": "2031-05-06T12:00:00Z"},
            None,
        ),
    ],
)
async def test_each_method_sends_the_published_request(
    raw_server: Start, call: Call, method: str, target: str, body: dict[str, Any] | None, key: str | None
) -> None:
    """Method, path, body and idempotency key are exactly those of the vendor's OpenAPI file."""
    server = await raw_server(reply(200, {"bot_id": "bot-1", "bot_details": {"BotID": "bot-1"}}))
    async with client(f"{server.url}/v1/") as c:
        await call(c)
    (request,) = server.requests
    assert (request.method, request.target) == (method, target)
    assert (json.loads(request.body) if request.body else None) == body
    assert request.header("idempotency-key") == ([] if key is None else [key])


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.schedule_event(""),
        lambda c: c.schedule_event(".."),
        lambda c: c.schedule_event("evt_1", "Notes"),
        lambda c: c.schedule_event("evt_1", {1: 2}),
        lambda c: c.schedule_event("evt_1", {"a": {1, 2}}),
        lambda c: c.schedule_event("evt_1", {"a": float("nan")}),
        lambda c: c.schedule_event("evt_1", {"a": "x" * 300_000}),
        lambda c: c.schedule_event("evt_1", {"join_at": "2031-05-06T12:00:00Z"}),
        lambda c: c.schedule_event("evt_1", {"deduplication_key": "again"}),
        lambda c: c.create_bot("", "Notes"),
        lambda c: c.create_bot("http://zoom.us/j/1?pwd=open-sesame", "Notes"),
        lambda c: c.create_bot(LINK, ""),
        lambda c: c.create_bot(LINK, "Notes", join_at=datetime(2031, 5, 6)),
        lambda c: c.create_bot(LINK, "Notes", config={"join_at": "2031-05-06T12:00:00Z"}),
        lambda c: c.create_bot(LINK, "Notes", idempotency_key=""),
        lambda c: c.create_bot(LINK, "Notes", idempotency_key="two words"),
        lambda c: c.create_bot(LINK, "Notes", idempotency_key="x" * 256),
        lambda c: c.create_bot(LINK, "Notes", idempotency_key="line\nbreak"),
        lambda c: c.get_bot_detail(""),
        lambda c: c.move_scheduled_bot("bot-1", "2031-05-06T12:00:00Z"),
        lambda c: c.move_scheduled_bot("bot-1", datetime(2031, 5, 6)),
    ],
)
async def test_bad_arguments_are_refused_before_any_request(raw_server: Start, call: Call) -> None:
    """And what is refused shows neither a link nor its passcode."""
    server = await raw_server(reply(200, {}))
    async with client(f"{server.url}/v1/") as c:
        with pytest.raises(ConfigurationError) as caught:
            await call(c)
    assert server.requests == []
    assert "open-sesame" not in str(caught.value)


async def test_the_answer_of_a_schedule_is_read_whole(raw_server: Start) -> None:
    """Its times are aware, and its configuration, which holds a link, is not in its repr."""
    body = {
        "scheduled": True,
        "bot_id": "bot-2",
        "event_id": "evt_1",
        "schedule_id": "bot-a-b",
        "scheduled_time": "2031-05-06T11:58:00Z",
        "existing_schedules": 0,
        "bot_config": {"meeting_url": LINK},
    }
    server = await raw_server(reply(200, body))
    async with client(f"{server.url}/v1/") as c:
        result = await c.schedule_event("evt_1")
    assert (result.bot_id, result.scheduled) == ("bot-2", True)
    assert result.scheduled_time == datetime(2031, 5, 6, 11, 58, tzinfo=UTC)
    assert result.bot_config == {"meeting_url": LINK}
    assert "sesame" not in repr(result)


@pytest.mark.parametrize("name", ["bot_id", "existing_bot_id"])
async def test_an_event_that_has_a_bot_is_its_own_error(raw_server: Start, name: str) -> None:
    """It names the bot under either name that has been seen, is certain, and survives a pickle."""
    server = await raw_server(reply(409, {"message": "Event is already scheduled", name: "bot-7"}))
    async with client(f"{server.url}/v1/") as c:
        with pytest.raises(EventAlreadyScheduledError) as caught:
            await c.schedule_event("evt_1")
    assert (caught.value.bot_id, caught.value.status) == ("bot-7", 409)
    assert not caught.value.outcome_unknown
    assert pickle.loads(pickle.dumps(caught.value)).bot_id == "bot-7"


@pytest.mark.parametrize("bot", [None, "", 7, ["bot-7"], "a\nb"])
async def test_a_conflict_without_a_usable_bot_names_none(raw_server: Start, bot: object) -> None:
    """What is no id is not taken for one."""
    server = await raw_server(reply(409, {"error": {"message": "taken", "bot_id": bot}}))
    async with client(f"{server.url}/v1/") as c:
        with pytest.raises(EventAlreadyScheduledError) as caught:
            await c.schedule_event("evt_1")
    assert caught.value.bot_id is None


@pytest.mark.parametrize("lost", [reply(503, {"message": "busy"}), reply(500), drop])
@pytest.mark.parametrize("call", [lambda c: c.schedule_event("evt_1"), lambda c: c.create_bot(LINK, "Notes")])
async def test_without_a_key_a_request_that_may_have_taken_effect_is_not_sent_again(
    raw_server: Start, lost: Any, call: Call
) -> None:
    """Whatever the policy says: its error tells that the outcome is unknown."""
    server = await raw_server(lost, reply(200, {"bot_id": "bot-2"}))
    async with client(f"{server.url}/v1/", retry=QUICK) as c:
        with pytest.raises((ServerError, ConnectionFailedError)) as caught:
            await call(c)
    assert caught.value.outcome_unknown
    assert len(server.requests) == 1


async def test_what_the_api_has_refused_for_now_is_sent_again(raw_server: Start) -> None:
    """After a 429 nothing was scheduled, so the request goes back like any other."""
    server = await raw_server(reply(429), reply(429), reply(200, {"bot_id": "bot-2"}))
    async with client(f"{server.url}/v1/", retry=QUICK) as c:
        assert (await c.schedule_event("evt_1")).bot_id == "bot-2"
    assert len(server.requests) == 3


async def test_with_a_key_a_lost_creation_is_sent_again_under_it(raw_server: Start) -> None:
    """The API answers the repeated key with 507 and the bot of the first time, which is success."""
    server = await raw_server(drop, reply(507, {"bot_id": "bot-2", "status": "Scheduled"}))
    async with client(f"{server.url}/v1/", retry=QUICK) as c:
        created = await c.create_bot(LINK, "Notes", join_at=NOON, idempotency_key="undo-1")
    assert (created.bot_id, created.repeated, created.inferred) == ("bot-2", True, True)
    assert [request.header("idempotency-key") for request in server.requests] == [["undo-1"]] * 2


async def test_a_key_of_an_earlier_call_gets_that_call_s_answer(raw_server: Start) -> None:
    """It is told from a lost answer of this call, and a reply can't claim it."""
    server = await raw_server(
        reply(507, {"bot_id": "bot-2", "inferred": True}), reply(201, {"bot_id": "bot-3", "repeated": True})
    )
    async with client(f"{server.url}/v1/", retry=QUICK) as c:
        first = await c.create_bot(LINK, "Notes", idempotency_key="undo-1")
        second = await c.create_bot(LINK, "Notes", idempotency_key="undo-2")
    assert (first.bot_id, first.repeated, first.inferred) == ("bot-2", True, False)
    assert (second.bot_id, second.repeated) == ("bot-3", False)


async def test_insufficient_storage_without_a_bot_is_an_error(raw_server: Start) -> None:
    """A 507 that names no bot is what its status says, and leaves the outcome unknown."""
    server = await raw_server(reply(507, {"message": "Insufficient Storage"}))
    async with client(f"{server.url}/v1/", retry=QUICK) as c:
        with pytest.raises(ServerError) as caught:
            await c.create_bot(LINK, "Notes", idempotency_key="undo-1")
    assert caught.value.status == 507
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("call", "body", "error"),
    [
        (lambda c: c.schedule_event("evt_1"), {"scheduled": False}, ApiError),
        (lambda c: c.schedule_event("evt_1"), {"error": "no"}, InvalidResponseError),
        (lambda c: c.schedule_event("evt_1"), {"event_id": "evt_2"}, InvalidResponseError),
        (lambda c: c.schedule_event("evt_1"), {"bot_id": ""}, InvalidResponseError),
        (lambda c: c.schedule_event("evt_1"), b"<html>", InvalidResponseError),
        (lambda c: c.create_bot(LINK, "N"), {}, InvalidResponseError),
        (lambda c: c.create_bot(LINK, "N"), {"bot_id": None}, InvalidResponseError),
        (lambda c: c.create_bot(LINK, "N"), {"bot_id": 7}, InvalidResponseError),
        (lambda c: c.get_bot_detail("b"), {}, InvalidResponseError),
        (lambda c: c.get_bot_detail("b"), {"error": "no"}, InvalidResponseError),
        (lambda c: c.get_bot_detail("b"), {"bot_details": []}, InvalidResponseError),
        (lambda c: c.get_bot_detail("b"), {"bot_details": {"BotID": "c"}}, InvalidResponseError),
        (lambda c: c.get_bot_detail("b"), {"bot_details": {"BotID": None}}, InvalidResponseError),
        (lambda c: c.get_bot_detail("b"), b"nope", InvalidResponseError),
        (lambda c: c.move_scheduled_bot("b", NOON), {"bot_id": "c"}, InvalidResponseError),
        (lambda c: c.move_scheduled_bot("b", NOON), {"schedule_updated": False}, ApiError),
    ],
)
async def test_a_success_that_says_otherwise_is_none(
    raw_server: Start, call: Call, body: object, error: type[Exception]
) -> None:
    """A 2xx counts only where nothing in it speaks against it."""
    server = await raw_server(reply(200, body))
    async with client(f"{server.url}/v1/", retry=QUICK) as c:
        with pytest.raises(error):
            await call(c)


async def test_the_detail_of_a_bot_has_its_whole_configuration(raw_server: Start) -> None:
    """A field of another type reads as None, and neither link nor configuration is in the repr."""
    details = {
        "BotID": "bot-1",
        "Status": "Scheduled",
        "Platform": 7,
        "BotUsername": "Notes",
        "MeetingLink": LINK,
        "RequestPayload": {"bot_name": "Notes", "zoom": {"zak_url": "https://x/sesame"}},
        "custom_attributes": None,
    }
    server = await raw_server(reply(200, {"bot_details": details}))
    async with client(f"{server.url}/v1/") as c:
        detail = await c.get_bot_detail("bot-1")
    assert detail.request_payload["zoom"] == {"zak_url": "https://x/sesame"}
    assert (detail.bot_username, detail.platform, dict(detail.custom_attributes)) == ("Notes", None, {})
    assert "sesame" not in repr(detail)


async def test_a_bot_that_is_unknown_is_not_found(raw_server: Start) -> None:
    """A cancelled bot may be; nothing is uncertain about a GET."""
    server = await raw_server(reply(404, {"message": "Bot not found"}))
    async with client(f"{server.url}/v1/") as c:
        with pytest.raises(NotFoundError) as caught:
            await c.get_bot_detail("bot-1")
    assert not caught.value.outcome_unknown


async def test_a_pause_that_is_too_long_ends_a_schedule_as_not_sent(raw_server: Start) -> None:
    """A 429 leaves nothing uncertain."""
    server = await raw_server(reply(429, b"", ("Retry-After", "3600")))
    async with client(f"{server.url}/v1/", retry=QUICK) as c:
        with pytest.raises(RateLimitError) as caught:
            await c.schedule_event("evt_1")
    assert not caught.value.outcome_unknown
