"""A 401 or 403 that is not the API's word on the key, on real sockets."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from meetstream_async import (
    ApiError,
    AuthenticationError,
    MeetBitClient,
    MeetStreamClient,
    NotFoundError,
    PermissionDeniedError,
    bulk_cancel_events,
    bulk_unschedule,
    unschedule_all,
)
from tests.helpers.credentials import KEY
from tests.helpers.raw_server import RawServer, reply
from tests.helpers.single_calls import Start, client

PAGE = (
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Enable JavaScript</body></html>"
)
HTML = "text/html; charset=UTF-8"
BEFORE = [
    reply(403, PAGE, type=HTML),
    reply(401, b"<html><body>Sign in, and prove that you are not a bot</body></html>", type=HTML),
    reply(403, {"message": "Forbidden"}),
    reply(403, b"Forbidden.", type="text/plain"),
    reply(403),
    reply(403, {"message": "Missing Authentication Token"}),
    reply(403, {"error": {"code": 403, "message": "Rate Limit Exceeded"}}),
    reply(403, {"message": "Limit Exceeded"}),
    reply(403, {"message": "Request blocked by a rule."}),
    reply(403, {"title": "Error 1020: Access denied", "status": 403}),
    reply(403, b"error code: 1020", type="text/plain"),
    reply(403, b"403 Forbidden\n", type="text/plain"),
    reply(403, b"Your access has been denied.", type="text/plain"),
    reply(403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", type="application/xml"),
    reply(403, b"<Error><Code>AccessDenied</Code></Error>"),
]
DONE = reply(200, {"unscheduled": True})


def listing(*bots: str) -> bytes:
    rows = [{"bot_id": bot, "custom_attributes": {"event_id": f"evt_{bot}"}} for bot in bots]
    return reply(200, {"scheduled_bots": rows})


@pytest.mark.parametrize("refusal", BEFORE)
async def test_the_answer_of_something_before_the_api_says_nothing_of_the_key(
    raw_server: Start, refusal: bytes
) -> None:
    """The error says what has answered, and still does after a pickle."""
    server = await raw_server(refusal)
    async with client(server) as c:
        with pytest.raises(ApiError) as caught:
            await c.unschedule_event("evt_1")
    assert not caught.value.key_rejected
    assert not pickle.loads(pickle.dumps(caught.value)).key_rejected


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"message": "Unauthorized"}),
        (401, b""),
        (403, {"message": "Invalid API key"}),
        (403, {"Message": "User is not authorized to access this resource"}),
        (403, {"message": "Your API key has been blocked"}),
        (403, b"Invalid API key"),
        (401, b"Access Denied."),
    ],
)
async def test_the_api_s_own_word_on_the_key_is_taken_as_such(
    raw_server: Start, status: int, body: Any
) -> None:
    """Without an answer before it, the API's 401 or 403 refuses the key, and a run stops with that."""
    server = await raw_server(reply(status, body))
    async with client(server) as c:
        with pytest.raises(AuthenticationError if status == 401 else PermissionDeniedError) as caught:
            await c.unschedule_event("evt_1")
        report = await bulk_unschedule(c, ["evt_1", "evt_2", "evt_3"], max_concurrency=1)
    assert caught.value.key_rejected
    assert (report.reason or "").startswith("the API rejects the key")


@pytest.mark.parametrize("refusal", [*BEFORE, reply(403, {"message": "Denied"})])
async def test_a_refusal_after_the_key_was_accepted_stops_the_run_without_blaming_the_key(
    raw_server: Start, refusal: bytes
) -> None:
    """The first one stops the run, which says that something before the API refuses."""
    server = await raw_server(DONE, DONE, refusal)
    async with client(server) as c:
        report = await bulk_unschedule(c, [f"evt_{n}" for n in range(9)], max_concurrency=1)
    assert len(server.requests) == 3
    assert {status: count for status, count in report.counts.items() if count} == {
        "unscheduled": 2,
        "failed": 1,
        "not_attempted": 6,
    }
    assert (report.reason or "").startswith("something before the API refuses")
    assert "rejects the key" not in (report.reason or "")


async def test_a_key_that_the_api_calls_revoked_is_rejected_even_if_it_was_accepted_before(
    raw_server: Start,
) -> None:
    """The API's own words on the key decide."""
    server = await raw_server(DONE, reply(401, {"message": "This API key has been revoked"}))
    async with client(server) as c:
        report = await bulk_unschedule(c, ["evt_1", "evt_2", "evt_3"], max_concurrency=1)
    assert (report.reason or "").startswith("the API rejects the key")


