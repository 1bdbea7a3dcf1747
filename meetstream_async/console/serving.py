"""Serve the console on 127.0.0.1 for the duration of a block."""

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
from .gate import HOST, Gate
from .service import ConsoleService

_DRAIN = 5
"""Seconds given to open responses at shutdown; all runs have ended by then."""


class CannotServe(Exception):
    """The console can't be served; the message says why."""


@frozen
class Served:
    """A running console."""

    url: str = field(repr=False)
    """URL of the console, including the single-use token."""
    address: str
    """The same URL without the token."""


class _Server(uvicorn.Server):
    """A server that leaves signal handling to its caller, so that runs can end first."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.started_or_failed = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.started_or_failed.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(
    service: ConsoleService, client_arguments: Mapping[str, Any], *, port: int = 0
) -> AsyncIterator[Served]:
    """Serve the console. At the end of the block, its runs are stopped gracefully, then the server.

    Raises CannotServe if the port can't be used, and ConfigurationError for invalid client arguments.
    """
    listener = _listen(port)
    port = listener.getsockname()[1]
    base = secrets.token_urlsafe(12)
    gate = Gate(create_app(service, base, client_arguments), port, base)
    config = uvicorn.Config(
        gate,
        # The access log would contain the token.
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
    task.add_done_callback(lambda _: server.started_or_failed.set())
    try:
        await server.started_or_failed.wait()
        if not server.started:
            await task
            raise CannotServe("the console could not be started")
        with service.pauses.listening():
            yield Served(gate.url, gate.url.partition("?")[0])
            await service.runs.stop_all()
            await service.undos.stop_all()
    except asyncio.CancelledError:
        # On cancellation, do not wait for requests in flight.
        service.runs.cancel_all()
        service.undos.cancel_all()
        raise
    finally:
        server.should_exit = True
        try:
            await join(task)
        finally:
            listener.close()


def _listen(port: int) -> socket.socket:
    # Name the protocol: otherwise asyncio does not disable Nagle's algorithm (40 ms per response).
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # Lets a recently closed port be reused. On other systems it would let two processes share one.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        why = os.strerror(error.errno or 0)
        raise CannotServe(f"port {port} can't be used ({why}); --port 0 finds a free one") from None
    return listener
