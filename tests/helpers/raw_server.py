"""A server on loopback that answers raw bytes and keeps what it saw."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn

from attrs import field, frozen

from tests.helpers.loopback import LoopbackServer


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


class RawServer(LoopbackServer):
    """A scripted server on loopback that records its requests.

    Each request takes the next step of the script; the last step serves all that follow.
    """

    def __init__(self, *script: Step, tls: ssl.SSLContext | None = None) -> None:
        """``tls``: the server's side of TLS, if it is to speak HTTPS."""
        super().__init__()
        self.script = list(script)
        self.tls = tls
        self.connections = 0
        self.requests: list[RawRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def until(self, condition: Callable[[RawServer], bool]) -> None:
        """Wait until the server has seen what the test waits for."""
        async with asyncio.timeout(5):
            while not condition(self):
                await asyncio.sleep(0.005)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
