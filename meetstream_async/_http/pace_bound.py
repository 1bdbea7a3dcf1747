"""An upper bound that callers set: so many starts in any so many seconds. Pure, no I/O."""

from __future__ import annotations

import math
from collections import deque

from attrs import define, field

JITTER = 0.01
"""Margin in seconds for the network: a bound of 5 a second means that 5 requests leave in any 1.01 s."""

SHARED_JITTER = 0.06
"""The margin where several processes keep to one bound: each has a timer and connections of its own."""


@define(eq=False)
class Bound:
    """At most ``most`` starts in any ``seconds``, and as many departures."""

    most: int
    seconds: float
    starts: deque[float] = field(init=False)
    departures: deque[float] = field(init=False)

    @classmethod
    def of(cls, rate: float, margin: float = JITTER) -> Bound:
        most = max(1, int(rate))
        return cls(most, most / rate + margin)

    def __attrs_post_init__(self) -> None:
        self.starts = deque(maxlen=self.most)
        self.departures = deque(maxlen=self.most)

    def within(self, seconds: float, until: float) -> int:
        """Starts in the seconds before."""
        return sum(until - seconds <= start <= until for start in self.starts)

    @property
    def interval(self) -> float:
        return self.seconds / self.most

    def next_start(self) -> float:
        return self._next(self.starts)

    def next_departure(self) -> float:
        return self._next(self.departures)

    def move(self, seconds: float) -> None:
        """The clock shows so much more."""
        for times in (self.starts, self.departures):
            moved = [time + seconds for time in times]
            times.clear()
            times.extend(moved)

    def _next(self, times: deque[float]) -> float:
        return times[0] + self.seconds if len(times) == self.most else -math.inf
