"""The API behind a long line, in virtual time: when each request arrives, and an answer so much later."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from attrs import define, field

from meetstream_async import MeetStreamClient
from tests.helpers.credentials import KEY
from tests.helpers.simulated_loop import Connection, SimulatedLoop

T = TypeVar("T")

_HEAD = "HTTP/1.1 {} \r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


@define(eq=False)
class FarApi:
    """An account of so many events with one bot each, and when it was asked for what."""

    events: int
    latency: float
    connecting: Callable[[], float] = lambda: 0.0
    """Seconds that the next connection takes."""
    outage: tuple[float, float] = (math.inf, math.inf)
    """Seconds since the beginning, from and until when each DELETE is answered with 503."""
    arrivals: list[tuple[float, str]] = field(factory=list)
    """Seconds since the beginning, and ``list``, ``events`` or ``delete``."""
    _gone: set[str] = field(factory=set)
    _loop: SimulatedLoop = field(init=False)

    def run(self, main: Callable[[MeetStreamClient], Awaitable[T]], **options: Any) -> tuple[T, float]:
        """What ``main`` returns, given a client of it with these options, and how long that took."""

        def loop() -> SimulatedLoop:
            self._loop = SimulatedLoop(random.Random(1), self, latest=1e6)
            return self._loop

        async def timed() -> tuple[T, float]:
            async with MeetStreamClient(KEY, base_url="http://127.0.0.1:1/api/v1", **options) as client:
                return await main(client), self._loop.elapsed()

        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(timed())

    def ids(self) -> list[str]:
        return [f"evt_{number:08x}" for number in range(self.events)]

    def fullest_second(self) -> int:
        """The most requests that arrived within any second."""
        times = [at for at, _ in self.arrivals]
        fullest = first = 0
        for last, at in enumerate(times):
            while times[first] <= at - 1.0:
                first += 1
            fullest = max(fullest, last - first + 1)
        return fullest

    # --- the other end of the line ------------------------------------------------------------------

    def may_connect(self, port: int) -> float:
        return self.connecting()

    def closed(self, connection: Connection) -> None:
        """Nothing is kept of it."""

    def received(self, connection: Connection, data: bytes) -> None:
        method, target, _ = data.decode().split(" ", 2)
        now = self._loop.elapsed()
        if method == "DELETE" and self.outage[0] <= now < self.outage[1]:
            status, kind, body = 503, "delete", {}
        else:
            status, (kind, body) = 200, self._answer(method, target)
        self.arrivals.append((now, kind))
        text = json.dumps(body)
        reply = (_HEAD.format(status, len(text)) + text).encode()
        self._loop.at(now + self.latency, lambda: connection.deliver(reply))

    def _answer(self, method: str, target: str) -> tuple[str, dict[str, Any]]:
        path, _, query = target.partition("?")
        if method == "DELETE":
            self._gone.add(path.rpartition("/")[2])
            return "delete", {"unscheduled": True}
        if path.endswith("/events"):
            first = int(query.partition("cursor=")[2].partition("&")[0] or 0)
            page = self.ids()[first : first + 100]
            following = str(first + 100) if first + 100 < self.events else None
            return "events", {"next": following, "results": list(map(_event, page))}
        left = [name for name in self.ids() if name not in self._gone]
        return "list", {"scheduled_bots": list(map(_row, left[:100]))}


def _row(event_id: str) -> dict[str, Any]:
    return {
        "bot_id": f"bot-{event_id}",
        "platform": "zoom",
        "status": "Scheduled",
        "scheduled_join_time": "2090-12-01T09:57:00+00:00",
        "custom_attributes": {"source": "calendar_schedule_api", "event_id": event_id},
    }


def _event(event_id: str) -> dict[str, Any]:
    bot = {"id": f"bot-{event_id}", "status": "Scheduled", "scheduled_join_time": "2090-12-01T09:57:00+00:00"}
    return {"id": event_id, "platform": "google", "is_deleted": False, "bots": [bot]}
