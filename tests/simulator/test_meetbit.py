"""The simulator speaks MeetBit's documented wire format."""

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from meetstream_async.simulator import SimulatedBot, SimulatedEvent, Simulator, Trouble
from tests.helpers.simulator import access, ask, cancel

START = datetime(2040, 5, 6, 9, 30, tzinfo=UTC)
EVENT = SimulatedEvent(
    event_id=77,
    calendar_id=12,
    title="Demo",
    start=START,
    attendees=("ada@example.com", "bob@example.com"),
    provider_event_id="evt_1",
)
TEXT = "text/plain; charset=utf-8"


def one_event(*troubles: Trouble, **more: Any) -> Simulator:
    return Simulator([SimulatedBot("b", "evt_1")], events=[EVENT], troubles=troubles, **more)


def noted(problem: str) -> dict[str, Any]:
    return {"message": "The given data was invalid.", "errors": {"cancel_note": [problem]}}


async def test_a_cancelled_event_comes_back_with_every_documented_field() -> None:
    """A cancel answers 200 with a message and the whole event, deleted at that moment."""
    async with one_event() as sim:
        before = datetime.now(UTC).replace(microsecond=0)
        reply = await cancel(sim, EVENT, {"cancel_note": "Moved to Friday ✓"})
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert set(reply.json) == {"message", "data"}
    assert isinstance(reply.json["message"], str)
    data = reply.json["data"]
    deleted_at = data.pop("deleted_at")
    assert deleted_at == data.pop("updated_at")
    assert before <= datetime.strptime(deleted_at, "%Y-%m-%dT%H:%M:%S%z") <= datetime.now(UTC)
    conference = data.pop("online_conference")
    assert data == {
        "id": 77,
        "calendar_id": 12,
        "title": "Demo",
        "start": "2040-05-06T09:30:00Z",
        "end": "2040-05-06T10:00:00Z",
        "attendees": [
            {
                "email": "ada@example.com",
                "name": "Ada",
                "is_organizer": True,
                "customer_id": 12,
                "calendar_id": 12,
                "status": 1,
            },
            {
                "email": "bob@example.com",
                "name": "Bob",
                "is_organizer": False,
                "customer_id": 13,
                "calendar_id": 12,
                "status": 1,
            },
        ],
        "body": None,
        "location": None,
        "cancel_note": "Moved to Friday ✓",
        "canceled_by_id": 12,
        "canceled_by_type": "customer",
        "created_at": data["created_at"],
        "public_id": "pub-0000004d",
        "provider_event_id": "evt_1",
        "customer_id": 12,
        "meeting_link_id": 78,
    }
    assert set(conference) == {
        "id", "online_conference_account_id", "public_id", "title", "is_public", "deleted_at", "created_at",
        "updated_at", "backer_event_id", "is_occurred", "started_at", "ended_at",
    }  # fmt: skip


async def test_an_event_s_own_fields_win() -> None:
    """`fields` adds to the event in the answer, and replaces what is there."""
    event = SimulatedEvent(event_id=1, calendar_id=2, fields={"title": None, "color": "red"})
    async with Simulator(0, events=[event]) as sim:
        data = (await cancel(sim, event)).json["data"]
    assert (data["title"], data["color"], data["id"]) == (None, "red", 1)


async def test_a_request_is_logged_with_its_ids() -> None:
    """The record names the route, calendar and event; a calendar's event id is not a bot's event id."""
    async with one_event() as sim:
        await cancel(sim, EVENT)
        record = sim.requests[0]
    assert (record.route, record.calendar_id, record.calendar_event_id) == ("cancel_event", 12, 77)
    assert (record.event_id, record.bot_id, record.body) == (None, None, {"cancel_note": "Off."})
    assert record.raw_path == "/api/public/v2.0/calendars/12/events/77/cancel"
    assert (record.authorized, record.status) == (True, 200)


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/calendars/12/events/78/cancel", (12, 78)),
        ("/calendars/13/events/77/cancel", (13, 77)),
        ("/calendars/12/events/abc/cancel", (12, None)),
        ("/calendars/x/events/77/cancel", (None, 77)),
        ("/calendars/12/events/077/cancel", (12, None)),
        ("/calendars/12/events/-77/cancel", (12, None)),
        ("/calendars/12/events/7%2F7/cancel", (12, None)),
        ("/calendars/12/events/%D9%A7%D9%A7/cancel", (12, None)),
        (f"/calendars/12/events/{'7' * 40}/cancel", (12, None)),
    ],
)
async def test_an_event_that_is_not_there_is_404(path: str, ids: tuple[int | None, int | None]) -> None:
    """An unknown event, one of another calendar, and an id that is not a number get 404 in plain text."""
    async with one_event() as sim:
        reply = await cancel(sim, path)
        record = sim.requests[0]
        assert (reply.status, reply.body) == (404, b"Resource object does not exist.")
        assert reply.headers["content-type"] == TEXT
        assert record.route == "cancel_event"
        assert (record.calendar_id, record.calendar_event_id) == ids
        assert sim.ledger.live_events == {77}
        assert sim.ledger.calendar_events[77].cancel_requests == 0
        if None not in ids:
            assert sim.ledger.cancel_requests(*ids) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/calendars/12/events/77/cancel", 405),
        ("DELETE", "/calendars/12/events/77/cancel", 405),
        ("POST", "/calendars/12/events/77", 404),
        ("POST", "/calendars/12/events//cancel", 404),
        ("POST", "/calendars//events/77/cancel", 404),
        ("POST", "/calendars/12/events/77/cancel/", 404),
        ("POST", "/../v1/calendar/scheduled", 404),
    ],
)
async def test_other_paths_and_methods_are_no_route(method: str, path: str, status: int) -> None:
    """A wrong method is 405 and says which is right, a wrong path 404; neither is hit by trouble."""
    async with one_event(Trouble(status=503)) as sim:
        reply = await cancel(sim, path, method=method)
        assert (reply.status, sim.requests[0].route) == (status, None)
        assert reply.headers.get("allow") == ("POST" if status == 405 else None)
        assert sim.ledger.live_events == {77}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (None, "The cancel note field is required."),
        (b"{not json", "The cancel note field is required."),
        (b"\xff", "The cancel note field is required."),
        (["cancel_note"], "The cancel note field is required."),
        ({}, "The cancel note field is required."),
        ({"cancel_note": None}, "The cancel note field is required."),
        ({"cancel_note": ""}, "The cancel note field is required."),
        ({"cancel_note": 5}, "The cancel note must be a string."),
        ({"cancel_note": ["x"]}, "The cancel note must be a string."),
        ({"cancel_note": "x" * 256}, "The cancel note may not be greater than 255 characters."),
    ],
)
async def test_a_note_that_is_not_one_is_refused(body: Any, problem: str) -> None:
    """A missing, empty, too long or non-string note, and a malformed body, get 400 and change nothing."""
    async with one_event() as sim:
        reply = await cancel(sim, EVENT, body)
        assert (reply.status, reply.headers["content-type"]) == (400, "application/json")
        assert reply.json == noted(problem)
        assert sim.ledger.live_events == {77}
        assert sim.ledger.calendar_events[77].cancel_requests == 1


