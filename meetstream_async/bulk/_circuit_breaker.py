"""Riding out a few seconds without a working server in the middle of a bulk run.

A target that fails while all others are answered is its own trouble. Where others fail as well, after the
server had answered before, it is an outage: nothing new is started, one target at a time asks whether the
server is back, and those that failed in between go back once when it is. After a while it is given up.
"""

from __future__ import annotations

import asyncio


class CircuitBreaker:
    """What the calls of one run say about the server."""

    def __init__(self, lasts: float) -> None:
        """``lasts``: seconds from the first failed call until it is given up."""
        self._lasts = lasts
        self.answered = False
        """The server has answered in this run."""
        self.last_call_answered = True
        """The last call that was heard had an answer."""
        self._since = 0.0
        self._given_up = False
        self.may_start = asyncio.Event()
        """Set while nothing speaks against starting something new."""
        self.may_start.set()
        self.changed = asyncio.Event()
        """Set with every failed call that is heard, and with the first answer."""
        self.probe = asyncio.Lock()
        """Held by the one target that asks whether the server is back."""

    def record_answer(self) -> None:
        """A call has ended with an answer."""
        # Nearly always: then nothing is closed, and nobody waits.
        if self.answered and self.last_call_answered and not self._given_up:
            return
        self.answered, self.last_call_answered, self._given_up = True, True, False
        self.may_start.set()
        self.changed.set()

    def record_failure(self, others_failed: bool) -> bool:
        """A call has ended for want of a working server. True where that is an outage."""
        self.changed.set()
        if not others_failed or not self.answered or self._given_up or not self._lasts:
            return False
        if self.last_call_answered:
            self._since = asyncio.get_running_loop().time()
        self.last_call_answered = False
        self.may_start.clear()
        return True

    def wait_before_probe(self, probes: int) -> float | None:
        """Seconds until the next probe, or None where the time is up: then the outage is given up."""
        left = self._since + self._lasts - asyncio.get_running_loop().time()
        if left <= 0:
            self._given_up = True
            self.may_start.set()
            return None
        return min(left, self._lasts / 40 * 2.0**probes)
