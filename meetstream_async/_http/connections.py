"""Connections that are withheld while the client pauses, and checks of a borrowed session.

A request that was allowed to start may still wait for a connection. If a pause begins meanwhile, the request
is held back here, before any of it is sent.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from weakref import WeakSet

import aiohttp

from .._tasks import pause
from ..errors import ClientSetupError

CONNECTIONS = 100
"""Connection limit of a session we open. Equals aiohttp's default; explicit because bulk runs cap
concurrency at it."""


_IDLE = 3.0
"""Seconds that a shared connection is kept for another client: less than servers do, since a request on one
that the server is just closing may be lost."""

MAX_BODY = 16 * 1024 * 1024
"""Maximum size of a decoded body in bytes."""


class HeldBackError(Exception):
    """A pause began before a connection was available. Internal: caught by the transport."""


class GatedConnector(aiohttp.TCPConnector):
    """The connector of a session that is opened here, whose requests say when they may depart."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None, **options: Any) -> None:
        super().__init__(ssl=True if ssl_context is None else ssl_context, **options)
        self._failed: WeakSet[asyncio.Task[Any]] = WeakSet()

    def failed_to_connect(self) -> bool:
        """Whether this task's request failed before it had a connection. Asked once for each failure."""
        task = asyncio.current_task()
        if task is None or task not in self._failed:
            return False
        self._failed.discard(task)
        return True

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        try:
            connection = await super().connect(req, traces, timeout)
        except BaseException:
            # A proxy's answer and a TLS handshake may take long or fail, and nothing of the request was sent.
            self._note_failure()
            raise
        if seconds := req.depart():
            try:
                await _wait_to_depart(req.depart, seconds)
            except BaseException as exc:
                connection.release()
                if not isinstance(exc, HeldBackError):
                    self._note_failure()
                raise
        return connection

    def _note_failure(self) -> None:
        if (task := asyncio.current_task()) is not None:
            self._failed.add(task)


async def _wait_to_depart(depart: Callable[[], float], seconds: float) -> None:
    while seconds:
        if seconds == math.inf:
            raise HeldBackError
        await pause(seconds)
        seconds = depart()


class SharedConnections:
    """Connections that clients of one event loop have in common; each keeps its own key, pace and proxy.

    Without a limit of their own: each client has its own number of requests under way.
    """

    def __init__(self) -> None:
        self._connector: GatedConnector | None = None

    def connector(self) -> GatedConnector:
        """The connector of all of them, opened by the first."""
        if self._connector is None:
            self._connector = GatedConnector(limit=0, keepalive_timeout=_IDLE)
        return self._connector

    async def close(self) -> None:
        """Close the connections. The clients must not have requests under way, and make none afterwards."""
        if self._connector is not None:
            await self._connector.close()


class Permits:
    """Limits requests to the connections of a borrowed session, so that they wait here instead of in its
    pool.

    After waiting, the pause is checked again, which the session's own connector does not do.
    """

    def __init__(self, count: int, paused: Callable[[], float]) -> None:
        self._free = asyncio.Semaphore(count)
        self._paused = paused

    async def acquire(self) -> None:
        """Raises HeldBackError if the client is pausing."""
        await self._free.acquire()
        if self._paused():
            self._free.release()
            raise HeldBackError

    def release(self) -> None:
        self._free.release()


def connect_timeout(timeout: float) -> aiohttp.ClientTimeout:
    """aiohttp's part in bounding a request of ``timeout`` seconds; the transport bounds the whole.

    Connecting gets half of that time, so that a host that never responds can be told from a request that was
    sent but not answered. Reused connections, the usual case, are not affected.
    """
    return aiohttp.ClientTimeout(total=None, sock_connect=timeout / 2)


def checked_traces(trace_configs: object) -> list[aiohttp.TraceConfig]:
    """The trace configs as a list. Raises ClientSetupError for anything else."""
    configs = list(trace_configs) if isinstance(trace_configs, Iterable) else [trace_configs]
    traces = [config for config in configs if isinstance(config, aiohttp.TraceConfig)]
    if len(traces) < len(configs):
        raise ClientSetupError("trace_configs must be a sequence of aiohttp.TraceConfig")
    return traces


def check_session(session: object, trace_configs: Sequence[aiohttp.TraceConfig]) -> None:
    """Raises ClientSetupError unless it is a session that adds nothing to our requests."""
    if session is None:
        return
    if not isinstance(session, aiohttp.ClientSession):
        raise ClientSetupError(f"session must be an aiohttp.ClientSession, not {type(session).__name__}")
    if session.auth is not None:
        # aiohttp offers no way to override a session's auth per request.
        raise ClientSetupError(
            "the session sets auth=..., which aiohttp would send with every request; pass one without it"
        )
    if trace_configs:
        raise ClientSetupError(
            "trace_configs are for a session that the client opens itself; "
            "set them on the session that you pass"
        )


async def read_body(content: aiohttp.StreamReader) -> bytes | None:
    """Read a body that arrives in chunks; None if it is too large."""
    chunks: list[bytes] = []
    size = 0
    while not content.at_eof():
        chunk = await content.readany()
        # Counted after decoding: 300 kB of gzip can expand to 300 MB.
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
