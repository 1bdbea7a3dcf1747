"""The result of a request that got no reply. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from attrs import evolve, field, frozen

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


class ProxyRefusedError(aiohttp.ClientError):
    """A proxy did not open a tunnel. Unlike aiohttp's error it holds no headers."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}".rstrip())
        self.status = status


class NotHttpError(aiohttp.ClientError):
    """A reply that is not HTTP, or not as it should be. Holds no headers.

    ``garbage``: not even its first line is HTTP.
    """

    def __init__(self, message: str, *, garbage: bool) -> None:
        super().__init__(message)
        self.garbage = garbage


def without_headers(
    exc: aiohttp.ClientResponseError, clean: Callable[[str], str] = str
) -> ProxyRefusedError | NotHttpError:
    """The same without aiohttp's record of the request, which contains credentials."""
    if isinstance(exc, aiohttp.ClientHttpProxyError):
        return ProxyRefusedError(exc.status, clean(exc.message))
    # aiohttp tells its kinds of bad replies apart by their texts only.
    return NotHttpError(clean(exc.message), garbage=exc.message.startswith("Bad status line"))


def conceal(exc: aiohttp.ClientError, clean: Callable[[str], str]) -> aiohttp.ClientError:
    """What tracers and aiohttp may see of an exception: no header, and nothing that aiohttp would retry."""
    if isinstance(exc, aiohttp.ClientResponseError):
        return without_headers(exc, clean)
    if isinstance(exc, aiohttp.ClientConnectorError):
        return exc
    if isinstance(exc, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError):
        return ConnectionLostError(clean(f"{type(exc).__name__}: {exc}"))
    return exc


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


def rate_limited(seconds: float) -> Failure:
    """The failure of a call that may not start for so long that its time would be over."""
    return Failure(
        RateLimitError,
        f"rate limited: the next request may be sent in {seconds:.1f} s, "
        "which exceeds this call's deadline; nothing was sent",
        retry=False,
        is_attempt=False,
        fields={"status": 429, "retry_after": seconds},
    )


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
    proxy: object = None,
) -> Failure | None:
    """What an exception of aiohttp means, or None for one that it should not raise.

    ``has_effect``: the request was to change something. ``seconds``: the time it had, and
    ``connect_seconds`` the part of it for connecting. ``status``: of the reply, where its head had come.
    ``proxy``: the proxy for people, if there is one.
    """
    if isinstance(exc, aiohttp.ClientResponseError):
        exc = without_headers(exc)
    failure = _before_sending(exc, connect_seconds, proxy)
    if failure is not None:
        return failure
    if isinstance(exc, TimeoutError):
        return Failure(
            RequestTimeoutError, f"no complete reply within {seconds:.3g} s", may_be_sent=has_effect
        )
    fields: dict[str, Any]
    if (why := _unreadable_body(exc, max_body, status)) is not None:
        fields = {"status": status}
        return Failure(InvalidResponseError, why, may_be_sent=has_effect, retry=False, fields=fields)
    if isinstance(exc, NotHttpError):
        why = f"the reply is not usable HTTP ({exc})"
        # Garbage may come from a connection that broke. Bad headers would come out the same again.
        fields = {} if exc.garbage else {"permanent": True}
        return Failure(TransportError, why, may_be_sent=has_effect, retry=exc.garbage, fields=fields)
    if isinstance(exc, aiohttp.ClientError | OSError):
        what = str(exc) if isinstance(exc, ConnectionLostError) else f"{type(exc).__name__}: {exc}"
        why = f"the connection was lost ({what})"
        return Failure(ConnectionFailedError, why, may_be_sent=has_effect)
    return None


def never_connected(failure: Failure, proxy: object) -> Failure:
    """The same of a request that never had a connection, so that it was not sent. Names the proxy."""
    why = failure.message
    if proxy is not None and "the proxy" not in why:
        why += f", while the proxy {proxy} was to open a tunnel"
    return evolve(failure, message=why, may_be_sent=False)


def _unreadable_body(exc: Exception, max_body: int, status: int | None) -> str | None:
    """Why a body can't be read now or later, or None if that is not what an exception means."""
    if isinstance(exc, BodyTooLargeError):
        return f"the reply is larger than {max_body} bytes"
    if isinstance(exc, aiohttp.ClientPayloadError | NotHttpError) and "content-encoding" in str(exc):
        return f"the body of the {'' if status is None else f'{status} '}reply can't be decoded ({exc})"
    return None


_PERMANENT_TLS = ("WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL", "HANDSHAKE_FAILURE", "PROTOCOL_VERSION")
"""Parts of OpenSSL's reasons: the two ends do not speak the same TLS, or one of them none."""


def _before_sending(exc: Exception, connect_seconds: float, proxy: object) -> Failure | None:
    """The failure for an exception that means that no connection was made, so that nothing was sent."""
    if isinstance(exc, aiohttp.ConnectionTimeoutError):
        where = "is base_url right?" if proxy is None else f"is the proxy {proxy} right?"
        return Failure(RequestTimeoutError, f"no connection within {connect_seconds:g} s; {where}")
    if isinstance(exc, ProxyRefusedError):
        wants_login = "; it wants a user and password" if exc.status == 407 else ""
        why = f"the proxy {proxy or 'of the session'} refused the connection ({exc}){wants_login}"
        return _unconnected(why, exc.status < 500)
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        why = f"the certificate of {exc.host} can't be verified ({exc.certificate_error}); if your network "
        return _unconnected(
            why + "has an authority of its own, trust it by ssl_context= or SSL_CERT_FILE", True
        )
    if isinstance(exc, aiohttp.ClientConnectorSSLError):
        permanent = any(part in str(exc) for part in _PERMANENT_TLS)
        return _unconnected(f"TLS failed ({type(exc).__name__}: {exc})", permanent)
    if isinstance(exc, aiohttp.ClientProxyConnectionError):
        return _unconnected(f"could not connect to the proxy {proxy or 'of the session'} ({exc})", False)
    if isinstance(exc, aiohttp.ClientConnectorError):
        why = f"could not connect ({type(exc).__name__}: {exc}); check base_url and the network"
        return _unconnected(why, False)
    return None


def _unconnected(why: str, permanent: bool) -> Failure:
    fields = {"permanent": True} if permanent else {}
    return Failure(ConnectionFailedError, why, retry=not permanent, fields=fields)
