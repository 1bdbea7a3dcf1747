"""What the server needs from an API, and the answers that come from the gateway in front of it."""

import json
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

from attrs import field, frozen

from .trouble import RequestRecord

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
    """A whole answer: status, body, content type and further headers."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(factory=dict, hash=False)


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
    """What a rate limit makes of an arrival: its refusal, if any, and headers for whatever the answer is."""

    refusal: Answer | None = None
    headers: Mapping[str, str] = field(factory=dict, hash=False)


class Api(Protocol):
    """One API on the server: its routes and its wire format."""

    @property
    def prefix(self) -> tuple[str, ...]:
        """The decoded path segments that all its routes start with."""

    @property
    def route_names(self) -> frozenset[str]:
        """The names that a trouble may give as its route."""

    def match(self, segments: tuple[str, ...]) -> Route | None:
        """The route of a path below the prefix."""

    def meter(self, headers: Mapping[str, str], at: float) -> Metered:
        """Count an arrival at `at` (monotonic seconds) against the API's rate limit."""

    def refuse(self, headers: Mapping[str, str]) -> Answer | None:
        """The answer to a request without the right credential."""

    def note(self, record: RequestRecord) -> None:
        """Book a request that matched a route, whatever becomes of it."""

    def answer(self, record: RequestRecord, now: datetime, bad_rows: int) -> Answer:
        """Do what an authorized request asks for, and answer it."""

    def error(self, route: str | None, status: int) -> Answer:
        """This API's own words for a status; without a route for a path that is none."""


def json_answer(status: int, value: Any) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(value).encode())


def gateway_error(status: int) -> Answer:
    """A gateway's words for a status."""
    return json_answer(status, {"message": _GATEWAY_WORDS.get(status) or phrase(status)})


def missing_route(status: int) -> Answer:
    """A gateway's answer for a route that does not exist: 404, 405, or 403 in AWS's own wording."""
    return (
        json_answer(403, {"message": "Missing Authentication Token"})
        if status == 403
        else gateway_error(status)
    )


def html_page(status: int) -> Answer:
    """The page that a proxy puts in front of an API that is away."""
    title = f"{status} {phrase(status)}"
    page = f"<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n"
    return Answer(status, page.encode(), "text/html; charset=utf-8")


def phrase(status: int) -> str:
    """The standard reason phrase, "Unknown" where there is none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
