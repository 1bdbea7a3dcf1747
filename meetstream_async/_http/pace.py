"""The law of the pace: when the next request may start. Pure: the clock is handed in, no I/O.

Without a bound, requests start as they come until the API refuses one. What it has let through by then says
how fast it lets through: after the pause that it asks for, requests are spaced evenly, first at a pace that
is surely allowed, then faster and faster until the second refusal tells the limit. From then on the pace
stays just below it, and a short probe now and then finds out whether the limit has changed (``pace_finder``
decides all of that).
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable

from .pace_bound import JITTER, SHARED_JITTER, Bound
from .pace_finder import PaceFinder

_STALL = 0.05
_CLOSE = 0.02
"""Where starts are less than 20 ms apart, one that is up to 50 ms late is made up for: the process is busy,
not idle."""
_OVERSHOT = 0.1
"""The same where somebody waited for the start, so that only the timer can be late."""
_BUSY = 0.25
"""The same for both where only a bound is kept, which counts the starts of each second anyway. The starts of
several processes are not counted, and what is made up for takes from their margin."""
_RAMP = 0.05
_RAMP_SHARE = 0.9
_RAMP_END = 0.001
"""After a told pause without a limit that was met, two starts are 50 ms apart, and a tenth less each time: it
takes half a second until they may come as they like."""
_RECENT = 1024
_BELIEVED = 2
"""Refusals in a row whose waits are taken as they are told; "0" and "1" may be told whatever the limit is."""
_LAST_ONES = 3
"""Requests under way together that may each be let through as the last: several nodes count, or a bucket."""
_MARGIN = 0.25
_LONGEST_MARGIN = 30.0
"""A wary pace adds up to a quarter of a told wait at random, twice as much each time, and 30 s at most."""
_CROWD_MARGIN = 8.0
"""Seconds that it adds at least where others use the key: their requests may have prolonged the wait."""


class Pace:
    """When the next request may start, for all clients of one key.

    ``next_start`` says when, ``take`` records a start, ``let_through`` and ``refused`` what came of it. Times
    are seconds on one clock that only the caller knows.
    """

    def __init__(
        self,
        bound: float | None = None,
        *,
        first_pause: float = 0.5,
        longest_pause: float = 8.0,
        wary: bool = False,
        shared: bool = False,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """``bound``: requests per second at most, or None.

        ``first_pause``, ``longest_pause``: seconds to pause after a refusal that does not say for how long,
        doubled for each further one in a row. ``wary``: others may share the key unseen, and being early is
        punished; waits are longer than told by a random margin that grows with each refusal. ``shared``: the
        starts are those of several processes.
        """
        # Who lifts the bound of a wary pace wants it found as that of any other API.
        self.finder: PaceFinder = PaceFinder(bound, wary and bound is not None)
        self._margin = SHARED_JITTER if shared else JITTER
        self._bound = None if bound is None else Bound.of(bound, self._margin)
        self.is_free: bool = bound is None
        """Requests may start as they come: there is no bound, no pause, and no limit was met."""
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._wary = wary
        self._draw = draw
        self._shared = shared
        self._slot = -math.inf
        """Start of the next request by the interval alone."""
        self._ramp = 0.0
        """Seconds between two starts after a pause that no limit explains."""
        self.paused_until: float = -math.inf
        self.last_let_through: float = -math.inf
        self.recent: deque[float] = deque(maxlen=_RECENT)
        """Starts of requests that were let through while the pace was free, to be learned from if need be."""
        self._in_a_row = 0
        self._warnings = 0
        """Refusals that were not forgotten yet; the margin of a wary pace grows with them."""
        self._left: float = math.inf
        self._left_until = -math.inf
        """What the API says may still start, and until when that holds."""
        self._none_left_at = -math.inf
        self._last_ones = 0
        """How many of those under way then were let through, each as the last one."""

    def bound_by(self, rate: float | None) -> None:
        """Set the bound: requests per second at most, or None."""
        if rate == self.finder.bound:
            return
        self.finder.bound = rate
        self._bound = None if rate is None else Bound.of(rate, self._margin)
        self.is_free = self.is_free and rate is None

    def move_bound(self, seconds: float) -> None:
        """The clock shows so much more: the starts that the bound counts are later by it."""
        if self._bound is not None:
            self._bound.move(seconds)

    @property
    def interval(self) -> float:
        """Seconds between two starts, as of now."""
        bound = 0.0 if self._bound is None else self._bound.interval
        return max(bound, self.finder.interval, self._ramp)

    def next_start(self, now: float) -> float:
        """The earliest start of a request; not later than ``now`` if it may start at once."""
        if self.paused_until <= now:
            # First: where the refusal tells of a window, the window may be full.
            self.finder.settle(now)
        start = max(self._slot, self.paused_until, self.finder.hold_until(now))
        if self._bound is not None:
            start = max(start, self._bound.next_start())
        if self._left < 1 and not self._count_is_over(now):
            start = max(start, self._left_until)
        return start

    def _count_is_over(self, now: float) -> bool:
        """Whether no count that was told holds any more. After a wait for that nothing starts in a burst."""
        if self._left_until <= now and self._left < math.inf:
            if self._left < 1:
                self._ramp = _RAMP
            self._left = math.inf
        return self._left == math.inf

    def start_from(self, now: float) -> float:
        """The earliest start from now on, where a pause that ends meanwhile may tell of a window."""
        start = max(self.next_start(now), now)
        return start if start == now else max(self.next_start(start), start)

    def clear(self, now: float) -> bool:
        """Whether requests may start as they come again: a pause is over, and no limit was met."""
        if self.is_free or self._bound is not None:
            return self.is_free
        if self.paused_until <= now and self.finder.is_free and self._count_is_over(now) and not self._ramp:
            self.is_free, self.paused_until, self._slot = True, -math.inf, -math.inf
        return self.is_free

    def take(self, now: float, *, waited: bool = False) -> None:
        """A request starts now. ``waited``: somebody has been waiting for this start."""
        due = self.next_start(now)
        if self.clear(now):
            return
        late = max(0.0, now - due)
        interval = self.interval
        most = _OVERSHOT if self._bound is None or not self.finder.is_free else _BUSY
        if self._shared and self._bound is not None:
            most = _STALL
        in_time = late <= (most if waited else (_STALL if most < _BUSY else _BUSY) * (interval < _CLOSE))
        self.finder.started(now, in_time=in_time or late <= interval)
        self._slot = (due if in_time else now) + interval
        if self._ramp:
            self._ramp = self._ramp * _RAMP_SHARE if self._ramp > _RAMP_END else 0.0
        self._left -= 1
        if self._bound is not None:
            self._bound.starts.append(now)

    def depart(self, now: float) -> float:
        """A request has its connection, and leaves now; else the seconds until it may.

        A start may be late by the time that connecting takes, or that the process is busy.
        """
        bound = self._bound
        if bound is None:
            return 0.0
        wait = bound.next_departure() - now
        if wait > 0:
            return wait
        bound.departures.append(now)
        return 0.0

    def _catch_up(self, now: float) -> None:
        self.is_free = False
        while self.recent:
            began = self.recent.popleft()
            self.last_let_through = max(self.last_let_through, began)
            self.finder.let_through(began, min(now, began + self.finder.round_trip))

    def let_through(self, began: float, now: float) -> None:
        """A request that was sent at ``began`` was not refused."""
        self._in_a_row = 0
        self.last_let_through = now
        self.finder.let_through(began, now)

    def refused(self, began: float, now: float, told: float | None, size: int | None = None) -> float:
        """A request that was sent at ``began`` was refused; returns the pause in seconds.

        ``told``: the seconds to wait, if the API says so. ``size``: the requests that its limit lets through.
        """
        self._catch_up(now)
        self._last_ones = 0
        short = self.finder.short_pause
        is_new = self.finder.refused(began, now, told)
        if told is None:
            if not is_new:
                return max(0.0, self.paused_until - now)
            self._in_a_row += 1
            told = self._backoff(self._in_a_row)
            if self._in_a_row == 1:
                told = min(told, short)
        elif is_new:
            self._in_a_row += 1
            if self._in_a_row > _BELIEVED and not self._wary:
                # Nothing was let through after the waits that were told.
                told = max(told, self._backoff(self._in_a_row - _BELIEVED))
        self.pause(now, told)
        if is_new and self._wary:
            self._warnings = min(self._warnings + 1, 6)
            self._keep_away(now, told, size)
        return told

    def _backoff(self, times: int) -> float:
        return min(self._first_pause * 2.0 ** min(times - 1, 30), self._longest_pause)

    def _keep_away(self, now: float, told: float, size: int | None) -> None:
        doubled = 2.0 ** (self._warnings - 1)
        margin = min(_MARGIN * max(told, 0.1) * doubled, _LONGEST_MARGIN) * self._draw()
        if size is not None and self._others(size, 0, now) > 0:
            margin = _CROWD_MARGIN * doubled * (1.0 + self._draw())
            self.finder.crowd()
        self._slot = max(self._slot, self.paused_until + margin)

    def _others(self, size: int, left: int, now: float) -> int:
        """Requests of others within a limit of so many, of which so many are left, in the last second."""
        if self._bound is None or self._bound.most > size:
            return 0
        return size - left - self._bound.within(self._bound.seconds + 0.1, now)

    def shares(self, now: float, size: int, left: int, seconds: float) -> None:
        """The API says how much of a limit is left. A wary pace makes room for others who use it, too."""
        if self._wary and self._others(size, left, now) > 0 and self.finder.crowd():
            self._slot = max(self._slot, now + seconds + self.interval * self._draw())

    def pause(self, now: float, seconds: float) -> None:
        """Nothing starts for so long; never shortens a pause in progress."""
        self._catch_up(now)
        self.paused_until = max(self.paused_until, now + seconds)
        if seconds > 0 and self.finder.is_free:
            self._ramp = _RAMP

    def used_up(self, now: float, seconds: float, began: float = math.inf) -> bool:
        """The API says that nothing is left of its limit for so long.

        It says so in letting through what was sent at ``began``. Returns False where that is not believed:
        several were let through, each as the last one. It is again after the next refusal.
        """
        if self._last_ones > _LAST_ONES:
            return False
        if began >= self._none_left_at:
            self._none_left_at, self._last_ones = now, 0
        self._last_ones += not self._wary
        self._catch_up(now)
        self.finder.used_up(now, seconds)
        self.pause(now, seconds)
        # What was found may be far more by now than such a limit lets through at once.
        self._ramp = _RAMP
        return True

    def allowed(self, now: float, count: int, seconds: float) -> None:
        """The API says that so many more requests may start within the next ``seconds``."""
        self._catch_up(now)
        self._left, self._left_until = float(count), now + seconds

    def explains(self, limit: int, seconds: float, began: float, shared: bool) -> bool:
        """Whether a limit is used up by our own starts, and by no more than the bound keeps within it.

        ``limit``, ``seconds``: so many requests, and used up for so long after the one that was sent at
        ``began``. ``shared``: the starts of others are kept within the bound as well.
        """
        bound = self._bound
        if bound is None or bound.most > limit or seconds > math.ceil(bound.seconds - JITTER):
            return False
        if shared:
            return True
        return sum(0 <= began - start <= bound.seconds - JITTER for start in bound.starts) >= limit
