"""Which error a refusing reply becomes, and what the error says of the route and the key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meetstream_async import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    EventNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UserNotFoundError,
)
from meetstream_async._http.api_errors import api_error, route_is_missing, why_no_other_can_succeed
from meetstream_async._http.call import Context
from meetstream_async._http.reply import Reply


def _error(
    status: int, body: object = b"", *, uncertain: bool = False, effect: bool = True, **rest: Any
) -> ApiError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    context = Context(attempts=3, uncertain=uncertain, hint="of the call")
    return api_error(Reply(status, {}, raw), context, {(400, "gone"): NotFoundError}, effect=effect, **rest)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, ApiError),
        (400, BadRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, ApiError),
        (422, BadRequestError),
        (429, RateLimitError),
        (499, ApiError),
        (500, ServerError),
        (599, ServerError),
    ],
)
def test_the_status_names_the_class(status: int, kind: type[ApiError]) -> None:
    """With the status, and how often it was asked."""
    error = _error(status)
    assert type(error) is kind
    assert (error.status, error.attempts) == (status, 3)


def test_words_of_the_message_name_a_class_of_their_own() -> None:
    """In any case of letters, and for their own status only."""
    assert type(_error(400, {"message": "It is GONE."})) is NotFoundError
    assert type(_error(422, {"message": "It is gone."})) is BadRequestError
    assert type(_error(400, {"message": "It is there."})) is BadRequestError


@pytest.mark.parametrize(
    ("status", "uncertain", "effect", "unknown"),
    [
        (400, False, True, False),
        (400, True, True, True),
        (499, False, True, False),
        (500, False, True, True),
        (500, False, False, False),
        (400, True, False, False),
    ],
)
def test_the_outcome_is_unknown_after_a_lost_answer_or_a_broken_server(
    status: int, uncertain: bool, effect: bool, unknown: bool
) -> None:
    """But not for a request that changes nothing."""
    assert _error(status, uncertain=uncertain, effect=effect).outcome_unknown is unknown


@pytest.mark.parametrize(
    ("status", "hint"), [(299, "own"), (300, "redirect"), (399, "redirect"), (400, "own"), (404, "own")]
)
def test_the_advice_is_the_endpoint_s_own_but_for_a_redirect(status: int, hint: str) -> None:
    """A redirect means a wrong base_url, whatever was asked."""
    assert hint in (_error(status, hint=lambda *_: "own").hint or "")


def test_without_advice_of_the_endpoint_that_of_the_call_stands() -> None:
    """An endpoint may have nothing to say."""
    assert _error(400).hint == _error(400, hint=lambda *_: None).hint == "of the call"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": "m", "error": "e"}, "m"),
        ({"Message": "M"}, "M"),
        ({"error": {"detail": "d"}}, "d"),
        ({"msg": "g"}, "g"),
        ({"message": "", "detail": "d"}, "d"),
        ("bare", "bare"),
        (["a", {"msg": "b"}, 7, None], "a; b"),
        ([], "Bad Request"),
        (7, "Bad Request"),
        ([str(n) for n in range(30)], "; ".join(str(n) for n in range(20))),
        (b"plain", "plain"),
        (b"", "Bad Request"),
        (b"<style>p { }</style><p>not &lt;here&gt;</p>", "not <here>"),
        (b"<SCRIPT>x\ny</SCRIPT >text", "text"),
        (b"<" + b"x" * 4090 + b">soon", "soon"),
        (b"<" + b"x" * 4091 + b">late", "lat"),
        ({"error": {"error": {"error": {"error": {"error": {"error": "six deep"}}}}}}, "six deep"),
    ],
)
def test_the_message_is_found_in_every_dialect(body: object, message: str) -> None:
    """Else it is the phrase of the status."""
    assert _error(400, body).message == message


def test_a_text_too_deep_is_not_looked_for() -> None:
    """A body nested without end costs nothing."""
    body: object = {"message": "too deep"}
    for _ in range(7):
        body = {"error": body}
    assert _error(400, body).message == "Bad Request"


def test_an_unheard_of_status_has_no_phrase() -> None:
    """And is no crash."""
    assert _error(599).message == "no text"


def test_complaints_by_field_are_kept() -> None:
    """Texts only, twenty of twenty fields at most."""
    errors = {"a": "one", "b": ["two", 3, "four"], "c": 5, **{f"f{n}": ["x"] * 30 for n in range(30)}}
    found = _error(422, {"message": "m", "errors": errors}).errors
    assert (found["a"], found["b"], found["c"]) == (("one",), ("two", "four"), ())
    assert (len(found), len(found["f0"])) == (20, 20)
    assert _error(422, {"errors": ["x"]}).errors == {}


ROUTES = [
    (NotFoundError("no", status=404), True),
    (EventNotFoundError("no", status=404), False),
    (UserNotFoundError("no", status=404), False),
    (NotFoundError("Bot not found", status=404), False),
    (ApiError("no", status=405), True),
    (BadRequestError("no", status=400), False),
    (BadRequestError("Missing Authentication Token", status=400), False),
    (PermissionDeniedError("no", status=403), False),
    (PermissionDeniedError("Missing Authentication Token", status=403), True),
]


@pytest.mark.parametrize(("error", "missing"), ROUTES)
def test_a_missing_route_is_told_from_a_missing_event(error: ApiError, missing: bool) -> None:
    """A gateway answers 404, 405, or 403 with a text of its own."""
    assert route_is_missing(error) is missing


@pytest.mark.parametrize(
    ("status", "message", "accepted", "rejected"),
    [
        (401, "no", False, True),
        (401, "no", True, True),
        (403, "no", False, True),
        (403, "no", True, False),
        (403, "Your API key is revoked", True, True),
        (403, "The token may not delete this bot", True, True),
        (403, "This bot belongs to another team", False, False),
        (401, "not yours", False, False),
        (403, "Forbidden", False, False),
        (403, "FORBIDDEN.", False, False),
        (403, "Forbidden for you", False, True),
        (403, "Missing Authentication Token", False, False),
        (401, "rate limit of this key", False, False),
        (403, "too many requests", False, False),
        (403, "key quota exceeded", False, False),
        (403, "key throttled", False, False),
        (404, "unknown key", False, False),
        (403, "<html>key", False, False),
        (403, " <!DOCTYPE html>key", False, False),
    ],
)
def test_a_rejected_key_is_told_from_what_says_nothing_of_it(
    status: int, message: str, accepted: bool, rejected: bool
) -> None:
    """By the API's own words, not a firewall's; a key that was accepted before needs to be named."""
    context = Context(attempts=1, key_accepted=accepted)
    error = api_error(Reply(status, {}, message.encode()), context, {}, effect=True)
    assert error.key_rejected is rejected


@pytest.mark.parametrize(
    "kind", ["text/html; charset=utf-8", " TEXT/HTML", "application/xhtml+xml", "application/xml", "text/xml"]
)
def test_a_page_is_known_by_its_type_as_well(kind: str) -> None:
    """It comes from something before the API."""
    reply = Reply(401, {"Content-Type": kind}, b"unknown key")
    assert not api_error(reply, Context(attempts=1), {}, effect=True).key_rejected


def test_a_refusal_before_the_api_is_one_of_access_that_says_nothing_of_the_key() -> None:
    """Other errors are the item's own."""
    page = [_error(status, b"<html>no") for status in (401, 403)]
    others = [_error(401, {"message": "bad key"}), _error(404), _error(400), _error(500)]
    assert [error.refused_in_front for error in page + others] == [True] * 2 + [False] * 4


