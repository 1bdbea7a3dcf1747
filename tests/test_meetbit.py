"""MeetBitClient: what goes out, what is refused before that, and what each reply means."""

from __future__ import annotations

import json
import logging
import pickle
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from accounts import QUICK
from aioresponses import aioresponses as Mocked
from hypothesis import given
from hypothesis import strategies as st
from support import drop, hang, reply, run_virtual, then_close, unused_port
from test_wire import json_values
from yarl import URL

from meetstream_async import (
    ApiError,
    Attendee,
    AuthenticationError,
    BadRequestError,
    CalendarEvent,
    CancelledEvent,
    ConfigurationError,
    ConnectionFailedError,
    InvalidResponseError,
    MeetBitClient,
    MeetStreamError,
    NotFoundError,
    OnlineConference,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    TransportError,
)
from meetstream_async.simulator import Simulator

ID = "mb_id_canary-4be1907c52"
SECRET = "mb_secret_canary-91d27f60ae35b8"
KEYS = {"access_key_id": ID, "access_key_secret": SECRET}
URL_1_2 = "https://acme.example.com/api/public/v2.0/calendars/1/events/2/cancel"
AT_ONCE = RetryPolicy(initial_wait=0)
ONCE = RetryPolicy(max_attempts=1)


def free(events=10, bots=0, **arguments):
    """A simulator whose MeetBit has no rate limit."""
    return Simulator(bots, events=events, meetbit_rate=None, meetbit_tenant_rate=None, **arguments)


def meetbit(sim, **arguments):
    """A client of the simulator that waits little between attempts, and for no pace."""
    options = {"retry": QUICK, "rate_limit": None, **arguments}
    return MeetBitClient(
        access_key_id=sim.access_key_id,
        access_key_secret=sim.access_key_secret,
        base_url=sim.meetbit_base_url,
        **options,
    )


def client(server, **options):
    """A client of a scripted server."""
    return MeetBitClient(base_url=server.url, **KEYS, **{"retry": AT_ONCE, "rate_limit": None} | options)


def pairs(sim):
    """All calendar events as targets."""
    return [(event.calendar_id, event.event_id) for event in sim.calendar_events]


GOOD = reply(200, {"message": "ok", "data": {"id": 2}})


# --- arguments of the client ---------------------------------------------------------------------------


async def test_the_documented_request_goes_to_the_tenants_domain(mocked):
    """One POST with both key headers and the note as JSON, nothing else in its body."""
    mocked.post(URL_1_2, payload={"data": {"id": 2}})
    async with MeetBitClient("acme.example.com", ID, SECRET) as c:
        await c.cancel_event(1, 2, "Off “today”.")
    ((method, url), (call,)) = next(iter(mocked.requests.items()))
    assert (len(mocked.requests), method, str(url)) == (1, "POST", URL_1_2)
    headers = call.kwargs["headers"]
    assert (headers["X-Access-Key-Id"], headers["X-Access-Key-Secret"]) == (ID, SECRET)
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers
    assert json.loads(call.kwargs["data"]) == {"cancel_note": "Off “today”."}


async def test_what_goes_over_the_wire(raw_server):
    """Path, headers and body arrive as the document has them."""
    server = await raw_server(GOOD)
    async with client(server) as c:
        await c.cancel_event("17", 4, "Moved")
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/calendars/17/events/4/cancel")
    assert request.header("x-access-key-id") == [ID]
    assert request.header("x-access-key-secret") == [SECRET]
    assert request.header("content-type") == ["application/json"]
    assert request.header("authorization") == []
    assert request.body == b'{"cancel_note": "Moved"}'


async def test_the_environment_fills_in_what_is_not_passed(mocked, monkeypatch):
    """Domain and both keys have a variable each."""
    monkeypatch.setenv("MEETBIT_PRIMARY_DOMAIN", "acme.example.com")
    monkeypatch.setenv("MEETBIT_ACCESS_KEY_ID", ID)
    monkeypatch.setenv("MEETBIT_ACCESS_KEY_SECRET", SECRET)
    mocked.post(URL_1_2, payload={"data": {"id": 2}})
    async with MeetBitClient() as c:
        await c.cancel_event(1, 2, "x")
    headers = mocked.requests["POST", URL(URL_1_2)][0].kwargs["headers"]
    assert (headers["X-Access-Key-Id"], headers["X-Access-Key-Secret"]) == (ID, SECRET)


