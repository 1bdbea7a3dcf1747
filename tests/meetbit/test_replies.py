"""What a 2xx of MeetBit means: the document's example, missing fields, and hostile JSON."""

from __future__ import annotations

import json
import logging
import pickle
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetstream_async import (
    Attendee,
    CalendarEvent,
    CancelledEvent,
    InvalidResponseError,
    MeetBitClient,
    OnlineConference,
)
from tests.helpers.meetbit import KEYS, UNREADABLE, URL_1_2, client, read_answer
from tests.helpers.raw_server import reply
from tests.helpers.strategies import json_values

# --- the answer ----------------------------------------------------------------------------------------

DOCUMENT = b"""
{
"message": "<string>",
"data": {
"id": 123,
"calendar_id": 123,
"title": "<string>",
"start": "2023-11-07T05:31:56Z",
"end": "2023-11-07T05:31:56Z",
"attendees": [
{
"email": "jsmith@example.com",
"name": "<string>",
"is_organizer": true,
"customer_id": 123,
"calendar_id": 123
}
],
"body": "<string>",
"location": "<string>",
"cancel_note": "<string>",
"canceled_by_id": 123,
"created_at": "2023-11-07T05:31:56Z",
"updated_at": "2023-11-07T05:31:56Z",
"deleted_at": "2023-11-07T05:31:56Z",
"public_id": "<string>",
"provider_event_id": "<string>",
"customer_id": 123,
"meeting_link_id": 123,
"online_conference": {
"id": 123,
"online_conference_account_id": 123,
"public_id": "<string>",
"title": "<string>",
"is_public": true,
"deleted_at": "2023-11-07T05:31:56Z",
"created_at": "2023-11-07T05:31:56Z",
"updated_at": "2023-11-07T05:31:56Z",
"backer_event_id": 123,
"is_occurred": true,
"started_at": "2023-11-07T05:31:56Z",
"ended_at": "2023-11-07T05:31:56Z"
}
}
}
"""
TEXT = "<string>"
TIME = datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC)


async def test_the_documents_example_is_read_whole(mocked):
    """Every field of the document has its place: ids are ints, times are aware."""
    mocked.post(URL_1_2, body=DOCUMENT)
    async with MeetBitClient("acme.example.com", **KEYS) as c:
        cancelled = await c.cancel_event(1, 2, "x")
    assert cancelled == CancelledEvent(
        message=TEXT,
        event=CalendarEvent(
            id=123,
            calendar_id=123,
            title=TEXT,
            start=TIME,
            end=TIME,
            attendees=(
                Attendee(
                    email="jsmith@example.com",
                    name=TEXT,
                    is_organizer=True,
                    customer_id=123,
                    calendar_id=123,
                ),
            ),
            body=TEXT,
            location=TEXT,
            cancel_note=TEXT,
            canceled_by_id=123,
            created_at=TIME,
            updated_at=TIME,
            deleted_at=TIME,
            public_id=TEXT,
            provider_event_id=TEXT,
            customer_id=123,
            meeting_link_id=123,
            online_conference=OnlineConference(
                id=123,
                online_conference_account_id=123,
                public_id=TEXT,
                title=TEXT,
                is_public=True,
                deleted_at=TIME,
                created_at=TIME,
                updated_at=TIME,
                backer_event_id=123,
                is_occurred=True,
                started_at=TIME,
                ended_at=TIME,
            ),
        ),
    )
    assert cancelled.event.start.utcoffset() == timedelta(0)


async def test_everything_but_the_id_may_be_missing(raw_server):
    """An event with an id alone is a cancelled event."""
    server = await raw_server(reply(200, {"data": {"id": 2}}))
    async with client(server) as c:
        cancelled = await c.cancel_event(1, 2, "x")
    assert cancelled == CancelledEvent(CalendarEvent(2), None)
    assert cancelled.event.attendees == ()
    assert {
        value
        for name, value in attrs.asdict(cancelled.event).items()
        if name not in ("id", "attendees")
    } == {None}  # fmt: skip


async def test_unknown_fields_are_ignored_and_null_is_none(raw_server):
    """Fields that the API adds later are ignored; null counts as missing."""
    names = [field.name for field in attrs.fields(CalendarEvent) if field.name != "id"]
    event = {"id": 2, "new": {"x": [1]}, "attendees_count": 7, **dict.fromkeys(names)}
    server = await raw_server(reply(200, {"data": event, "message": None, "meta": {}}))
    async with client(server) as c:
        assert await c.cancel_event(1, 2, "x") == CancelledEvent(CalendarEvent(2), None)


async def test_a_field_of_the_wrong_type_reads_as_none_and_is_logged(raw_server, caplog):
    """Never a guess: no text becomes a number, no time without an offset a moment; the path is logged."""
    caplog.set_level(logging.INFO, "meetstream_async")
    event = {
        "id": 2,
        "calendar_id": "17",
        "title": 5,
        "start": "2030-01-01T10:00:00",
        "end": 1893492000,
        "customer_id": True,
        "provider_event_id": 77,
        "attendees": [{"email": "a@example.com", "is_organizer": "false", "customer_id": 1.5}, "b", None],
        "online_conference": {"id": "1", "title": "kept", "is_public": 1},
    }
    server = await raw_server(reply(200, {"message": ["x"], "data": event}))
    async with client(server) as c:
        cancelled = await c.cancel_event(1, 2, "x")
    assert cancelled == CancelledEvent(
        CalendarEvent(
            2,
            attendees=(Attendee(email="a@example.com"),),
            online_conference=OnlineConference(title="kept"),
        )
    )
    logged = {vars(record)["meetstream_path"] for record in caplog.records}
    assert logged == {
        "$.message",
        "$.data.calendar_id",
        "$.data.title",
        "$.data.start",
        "$.data.end",
        "$.data.customer_id",
        "$.data.provider_event_id",
        "$.data.attendees[0].is_organizer",
        "$.data.attendees[0].customer_id",
        "$.data.attendees[1]",
        "$.data.online_conference.id",
        "$.data.online_conference.is_public",
    }


