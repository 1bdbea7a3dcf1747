"""Finds the pace that an API lets through, from what it let through and what it refused. Pure, no I/O.

Two kinds of limit are told apart. A flow (a token bucket, or a short window) is found as a rate. A window
lets a number of requests through and then nothing until its end; where two in a row end after the same
number, that number is not exceeded again.

What it owes to others: a rate measured by what was let through (the adaptive mode of the AWS SDKs), growth
that is slow at the last limit and fast beyond it (TCP CUBIC), probes that cost no more than they may find.
What their users complain of is avoided: refusals that were in flight together count once, so that they can't
ruin the rate; no minute of slow growth follows the first pause; and a client that is idle does not raise its
rate.
"""

from __future__ import annotations

import math

from .let_through import SPAN, LetThrough
from .pace_probes import Probes
from .pace_strays import Strays
from .pace_wary import CROWDED, wary_limit
from .pace_windows import LONG, Ended, Guess, KeptWindow, Window

_DOUBLING = 0.5
"""Seconds in which a pace that has met no limit doubles."""
_BELOW = 0.97
"""Share of the limit that was found at which requests are paced."""
_CREEP = 0.05
"""Share of the limit by which the pace rises halfway to the next probe, since limits are estimated low."""
_STEP = 0.03
"""Share of the limit by which a probe begins; it grows as an unlimited pace does."""
_BRIEF = 1.0
_QUICKLY = 0.2
_SLOWEST = 0.1
"""Requests per second at which an API is asked that lets nothing through; each refusal has its own pause."""
_HARDLY = 0.05
"""The same where hardly anything is let through between two refusals."""
_WARY_PROBE = 20.0
_CROWD_PROBE = 120.0
_WARY_DOUBLING = 10.0


