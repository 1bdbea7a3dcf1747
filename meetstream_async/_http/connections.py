"""Connections that are not handed out while the client pauses.

A request may wait for one, or for one to be made, after it was allowed to start; a pause that began
meanwhile holds it back here, before anything of it is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import aiohttp

from ..errors import ClientSetupError

CONNECTIONS = 100
"""Connection limit of a session we open. Equals aiohttp's default; explicit because bulk runs cap
concurrency at it."""


MAX_BODY = 16 * 1024 * 1024
"""Bytes of a decoded body that are read before the reply is given up."""


class HeldBackError(Exception):
    """A pause began before a connection could be handed out. Internal: the transport catches it."""


class GatedConnector(aiohttp.TCPConnector):
    """The connector of a session that is opened here."""

    def __init__(self, paused: Callable[[], float]) -> None:
        super().__init__(limit=CONNECTIONS)
        self._paused = paused

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        connection = await super().connect(req, traces, timeout)
        if self._paused():
            connection.release()
            raise HeldBackError
        return connection


class Permits:
    """As many requests as a lent session has connections for; the rest waits here, not in its pool.

    Here it is looked at again whether the client pauses, which a foreign connector does not do.
    """

    def __init__(self, count: int, paused: Callable[[], float]) -> None:
        self._free = asyncio.Semaphore(count)
        self._paused = paused

    async def acquire(self) -> None:
        """Raises HeldBackError where the client pauses."""
        await self._free.acquire()
        if self._paused():
            self._free.release()
            raise HeldBackError

    def release(self) -> None:
        self._free.release()


def checked_traces(given: object) -> list[aiohttp.TraceConfig]:
    """The trace configs as a list. Raises ClientSetupError for anything else."""
    configs = list(given) if isinstance(given, Iterable) else [given]
    traces = [config for config in configs if isinstance(config, aiohttp.TraceConfig)]
    if len(traces) < len(configs):
        raise ClientSetupError("trace_configs must be a sequence of aiohttp.TraceConfig")
    return traces


def check_session(session: object, trace_configs: Sequence[aiohttp.TraceConfig]) -> None:
    """Raises ClientSetupError for what is no session, or one that would add to our requests."""
    if session is None:
        return
    if not isinstance(session, aiohttp.ClientSession):
        raise ClientSetupError(f"session must be an aiohttp.ClientSession, not {type(session).__name__}")
    if session.auth is not None:
        # aiohttp lets no request take a session's auth away.
        raise ClientSetupError(
            "the lent aiohttp session has auth=..., which would go out with our requests; lend one without it"
        )
    if trace_configs:
        raise ClientSetupError(
            "trace_configs are for a session that the client opens itself; "
            "give them to the aiohttp session that you lend"
        )


async def read_body(content: aiohttp.StreamReader) -> bytes | None:
    """A body that comes in pieces; None where it is too large."""
    chunks: list[bytes] = []
    size = 0
    while not content.at_eof():
        chunk = await content.readany()
        # Counted as it is decoded: 300 kB of gzip can hold 300 MB.
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
