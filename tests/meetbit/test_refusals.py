"""What a refusal of MeetBit means, and what an uncertain attempt leaves open."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetstream_async import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    MeetBitClient,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    TransportError,
)
from tests.helpers.meetbit import GOOD, KEYS, ONCE, PLAIN, SECRET, client, free, meetbit, pairs, read_answer
from tests.helpers.raw_server import drop, hang, reply, then_close, unused_port
from tests.helpers.strategies import json_values


@given(json_values | st.fixed_dictionaries({"errors": json_values, "message": json_values}))
def test_any_error_body_is_an_api_error(body):
    """Whatever is complained about, and however."""
    error = read_answer(json.dumps(body).encode(), 422)
    assert isinstance(error, BadRequestError)
    assert 0 < len(error.message) <= 500
    assert all(isinstance(text, str) for texts in error.errors.values() for text in texts)


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
    async with client(server, timeout=0.2 if lost == "no reply" else 10) as c:
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
    async with client(server, timeout=0.2 if step is hang else 10, retry=policy) as c:
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
