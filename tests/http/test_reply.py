"""A reply's status, request id and JSON."""

from __future__ import annotations

import json

import pytest

from meetstream_async._http.reply import UNREADABLE, Reply, json_type, parse_json


@pytest.mark.parametrize(
    ("status", "succeeded"), [(199, False), (200, True), (204, True), (299, True), (300, False), (500, False)]
)
def test_a_2xx_is_a_success(status: int, succeeded: bool) -> None:
    """And nothing else."""
    assert Reply(status, {}).succeeded is succeeded


@pytest.mark.parametrize("name", ["x-request-id", "x-amzn-requestid", "apigw-requestid"])
def test_the_request_id_is_read_from_every_gateway_s_header(name: str) -> None:
    """Without secrets, and at most 200 characters of it."""
    assert Reply(200, {name: "abc"}, scrub=lambda text: text.replace("b", "*")).request_id == "a*c"
    assert len(Reply(200, {name: "x" * 300}).request_id or "") <= 200
    assert Reply(200, {name: ""}).request_id is Reply(200, {}).request_id is None


def test_a_reply_shows_neither_headers_nor_body() -> None:
    """A server may echo the credential."""
    shown = repr(Reply(200, {"x": "sk_secret"}, b"sk_secret", str.upper, str.lower))
    assert shown == "Reply(status=200)"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b' \t\r\n{"a": 1}\n ', {"a": 1}),
        (b"\xef\xbb\xbf[1]", [1]),
        ('"é"'.encode(), "é"),
        (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": None}),
        (b"null", None),
        (b"", UNREADABLE),
        (b"{} {}", UNREADABLE),
        (b"{", UNREADABLE),
        (b"\xff", UNREADABLE),
        (b"\x0c1", UNREADABLE),
        (b"[" * 100_000, UNREADABLE),
    ],
)
def test_json_is_read_whole_or_not_at_all(body: bytes, value: object) -> None:
    """With or without a byte order mark; NaN reads as null."""
    assert parse_json(body) == value


@pytest.mark.parametrize("escaped", [False, True])
def test_an_echoed_credential_is_blotted_however_it_is_written(escaped: bool) -> None:
    """Escapes hide it from a search in the text."""
    body = b'{"a": "k\\u0065y"}' if escaped else b'{"a": "key"}'
    assert parse_json(body, lambda text: text.replace("key", "***")) == {"a": "***"}


def test_escapes_that_hide_nothing_stay_what_they_are() -> None:
    """Backslashes, quotes and other characters arrive unchanged."""
    value = {"a": 'é "\\" \\u \n'}
    assert parse_json(json.dumps(value).encode(), lambda text: text.replace("key", "***")) == value


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        ("x", "a string"),
        (True, "a boolean"),
        (1, "a number"),
        (1.5, "a number"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_a_value_is_called_by_its_json_type(value: object, name: str) -> None:
    """Not by Python's."""
    assert json_type(value) == name