class PaceFinder:
    """The pace that holds, once there was a refusal. Times are those of :class:`Pace`."""

    def __init__(self, bound: float | None, wary: bool) -> None:
        self.bound = bound
        self._wary = wary
        self._seen = LetThrough()
        self._count = 0
        """Let through since the last pause."""
        self._since: float | None = None
        """Start of the first request since the last pause."""
        self._rate: float | None = None
        """Requests per second at the beginning of the phase; None before the first refusal."""
        self.limit: float | None = None
        """The limit that was found, in requests per second; None while it is unknown."""
        self._burst = 0.0
        """What was let through before the first refusal, and in how many seconds."""
        self._burst_seconds = 0.0
        self._last_began = -math.inf
        self._busy = 0.0
        """Seconds of this phase in which the pace was used."""
        self._last = 0.0
        """The last start."""
        self._probes = Probes()
        self._cut: tuple[float, float | None, float] | None = None
        """When a request was refused, how long to wait, and when it was sent, while replies are to come."""
        self._cut_at = -math.inf
        self._guess = Guess()
        self._strays = Strays()
        self._ended: Ended | None = None
        self._kept = KeptWindow()
        self.round_trip: float = 0.0
        self.findings: int = 0
        """How often the pace was found anew."""
        self._rest = 0.0
        """Length of the last pause."""

    @property
    def short_pause(self) -> float:
        """Seconds to wait after a refusal that names no wait: less than usual where the limit is known."""
        return max(_QUICKLY, 1.5 / self.limit) if self.limit is not None and self._count >= 10 else math.inf

    @property
    def is_free(self) -> bool:
        """No limit was met."""
        return self._rate is None and self._cut is None

    @property
    def pace(self) -> float | None:
        """Requests per second as of now; None for full speed."""
        if self._rate is None:
            return None
        if self._kept.window is not None:
            pace = self._kept.window.pace
        elif self.limit is None:
            pace = self._rate * self._growth(self._busy)
        else:
            over = self._busy - self._probes.hold
            creep = _CREEP * min(2.0 * self._busy / self._probes.hold, 1.0)
            pace = self.limit * (_BELOW + creep + (_STEP * (self._growth(over) - 1.0) if over > 0 else 0.0))
        return pace if self.bound is None else min(pace, self.bound)

    def _growth(self, seconds: float) -> float:
        return float(2.0 ** min(seconds / (_WARY_DOUBLING if self._wary else _DOUBLING), 40.0))

    @property
    def sustained(self) -> float | None:
        """Requests per second in the long run, as of now; None for full speed.

        What has met no limit since may be paced at far more than anybody sends.
        """
        if self._kept.window is not None:
            return self._kept.window.rate
        pace, most = self.pace, max(self.limit or 0.0, self._seen.busiest())
        return pace if pace is None or not most or pace < 1.5 * most else most

    @property
    def interval(self) -> float:
        """Seconds between two starts."""
        pace = self.pace
        if pace is None:
            return 0.0
        ended = self._ended
        if ended is not None and self._kept.window is None and (ended.again or ended.may_repeat(self._count)):
            # A window may end here, or go on. One request at a time finds out, so that only one is refused.
            return max(1.0 / pace, 2.0 * self.round_trip)
        return 1.0 / pace

    def hold_until(self, now: float) -> float:
        """When the window has room again; in the past if it has."""
        return self._kept.hold_until(now)

    def started(self, now: float, *, in_time: bool) -> None:
        """A request starts. ``in_time``: the pace is used to the full, so it may grow."""
        if self._since is None:
            self._since = now
        if self._rate is None:
            return
        if in_time and self._last:
            # At a slow pace a request may not jump over what it takes to rise.
            most = max(_DOUBLING, min(self._left_of_hold, self.interval / 2.0))
            self._busy += min(now - self._last, 2.0 * self.interval, most)
        if self._kept.start(now, self._last):
            self._count, self._since = 0, now
        self._last = now

    @property
    def _left_of_hold(self) -> float:
        """Seconds of use until the next probe; 0 while the pace rises."""
        return 0.0 if self.limit is None else self._probes.hold - self._busy

    def crowd(self) -> bool:
        """Leave most of the bound to others. Returns False if that is so already."""
        if self.bound is None or (self.limit is not None and self.limit <= CROWDED * self.bound):
            return False
        self.limit = self._rate = CROWDED * self.bound
        self._busy, self._probes.hold, self._cut = 0.0, _CROWD_PROBE, None
        return True

    def slow_down(self, share: float) -> None:
        """Go on at this share of the pace."""
        if self._rate is not None:
            self._rate *= share
        if self.limit is not None:
            self.limit *= share

    def let_through(self, began: float, now: float) -> None:
        """A request that was sent at ``began`` was not refused."""
        self._seen.add(began)
        if not self._count and self._ended is not None:
            self._ended.again = False
        self._count += 1
        self._last_began = began
        if self._since is None:
            self._since = began
        self.round_trip += (now - began - self.round_trip) / 8
        if self._kept.is_scout(began):
            # It has grown. The next two refusals tell its size.
            self._rate, self._busy, self.limit = self.pace, 0.0, None
            self._kept.drop()

    def refused(self, began: float, now: float, told: float | None) -> bool:
        """Returns False if it was in flight when another one was refused: nothing new is learned from it."""
        if began < self._cut_at:
            if self._cut is not None and told is not None:
                self._cut = (self._cut[0], max(told, self._cut[1] or 0.0), self._cut[2])
            return False
        self.settle(now)
        self._cut_at = now
        if self._kept.is_scout(began):
            # As expected.
            self._kept.scout = math.inf
            return True
        self._cut = (now, told, began)
        return True

    def used_up(self, now: float, seconds: float) -> None:
        """Nothing is left of the limit for so long. As good as a refusal, where there is no pace yet."""
        if self.is_free and self.bound is None:
            self._cut, self._cut_at = (now, seconds, now), now

    def settle(self, now: float) -> None:
        """Judge the last refusal, now that its pause is over."""
        if self._cut is None:
            return
        (at, told, sent), self._cut = self._cut, None
        pace = self.pace
        self._kept.window = None
        since = at if self._since is None else self._since
        wait = max(now - at, told or 0.0)
        before, ended = self._ended, Ended(self._count, at - since + wait, wait)
        if ended.count == 0 and before is not None:
            # Refused again: the pause goes on.
            before.seconds += wait
            before.wait += wait
            before.again = True
            if self.limit is None:
                self._rate = max((pace or 1.0) / 2, min(pace or 1.0, _SLOWEST))
        elif not self._wary and before is not None and ended.is_like_long(before):
            self._open_window(before, ended, since)
        elif not self._wary and before is not None and pace is not None and ended.is_like_short(before):
            # A window, too short for a hold.
            self._ended = ended
            self._take_limit(ended.count / min(before.seconds, ended.seconds), wait)
        else:
            self._ended = ended
            # A refusal may come much later than what it refuses was sent.
            self._take_rate(pace, since, max(sent, since), at, wait)
        self._count, self._since, self._busy = 0, None, 0.0
        self._last = 0.0
        self.findings += 1

    def _open_window(self, before: Ended, ended: Ended, since: float) -> None:
        window = Window.between(before, ended)
        self._kept.open(window, self._seen.times(since))
        self._ended = Ended(window.most, window.seconds, max(before.wait, ended.wait))
        self._rate = window.rate

    def _take_rate(self, pace: float | None, since: float, sent: float, at: float, wait: float) -> None:
        if self._wary:
            self._take_limit(wary_limit(self._seen, self.bound, pace, since, at), wait)
        elif pace is None:
            self._first_refusal(since, sent, at, wait)
        else:
            risen = self.limit is None or self._busy > self._probes.hold
            found = min(self._found(pace, since, sent, at), 0.98 * pace)
            found = self._strays.judge(pace, self._count, at - since, found, risen=risen)
            self._take_limit(found, wait)
        self._rest = wait

    def _found(self, pace: float, since: float, sent: float, at: float) -> float:
        """The limit, after a refusal ``at`` this pace of what was ``sent`` then."""
        if self._count < 3:
            return max(0.7 * pace, min(pace, _HARDLY))
        found = self._seen.flow(
            since,
            sent,
            burst=self._burst,
            burst_seconds=self._burst_seconds,
            # Between two refusals an API lets through no more than its limit, and less where it was paused.
            least=self._count / (at - since + self._rest),
            guess=self.limit or pace,
        )
        if self.limit is None:
            return found
        if sent - since < _BRIEF:
            # Too short to be measured, and most of it may have been a pause.
            return max(found, 0.5 * pace)
        lately = float(self._seen.since(sent - 1.0 + SPAN, sent))
        if self._busy > self._probes.hold and found < _BELOW * self.limit:
            # That pace has held until the probe began. It may be a window that is too short to be seen.
            found = max(_BELOW * self.limit, lately)
        lately = min(lately, self._seen.since(sent - 2.0 + SPAN, sent) / 2.0)
        return self._guess.of(found, _BELOW * lately, self._busy)

    def _first_refusal(self, since: float, sent: float, at: float, wait: float) -> None:
        self._burst = float(max(self._count, 1))
        self._burst_seconds = max(0.0, self._last_began - since)
        if sent - since >= 1.0:
            self.limit = self._rate = 0.93 * max(self._seen.since(sent - 1.0 + SPAN, sent), 1)
            self._probes.begin(self.limit, wait)
            return
        self._rate = self._burst / max(at - since + wait, 0.1) * (4.0 if wait >= LONG else 2.0)

    def _take_limit(self, found: float, wait: float) -> None:
        if self._wary:
            self._probes.hold = _WARY_PROBE
        else:
            self._probes.plan(self.limit, found, wait, self._count)
        self.limit = self._rate = found
