"""A limit that lets a number of requests through and then nothing until its end. Pure, no I/O."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from attrs import define, field

LONG = 3.0
"""Seconds from which on a wait means a window rather than a flow."""
WINDOW_MARGIN = 0.02
"""Seconds by which a window is taken to be longer than it seems."""
_FEWEST = 3
"""Requests of a window at least."""
_TELLING = 0.2
"""Seconds of a wait after which even one request tells how fast a short window lets through."""
_ROUNDED = 1.2
"""Seconds by which two lengths of one window may differ."""
_DOUBT_AFTER = 4
"""Whole windows before their number is doubted; twice as many after each doubt in vain."""
_MUCH = 1.3
_ENOUGH = 10.0
"""Requests per second that a short window is guessed at from."""
_AT_ONCE = 3.0
_FASTER = 15.0
"""How much faster than in the long run the requests of a window may start, evenly spaced."""


@define
class Ended:
    """The requests between two pauses."""

    count: int
    seconds: float
    """From the first of them to the end of the pause."""
    wait: float
    """Length of the pause."""
    again: bool = False
    """It goes on: nothing has been let through since."""

    def is_like_long(self, other: Ended) -> bool:
        """The same number of requests has met the end of a window, twice."""
        # After one or two a bucket looks the same. A rate serves a window as small as that as well.
        many = min(self.count, other.count) >= _FEWEST
        return many and self._is_like(other) and max(self.wait, other.wait) >= LONG

    def is_like_short(self, other: Ended) -> bool:
        """The same for a window that is too short for a hold."""
        # Without a wait, only many tell how fast it lets through.
        tells = min(self.count, other.count) >= _FEWEST or min(self.wait, other.wait) >= _TELLING
        return tells and self._is_like(other) and other.seconds < LONG

    def may_repeat(self, count: int) -> bool:
        """A window may end after so many requests, as it did before."""
        return self.wait >= LONG and abs(count - self.count) <= 1

    def _is_like(self, other: Ended) -> bool:
        return abs(self.count - other.count) <= max(1.0 * (self.count >= 10), 0.05 * self.count)


@define
class Guess:
    """Takes a limit for that of a window which is too short to be seen, where it would be much higher then.

    A bucket's burst explains the same: that is believed once a guess was refused at once.
    """

    made: bool = False
    in_vain: bool = False

    def of(self, flow: float, window: float, busy: float) -> float:
        """The limit in requests per second, as a flow or as a window; ``busy``: seconds of this phase."""
        if self.made and busy < _AT_ONCE:
            self.in_vain = True
        self.made = not self.in_vain and window >= _ENOUGH and window > _MUCH * flow
        return window if self.made else flow


@define
class Window:
    most: int
    seconds: float

    @property
    def rate(self) -> float:
        """Requests per second in the long run."""
        return self.most / self.seconds

    @property
    def pace(self) -> float:
        """Requests per second while there is room."""
        return _FASTER * self.rate

    @classmethod
    def between(cls, before: Ended, ended: Ended) -> Window:
        """The window that has ended twice."""
        lengths = sorted((before.seconds, ended.seconds))
        # Waits are rounded up to whole seconds, and windows last whole ones. A first one that is much shorter
        # had begun before us.
        seconds = float(int(lengths[lengths[1] - lengths[0] > _ROUNDED]))
        return cls(min(before.count, ended.count), max(seconds, 1.0))


@define
class KeptWindow:
    """The window that was found, if one was, and the starts that it counts."""

    window: Window | None = None
    starts: deque[float] = field(factory=deque)
    scout: float = math.inf
    """Start of the request that finds out whether the window has grown, once it is under way."""
    may_scout: bool = False
    windows: int = 0
    """Whole ones since its number was doubted."""
    doubt_after: int = _DOUBT_AFTER

    def open(self, window: Window, starts: Sequence[float]) -> None:
        """From now on it is kept to; ``starts``: those since it began."""
        self.window, self.windows = window, 0
        self.starts = deque(starts[-window.most :], maxlen=window.most)

    def drop(self) -> None:
        self.window, self.scout = None, math.inf

    def is_scout(self, began: float) -> bool:
        """Whether a request that was sent then finds out."""
        return self.window is not None and began >= self.scout

    def hold_until(self, now: float) -> float:
        """When the window has room again; in the past if it has."""
        window = self.window
        if window is None or len(self.starts) < window.most or (self.may_scout and self._is_spent(now)):
            return -math.inf
        return self.starts[0] + window.seconds + WINDOW_MARGIN

    def _is_spent(self, now: float) -> bool:
        """All that it lets through started a short time ago, so that one more would surely be refused."""
        return self.window is not None and now - self.starts[0] < self.window.seconds / 2

    def start(self, now: float, last: float) -> bool:
        """A request starts. Returns True where it is the first one of a window. ``last``: the one before."""
        window = self.window
        if window is None:
            return False
        if self.may_scout and len(self.starts) == window.most and self._is_spent(now):
            # One request more than the window has room for, to see whether it still has its size.
            self.may_scout, self.scout = False, now
            return False
        is_first = now - last > window.seconds / 5
        if is_first:
            self.windows += 1
            if self.windows == self.doubt_after:
                self.windows, self.doubt_after, self.may_scout = 0, 2 * self.doubt_after, True
        self.starts.append(now)
        return is_first
