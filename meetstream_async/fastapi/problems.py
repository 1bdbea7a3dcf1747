"""Errors as problem documents (RFC 9457): what a caller may know, and nothing of key or upstream body."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from .. import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    BulkError,
    ClientSetupError,
    ConfigurationError,
    EventNotFoundError,
    EventNotScheduledError,
    InvalidFromDateError,
    MasterEventNotFoundError,
    MeetStreamError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
)

_log = logging.getLogger("meetstream_async.fastapi")

MEDIA_TYPE = "application/problem+json"
_PAUSE = 5
"""Seconds after which to come back where the upstream names none."""
_LONGEST_PAUSE = 86_400
_MOST_ERRORS = 100
"""In one document; a body of wrong values would be answered with many times its size."""

_OURS = ("upstream_credentials", "misconfigured")
"""What only the operator of the service can mend."""
_REFUSED = "The calendar API refused this service's credentials."
_TABLE: tuple[tuple[type[MeetStreamError], int, str, str], ...] = (
    (ClientSetupError, 500, "misconfigured", "This service is not set up to call the calendar API."),
    (ConfigurationError, 422, "invalid_argument", ""),
    (AuthenticationError, 502, "upstream_credentials", _REFUSED),
    (PermissionDeniedError, 502, "upstream_credentials", _REFUSED),
    (EventNotFoundError, 404, "event_not_found", "The calendar API does not find the event."),
    (NotFoundError, 404, "not_found", "The calendar API does not find what was asked for."),
    (EventNotScheduledError, 422, "event_not_scheduled", "No bot is scheduled for the event."),
    (InvalidFromDateError, 422, "invalid_from_date", "The calendar API did not accept from_date."),
    (MasterEventNotFoundError, 422, "not_recurring", "The event is not part of a recurring series."),
    (BadRequestError, 422, "upstream_refused", "The calendar API did not accept the request."),
    (RateLimitError, 503, "rate_limited", "The calendar API asks for a pause."),
    (RequestTimeoutError, 504, "upstream_timeout", "The calendar API did not answer in time."),
    (BulkError, 502, "bulk_incomplete", "Not everything that was asked for is done."),
    (MeetStreamError, 502, "upstream_failure", "The calendar API failed."),
)
"""What becomes of an error; the first row that fits. A ConfigurationError's text is our own and is shown."""


class FieldProblem(BaseModel):
    """What is wrong with one value of a request."""

    place: list[str | int] = Field(description="Where the value stands, such as `body`, `filter`, `before`.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = Field(default="about:blank", description="`about:blank`: `status` and `code` say what it is.")
    title: str = Field(description="The name of the status.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, for a person.")
    code: str = Field(description="What happened, for a program.")
    outcome_unknown: bool = Field(
        default=False, description="Whether the request may have taken effect all the same."
    )
    errors: list[FieldProblem] = Field(
        default=[], description=f"What is wrong with the request, by value; at most {_MOST_ERRORS}."
    )


class ValidationError(BaseModel):
    """One error of FastAPI's own answer to a request that does not fit the route."""

    loc: list[str | int]
    msg: str
    type: str


class HTTPValidationError(BaseModel):
    """FastAPI's own answer; the name and fields of the component are those that FastAPI gives it."""

    detail: list[ValidationError]


class ProblemError(Exception):
    """A problem that a route raises by itself."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after: float | None = None,
        outcome_unknown: bool = False,
        errors: list[FieldProblem] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            outcome_unknown=outcome_unknown,
            errors=errors or [],
        )
        self.retry_after = retry_after

    def response(self) -> JSONResponse:
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(_whole_seconds(self.retry_after))
        return JSONResponse(
            self.problem.model_dump(mode="json"), self.problem.status, headers, media_type=MEDIA_TYPE
        )


def add_error_handlers(app: FastAPI) -> None:
    """Answer this library's errors with problem documents, on every route of the application.

    The key and the text of the upstream are in none of them. The causes are in the log, at error level where
    the service itself is misconfigured, and the upstream's text at debug level. Validation errors of
    FastAPI's own stay as they are.
    """

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return as_problem(error).response()

    app.add_exception_handler(MeetStreamError, answer)
    app.add_exception_handler(ProblemError, answer)


def as_problem(error: Exception) -> ProblemError:
    """The problem that stands for an error. Raises any other error than ours as it is."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, RequestValidationError):
        return ProblemError(
            422,
            "invalid_request",
            "The request is not valid.",
            # Without the values themselves, which would echo whatever was sent.
            errors=[
                FieldProblem(place=list(at["loc"]), message=at["msg"]) for at in error.errors()[:_MOST_ERRORS]
            ],
        )
    if not isinstance(error, MeetStreamError):
        raise error
    _, status, code, detail = next(row for row in _TABLE if isinstance(error, row[0]))
    if isinstance(error, ApiError) and error.status in (408, 504):
        status, code, detail = 504, "upstream_timeout", "The calendar API did not answer in time."
    if status >= 500:
        level = logging.ERROR if code in _OURS else logging.WARNING
        _log.log(level, "answered with %d: %s", status, _named(error))
        _log.debug("the error in full: %s: %s", type(error).__name__, error)
    pause = error.retry_after or _PAUSE if isinstance(error, RateLimitError) else None
    return ProblemError(
        status, code, detail or error.message, retry_after=pause, outcome_unknown=error.outcome_unknown
    )


def _named(error: MeetStreamError) -> str:
    """The error for the log, without the upstream's own words."""
    if not isinstance(error, ApiError):
        return f"{type(error).__name__}: {error}"
    named = f", request id {error.request_id}" if error.request_id else ""
    return f"{type(error).__name__}: {error.status} of the calendar API{named}"


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI has to say about these statuses, for ``responses=`` of a route or an application.

    Without arguments: every status that ``add_error_handlers`` answers with. FastAPI answers with 422, too,
    where a request does not fit the route, in its own shape.
    """
    described = router_problems(*(statuses or sorted({row[1] for row in _TABLE})))
    if 422 in described:
        # The same under both media types, because generated clients read an answer by the first one.
        described[422]["model"] = Problem | HTTPValidationError
        described[422]["content"]["application/json"] = {}
    return described


def router_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for our own routes, whose validation errors are problem documents as well."""
    return {status: _described(status) for status in statuses}


class _ProblemContent(dict[str, Any]):
    """The ``content`` of a response, which FastAPI fills in with the schema of the response's ``model``.

    FastAPI makes a component of a ``model``, but describes it under the media type of the route's own
    answers. This one puts it under the media types in which errors are sent.
    """

    def setdefault(self, key: str, default: Any = None) -> Any:
        # A fresh one: routes may share this content, and FastAPI adds to what it finds.
        described: dict[str, Any] = {}
        self.update(dict.fromkeys(self, described))
        return described


def _described(status: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "model": Problem,
        "description": HTTPStatus(status).phrase,
        "content": _ProblemContent({MEDIA_TYPE: {}}),
    }
    if status in (429, 503):
        described["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return described


def _whole_seconds(seconds: float) -> int:
    return math.ceil(min(max(seconds, 1.0), _LONGEST_PAUSE))
