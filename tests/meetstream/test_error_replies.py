"""Every dialect of an error is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetstream_async import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    EventNotFoundError,
    EventNotScheduledError,
    InvalidFromDateError,
    MasterEventNotFoundError,
    MeetStreamError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UserNotFoundError,
)
from meetstream_async._http.call import ONE_ATTEMPT, Context
from meetstream_async.meetstream._replies import meetstream_error
from tests.helpers.replies import reply_of, unscheduled
from tests.helpers.strategies import json_values

NOT_FOUND = {"message": "Event not found"}


def test_an_event_that_is_not_found_is_named() -> None:
    """The error says which id was tried, since the provider's id is easily taken for MeetStream's."""
    with pytest.raises(EventNotFoundError, match="evt_1"):
        unscheduled(NOT_FOUND, 404)


# --- refusals ------------------------------------------------------------------------------------------

DIALECTS: dict[str, Callable[[str, int], bytes]] = {
    "message": lambda text, _: json.dumps({"message": text}).encode(),
    "error": lambda text, _: json.dumps({"error": text}).encode(),
    "error and status": lambda text, status: json.dumps({"error": text, "status_code": status}).encode(),
    "detail": lambda text, _: json.dumps({"detail": text}).encode(),
    "nested": lambda text, _: json.dumps({"error": {"message": text}}).encode(),
    "plain text": lambda text, _: text.encode(),
    "HTML title": lambda text, _: f"<html><title>{text}</title><body></body></html>".encode(),
    "HTML title and body": lambda text, _: (
        f"<html><head><style>p {{}}</style></head><body><p>{text}</p></body></html>".encode()
    ),
    "HTML body": lambda text, _: f"<html><script>x()</script><h1>{text}</h1></html>".encode(),
}
DOCUMENTED = [
    (400, "Event not scheduled", EventNotScheduledError),
    (400, "Invalid from_date format", InvalidFromDateError),
    (400, "Master event ID not found", MasterEventNotFoundError),
    (400, "Invalid limit parameter (must be between 1 and 100).", BadRequestError),
    (401, "Missing user_id in token or invalid authentication.", AuthenticationError),
    (404, "Event not found", EventNotFoundError),
    (404, "User not found", UserNotFoundError),
    (500, "An error occurred while unscheduling the bot.", ServerError),
    (500, "An error occurred while fetching scheduled bots.", ServerError),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("status", "text", "kind"), DOCUMENTED)
def test_each_documented_error_is_its_class_in_every_dialect(
    dialect: str, status: int, text: str, kind: type[ApiError]
) -> None:
    """Status and text decide the class, whatever the format of the body; the text is kept."""
    error = meetstream_error(reply_of(DIALECTS[dialect](text, status), status), ONE_ATTEMPT)
    assert type(error) is kind
    assert (error.status, error.message) == (status, text)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (504, b'{"message": "Endpoint request timed out"}', ServerError, "Endpoint request timed out"),
        (403, b'{"Message": "User is not authorized"}', PermissionDeniedError, "User is not authorized"),
        (422, b'{"detail": [{"msg": "bad limit"}]}', BadRequestError, "bad limit"),
        (429, b"Too many requests.", RateLimitError, "Too many requests."),
        (400, b'{"message": "EVENT NOT SCHEDULED!"}', EventNotScheduledError, "EVENT NOT SCHEDULED!"),
        (404, b'{"message": "Event not scheduled"}', NotFoundError, "Event not scheduled"),
        (400, b'{"message": "Event not found"}', BadRequestError, "Event not found"),
        (418, b"", ApiError, "I'm a Teapot"),
        (500, b"", ServerError, "Internal Server Error"),
        (599, b"null", ServerError, "no text"),
        (404, b"{}", NotFoundError, "Not Found"),
        (502, b"<html><h1>502</h1><p>Bad &amp; slow</p>", ServerError, "502 Bad & slow"),
        (502, b"\xff\xfe\x00", ServerError, "\ufffd\ufffd"),
        (500, b'{"message": "a\\u0000b\\u202ec\\ud800d\\n"}', ServerError, "abcd"),
        (500, b'{"message": 5, "error": null, "detail": "x"}', ServerError, "x"),
        (301, b"", ApiError, "Moved Permanently"),
    ],
)
def test_any_other_refusal_is_read_as_well(
    status: int, body: bytes, kind: type[ApiError], message: str
) -> None:
    """Gateway text, odd JSON, no body and garbage become an error of the status, with a clean text."""
    error = meetstream_error(reply_of(body, status), ONE_ATTEMPT)
    assert type(error) is kind
    assert error.message.casefold() == message.casefold()


@pytest.mark.parametrize("name", ["x-request-id", "x-amzn-requestid", "apigw-requestid"])
def test_a_refusal_keeps_request_id_wait_and_field_complaints(name: str) -> None:
    """The error carries what callers and support need to know about a refusal."""
    body = {"message": "Invalid", "errors": {"cancel_note": ["is required", 5], "x": "odd", "y": None}}
    reply = reply_of(body, 422, headers={name: "req\x1b-1", "Retry-After": "3"})
    error = meetstream_error(reply, Context(attempts=2))
    assert (error.request_id, error.retry_after, error.attempts) == ("req-1", 3.0, 2)
    assert error.errors == {"cancel_note": ("is required",), "x": ("odd",), "y": ()}


def test_a_redirect_says_what_to_check() -> None:
    """A 3xx is an ApiError that points at base_url."""
    assert "base_url" in str(meetstream_error(reply_of(b"", 307), ONE_ATTEMPT))


@pytest.mark.parametrize("opening", [b'{"error":', b"["])
def test_an_error_body_of_any_depth_is_an_api_error(opening: bytes) -> None:
    """Deep nesting that the parser accepts does not crash a recursive reader."""
    closing = b"}" if opening[:1] == b"{" else b"]"
    for depth in [*range(0, 1200, 10), 5000, 100_000]:
        body = opening * depth + b'"deep"' + closing * depth
        assert meetstream_error(reply_of(body, 500), ONE_ATTEMPT).status == 500


@given(json_values, st.sampled_from([301, 400, 401, 403, 404, 405, 409, 422, 429, 500, 503]))
def test_any_error_body_is_an_api_error(body: Any, status: int) -> None:
    """No refusal raises anything else, and its text is short and clean."""
    error: MeetStreamError = meetstream_error(reply_of(json.dumps(body).encode(), status), ONE_ATTEMPT)
    assert isinstance(error, ApiError)
    assert 0 < len(error.message) <= 500
    assert error.message.encode()
