"""The result of a request that got no reply. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
from attrs import field, frozen

from ..errors import (
    ClientSetupError,
    ConnectionFailedError,
    InvalidResponseError,
    MeetStreamError,
    RateLimitError,
    RequestTimeoutError,
    TransportError,
)

CLOSED = "the client is closed; make a new one"


class ConnectionLostError(aiohttp.ClientError):
    """A lost connection. Not an aiohttp type for which aiohttp would silently send a DELETE again."""


class BodyTooLargeError(Exception):
    """The body exceeded the limit while it was read. Internal: caught by the transport."""


@frozen(eq=False)
class Failure:
    """A request without a usable reply. The error is built once all attempts are known."""

    kind: type[TransportError | RateLimitError | InvalidResponseError | ClientSetupError]
    message: str
    may_be_sent: bool = False
    """Whether it may have reached the server and taken effect."""
    retry: bool = True
    is_attempt: bool = True
    """Whether it counts as an attempt: it was sent, or a connection was tried."""
    fields: Mapping[str, Any] = field(factory=dict)
    """Further fields of the error."""
    retry_after: float | None = None

    def error(self, attempts: int, uncertain: bool) -> MeetStreamError:
        """The error of a call that ends with this attempt."""
        return self.kind(self.message, attempts=attempts, outcome_unknown=uncertain, **self.fields)


def unusable(problem: str, *, may_be_sent: bool = False) -> Failure:
    """The failure of a client that cannot send requests, now or later."""
    return Failure(ClientSetupError, problem, may_be_sent=may_be_sent, retry=False, is_attempt=False)


@frozen(eq=False)
class HeldBack:
    """A request that was not sent, because a pause began while it was waiting for a connection."""


HELD_BACK = HeldBack()


def known_failure(
    exc: Exception,
    *,
    has_effect: bool,
    seconds: float,
    connect_seconds: float,
    max_body: int,
    status: int | None,
) -> Failure | None:
    """What an exception of aiohttp means, or None for one that it should not raise.

    ``has_effect``: the request was to change something. ``seconds``: the time it had, and
    ``connect_seconds`` the part of it for connecting. ``status``: of the reply, where its head had come.
    """
    if isinstance(exc, aiohttp.ConnectionTimeoutError):
        return Failure(RequestTimeoutError, f"no connection within {connect_seconds:g} s; is base_url right?")
    if isinstance(exc, TimeoutError):
        return Failure(
            RequestTimeoutError, f"no complete reply within {seconds:.3g} s", may_be_sent=has_effect
        )
    if isinstance(exc, aiohttp.ClientConnectorError):
        why = f"could not connect ({type(exc).__name__}: {exc}); check base_url and the network"
        return Failure(ConnectionFailedError, why)
    if isinstance(exc, BodyTooLargeError):
        why = f"the reply is larger than {max_body} bytes"
        fields = {"status": status}
        return Failure(InvalidResponseError, why, may_be_sent=has_effect, retry=False, fields=fields)
    if isinstance(exc, aiohttp.ClientError | OSError):
        what = str(exc) if isinstance(exc, ConnectionLostError) else f"{type(exc).__name__}: {exc}"
        why = f"the connection was lost ({what})"
        return Failure(ConnectionFailedError, why, may_be_sent=has_effect)
    return None