_JSON, _TEXT = "application/json", "Text/Plain; charset=utf-8"


@pytest.mark.parametrize(
    ("kind", "says", "one_bot", "whose"),
    [
        (_JSON, "This bot belongs to another team", False, "not yours"),
        (_TEXT, "You are not the owner of this event", False, "not yours"),
        (_JSON, "You may not delete this bot", True, "not yours"),
        (_JSON, "You may not delete this bot", False, "in front"),
        (_TEXT, "You may not delete this bot", True, "in front"),
        (_JSON, "The bot manager blocked you", True, "in front"),
        (_JSON, "Request blocked", False, "in front"),
        (_TEXT, "Access denied", False, "in front"),
        (_JSON, "Access denied", False, "key"),
        (_TEXT, "No such api_key", False, "key"),
        ("application/xml", "This bot belongs to another team", True, "in front"),
    ],
)
def test_a_403_is_one_word_of_three(kind: str, says: str, one_bot: bool, whose: str) -> None:
    """On the key, on the one bot or event, or that of something in front of the API."""
    reply = Reply(403, {"Content-Type": kind}, says.encode())
    error = api_error(reply, Context(attempts=1), {}, effect=True, one_bot=one_bot)
    told = {"key": error.key_rejected, "not yours": error.not_yours, "in front": error.refused_in_front}
    assert [name for name, is_so in told.items() if is_so] == [whose]


def test_only_what_concerns_every_request_ends_a_run() -> None:
    """With whose word it is."""
    assert why_no_other_can_succeed(_error(404)) is None
    assert why_no_other_can_succeed(ConnectionFailedError("reset")) is None
    assert why_no_other_can_succeed(_error(403, {"message": "Not yours"})) is None
    reasons = [
        why_no_other_can_succeed(error)
        for error in (
            ConnectionFailedError("no tunnel", permanent=True),
            _error(401, {"message": "bad key"}),
            _error(403, b"<p>no"),
        )
    ]
    assert reasons[0] == "no usable connection: no tunnel"
    assert str(reasons[1]).startswith("the API rejects the key: 401 bad key")
    assert str(reasons[2]).startswith(
        "something before the API refuses, which says nothing about the key: 403"
    )
