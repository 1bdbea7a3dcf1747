"""The reply of a call as it came, and its body as JSON. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from json import JSONDecoder

import attrs

from .safety import clean_text


def _as_it_is(text: str) -> str:
    return text


@attrs.frozen
class Reply:
    """The last response of a call, and what is known of the attempts before it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)
    attempts: int = 1
    uncertain: bool = False
    """An earlier attempt of this call may have taken effect."""
    retry: bool = False
    """Worth another attempt, by the table of :mod:`meetstream_async.retry`."""
    retry_after: float | None = None
    """Seconds."""
    scrub: Callable[[str], str] = attrs.field(default=_as_it_is, repr=False)
    """Takes the credentials out of a text."""

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def request_id(self) -> str | None:
        for name in ("x-request-id", "x-amzn-requestid", "apigw-requestid"):
            value = self.headers.get(name)
            if value:
                return self.scrub(clean_text(value, 200))
        return None


# NaN and the infinities are no JSON; a listing that holds one in some attribute is still worth reading.
_decoder = JSONDecoder(parse_constant=lambda _: None)


UNREADABLE = object()


def parse_json(body: bytes) -> object:
    """The JSON value, or UNREADABLE for whatever is none, however it is broken."""
    # A value, not an exception: json's own error holds the whole body, and would stay as the context
    # of ours.
    try:
        return _decoder.decode(body.decode("utf-8-sig" if body[:1] == b"\xef" else "utf-8"))
    except (ValueError, RecursionError):
        return UNREADABLE


def json_type(value: object) -> str:
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "an array"}
    return "null" if value is None else kinds.get(type(value), "an object")
