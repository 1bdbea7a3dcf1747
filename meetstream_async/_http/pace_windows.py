"""A limit that lets a number of requests through and then nothing until its end. Pure, no I/O."""

from __future__ import annotations

from attrs import define

LONG = 3.0
"""Seconds from which on a wait means a window rather than a flow."""
WINDOW_MARGIN = 0.02
"""Seconds by which a window is taken to be longer than it seems."""
_FEWEST = 3
"""Requests of a window at least."""
_ROUNDED = 1.2
"""Seconds by which two lengths of one window may differ."""
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
        return self._is_like(other) and max(self.wait, other.wait) >= LONG

    def is_like_short(self, other: Ended) -> bool:
        """The same for a window that is too short for a hold."""
        return self._is_like(other) and other.seconds < LONG

    def may_repeat(self, count: int) -> bool:
        """A window may end after so many requests, as it did before."""
        return self.wait >= LONG and abs(count - self.count) <= 1

    def _is_like(self, other: Ended) -> bool:
        # After one or two a bucket looks the same. A rate serves a window as small as that as well.
        return min(self.count, other.count) >= _FEWEST and abs(self.count - other.count) <= max(1.0 * (self.count >= 10), 0.05 * self.count)


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
