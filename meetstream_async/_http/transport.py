"""The only module that touches the network: sends one request, reads its reply and releases the connection.

Decides nothing, and lets no exception out of aiohttp, whose frames contain the credential.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import aiohttp
from attrs import evolve
from yarl import URL

from .._tasks import finish
from ..errors import ClientSetupError
from .call import SAFE
from .connections import (
    CONNECTIONS,
    MAX_BODY,
    GatedConnector,
    HeldBackError,
    Permits,
    SharedConnections,
    check_session,
    checked_traces,
    connect_timeout,
    read_body,
)  # fmt: skip
from .deadlines import Deadline, Deadlines, check_timeout, is_cancelled
from .failures import (
    CLOSED,
    HELD_BACK,
    BodyTooLargeError,
    Failure,
    HeldBack,
    conceal,
    known_failure,
    never_connected,
    unusable,
)  # fmt: skip
from .headers import StandingHeaders
from .network import Network
from .own_session import open_session
from .reply import Reply
from .retry import speaks_for_itself
from .scrubbing import redactor, scrubber
from .secrets import Secret, clean_text

_SWITCH = "_retry_connection"
"""Private aiohttp switch against its silent retry of requests; aiohttp's test client uses it, too."""


class Transport:
    """Sends requests with the credential, over a session opened here or a borrowed one. That is neither
    closed nor changed: settings of its own that would affect our requests are overridden per request.
    """

    closed: bool = False

    def __init__(
        self,
        base_url: URL,
        credentials: Mapping[str, tuple[str, Secret]],
        *,
        session: aiohttp.ClientSession | None,
        timeout: float,
        trace_configs: Sequence[aiohttp.TraceConfig],
        network: Network,
        paused: Callable[[], float], depart: Callable[[], float],
        on_head: Callable[[int, Mapping[str, str], float, int], None],
        user_agent: str | None = None,
    ) -> None:  # fmt: skip
        """``credentials``: header name to the text before the credential, and the credential.

        ``paused``: seconds during which nothing may be sent; ``depart``: until what is connected may be.
        ``on_head`` gets a reply's status and headers, when its request was sent, and how many are under way.
        """
        self._origin = base_url.origin()
        trace_configs = checked_traces(trace_configs)
        check_session(session, trace_configs)
        self.timeout: float = check_timeout(timeout)
        self._standing = StandingHeaders(credentials, user_agent)
        self._trace_configs = trace_configs
        # A session opened here has these settings; for a borrowed one they are passed with each request.
        self._settings: dict[str, Any] = {
            "raise_for_status": False,
            "auto_decompress": True,
            "timeout": connect_timeout(self.timeout),
        }
        self._per_request: dict[str, Any] = {"allow_redirects": False}
        if session is not None:
            self._per_request |= self._settings | {"middlewares": (self._send_once,)}
        secrets, self._network, self._proxy = self._standing.secrets, network, network.proxy
        if self._proxy is not None:
            secrets += self._proxy.secrets()
        self.scrub: Callable[[str], str] = scrubber(secrets)
        self._text = partial(clean_text, scrub=self.scrub)
        self.redact: Callable[[str], str] = redactor(secrets)
        self._depart, self._on_head = depart, on_head
        self._borrowed, self._http = session is not None, session
        self._loop: asyncio.AbstractEventLoop | None = None
        self._deadlines: Deadlines | None = None
        self._permits: Permits | None = None
        self._shared: SharedConnections | None = None
        self._under_way = 0
        if session is not None and self.connection_limit is not None:
            self._permits = Permits(self.connection_limit, paused)

    def __repr__(self) -> str:
        return f"<Transport {self._origin}>"

    @property
    def connection_limit(self) -> int | None:
        """Maximum number of concurrent requests, so that none waits for a connection; None if unbounded."""
        connector = None if self._http is None else self._http.connector
        if connector is None or not self._borrowed:
            return CONNECTIONS
        return min(filter(None, (connector.limit, connector.limit_per_host)), default=None)

    def open(self) -> asyncio.AbstractEventLoop:
        """Bind to the running loop, and return it.

        Raises ClientSetupError if the client is closed or belongs to another loop.
        """
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            if self.closed or self._borrowed:
                self._usable()
            return loop
        if self._loop is not None:
            raise ClientSetupError("the client belongs to another event loop; make one client per loop")
        if self._http is None and not self.closed:
            self._http = self._new_session()
        self._usable()
        self._loop, self._deadlines = loop, Deadlines(loop)
        return loop

    def share(self, connections: SharedConnections | None) -> SharedConnections:
        """Use these connections from the first request on, or new ones that other clients may use as well."""
        self._shared = connections or SharedConnections()
        return self._shared

    def _new_session(self) -> aiohttp.ClientSession:
        traces, headers = self._trace_configs, None if self._proxy else self._standing.build()
        session = open_session(self._network, self._depart, headers, traces, self._settings, self._shared)
        if traces or not hasattr(session, _SWITCH):
            self._per_request["middlewares"] = (self._send_once,)
        else:
            # The switch is free, while a middleware takes 3 % of a request.
            setattr(session, _SWITCH, False)
        return session

    def _usable(self) -> aiohttp.ClientSession:
        problem = self._problem()
        if problem is not None:
            raise ClientSetupError(problem)
        assert self._http is not None
        return self._http

    def _problem(self) -> str | None:
        """Why nothing can be sent any more, if so."""
        if self.closed or self._http is None:
            return CLOSED
        if self._borrowed and self._http.closed:
            return "the borrowed aiohttp session is closed"
        return None

    async def close(self) -> None:
        """Close the session if it was opened here. May be called more than once."""
        self.closed = True
        try:
            if self._http is not None and not self._borrowed:
                await finish(self._http.close())
        finally:
            if self._deadlines is not None:
                self._deadlines.close()

    async def send(
        self, method: str, url: URL, data: bytes | None, seconds: float, timeout: float,
        more: Mapping[str, str] | None = None,
    ) -> Reply | Failure | HeldBack:  # fmt: skip
        """Send one request and read the whole reply, for at most ``seconds``; of ``timeout``, half is for
        connecting. Raises only cancellation. ``more``: headers of this request.
        """
        http = self._http
        if http is None or self.closed or self._borrowed:
            problem = self._problem()
            if problem is not None or http is None:
                return unusable(problem or CLOSED)
        assert self._deadlines is not None
        status: int | None = None
        headers: Mapping[str, str] = {}
        permit: Permits | None = None
        began = self._deadlines.loop.time()
        self._under_way += 1
        try:
            with Deadline(self._deadlines, began + seconds):
                if self._permits is not None:
                    await self._permits.acquire()
                    permit, began = self._permits, self._deadlines.loop.time()
                    # The owner of a borrowed session may have closed it meanwhile.
                    if (problem := self._problem()) is not None:
                        return unusable(problem)
                response = await http.request(method, url, **self._options(data, more, timeout))
                try:
                    status, headers = response.status, response.headers
                    self._on_head(status, headers, began, self._under_way)
                    content = response.content
                    # Nearly always the body has arrived together with the head.
                    body = content.read_nowait() if content.is_eof() else await read_body(content)
                    if body is None or len(body) > MAX_BODY:
                        response.close()
                        raise BodyTooLargeError
                    return Reply(status, headers, body, self.scrub, self.redact)
                finally:
                    # After reading to the end, the response is closed and its connection is released.
                    if not response.closed:
                        response.release()
        except asyncio.CancelledError as exc:
            self._was_unconnected()
            # Tracebacks may show this frame's variables, and aiohttp's repr of a response shows headers.
            response, headers = None, {}
            if not http.closed or is_cancelled():
                exc.__cause__ = exc.__context__ = None
                raise exc.with_traceback(None) from None
            # This task was not cancelled: closing a session cancels whatever waits for a connection.
            return unusable(self._problem() or CLOSED)
        except HeldBackError:
            return HELD_BACK
        except Exception as exc:
            failure = self._explain(exc, method not in SAFE, seconds, timeout, status)
        finally:
            self._under_way -= 1
            if permit is not None:
                permit.release()
        if status is not None and speaks_for_itself(status):
            return Reply(status, headers, b"", self.scrub, self.redact)
        return failure

    def _explain(
        self, exc: Exception, has_effect: bool, seconds: float, timeout: float, status: int | None
    ) -> Failure:
        """The Failure for an exception of aiohttp. Raises it if it is a bug of this package."""
        known = known_failure(
            exc,
            has_effect=has_effect,
            seconds=seconds,
            connect_seconds=timeout / 2,
            max_body=MAX_BODY,
            status=status,
            proxy=self._proxy,
        )
        unconnected = self._was_unconnected()
        if known is not None:
            known = never_connected(known, self._proxy) if unconnected else known
            return evolve(known, message=self._text(f"{self._origin}: {known.message}"))
        # A ValueError is raised before sending, for example if the .netrc of a borrowed session adds a second
        # credential. A tracer may raise anything at any time.
        traced = self._http is not None and bool(self._http.trace_configs)
        if not traced and not isinstance(exc, ValueError):
            raise exc
        problem = self._problem()
        if problem is None:
            refused = self._text(f"aiohttp could not make the request ({type(exc).__name__}: {exc})")
            problem = f"{refused}; check the borrowed aiohttp session, or the client's trace_configs"
        return unusable(problem, may_be_sent=has_effect and traced)

    async def _send_once(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self._borrowed and not self._standing.has_authorization:
            # Added by its owner: the .netrc login for the host, or a header for another service.
            request.headers.popall("Authorization", None)
        try:
            return await handler(request)
        except aiohttp.ClientError as exc:
            concealed = conceal(exc, self._text)
        raise concealed

    def _was_unconnected(self) -> bool:
        """Whether the request that has just failed never had a connection, as far as can be known."""
        connector = None if self._http is None else self._http.connector
        return isinstance(connector, GatedConnector) and connector.failed_to_connect()

    def _options(self, data: bytes | None, more: Mapping[str, str] | None, timeout: float) -> dict[str, Any]:
        options = self._per_request
        if self._proxy is not None or timeout != self.timeout:
            options = options | {"timeout": connect_timeout(timeout)}
        if self._proxy is not None:
            options |= {"proxy": self._proxy.url, "proxy_headers": self._proxy.headers()}
        # aiohttp sends a session's own headers to its proxy as well, so with one they can't hold the key.
        headers = self._standing.build() if self._borrowed or self._proxy is not None else {}
        if data is not None:
            headers["Content-Type"] = "application/json"
        if more:
            headers |= more
        return {**options, "data": data, "headers": headers} if headers else options