def test_an_argument_goes_before_the_environment(monkeypatch):
    """base_url, then the domain that was passed, then MEETBIT_API_URL, then MEETBIT_PRIMARY_DOMAIN."""
    monkeypatch.setenv("MEETBIT_PRIMARY_DOMAIN", "last.example.com")
    assert MeetBitClient(**KEYS).base_url == "https://last.example.com/api/public/v2.0"
    monkeypatch.setenv("MEETBIT_API_URL", "http://localhost:1/third")
    assert MeetBitClient(**KEYS).base_url == "http://localhost:1/third"
    passed = MeetBitClient("second.example.com", **KEYS)
    assert passed.base_url == "https://second.example.com/api/public/v2.0"
    assert MeetBitClient("x.example.com", base_url="https://first/v9/", **KEYS).base_url == "https://first/v9"


@pytest.mark.parametrize("url", ["http://acme.example.com", "https://a@b", "acme.example.com", "ftp://x"])
def test_an_unusable_url_in_the_environment_is_refused(url, monkeypatch):
    """The error names the variable."""
    monkeypatch.setenv("MEETBIT_API_URL", url)
    with pytest.raises(ConfigurationError, match="MEETBIT_API_URL"):
        MeetBitClient(**KEYS)


async def test_the_simulators_environment_is_enough(monkeypatch):
    """Its variables lead a client without arguments to it."""
    async with free(1) as sim:
        for name, value in sim.environment.items():
            monkeypatch.setenv(name, value)
        async with MeetBitClient() as c:
            cancelled = await c.cancel_event(*pairs(sim)[0], "Off")
    assert {cancelled.event.id} == sim.ledger.cancelled_events


BAD_DOMAINS = [
    "https://x",
    "x/y",
    "a@b",
    "",
    "x y",
    "x?y",
    "x#y",
    "x\n",
    "x:99999",
    "x:y",
    "bücher.example",
    b"x.example.com",
    7,
]


@pytest.mark.parametrize("domain", BAD_DOMAINS)
def test_a_domain_that_is_no_bare_host_name_is_refused(domain, monkeypatch):
    """Also from the environment: keys go to nothing that is not a plain domain."""
    with pytest.raises(ConfigurationError, match="primary_domain"):
        MeetBitClient(domain, **KEYS)
    if isinstance(domain, str):
        monkeypatch.setenv("MEETBIT_PRIMARY_DOMAIN", domain)
        with pytest.raises(ConfigurationError, match="MEETBIT_PRIMARY_DOMAIN"):
            MeetBitClient(**KEYS)


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("primary_domain", "MEETBIT_PRIMARY_DOMAIN"),
        ("access_key_id", "MEETBIT_ACCESS_KEY_ID"),
        ("access_key_secret", "MEETBIT_ACCESS_KEY_SECRET"),
    ],
)
def test_what_is_missing_is_named_with_its_variable(missing, says):
    """The error says which argument to pass or which variable to set."""
    arguments = {"primary_domain": "acme.example.com", **KEYS}
    del arguments[missing]
    with pytest.raises(ConfigurationError, match=says) as caught:
        MeetBitClient(**arguments)
    assert missing in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"access_key_id": ""}, "access_key_id"),
        ({"access_key_secret": SECRET + "\n"}, "access_key_secret"),
        ({"access_key_secret": 7}, "access_key_secret"),
        ({"base_url": "http://acme.example.com"}, "https"),
        ({"base_url": "https://user:pw@acme.example.com"}, "base_url"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": "5"}, "rate_limit"),
        ({"rate_limit": True}, "rate_limit"),
        ({"timeout": 0}, "timeout"),
        ({"retry": 3}, "retry"),
        ({"session": "x"}, "session"),
    ],
)
def test_an_unusable_argument_of_the_client_is_refused(options, says):
    """Each error names the argument."""
    with pytest.raises(ConfigurationError, match=says):
        MeetBitClient("acme.example.com", **{**KEYS, **options})