@pytest.mark.parametrize("refusal", BEFORE)
@pytest.mark.parametrize("warm", [False, True])
async def test_a_listing_that_is_refused_before_the_api_tries_the_other_path_once(
    raw_server: Start, refusal: bytes, warm: bool
) -> None:
    """Also where the first path has worked before; what then works is remembered."""
    server = await raw_server(*([listing("a")] if warm else []), refusal, listing("b"))
    async with client(server) as c:
        if warm:
            await c.list_scheduled_bots()
        for _ in range(2):
            assert [bot.bot_id for bot in (await c.list_scheduled_bots()).bots] == ["b"]
    paths = [request.target.partition("?")[0].rpartition("/")[2] for request in server.requests]
    assert paths == [*(["scheduled"] if warm else []), "scheduled", "scheduled_bots", "scheduled_bots"]


async def test_a_listing_that_is_refused_at_both_paths_is_given_up(raw_server: Start) -> None:
    """Two requests, the first error, and the other path's answer in it."""
    server = await raw_server(reply(403, PAGE, type=HTML))
    async with client(server) as c:
        with pytest.raises(PermissionDeniedError, match=r"Just a moment.*scheduled_bots answered 403"):
            await unschedule_all(c)
    assert len(server.requests) == 2


async def test_the_api_s_word_on_the_key_at_the_other_path_counts(raw_server: Start) -> None:
    """A firewall at the one path does not hide that the API refuses the key."""
    server = await raw_server(reply(403, PAGE, type=HTML), reply(403, {"message": "Invalid API key"}))
    async with client(server) as c:
        with pytest.raises(PermissionDeniedError, match="Invalid API key") as caught:
            await c.list_scheduled_bots()
    assert caught.value.key_rejected


async def test_a_404_at_both_list_paths_asks_for_the_address(raw_server: Start) -> None:
    """A wrong base URL is the likely cause, so the error shows it."""
    server = await raw_server(reply(404, {"message": "Not Found"}))
    async with MeetStreamClient(KEY, base_url=f"{server.url}/v2") as c:
        with pytest.raises(NotFoundError, match=r"is the address http://127\.0\.0\.1:\d+/v2 right\?"):
            await c.list_scheduled_bots()


@pytest.mark.parametrize(
    "says",
    ["Bot does not belong to the authenticated user.", "You do not have permission to delete this bot"],
)
async def test_one_bot_that_is_not_yours_fails_alone(says: str) -> None:
    """Its own outcome is failed, the key is not blamed, and the rest of the run counts."""
    rows = [{"bot_id": f"b{n}", "scheduled_join_time": "2999-01-01T00:00:00Z"} for n in range(3)]
    deleted = reply(200, {"message": "Scheduled bot deleted successfully"})
    script = [
        reply(200, {"scheduled_bots": rows}),
        reply(404, {"message": "No calendar is connected"}),
        reply(403, {"message": says}),
        deleted,
        deleted,
        reply(200, {"scheduled_bots": rows[:1]}),
    ]
    async with RawServer(*script) as server, MeetStreamClient(KEY, base_url=server.url) as c:
        report = await unschedule_all(c, one_off_bots="delete", max_concurrency=1, settle=0.0)
    assert {status: count for status, count in report.counts.items() if count} == {
        "unscheduled": 2,
        "failed": 1,
    }
    (failed,) = (one for one in report.outcomes if one.status == "failed")
    assert isinstance(failed.error, PermissionDeniedError)
    assert not failed.error.key_rejected
    assert "rejects the key" not in (report.reason or "")


@pytest.mark.parametrize(
    "says", ["Bot does not belong to the authenticated user.", "This event is owned by another account"]
)
async def test_one_event_that_is_not_yours_fails_alone(raw_server: Start, says: str) -> None:
    """By either API: the ones behind it are still sent, and nothing in front of the API is blamed."""
    server = await raw_server(reply(403, {"message": says}), DONE, DONE)
    async with client(server) as c:
        report = await bulk_unschedule(c, ["evt_1", "evt_2", "evt_3"], max_concurrency=1)
    assert [one.status for one in report.outcomes] == ["failed", "unscheduled", "unscheduled"]
    assert report.reason == "1 failed"
    cancelled = reply(200, {"message": "ok", "data": {"id": 2}})
    async with (
        RawServer(reply(403, {"message": says}), cancelled) as server,
        MeetBitClient(None, "id-0123456789", "secret-0123456789", base_url=server.url) as meetbit,
    ):
        cancels = await bulk_cancel_events(meetbit, [(1, 1), (1, 2)], "Off", max_concurrency=1)
    assert [one.status for one in cancels.outcomes] == ["failed", "cancelled"]


async def test_a_401_stops_the_run_whatever_it_speaks_of(raw_server: Start) -> None:
    """Who asks is not known, so nothing behind it can be answered otherwise."""
    server = await raw_server(reply(401, {"message": "not yours"}))
    async with client(server) as c:
        report = await bulk_unschedule(c, ["evt_1", "evt_2"], max_concurrency=1)
    assert [one.status for one in report.outcomes] == ["failed", "not_attempted"]
