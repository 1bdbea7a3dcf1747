"""Riding out a few seconds without a working server in the middle of a bulk run.

A target that fails while all others are answered is its own trouble. Where others fail as well, after the
server had answered before, it is an outage: nothing new is started, one target at a time asks whether the
server is back, and those that failed in between go back once when it is. After a while it is given up.
"""

from __future__ import annotations

import asyncio


class Outage:
    """What the calls of one run say about the server."""

    def __init__(self, lasts: float) -> None:
        """``lasts``: seconds from the first failed call until it is given up."""
        self._lasts = lasts
        self.answered = False
        """The server has answered in this run."""
        self.is_back = True
        """The last call that was heard had an answer."""
        self._since = 0.0
        self._given_up = False
        self.over = asyncio.Event()
        """Set while nothing speaks against starting something new."""
        self.over.set()
        self.news = asyncio.Event()
        """Set with every failed call that is heard, and with the first answer."""
        self.probe = asyncio.Lock()
        """Held by the one target that asks whether the server is back."""

    def hear_answer(self) -> None:
        """A call has ended with an answer."""
        # Nearly always: then nothing is closed, and nobody waits.
        if self.answered and self.is_back and not self._given_up:
            return
        self.answered, self.is_back, self._given_up = True, True, False
        self.over.set()
        self.news.set()

    def hear_failure(self, others_failed: bool) -> bool:
        """A call has ended for want of a working server. True where that is an outage."""
        self.news.set()
        if not others_failed or not self.answered or self._given_up or not self._lasts:
            return False
        if self.is_back:
            self._since = asyncio.get_running_loop().time()
        self.is_back = False
        self.over.clear()
        return True

    def wait_before_probe(self, probes: int) -> float | None:
        """Seconds until the next probe, or None where the time is up: then the outage is given up."""
        left = self._since + self._lasts - asyncio.get_running_loop().time()
        if left <= 0:
            self._given_up = True
            self.over.set()
            return None
        return min(left, self._lasts / 40 * 2.0**probes)