BAD_IDS = [
    0,
    -1,
    True,
    False,
    1.0,
    None,
    "",
    "0",
    "-1",
    "+1",
    " 1",
    "1.5",
    "1e3",
    "1_0",
    "0x1",
    "../2",
    "१२",
    "²",
    b"1",
    [1],
    10**19,
    "9" * 40,
]


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("identifier", BAD_IDS, ids=repr)
async def test_an_id_that_is_no_positive_integer_is_refused(mocked, identifier, position):
    """Nothing is sent, and the error names the argument."""
    ids = [5, 5]
    ids[position] = identifier
    async with MeetBitClient("acme.example.com", **KEYS) as c:
        with pytest.raises(ConfigurationError, match=("calendar_id", "event_id")[position]):
            await c.cancel_event(*ids, "x")
    assert mocked.requests == {}


@pytest.mark.parametrize("note", [None, 7, b"x", ["x"], "", "  \n ", "x" * 256, "half \ud83d"], ids=repr)
async def test_a_note_that_the_api_would_not_take_is_refused(mocked, note):
    """Nothing is sent: an invalid request counts against the limit, too."""
    async with MeetBitClient("acme.example.com", **KEYS) as c:
        with pytest.raises(ConfigurationError, match="cancel_note"):
            await c.cancel_event(1, 2, note)
    assert mocked.requests == {}


@pytest.mark.parametrize("note", ["x", "x" * 255, "é" * 255, "🙂" * 255, ' "quoted"\n\\u0041 '], ids=len)
async def test_a_note_of_up_to_255_characters_arrives_as_it_is(note):
    """Characters are counted, not bytes, and none is changed."""
    async with free(1) as sim, meetbit(sim) as c:
        (event,) = sim.calendar_events
        cancelled = await c.cancel_event(event.calendar_id, str(event.event_id), note)
    assert sim.ledger.calendar_events[event.event_id].cancel_note == note
    assert cancelled.event.cancel_note == note


async def test_a_closed_client_says_so():
    """Using it after its end sends nothing."""
    async with free(1) as sim:
        async with meetbit(sim) as c:
            pass
        with pytest.raises(ConfigurationError, match="closed"):
            await c.cancel_event(*pairs(sim)[0], "x")
        await c.close()
    assert sim.requests == []


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
    logged = {vars(record)["path"] for record in caplog.records}
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
    """Addresses, the body and the location of a meeting do not get into logs by accident."""
    document = DOCUMENT.replace(b'"location": "<string>"', b'"location": "https://meet/secret"')
    mocked.post(URL_1_2, body=document.replace(b'"body": "<string>"', b'"body": "agenda"'))
    async with MeetBitClient("acme.example.com", **KEYS) as c:
        shown = repr(await c.cancel_event(1, 2, "x"))
    assert [word for word in ("jsmith", "secret", "agenda") if word in shown] == []


UNREADABLE = [
    (b"<html>OK</html>", "$"),
    (b"Event canceled.", "$"),
    (b"\xff\xfe", "$"),
    (b"null", "$"),
    (b"[]", "$"),
    (b'"ok"', "$"),
    (b"{}", "$.data"),
    (b'{"data": null}', "$.data"),
    (b'{"data": []}', "$.data"),
    (b'{"data": {}}', "$.data.id"),
    (b'{"data": {"id": null}}', "$.data.id"),
    (b'{"data": {"id": "2"}}', "$.data.id"),
    (b'{"data": {"id": true}}', "$.data.id"),
    (b'{"data": {"id": 2.0}}', "$.data.id"),
    (b'{"data": ' * 5000, "$"),
]


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


def _read(body, status=200):
    """The result of a call with this response: a CancelledEvent, or the error."""

    async def main():
        with Mocked() as mocked:
            mocked.post(URL_1_2, status=status, body=body)
            async with MeetBitClient("acme.example.com", **KEYS) as c:
                try:
                    return await c.cancel_event(1, 2, "x")
                except MeetStreamError as error:
                    return error

    return run_virtual(main())


def _is(value, kind):
    return value is None or type(value) is kind