async def test_a_note_of_255_characters_is_taken() -> None:
    """Characters count, not bytes."""
    async with one_event() as sim:
        assert (await cancel(sim, EVENT, {"cancel_note": "é" * 255})).status == 200


@pytest.mark.parametrize(
    ("key_id", "secret", "status"),
    [
        (None, None, 401),
        ("{id}", None, 401),
        (None, "{secret}", 401),
        ("{id}", "mistaken", 401),
        ("mistaken", "{secret}", 401),
        ("{secret}", "{id}", 401),
        ("{id}", "{other_secret}", 401),
        ("{id}", "{secret}", 200),
        ("other-key-id", "{other_secret}", 200),
    ],
)
async def test_both_halves_of_an_access_key_are_needed(
    key_id: str | None, secret: str | None, status: int
) -> None:
    """Without an id and its own secret 401 in plain text; neither half is in any record or repr."""
    async with one_event(meetbit_clients={"other-key-id": "other-secret"}) as sim:
        keys = {"id": sim.access_key_id, "secret": sim.access_key_secret, "other_secret": "other-secret"}
        given = {"X-Access-Key-Id": key_id, "X-Access-Key-Secret": secret}
        headers = {name: value.format(**keys) for name, value in given.items() if value is not None}
        reply = await cancel(sim, EVENT, headers=headers)
        assert reply.status == status
        assert sim.requests[0].authorized == (status == 200)
        if status == 401:
            assert (reply.body, reply.headers["content-type"]) == (b"Invalid or missing access key.", TEXT)
            assert sim.ledger.live_events == {77}
        seen = repr([sim, sim.requests, sim.ledger, sim.meetbit, sim.meetbit.client(sim.access_key_id)])
        assert not any(word in seen for word in (*keys.values(), "other-key-id", "mistaken"))


async def test_a_key_without_the_permission_is_denied() -> None:
    """Without "events.delete.*" every cancel is 401 "Access Denied.", a wrong key still the other 401."""
    async with one_event(meetbit_permissions=["events.read.*"]) as sim:
        denied = await cancel(sim, EVENT)
        wrong = await cancel(sim, EVENT, headers={**access(sim), "X-Access-Key-Secret": "x"})
        assert sim.ledger.live_events == {77}
    assert (denied.status, denied.body, denied.headers["content-type"]) == (401, b"Access Denied.", TEXT)
    assert (wrong.status, wrong.body) == (401, b"Invalid or missing access key.")


async def test_a_key_of_one_api_opens_nothing_of_the_other() -> None:
    """MeetStream's key is 401 at MeetBit, and MeetBit's at MeetStream."""
    async with one_event() as sim:
        assert (await cancel(sim, EVENT, headers={"Authorization": f"Token {sim.api_key}"})).status == 401
        assert (await ask(sim, "GET", "/calendar/scheduled", key=sim.access_key_secret)).status == 401


async def test_an_access_key_that_slips_into_a_request_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Either half in a query, path or note is masked in the log and the ledger, quoted or as it is."""
    caplog.set_level(logging.DEBUG)
    secret = 'sec/ret+"with"=signs'
    async with one_event(access_key_secret=secret, access_key_id="sec/ret+") as sim:
        await cancel(sim, "/calendars/12/events/1/cancel?id=sec/ret%2B&key=sec%2fret%2B%22with%22=signs")
        await cancel(sim, "/calendars/sec%2Fret+/events/77/cancel")
        await cancel(sim, EVENT, {"cancel_note": f"<{secret}>"})
        seen = repr([sim.requests, sim.ledger.calendar_events])
        assert not any(part in seen for part in ("with", "sec/ret", "sec%2"))
        assert sim.requests[0].query == {"id": "***", "key": "***"}
        assert sim.requests[2].body == {"cancel_note": "<***>"}
        assert sim.ledger.calendar_events[77].cancel_note == "<***>"
        assert "with" not in caplog.text
