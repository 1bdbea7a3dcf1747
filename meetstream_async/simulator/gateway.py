"""What the server needs from an API, and the responses of the gateway in front of it."""

import json
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

from attrs import field, frozen

from .trouble import RequestRecord, Trouble

_GATEWAY_WORDS = {
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal server error",
    502: "Internal server error",
    503: "Endpoint request timed out",
    504: "Endpoint request timed out",
}


@frozen
class Answer:
    """A complete response: status, body, content type and additional headers.

    text, more: of a refusal in the API's own words, which its dialect may put into another body: the words,
        and further fields.
    """

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(factory=dict, hash=False)
    text: str | None = None
    more: Mapping[str, Any] = field(factory=dict, hash=False)


@frozen(kw_only=True)
class Route:
    """A matched path: the route's name, the method it takes, and the ids in the path."""

    name: str
    method: str
    event_id: str | None = None
    bot_id: str | None = None
    calendar_id: int | None = None
    calendar_event_id: int | None = None


@frozen
class Metered:
    """A rate limit's decision on an arrival: the refusal, if any, and headers for any response."""

    refusal: Answer | None = None
    headers: Mapping[str, str] = field(factory=dict, hash=False)


class Api(Protocol):
    """One API on the server: its routes and its wire format."""

    @property
    def prefix(self) -> tuple[str, ...]:
        """The decoded path segments that all its routes start with."""

    @property
    def route_names(self) -> frozenset[str]:
        """The valid values of a trouble's `route`."""

    def match(self, segments: tuple[str, ...]) -> Mapping[str, Route]:
        """The routes of a path below the prefix, by the method that each takes."""

    def meter(self, headers: Mapping[str, str], at: float) -> Metered:
        """Count an arrival at `at` (monotonic seconds) against the API's rate limit."""

    def refuse(self, headers: Mapping[str, str]) -> Answer | None:
        """The response to a request without the right credential."""

    def note(self, record: RequestRecord) -> None:
        """Record a request that matched a route, whatever its outcome."""

    def answer(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """Apply an authorized request and answer it; a trouble may change what the answer holds."""

    def error(self, route: str | None, status: int) -> Answer:
        """The API's own text for a status; `route` is None for an unknown path."""


def json_answer(status: int, value: Any) -> Answer:
    """A response with a JSON body."""
    return Answer(status, json.dumps(value).encode())


def gateway_error(status: int) -> Answer:
    """A gateway's response for a status."""
    return json_answer(status, {"message": _GATEWAY_WORDS.get(status) or phrase(status)})


def missing_route(status: int) -> Answer:
    """A gateway's response for a route that does not exist: 404, 405, or 403 in AWS's wording."""
    return (
        json_answer(403, {"message": "Missing Authentication Token"})
        if status == 403
        else gateway_error(status)
    )


def html_page(status: int) -> Answer:
    """The error page of a proxy whose API is unreachable."""
    title = f"{status} {phrase(status)}"
    page = f"<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n"
    return Answer(status, page.encode(), "text/html; charset=utf-8")


def phrase(status: int) -> str:
    """The standard reason phrase, or "Unknown"."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