@pytest.mark.parametrize("name", ["attendees", "online_conference"])
@pytest.mark.parametrize("value", ["x", 7, True, {"0": {}}, [[]]], ids=repr)
async def test_parts_of_the_wrong_type_do_not_cost_the_answer(raw_server, name, value):
    """The event was cancelled, even if its attendees or conference can't be read."""
    server = await raw_server(reply(200, {"data": {"id": 2, "title": "kept", name: value}}))
    async with client(server) as c:
        cancelled = await c.cancel_event(1, 2, "x")
    assert (cancelled.event.id, cancelled.event.title) == (2, "kept")


async def test_people_and_links_are_not_in_a_repr(mocked):
    """Titles, notes, people, the body and the location of a meeting do not get into logs by accident."""
    document = DOCUMENT.replace(b'"location": "<string>"', b'"location": "https://meet/secret"')
    for name in (b"body", b"title", b"cancel_note", b"public_id"):
        document = document.replace(b'"%s": "<string>"' % name, b'"%s": "agenda"' % name)
    mocked.post(URL_1_2, body=document)
    async with MeetBitClient("acme.example.com", **KEYS) as c:
        cancelled = await c.cancel_event(1, 2, "x")
    shown = repr([cancelled, *cancelled.event.attendees])
    assert [word for word in ("jsmith", "secret", "agenda") if word in shown] == []


@pytest.mark.parametrize("body", [b"", b" \r\n"])
async def test_an_empty_2xx_is_success_by_its_status(raw_server, body):
    """The event is the one that was asked for; nothing more is known of it."""
    server = await raw_server(reply(200, body))
    async with client(server) as c:
        cancelled = await c.cancel_event(1, 2, "x")
    assert cancelled == CancelledEvent(CalendarEvent(2, 1), None)


@pytest.mark.parametrize(
    ("body", "path"), UNREADABLE, ids=[body[:30].decode("latin-1") for body, _ in UNREADABLE]
)
async def test_a_2xx_without_an_event_is_an_invalid_response(raw_server, body, path):
    """It is not retried; the error names the place, and the event may be cancelled."""
    server = await raw_server(reply(200, body, ("x-request-id", "req-1")))
    async with client(server) as c:
        with pytest.raises(InvalidResponseError) as caught:
            await c.cancel_event(1, 2, "x")
    error = caught.value
    assert (error.path, error.status, error.request_id) == (path, 200, "req-1")
    assert (error.outcome_unknown, error.attempts, len(server.requests)) == (True, 1, 1)


EVENT_FIELDS = [field.name for field in attrs.fields(CalendarEvent)]
CONFERENCE_FIELDS = [field.name for field in attrs.fields(OnlineConference)]
ATTENDEE_FIELDS = [field.name for field in attrs.fields(Attendee)]


def _objects(names):
    """Objects with some of the names, and any JSON behind them: times that are nearly right, too."""
    values = json_values | st.datetimes().map(datetime.isoformat) | st.integers() | st.booleans()
    return st.dictionaries(st.sampled_from(names) | st.text(max_size=5), values, max_size=12)


hostile_events = st.builds(
    lambda event, attendees, conference, number: {
        **event,
        **({} if attendees is None else {"attendees": attendees}),
        **({} if conference is None else {"online_conference": conference}),
        **({} if number is None else {"id": number}),
    },
    _objects(EVENT_FIELDS),
    st.none() | json_values | st.lists(_objects(ATTENDEE_FIELDS) | json_values, max_size=4),
    st.none() | json_values | _objects(CONFERENCE_FIELDS),
    st.none() | st.integers() | st.just(10**4000),
)


def _is(value, kind):
    return value is None or type(value) is kind


@given(json_values | st.fixed_dictionaries({"data": hostile_events | json_values, "message": json_values}))
def test_any_json_is_a_cancelled_event_or_an_invalid_response(body):
    """No answer raises another error, and what is read has the types that it promises."""
    cancelled = read_answer(json.dumps(body).encode())
    if isinstance(cancelled, InvalidResponseError):
        assert cancelled.outcome_unknown is True
        return
    event = cancelled.event
    assert type(event.id) is int
    assert _is(cancelled.message, str)
    assert _is(event.calendar_id, int)
    assert _is(event.provider_event_id, str)
    assert all(isinstance(attendee, Attendee) and _is(attendee.email, str) for attendee in event.attendees)
    assert event.online_conference is None or _is(event.online_conference.is_public, bool)
    for time in (event.start, event.end, event.created_at, event.updated_at, event.deleted_at):
        assert time is None or time.tzinfo is not None
    repr(cancelled)
    assert pickle.loads(pickle.dumps(cancelled)) == cancelled


@given(st.binary(max_size=200).filter(bytes.strip))
def test_any_bytes_are_a_cancelled_event_or_an_invalid_response(body):
    """A body that is not JSON raises InvalidResponseError and nothing else."""
    error = read_answer(body)
    assert isinstance(error, InvalidResponseError)
    assert error.outcome_unknown is True
