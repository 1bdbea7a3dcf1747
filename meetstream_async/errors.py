"""Every error that meetstream_async raises.

::

    MeetStreamError
    ├── ConfigurationError (also ValueError)      raised before any request
    │   └── ClientSetupError                      the client itself is unusable
    ├── TransportError                            no usable response
    │   ├── ConnectionFailedError
    │   └── RequestTimeoutError (also TimeoutError)
    ├── InvalidResponseError                      a 2xx whose body is not what the API promises
    ├── WebhookError                              a webhook that is not to be trusted
    ├── BulkError                                 from BulkReport.raise_for_failures()
    └── ApiError                                  the API's own refusal
        ├── BadRequestError 400, 422
        │   ├── EventNotScheduledError
        │   ├── InvalidFromDateError
        │   └── MasterEventNotFoundError
        ├── AuthenticationError 401
        ├── PermissionDeniedError 403
        ├── NotFoundError 404
        │   ├── EventNotFoundError
        │   └── UserNotFoundError
        ├── EventAlreadyScheduledError 409
        ├── RateLimitError 429
        └── ServerError 5xx

All errors hold plain values only and no live response, so they can be pickled, copied and sent to other
processes. They are raised without a cause, because aiohttp's own frames contain the credential.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._pydantic import error_schema

if TYPE_CHECKING:
    from pydantic_core import CoreSchema


__all__ = [
    "ApiError",
    "AuthenticationError",
    "BadRequestError",
    "ClientSetupError",
    "ConfigurationError",
    "ConnectionFailedError",
    "EventAlreadyScheduledError",
    "EventNotFoundError",
    "EventNotScheduledError",
    "InvalidFromDateError",
    "InvalidResponseError",
    "MasterEventNotFoundError",
    "MeetStreamError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTimeoutError",
    "ServerError",
    "TransportError",
    "UserNotFoundError",
    "WebhookError",
]


class MeetStreamError(Exception):
    """Base class of all errors of this package.

    ``message`` is the text alone; ``attempts`` is the number of requests sent for the call;
    ``outcome_unknown`` is True if one of them may have taken effect despite the error.
    """

    # Every field after the message is optional and stored in __dict__, so that the default pickling (class,
    # args, __dict__) can rebuild all of these errors.
    def __init__(self, message: str = "", *, attempts: int = 0, outcome_unknown: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.attempts = attempts
        self.outcome_unknown = outcome_unknown

    def __str__(self) -> str:
        notes = self._notes()
        return f"{self._text()} ({'; '.join(notes)})" if notes else self._text()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> CoreSchema:
        return error_schema(cls)

    def _text(self) -> str:
        return self.message

    def _notes(self) -> list[str]:
        notes = []
        if self.attempts > 1:
            notes.append(f"{self.attempts} attempts")
        if self.outcome_unknown:
            notes.append("outcome unknown: a request may have taken effect")
        return notes


class ConfigurationError(MeetStreamError, ValueError):
    """A missing key, an invalid argument, or a misuse. Raised before any request is sent."""


class ClientSetupError(ConfigurationError):
    """The client is unusable: missing key, invalid setting, closed, or wrong session."""


class TransportError(MeetStreamError):
    """No usable response was received.

    ``permanent`` is True if another attempt can't help: a certificate that can't be verified, a proxy that
    refuses, a reply that is not HTTP. Nothing is retried then, and a bulk run stops.
    """

    def __init__(
        self,
        message: str = "",
        *,
        permanent: bool = False,
        attempts: int = 0,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message, attempts=attempts, outcome_unknown=outcome_unknown)
        self.permanent = permanent


class ConnectionFailedError(TransportError):
    """The connection could not be established, or was lost before the whole response had arrived."""


class RequestTimeoutError(TransportError, TimeoutError):
    """The response did not arrive in time."""


class InvalidResponseError(MeetStreamError):
    """A 2xx reply whose body is not what the API promises.

    ``path`` is the invalid place, such as ``$.scheduled_bots``.
    """

    def __init__(
        self,
        message: str = "",
        *,
        path: str = "$",
        status: int | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message, attempts=attempts, outcome_unknown=outcome_unknown)
        self.path = path
        self.status = status
        self.request_id = request_id

    def _text(self) -> str:
        return f"{self.message} at {self.path}"


class WebhookError(MeetStreamError):
    """A request that claims to be a webhook, and is not genuine, not fresh, or not readable."""


class ApiError(MeetStreamError):
    """The API refused the request.

    ``status`` is the HTTP status, ``message`` the API's own text (control characters removed, at most
    500 characters), ``request_id`` the API's id of the request if it sent one, ``retry_after`` the requested
    wait in seconds, ``errors`` the API's messages by field. Whose word a 401 or 403 is:
    ``key_rejected``: the API's own, on the key; ``not_yours``: the API's own, on the one bot or event that
    was asked for; ``refused_in_front``: that of something else.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        request_id: str | None = None,
        retry_after: float | None = None,
        errors: Mapping[str, tuple[str, ...]] | None = None,
        hint: str | None = None,
        key_rejected: bool = False,
        not_yours: bool = False,
        attempts: int = 0,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message, attempts=attempts, outcome_unknown=outcome_unknown)
        self.status = status
        self.key_rejected = key_rejected
        self.not_yours = not_yours
        self.request_id = request_id
        self.retry_after = retry_after
        self.errors: dict[str, tuple[str, ...]] = dict(errors or {})
        self.hint = hint

    @property
    def refused_in_front(self) -> bool:
        """Whether a 401 or 403 came from something in front of the API: a firewall, a proxy or a CDN."""
        return self.status in (401, 403) and not self.key_rejected and not self.not_yours

    def _text(self) -> str:
        text = f"{self.status} {self.message}"
        return f"{text} [{self.hint}]" if self.hint else text

    def _notes(self) -> list[str]:
        notes = [f"{field}: {', '.join(texts)}" for field, texts in self.errors.items()]
        if self.retry_after is not None:
            notes.append(f"retry after {self.retry_after:g} s")
        notes += super()._notes()
        if self.request_id:
            notes.append(f"request id {self.request_id}")
        return notes


class BadRequestError(ApiError):
    """400 or 422: the API did not accept the request."""


class EventNotScheduledError(BadRequestError):
    """400 "Event not scheduled": no bot is scheduled for that event."""


class InvalidFromDateError(BadRequestError):
    """400 "Invalid from_date format"."""


class MasterEventNotFoundError(BadRequestError):
    """400 "Master event ID not found": the event is not part of a recurring series."""


class AuthenticationError(ApiError):
    """401: the key is missing or invalid, if ``key_rejected``; otherwise ``refused_in_front``."""


class PermissionDeniedError(ApiError):
    """403: ``key_rejected`` (or it lacks the permission), ``not_yours``, or ``refused_in_front``."""


class NotFoundError(ApiError):
    """404."""


class EventNotFoundError(NotFoundError):
    """404 "Event not found"."""


class UserNotFoundError(NotFoundError):
    """404 "User not found"."""


class EventAlreadyScheduledError(ApiError):
    """409: the event has a bot already; ``bot_id`` is its id, if the API says which."""

    def __init__(self, message: str = "", *, bot_id: str | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.bot_id = bot_id


class RateLimitError(ApiError):
    """429: too many requests; ``retry_after`` is the requested wait in seconds, if given."""


class ServerError(ApiError):
    """5xx."""
