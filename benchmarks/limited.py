"""A server with a limit that it does not publish, in its own process: a token bucket, or a sliding window.

``python -m benchmarks.limited`` prints its port and exits when its stdin is closed or its lifetime is over.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import deque

from attrs import define, field

from .server import answer

_LIFETIME = 600.0
_REFUSAL = b'{"message":"Too Many Requests"}'
_DONE = b'{"unscheduled":true,"message":"Successfully unscheduled bot for event"}'


@define
class Limit:
    """``rate`` a second and ``burst`` on top; with ``window``, ``burst`` in any so many seconds instead."""

    rate: float
    burst: float
    window: float
    tokens: float = field(init=False)
    last: float = 0.0
    arrivals: deque[float] = field(factory=deque)

    def __attrs_post_init__(self) -> None:
        self.tokens = self.burst

    def lets_through(self, now: float) -> bool:
        if self.window:
            while self.arrivals and self.arrivals[0] <= now - self.window:
                self.arrivals.popleft()
            if len(self.arrivals) >= self.burst:
                return False
            self.arrivals.append(now)
            return True
        self.tokens = min(self.burst, self.tokens + (now - self.last) * self.rate)
        self.last = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@define
class Counts:
    seen: list[float] = field(factory=list)
    refused: int = 0

    def fullest_second(self) -> int:
        fullest, first = 0, 0
        for last, at in enumerate(self.seen):
            while self.seen[first] <= at - 1:
                first += 1
            fullest = max(fullest, last - first + 1)
        return fullest

    def as_json(self) -> bytes:
        seconds = self.seen[-1] - self.seen[0] if len(self.seen) > 1 else 0.0
        stats = {
            "seen": len(self.seen),
            "refused": self.refused,
            "seconds": seconds,
            "fullest_second": self.fullest_second(),
        }
        return json.dumps(stats).encode()


class _Connection(asyncio.Protocol):
    """Requests come one after the other, and whole: that is how the client sends them."""

    def __init__(self, limit: Limit, counts: Counts, options: argparse.Namespace) -> None:
        self._limit, self._counts, self._options = limit, counts, options
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /stats"):
            self._transport.write(answer(self._counts.as_json()))
            return
        now = self._loop.time()
        self._counts.seen.append(now)
        if self._limit.lets_through(now):
            self._loop.call_later(self._options.latency, self._transport.write, answer(_DONE))
            return
        self._counts.refused += 1
        told = self._options.retry_after
        if told < 0:
            told = max(1, round(self._limit.arrivals[0] + self._limit.window - now + 0.5))
        more = f"Retry-After: {told}\r\n".encode() if told else b""
        self._transport.write(answer(_REFUSAL, 429, b"Too Many Requests", more))


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    limit, counts = Limit(options.rate, options.burst, options.window, last=loop.time()), Counts()
    server = await loop.create_server(lambda: _Connection(limit, counts, options), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        async with asyncio.timeout(_LIFETIME):
            await reader.read()
    except TimeoutError:
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=1e9)
    parser.add_argument("--burst", type=float, default=1e9)
    parser.add_argument("--window", type=float, default=0.0, help="seconds; 0: a token bucket")
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--retry-after", type=int, default=0, help="seconds; 0: none, -1: what is left")
    asyncio.run(_serve(parser.parse_args()))
