"""Faults on the wire: a TCP proxy in front of a server of HTTP/1.1, seeded. Standard library only.

It reads one request at a time and picks a fault for it at random:

latency       the request is forwarded late
reset_before  the connection is reset, and nothing of the request was forwarded
reset_during  half of the request is forwarded, then both connections are reset
reset_after   the request took effect; the connection is reset instead of a reply
trickle       the reply comes byte by byte, a long one in 500 pieces
blackhole     the request is swallowed; no reply ever comes
lost_reply    the request took effect; no reply ever comes
half_close    the request took effect; the reply's side of the connection is closed, the other stays open
truncation    the reply is cut off in the middle
garbage       the request took effect; random bytes are sent instead of its reply
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

FAULTS = (
    "latency",
    "reset_before",
    "reset_during",
    "reset_after",
    "trickle",
    "blackhole",
    "lost_reply",
    "half_close",
    "truncation",
    "garbage",
)


class FaultProxy:
    """Forwards to the server of a base URL; ``shares`` gives the share of requests that each fault hits.

    ``fault``, when set, hits every request from then on; ``once`` hits only the next one. ``slow``:
    seconds of latency, and of a trickle.
    """

    def __init__(
        self, target: str, shares: Mapping[str, float] | None = None, *, seed: int = 0, slow: float = 0.02
    ) -> None:
        self._target = urlsplit(target)
        self.shares = dict(shares or {})
        self.fault: str | None = None
        self.once: str | None = None
        self.slow = slow
        self.requests = 0
        self.open_connections = 0
        self.hit: Counter[str] = Counter()
        self._random = Random(seed)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._place: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        """The target's base URL, through the proxy."""
        return f"http://127.0.0.1:{self._port}{self._target.path}"

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()
        if self._place is not None:
            self._place.close()

    async def listen(self) -> None:
        """Accept connections, on the same port each time."""
        place, self._place = self._place or self._take_place(), None
        self._server = await asyncio.start_server(self._serve, sock=place, backlog=256)

    def _take_place(self) -> socket.socket:
        place = socket.socket()
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", self._port))
        self._port = place.getsockname()[1]
        return place

    async def refuse(self) -> None:
        """Refuse connections from now on, and close those that are open."""
        if self._server is not None:
            self._server.close()
            # A port that is bound but not listened on refuses connections, and no other process can take it.
            self._place = self._place or self._take_place()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    def _draw(self) -> str | None:
        if self.once is not None:
            fault, self.once = self.once, None
            return fault
        if self.fault is not None:
            return self.fault
        drawn = self._random.random()
        for name, share in self.shares.items():
            drawn -= share
            if drawn < 0:
                return name
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.open_connections += 1
        upstream: asyncio.StreamWriter | None = None
        try:
            source, upstream = await asyncio.open_connection(self._target.hostname, self._target.port)
            while True:
                request = await _message(reader)
                self.requests += 1
                fault = self._draw()
                if fault is not None:
                    self.hit[fault] += 1
                if not await self._pass_on(fault, request, reader, writer, source, upstream):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            # The proxy is closing. Swallowed, because asyncio before 3.12 would report it as an error.
            _reset(writer)
        finally:
            self.open_connections -= 1
            for one in filter(None, (writer, upstream)):
                one.close()
                with suppress(ConnectionError, asyncio.CancelledError):
                    await one.wait_closed()

    async def _pass_on(
        self,
        fault: str | None,
        request: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        source: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> bool:
        """Forward one request and its reply. False if the connection is to be closed."""
        if fault == "reset_before":
            return _reset(writer)
        if fault == "blackhole":
            return bool(await reader.read(1)) and False
        if fault == "latency":
            await asyncio.sleep(self._random.uniform(0, self.slow))
        if fault == "reset_during":
            upstream.write(request[: len(request) // 2])
            await upstream.drain()
            _reset(upstream)
            return _reset(writer)
        upstream.write(request)
        answer = await _message(source)
        if fault == "reset_after":
            return _reset(writer)
        if fault == "half_close":
            writer.write_eof()
        if fault in ("lost_reply", "half_close"):
            return bool(await reader.read(1)) and False
        if fault == "garbage":
            answer = self._random.randbytes(self._random.randrange(1, 400))
        if fault == "truncation":
            answer = answer[: self._random.randrange(1, len(answer))]
        if fault == "trickle":
            size = 1 + len(answer) // 500
            for start in range(0, len(answer), size):
                if writer.is_closing():
                    return False
                writer.write(answer[start : start + size])
                await asyncio.sleep(self.slow * size / len(answer))
        else:
            writer.write(answer)
        await writer.drain()
        return fault not in ("garbage", "truncation")


def _reset(writer: asyncio.StreamWriter) -> bool:
    """Reset a connection instead of closing it gracefully. Always returns False."""
    raw: Any = writer.get_extra_info("socket")
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One request or reply whose head tells its length."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return head + await reader.readexactly(int(value))
    return head
