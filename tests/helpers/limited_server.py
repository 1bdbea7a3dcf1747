"""Servers with a limit that they do not publish, and a client at one of them, on a clock that is only a
number."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import define, field

from meetstream_async._http.pace import Pace

BEGIN = 1000.0


class Limit(Protocol):
    """Decides on an arrival: whether it is let through, and what a refusal says of the wait."""

    def arrive(self, now: float) -> tuple[bool, float | None]: ...


@define
class Bucket:
    """Tokens flow in at a rate, and a few of them are kept."""

    rate: float
    burst: float
    told: float | None
    _tokens: float = math.nan
    _last: float = BEGIN

    def arrive(self, now: float) -> tuple[bool, float | None]:
        tokens = self.burst if math.isnan(self._tokens) else self._tokens
        self._tokens, self._last = min(self.burst, tokens + (now - self._last) * self.rate), now
        if self._tokens < 1:
            return False, self.told
        self._tokens -= 1
        return True, None


@define
class Sliding:
    """So many in any such time; a refusal tells the time until the oldest of them is out of it."""

    most: int
    seconds: float
    _arrivals: deque[float] = field(factory=deque)

    def arrive(self, now: float) -> tuple[bool, float | None]:
        while self._arrivals and self._arrivals[0] <= now - self.seconds:
            self._arrivals.popleft()
        if len(self._arrivals) >= self.most:
            return False, math.ceil(self._arrivals[0] + self.seconds - now)
        self._arrivals.append(now)
        return True, None


@define
class Fixed:
    """So many between two ticks of a clock."""

    most: int
    seconds: float
    phase: float = 0.0
    _tick: int = -1
    _count: int = 0

    def arrive(self, now: float) -> tuple[bool, float | None]:
        tick = int((now + self.phase) // self.seconds)
        if tick != self._tick:
            self._tick, self._count = tick, 0
        if self._count >= self.most:
            return False, math.ceil((tick + 1) * self.seconds - now - self.phase)
        self._count += 1
        return True, None


@define
class Silent:
    """The same limit, whose refusals name no wait."""

    limit: Limit

    def arrive(self, now: float) -> tuple[bool, float | None]:
        return self.limit.arrive(now)[0], None


@define
class Straying:
    """The same limit, which refuses a share of what it would let through besides."""

    limit: Limit
    share: float
    told: float | None
    draw: random.Random = field(factory=lambda: random.Random(4))

    def arrive(self, now: float) -> tuple[bool, float | None]:
        return (False, self.told) if self.draw.random() < self.share else self.limit.arrive(now)


@define
class Unfair:
    """So many in any such time, those that were refused included; a refusal tells too short a wait."""

    most: int
    seconds: float
    told: float | None
    _arrivals: deque[float] = field(factory=deque, repr=False)

    def arrive(self, now: float) -> tuple[bool, float | None]:
        while self._arrivals and self._arrivals[0] <= now - self.seconds:
            self._arrivals.popleft()
        self._arrivals.append(now)
        return len(self._arrivals) <= self.most, self.told


@define
class Course:
    """What a run came to."""

    seconds: float
    refused: int
    times: list[float]
    """When each request was let through, since the beginning."""
    pace: Pace

    @property
    def refused_share(self) -> float:
        return self.refused / (self.refused + len(self.times))

    def per_second(self, since: float, until: float) -> float:
        return sum(since <= time < until for time in self.times) / (until - since)


@define
class _Client:
    server: Limit
    requests: int
    concurrency: int
    latency: float
    refusal_latency: float
    pace: Pace
    random: random.Random
    changes: deque[tuple[float, Callable[[], None]]]
    now: float = BEGIN
    events: list[tuple[float, int, str, float, float | None]] = field(factory=list)
    number: int = 0
    under_way: int = 0
    answered: bool = False
    wake: float | None = None
    waited: bool = False
    refused: int = 0
    times: list[float] = field(factory=list)

    def run(self) -> Course:
        left = self.requests
        steps = 60 * self.requests + 6000
        while len(self.times) < self.requests:
            left -= self._start(left)
            steps -= 1
            assert steps > 0, f"it starves: {self.server} {self.pace.finder.pace}"
            self.now, _, kind, began, told = heapq.heappop(self.events)
            while self.changes and self.changes[0][0] <= self.now - BEGIN:
                self.changes.popleft()[1]()
            left += self._happen(kind, began, told)
        return Course(self.now - BEGIN, self.refused, self.times, self.pace)

    def _start(self, left: int) -> int:
        started = 0
        # As a run does before the first answer.
        most = self.concurrency if self.answered else min(self.concurrency, 20)
        while started < left and self.under_way < most:
            start = self.pace.next_start(self.now)
            if start > self.now:
                if self.wake is None or start < self.wake - 0.001:
                    self.wake = start + 0.0005 * self.random.random()
                    self._push(self.wake, "wake", 0.0)
                break
            self.pace.take(self.now, waited=self.waited)
            self.waited = False
            self.under_way += 1
            started += 1
            self._push(self.now + 0.3 * self.refusal_latency, "arrive", self.now)
        return started

    def _happen(self, kind: str, began: float, told: float | None) -> int:
        if kind == "wake":
            if self.wake is not None and self.now >= self.wake:
                self.wake, self.waited = None, True
            return 0
        if kind == "arrive":
            good, wait = self.server.arrive(self.now)
            latency = self.latency * self.random.uniform(0.8, 1.2) if good else self.refusal_latency
            self._push(self.now + latency, "good" if good else "refused", began, wait)
            return 0
        self.answered = True
        self.under_way -= 1
        if kind == "good":
            self.times.append(self.now - BEGIN)
            self.pace.let_through(began, self.now)
            return 0
        self.refused += 1
        self.pace.refused(began, self.now, told)
        return 1

    def _push(self, at: float, kind: str, began: float, told: float | None = None) -> None:
        self.number += 1
        heapq.heappush(self.events, (at, self.number, kind, began, told))


def run_at(
    server: Limit,
    requests: int,
    *,
    concurrency: int = 20,
    latency: float = 0.05,
    refusal_latency: float = 0.002,
    seed: int = 0,
    changes: Sequence[tuple[float, Callable[[], None]]] = (),
    pace: Pace | None = None,
) -> Course:
    """Send so many requests as fast as the pace lets them start, those that were refused again."""
    draw = random.Random(seed)
    pace = pace or Pace(draw=draw.random)
    client = _Client(server, requests, concurrency, latency, refusal_latency, pace, draw, deque(changes))
    return client.run()
