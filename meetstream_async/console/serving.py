"""Serving the console on 127.0.0.1, until its caller has had enough."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import uvicorn
from attrs import field, frozen

from .._tasks import join
from .app import create_app
from .desk import Desk
from .gate import HOST, Gate

_DRAIN = 5
"""Seconds that responses have at the end; runs have ended by then."""


class CannotServe(Exception):
    """The console can't be served; the text says why."""


@frozen
class Served:
    """A running console."""

    url: str = field(repr=False)
    """Where it is, with the token that works once."""
    address: str
    """The same without the token."""


class _Server(uvicorn.Server):
    """One that leaves signals to its caller, who lets runs end first, and that says when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.news = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.news.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(desk: Desk, client_arguments: Mapping[str, Any], *, port: int = 0) -> AsyncIterator[Served]:
    """Serve the console; at the end of the block its runs are stopped gracefully, and the server after them.

    Raises CannotServe where the port can't be used, and ConfigurationError for arguments of the client.
    """
    listener = _listen(port)
    port = listener.getsockname()[1]
    base = secrets.token_urlsafe(12)
    gate = Gate(create_app(desk, base, client_arguments), port, base)
    config = uvicorn.Config(
        gate,
        # The log of requests would hold the token.
        access_log=False,
        log_config=None,
        log_level="warning",
        lifespan="on",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_DRAIN,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="meetstream_async console")
    task.add_done_callback(lambda _: server.news.set())
    try:
        await server.news.wait()
        if not server.started:
            await task
            raise CannotServe("the console could not be started")
        yield Served(gate.url, gate.url.partition("?")[0])
        await desk.runs.stop_all()
    except asyncio.CancelledError:
        # Whoever cancels does not want to wait for what is in flight.
        desk.runs.cancel_all()
        raise
    finally:
        server.should_exit = True
        try:
            await join(task)
        finally:
            listener.close()


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's wait off (40 ms an answer) only where the protocol is named.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # A port that was just left can be taken again; elsewhere this would let two share one.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        why = os.strerror(error.errno or 0)
        raise CannotServe(f"port {port} can't be used ({why}); --port 0 finds a free one") from None
    return listener