@given(json_values | st.fixed_dictionaries({"data": hostile_events | json_values, "message": json_values}))
def test_any_json_is_a_cancelled_event_or_an_invalid_response(body):
    """No answer raises another error, and what is read has the types that it promises."""
    cancelled = _read(json.dumps(body).encode())
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
    error = _read(body)
    assert isinstance(error, InvalidResponseError)
    assert error.outcome_unknown is True


@given(json_values | st.fixed_dictionaries({"errors": json_values, "message": json_values}))
def test_any_error_body_is_an_api_error(body):
    """Whatever is complained about, and however."""
    error = _read(json.dumps(body).encode(), 422)
    assert isinstance(error, BadRequestError)
    assert 0 < len(error.message) <= 500
    assert all(isinstance(text, str) for texts in error.errors.values() for text in texts)


# --- refusals: by status, then by what the body is -----------------------------------------------------

PLAIN = "text/plain; charset=utf-8"
REFUSALS = [
    (400, "application/json", {"message": "The given data was invalid."}, BadRequestError, "given data"),
    (422, "application/json", {"message": "The given data was invalid."}, BadRequestError, "given data"),
    (400, PLAIN, b"No.", BadRequestError, "No."),
    (401, PLAIN, b"Invalid or missing access key.", AuthenticationError, "Invalid or missing access key."),
    (401, "application/json", {"message": "Unauthenticated."}, AuthenticationError, "Unauthenticated."),
    (403, PLAIN, b"Forbidden.", PermissionDeniedError, "Forbidden."),
    (404, PLAIN, b"Resource object does not exist.", NotFoundError, "Resource object does not exist."),
    (404, "application/json", b"Resource object does not exist.", NotFoundError, "does not exist"),
    (404, PLAIN, b'{"message": "gone"}', NotFoundError, "gone"),
    (429, PLAIN, b"Too many requests.", RateLimitError, "Too many requests."),
    (409, PLAIN, b"Conflict.", ApiError, "Conflict."),
    (500, "application/json", {"message": "Server Error"}, ServerError, "Server Error"),
    (500, "text/html", b"<html><h1>Oops</h1></html>", ServerError, "Oops"),
    (502, PLAIN, b"", ServerError, "Bad Gateway"),
    (503, "application/json", b"\xff\xfe{", ServerError, "503"),
    (599, "application/json", [1, None, {}], ServerError, "599"),
]


@pytest.mark.parametrize(("status", "type", "body", "kind", "says"), REFUSALS)
async def test_a_refusal_is_read_by_its_status_then_by_its_body(raw_server, status, type, body, kind, says):
    """JSON, plain text, HTML and garbage give the same class of error, with the API's words."""
    server = await raw_server(reply(status, body, ("x-request-id", "req-1"), type=type))
    async with client(server, retry=ONCE) as c:
        with pytest.raises(kind, match=says) as caught:
            await c.cancel_event(1, 2, "x")
    error = caught.value
    assert (error.status, error.request_id, error.attempts) == (status, "req-1", 1)
    assert error.outcome_unknown is (status >= 500)
    assert "events.delete" not in str(error)


@pytest.mark.parametrize("status", [400, 422])
async def test_complaints_by_field_are_kept_on_the_error(raw_server, status):
    """``errors`` has each field's texts, and the message shows them."""
    body = {
        "message": "The given data was invalid.",
        "errors": {"cancel_note": ["The cancel note field is required.", "x"], "other": "one text"},
    }
    server = await raw_server(reply(status, body))
    async with client(server) as c:
        with pytest.raises(BadRequestError, match="cancel note field") as caught:
            await c.cancel_event(1, 2, "x")
    assert caught.value.errors == {
        "cancel_note": ("The cancel note field is required.", "x"),
        "other": ("one text",),
    }
    assert pickle.loads(pickle.dumps(caught.value)).errors == caught.value.errors
    assert len(server.requests) == 1


async def test_a_denied_access_names_the_missing_permission():
    """401 "Access Denied." says which permission the key needs; it is not asked again."""
    async with free(1, meetbit_permissions=["events.read.*"]) as sim, meetbit(sim) as c:
        with pytest.raises(AuthenticationError, match=r"events\.delete\.\*") as caught:
            await c.cancel_event(*pairs(sim)[0], "x")
    assert caught.value.status == 401
    assert "Access Denied." in caught.value.message
    assert len(sim.requests) == 1


