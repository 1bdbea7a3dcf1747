"""Riding out a few seconds without a working server in the middle of a bulk run.

A single target that fails is that target's own trouble. Several in a row, after the server has answered
others, are an outage: nothing new is started, one target at a time asks whether the server is back, and
those that failed in between go back once when it is. After a while it is given up.
"""

from __future__ import annotations

import asyncio


class Outage:
    """What the calls of one run say about the server."""

    def __init__(self, lasts: float) -> None:
        """``lasts``: seconds from the first failure of a row until it is given up."""
        self._lasts = lasts
        self.answered = False
        """The server has answered in this run."""
        self.was_rough = False
        """The last answer took more than one attempt."""
        self._row = 0
        self._since = 0.0
        self._given_up = False
        self.over = asyncio.Event()
        """Set while nothing speaks against starting something new."""
        self.over.set()
        self.news = asyncio.Event()
        """Set with every call that is heard, for those who wait for the others' word."""
        self.probe = asyncio.Lock()
        """Held by the one target that asks whether the server is back."""

    def hear(self, failed: bool, attempts: int) -> None:
        """A call has ended: with an answer, or for want of a working server."""
        if failed:
            if not self._row:
                self._since = asyncio.get_running_loop().time()
            self._row += 1
            if self.is_on:
                self.over.clear()
        else:
            self.answered, self._row, self._given_up = True, 0, False
            self.was_rough = attempts > 1
            self.over.set()
        self.news.set()

    @property
    def may_begin(self) -> bool:
        """The server has answered before in this run, and has not been given up since."""
        return self.answered and not self._given_up and self._lasts > 0

    @property
    def is_on(self) -> bool:
        """More than one call in a row has failed: it is not about one target."""
        return self.may_begin and self._row > 1

    @property
    def is_back(self) -> bool:
        """The last call that was heard had an answer."""
        return not self._row

    def wait_before_probe(self, probes: int) -> float | None:
        """Seconds until the next probe, or None where the time is up: then the outage is given up."""
        left = self._since + self._lasts - asyncio.get_running_loop().time()
        if left <= 0:
            self._given_up = True
            self.over.set()
            return None
        return min(left, self._lasts / 40 * 2.0**probes)
