"""Errors as problem documents (RFC 9457), without the key and without the upstream's response body."""

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
    WebhookError,
)
from .._logs import log_fields

_log = logging.getLogger("meetstream_async.fastapi")

MEDIA_TYPE = "application/problem+json"
_PAUSE = 5
"""Retry-After, in seconds, if the upstream sent none."""
_LONGEST_PAUSE = 86_400
_MOST_ERRORS = 100
"""Maximum number of errors in one document; otherwise the response could be much larger than the request."""

_OURS = ("upstream_credentials", "misconfigured")
"""Codes of problems that only the operator of the service can fix."""
_REFUSED = "The calendar API refused this service's credentials."
_TABLE: tuple[tuple[type[MeetStreamError], int, str, str], ...] = (
    (ClientSetupError, 500, "misconfigured", "This service is not set up to call the calendar API."),
    (ConfigurationError, 422, "invalid_argument", ""),
    (AuthenticationError, 502, "upstream_credentials", _REFUSED),
    (PermissionDeniedError, 502, "upstream_credentials", _REFUSED),
    (EventNotFoundError, 404, "event_not_found", "The calendar API did not find the event."),
    (NotFoundError, 404, "not_found", "The calendar API did not find what was requested."),
    (EventNotScheduledError, 422, "event_not_scheduled", "No bot is scheduled for the event."),
    (InvalidFromDateError, 422, "invalid_from_date", "The calendar API did not accept from_date."),
    (MasterEventNotFoundError, 422, "not_recurring", "The event is not part of a recurring series."),
    (BadRequestError, 422, "upstream_refused", "The calendar API did not accept the request."),
    (RateLimitError, 503, "rate_limited", "The calendar API is rate limiting requests."),
    (RequestTimeoutError, 504, "upstream_timeout", "The calendar API did not answer in time."),
    (WebhookError, 401, "webhook_refused", "The webhook could not be verified."),
    (BulkError, 502, "bulk_incomplete", "Some of what you asked for was not done."),
    (MeetStreamError, 502, "upstream_failure", "The calendar API failed."),
)
"""The problem for each error; the first match counts. A ConfigurationError's text is ours, so it is shown."""


class FieldProblem(BaseModel):
    """What is wrong with one value of a request."""

    place: list[str | int] = Field(description="Path of the value, such as `body`, `filter`, `before`.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = Field(default="about:blank", description="`about:blank`: see `status` and `code`.")
    title: str = Field(description="The reason phrase of the status.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, for people.")
    code: str = Field(description="What happened, for programs.")
    outcome_unknown: bool = Field(
        default=False, description="Whether the request may have taken effect despite the error."
    )
    errors: list[FieldProblem] = Field(
        default=[], description=f"The invalid values of the request; at most {_MOST_ERRORS}."
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
    """A problem that a route raises itself."""

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
        self.problem: Problem = Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            outcome_unknown=outcome_unknown,
            errors=errors or [],
        )
        self.retry_after = retry_after

    def response(self) -> JSONResponse:
        """As the answer of a route, with ``Retry-After`` where there is one."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(_whole_seconds(self.retry_after))
        return JSONResponse(
            self.problem.model_dump(mode="json"), self.problem.status, headers, media_type=MEDIA_TYPE
        )


def add_error_handlers(app: FastAPI) -> None:
    """Turn this library's errors into problem documents, on every route of the application.

    The documents contain neither the key nor the upstream's text. Causes are logged, at error level if the
    service itself is misconfigured; the upstream's text is logged at debug level. FastAPI's own validation
    errors are left unchanged.
    """

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return as_problem(error).response()

    app.add_exception_handler(MeetStreamError, answer)
    app.add_exception_handler(ProblemError, answer)


def as_problem(error: Exception) -> ProblemError:
    """The problem for an error. Errors of other libraries are raised unchanged."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, RequestValidationError):
        return ProblemError(
            422,
            "invalid_request",
            "The request is not valid.",
            # Without the values themselves, which would echo whatever was sent.
            errors=[
                FieldProblem(place=list(at["loc"]), message=at["msg"].removeprefix("Value error, "))
                for at in error.errors()[:_MOST_ERRORS]
            ],
        )
    if not isinstance(error, MeetStreamError):
        raise error
    _, status, code, detail = next(row for row in _TABLE if isinstance(error, row[0]))
    if code == "upstream_credentials" and isinstance(error, ApiError) and not error.key_rejected:
        # A firewall, or a refusal of this one thing: the credentials are fine.
        code, detail = (
            "upstream_refused",
            "The calendar API, or something in front of it, refused the request.",
        )
    if isinstance(error, ApiError) and error.status in (408, 504):
        status, code, detail = 504, "upstream_timeout", "The calendar API did not answer in time."
    if status >= 500:
        _tell(error, status, code)
    pause = error.retry_after or _PAUSE if isinstance(error, RateLimitError) else None
    return ProblemError(
        status, code, detail or error.message, retry_after=pause, outcome_unknown=error.outcome_unknown
    )


def _tell(error: MeetStreamError, status: int, code: str) -> None:
    """Log an answer of 500 or more; the upstream's text at debug level only."""
    text, named, kind = "answered with %d: %s", _named(error), type(error).__name__
    if code in _OURS:
        _log.error(text, status, named, extra=log_fields("answered", status=status, code=code, error=kind))
    else:
        _log.warning(text, status, named, extra=log_fields("answered", status=status, code=code, error=kind))
    _log.debug("the error in full: %s: %s", kind, error, extra=log_fields("error_in_full", error=kind))


def _named(error: MeetStreamError) -> str:
    """The error for the log, without the upstream's text."""
    if not isinstance(error, ApiError):
        return f"{type(error).__name__}: {error}"
    named = f", request id {error.request_id}" if error.request_id else ""
    return f"{type(error).__name__}: {error.status} of the calendar API{named}"


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI documentation of these statuses, for ``responses=`` of a route or an application.

    Without arguments: every status that ``add_error_handlers`` responds with, but for 401: that is for
    routes of webhooks only. FastAPI itself also responds with 422, in its own format, if a request does not
    fit the route.
    """
    described = router_problems(*(statuses or sorted({row[1] for row in _TABLE} - {401})))
    if 422 in described:
        # The same under both media types, because generated clients read an answer by the first one.
        described[422]["model"] = Problem | HTTPValidationError
        described[422]["content"]["application/json"] = {}
    return described


def router_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for our own routes, whose validation errors are problem documents, too."""
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