async def test_a_wrong_secret_is_an_authentication_error():
    """The API's words come through."""
    async with free(1) as sim, meetbit(sim) as good:
        c = MeetBitClient(sim.access_key_id, "irrelevant", SECRET, base_url=good.base_url)
        with pytest.raises(AuthenticationError, match="Invalid or missing access key"):
            await c.cancel_event(*pairs(sim)[0], "x")
        await c.close()
    assert sim.ledger.cancelled_events == frozenset()


async def test_a_429_carries_the_wait_it_asked_for(raw_server):
    """A call that may not wait that long fails at once, with the seconds on the error."""
    server = await raw_server(reply(429, b"Too many requests.", ("Retry-After", "300"), type=PLAIN))
    async with client(server) as c:
        with pytest.raises(RateLimitError) as caught:
            await c.cancel_event(1, 2, "x")
    assert (caught.value.retry_after, caught.value.attempts, len(server.requests)) == (300, 1, 1)


# --- what an uncertain attempt leaves open -------------------------------------------------------------

GONE = reply(404, b"Resource object does not exist.", type=PLAIN)
USED_UP = (("RateLimit-Remaining", "0"), ("RateLimit-Reset", "0.05"))
LOST = {
    "503": reply(503),
    "500 in HTML": reply(500, b"<h1>x</h1>", type="text/html"),
    "503 that uses up the limit": reply(503, b"", *USED_UP),
    "a dropped connection": drop,
    "half a reply": then_close(b'HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{"data'),
    "no reply": hang,
}


@pytest.mark.parametrize("lost", LOST)
async def test_a_404_after_a_lost_answer_proves_nothing(raw_server, lost):
    """The event may be cancelled, or its id may be wrong: the 404 is raised, outcome unknown."""
    server = await raw_server(LOST[lost], GONE)
    async with client(server, timeout=0.2) as c:
        with pytest.raises(NotFoundError) as caught:
            await c.cancel_event(1, 2, "x")
    assert (caught.value.outcome_unknown, caught.value.attempts, len(server.requests)) == (True, 2, 2)


@pytest.mark.parametrize("before", [None, reply(429, b"", ("Retry-After", "0"))])
async def test_a_404_without_a_lost_answer_is_certain(raw_server, before):
    """A request that was refused at the gate took no effect."""
    server = await raw_server(*([before] if before else []), GONE)
    async with client(server) as c:
        with pytest.raises(NotFoundError) as caught:
            await c.cancel_event(1, 2, "x")
    assert caught.value.outcome_unknown is False


@pytest.mark.parametrize(
    ("step", "kind"), [(hang, RequestTimeoutError), (drop, ConnectionFailedError), (reply(503), ServerError)]
)
async def test_attempts_used_up_leave_the_outcome_open(raw_server, step, kind):
    """The last error comes out, outcome unknown, after max_attempts requests."""
    server = await raw_server(step)
    policy = RetryPolicy(max_attempts=2, initial_wait=0)
    async with client(server, timeout=0.2, retry=policy) as c:
        with pytest.raises(kind) as caught:
            await c.cancel_event(1, 2, "x")
    assert (caught.value.outcome_unknown, caught.value.attempts, len(server.requests)) == (True, 2, 2)


async def test_a_refused_connection_was_never_sent():
    """Nobody listens: nothing can have been cancelled."""
    async with MeetBitClient(base_url=f"http://127.0.0.1:{unused_port()}", **KEYS, retry=ONCE) as c:
        with pytest.raises(TransportError) as caught:
            await c.cancel_event(1, 2, "x")
    assert caught.value.outcome_unknown is False


async def test_a_lost_answer_followed_by_a_good_one_is_a_cancelled_event(raw_server):
    """An attempt that failed on the way does not cost the result."""
    server = await raw_server(reply(503), drop, GOOD)
    async with client(server) as c:
        assert (await c.cancel_event(1, 2, "x")).event.id == 2
    assert len(server.requests) == 3
