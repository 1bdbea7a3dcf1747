"""What an API has let through lately, counted in short spans of time. Pure, no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable

SPAN = 0.1
"""Seconds that are counted together."""

_MOST = 128
"""Spans that are remembered; empty ones take no room."""


class LetThrough:
    """Counts requests that were let through, by the time at which they were sent."""

    def __init__(self, counts: Iterable[tuple[int, int]] = ()) -> None:
        self._counts: dict[int, int] = dict(counts)

    def add(self, at: float, count: int = 1) -> None:
        """Called for every reply, so it does no more than it has to."""
        counts = self._counts
        span = int(at / SPAN)
        if span in counts:
            counts[span] += count
        else:
            counts[span] = count
            if len(counts) > _MOST:
                # Requests are answered nearly in order, so the first one that was noted is nearly the oldest.
                del counts[next(iter(counts))]

    def since(self, at: float, until: float = math.inf) -> int:
        """Requests sent since then, give or take a span, and not after ``until``."""
        first = int(at / SPAN)
        return sum(count for span, count in self._counts.items() if first <= span <= until / SPAN)

    def busiest(self) -> int:
        """Requests sent in the fullest second."""
        spans, most, first, count = sorted(self._counts.items()), 0, 0, 0
        for span, value in spans:
            count += value
            while spans[first][0] <= span - round(1 / SPAN):
                count -= spans[first][1]
                first += 1
            most = max(most, count)
        return most

    def times(self, since: float) -> list[float]:
        """When each was sent since then, at the latest."""
        first = int(since / SPAN)
        return [
            (span + 1) * SPAN
            for span, count in sorted(self._counts.items())
            if span >= first
            for _ in range(count)
        ]

    def steadiest(self, since: float, until: float, burst: float) -> float:
        """The rate that explains what was let through, if ``burst`` came on top; 0 if none does.

        A token bucket that has run empty has let through its burst and what flowed in since it was full.
        Which moment that was nobody knows, but any other one gives a lower rate.
        """
        best, count = 0.0, 0
        for span, value in sorted(self._counts.items(), reverse=True):
            began = span * SPAN
            if began < since - SPAN:
                break
            if began >= until:
                continue
            count += value
            seconds = until - began
            if seconds >= 3 * SPAN:
                best = max(best, (count + 0.5 - burst) / seconds)
        return best

    def flow(
        self, since: float, until: float, *, burst: float, burst_seconds: float, least: float, guess: float
    ) -> float:
        """The rate, if ``burst`` were let through in the first ``burst_seconds``.

        That is what a bucket holds, and what the rate let through meanwhile.
        """
        for _ in range(3):
            guess = max(self.steadiest(since, until, max(1.0, burst - guess * burst_seconds)), least)
        return guess

    def to_list(self) -> list[tuple[int, int]]:
        """As JSON values."""
        return sorted(self._counts.items())
