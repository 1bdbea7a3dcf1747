"""Wait out a short server outage in the middle of a bulk run.

A target that fails while all others get responses has its own problem. If others fail as well, after the
server has responded before, it is an outage: no new requests start, one target at a time probes whether the
server is back, and once it is, the targets that failed are retried once. After some time the outage counts
as permanent.
"""

from __future__ import annotations

import asyncio


class CircuitBreaker:
    """Tracks whether the server works, from the calls of one run."""

    def __init__(self, lasts: float) -> None:
        """``lasts``: seconds after the first failed call at which the run gives up."""
        self._lasts = lasts
        self.answered = False
        """Whether the server has responded in this run."""
        self.last_call_answered = True
        """Whether the most recently finished call got a response."""
        self._since = 0.0
        self._given_up = False
        self.may_start = asyncio.Event()
        """Set while new requests may start (circuit closed)."""
        self.may_start.set()
        self.changed = asyncio.Event()
        """Set with every recorded failure, and with the first response."""
        self.probe = asyncio.Lock()
        """Held by the one target that probes whether the server is back."""

    def record_answer(self) -> None:
        """Record a call that got a response."""
        # The usual case: nothing is closed, and nobody waits.
        if self.answered and self.last_call_answered and not self._given_up:
            return
        self.answered, self.last_call_answered, self._given_up = True, True, False
        self.may_start.set()
        self.changed.set()

    def record_failure(self, others_failed: bool) -> bool:
        """Record a call that failed with a server or transport error. Returns True if this is an outage."""
        self.changed.set()
        if not others_failed or not self.answered or self._given_up or not self._lasts:
            return False
        if self.last_call_answered:
            self._since = asyncio.get_running_loop().time()
        self.last_call_answered = False
        self.may_start.clear()
        return True

    def wait_before_probe(self, probes: int) -> float | None:
        """Seconds until the next probe, or None if the time is up and the run should give up."""
        left = self._since + self._lasts - asyncio.get_running_loop().time()
        if left <= 0:
            self._given_up = True
            self.may_start.set()
            return None
        return min(left, self._lasts / 40 * 2.0**probes)
