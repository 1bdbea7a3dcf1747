"""An event loop with a clock that jumps, a seeded order of events, and a network in memory."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import socket
from collections.abc import Callable
from typing import Any, Protocol

START = 1000.0
"""The loop's time when a run begins. Not 0, which code may take for "never"."""
_MOST_ITERATIONS = 200_000
"""Turns of the loop in one run; a run that spins without end is told from one that is long."""


class RunDoesNotEndError(Exception):
    """A run waits for something that never happens, or goes on beyond its bounds."""


class Peer(Protocol):
    """What is reached at the other end of a connection."""

    def may_connect(self, port: int) -> float | None:
        """Seconds until a connection is there, or None where it is refused."""

    def received(self, connection: Connection, data: bytes) -> None:
        """Bytes that the client has sent."""

    def closed(self, connection: Connection) -> None:
        """The client has closed the connection."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks as asyncio does, but time passes only where nothing is ready.

    What asyncio leaves open is drawn from the seed: which of several events that are due together comes
    first, and how late a timer rings. The order of ``call_soon``, which asyncio promises, is kept.
    """

    def __init__(
        self,
        rng: random.Random,
        peer: Peer,
        *,
        latest: float,
        lateness: float = 0.0,
        on_time: Callable[[float], object] | None = None,
    ) -> None:
        """``latest``: seconds after which the run is given up. ``lateness``: of timers, at most."""
        super().__init__()
        self._clock_resolution = 1e-9
        self._selector = self
        self._rng = rng
        self._peer = peer
        self._latest = START + latest
        self._lateness = lateness
        self._on_time = on_time
        self._now = START
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self.iterations = 0
        self.connections: set[Connection] = set()
        self.failure: RunDoesNotEndError | None = None
        """Set by whoever sees a bound broken; raised at the next turn."""

    # --- time ---------------------------------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._now - START

    def give_more_time(self, seconds: float) -> None:
        """Let a run that was given up come to its end."""
        self._latest, self.failure, self.iterations = self._now + seconds, None, 0

    def at(self, elapsed: float, event: Callable[[], object]) -> None:
        """Something happens outside of the process, so many seconds after the run began."""
        heapq.heappush(self._events, (START + elapsed, next(self._numbers), event))

    def select(self, timeout: float | None) -> list[Callable[[], object]]:
        """Let time pass until the next thing happens, and return the outside events that are due."""
        self.iterations += 1
        if self.failure is not None:
            raise self.failure
        if self.iterations > _MOST_ITERATIONS:
            raise RunDoesNotEndError(f"spins: {self.iterations} turns of the loop at {self.elapsed():.1f} s")
        if timeout != 0:
            self._pass_time(timeout)
        due: list[Callable[[], object]] = []
        while self._events and self._events[0][0] <= self._now:
            due.append(heapq.heappop(self._events)[2])
        if len(due) > 1:
            self._rng.shuffle(due)
        return due

    def _pass_time(self, timeout: float | None) -> None:
        next_event = self._events[0][0] if self._events else None
        if timeout is None and next_event is None:
            raise RunDoesNotEndError(f"waits for ever, at {self.elapsed():.1f} s")
        target = next_event
        if timeout is not None:
            ring = self._now + timeout + (self._rng.random() * self._lateness if self._lateness else 0.0)
            target = ring if next_event is None else min(ring, next_event)
        assert target is not None
        if target > self._latest:
            raise RunDoesNotEndError(f"goes on for more than {self._latest - START:.0f} s")
        self._now = max(self._now, target)
        if self._on_time is not None:
            self._on_time(self.elapsed())

    def _process_events(self, events: list[Callable[[], object]]) -> None:
        for event in events:
            self.call_soon(event)

    def _write_to_self(self) -> None:
        """Nothing to wake: no other thread is involved."""

    # --- network ------------------------------------------------------------------------------------

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect without a network: the address is only asked for at the peer."""
        seconds = self._peer.may_connect(address[1])
        if seconds is None:
            raise ConnectionRefusedError(111, "Connection refused")
        if seconds:
            await asyncio.sleep(seconds)

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], *args: Any, sock: socket.socket, **kwargs: Any
    ) -> tuple[Connection, asyncio.Protocol]:
        """The client's end of a connection to the peer, in place of the socket."""
        sock.close()
        protocol = protocol_factory()
        connection = Connection(self, protocol, self._peer)
        protocol.connection_made(connection)
        return connection, protocol


class Connection(asyncio.Transport):
    """The client's end of a connection in memory."""

    def __init__(self, loop: SimulatedLoop, protocol: asyncio.Protocol, peer: Peer) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._peer = peer
        self._closing = False
        self.buffer = b""
        """Bytes of a request that is not complete."""
        loop.connections.add(self)

    # --- what aiohttp asks --------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def is_closing(self) -> bool:
        return self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.Protocol:
        return self._protocol

    def is_reading(self) -> bool:
        return not self._closing

    def pause_reading(self) -> None:
        """Bodies are small: nothing is held back."""

    def resume_reading(self) -> None:
        """See ``pause_reading``."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """What is written has arrived at once."""

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._closing:
            self._peer.received(self, bytes(data))

    def close(self) -> None:
        if not self._closing:
            self._peer.closed(self)
            self._end(None)

    def abort(self) -> None:
        self.close()

    # --- what the peer does -------------------------------------------------------------------------

    def deliver(self, data: bytes) -> bool:
        """Bytes arrive at the client. False where it has closed the connection."""
        if self._closing:
            return False
        self._protocol.data_received(data)
        return True

    def lose(self) -> bool:
        """The connection breaks. False where the client has closed it before."""
        if self._closing:
            return False
        self._end(ConnectionResetError(104, "Connection reset by peer"))
        return True

    def _end(self, error: Exception | None) -> None:
        self._closing = True
        self._loop.connections.discard(self)
        self._loop.call_soon(self._protocol.connection_lost, error)
