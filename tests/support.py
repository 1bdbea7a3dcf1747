"""Helpers shared by several test modules: a virtual clock, a server with raw responses, replies."""

from __future__ import annotations

import asyncio
import functools
import json
import selectors
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, ParamSpec, Self, TypeVar

from attrs import field, frozen

T = TypeVar("T")
P = ParamSpec("P")

KEY = "ms_canary-7f3a9c51e2d84b60"
"""The API key of the tests: long, and unlike any ordinary text."""
API = "https://api.example.com/v1"
"""A base URL for tests without sockets."""


# --- a virtual clock ---


class _JumpingSelector(selectors.DefaultSelector):
    """Selector that advances the loop's clock to the next timer instead of sleeping."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            if timeout is None:
                raise RuntimeError("the test waits for something that will never happen")
            self.now += max(timeout, 0.0)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when nothing is ready. Not for sockets."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a new loop with a virtual clock."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Decorator: run an async test with ``run_virtual``; fixtures work as usual."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_virtual(test(*args, **kwargs))

    return run


def now() -> float:
    """The running loop's time."""
    return asyncio.get_running_loop().time()


# --- a server with raw responses ---


@frozen
class RawRequest:
    """One request as sent on the wire."""

    method: str
    target: str
    headers: list[tuple[str, str]] = field(repr=False)
    """Header names in lower case, in order."""
    body: bytes = b""

    def header(self, name: str) -> list[str]:
        """All values sent under this name."""
        return [value for found, value in self.headers if found == name.lower()]


Step = bytes | Callable[[RawRequest, asyncio.StreamWriter], Awaitable[None]]
"""A response as bytes, after which the connection stays open, or a function that does something else."""


def reply(status: int = 200, body: bytes | object = b"", *headers: tuple[str, str], type: str = "") -> bytes:
    """A complete HTTP/1.1 response; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}"]
    lines.append(f"Content-Type: {type or 'application/json'}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def drop(request: RawRequest, writer: asyncio.StreamWriter) -> None:
    """Close the connection without a response."""
    writer.close()


async def hang(request: RawRequest, writer: asyncio.StreamWriter) -> NoReturn:
    """Never respond."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def then_close(content: bytes) -> Step:
    """Send these bytes and close, e.g. for a truncated response."""

    async def step(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        writer.close()

    return step


class RawServer:
    """A scripted server on loopback that records its requests.

    Each request takes the next step of the script; the last step serves all that follow.
    """

    def __init__(self, *script: Step) -> None:
        self.script = list(script)
        self.connections = 0
        self.requests: list[RawRequest] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        return len(self._tasks)

    async def until(self, condition: Callable[[RawServer], bool]) -> None:
        """Wait until the server has seen what the test waits for."""
        async with asyncio.timeout(5):
            while not condition(self):
                await asyncio.sleep(0.005)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            while not writer.is_closing():
                request = await _read_request(reader)
                self.requests.append(request)
                step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                else:
                    await step(request, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            # The server is closing. Swallowed, because asyncio before 3.12 would report it as an error.
            pass
        finally:
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> RawRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = [(name.lower(), value) for name, value in (line.split(": ", 1) for line in lines)]
    length = int(dict(headers).get("content-length", "0"))
    return RawRequest(method, target, headers, await reader.readexactly(length))


def unused_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
