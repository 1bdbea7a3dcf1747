"""The raw reply of a call, and its body as JSON. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from json import JSONDecoder, dumps

import attrs
from multidict import istr

from .quick_json import quickly
from .retry import is_retried
from .secrets import clean_text
from .waits import asked_wait, wait_in

_REQUEST_IDS = tuple(map(istr, ("x-request-id", "x-amzn-requestid", "apigw-requestid")))

_TELLING = 4096
"""Bytes above which the body of an error is not searched for a wait."""


def _as_it_is(text: str) -> str:
    return text


# Never changed after it was made; not frozen for the reason that Request is not.
@attrs.define(eq=False)
class Reply:
    """The response to one request."""

    status: int
    # Not in the repr: a server may echo the credential in any of these.
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    scrub: Callable[[str], str] = attrs.field(default=_as_it_is, repr=False)
    """Removes the credentials from a text for people."""
    redact: Callable[[str], str] = attrs.field(default=_as_it_is, repr=False)
    """Redacts long credentials from response data (short ones could match ordinary text)."""
    is_final: bool = attrs.field(default=False, repr=False)
    """Whether its request must not be sent again, whatever the status."""

    @property
    def retry(self) -> bool:
        """Whether another attempt makes sense, by the table in :mod:`meetstream_async._http.retry`."""
        return not self.is_final and is_retried(self.status)

    @property
    def retry_after(self) -> float | None:
        """Seconds."""
        told = asked_wait(self.headers)
        return self.retry_after_in_body if told is None else told

    @property
    def retry_after_in_body(self) -> float | None:
        """Seconds that the body of a 429 or 503 asks to wait, where no header does."""
        may_tell = self.status in (429, 503) and len(self.body) <= _TELLING
        return wait_in(self.json()) if may_tell and asked_wait(self.headers) is None else None

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def request_id(self) -> str | None:
        for name in _REQUEST_IDS:
            value = self.headers.get(name)
            if value:
                # Nearly every id is plain, and cleaning it takes as long as a tenth of a request.
                plain = len(value) <= 200 and value.isascii() and value.isprintable() and " " not in value
                return self.scrub(value) if plain else clean_text(value, 200, self.scrub)
        return None

    def json(self) -> object:
        """The body's JSON value, or UNREADABLE. See ``is_damaged``."""
        return parse_json(self.body, self.redact)

    @property
    def is_damaged(self) -> bool:
        """Whether bytes of the body are not UTF-8, such as a name that was cut inside a character.

        They read as U+FFFD then, so that one bad value does not cost the others.
        """
        if self.body.isascii():
            return False
        try:
            self.body.decode()
        except UnicodeDecodeError:
            return True
        return False


# NaN and the infinities are not valid JSON, but a listing with one in an attribute is still useful.
_decoder = JSONDecoder(parse_constant=lambda _: None)


_SPACE = " \t\r\n"
"""Characters that may surround a JSON value."""

UNREADABLE = object()


def parse_json(body: bytes, redact: Callable[[str], str] = _as_it_is) -> object:
    """The JSON value, or UNREADABLE if the body is not valid JSON, for whatever reason."""
    # Returned instead of raised: json's own exception holds the whole body, and would remain as the context
    # of ours.
    try:
        text = redact(body.decode("utf-8-sig" if body[:1] == b"\xef" else "utf-8", "replace").strip(_SPACE))
        is_read, value = quickly(text, body)
        if not is_read:
            value, end = _decoder.raw_decode(text)
            if end != len(text):
                return UNREADABLE
        # Searching for one character is ten times as fast as for two.
        if (
            "\\" in text
            and "\\u" in text
            and (plain := dumps(value, ensure_ascii=False)) != (redacted := redact(plain))
        ):
            # An echoed credential had been escaped.
            value = _decoder.decode(redacted)
        return value
    except (ValueError, RecursionError):
        return UNREADABLE


def json_type(value: object) -> str:
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "an array"}
    return "null" if value is None else kinds.get(type(value), "an object")
