"""The time by a server's clock, from the ``Date`` of its replies."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from multidict import istr

from .waits import parse_http_date

DATE = istr("Date")


class ServerClock:
    """Goes on between replies by this machine's monotonic clock, so that a changed wall clock moves nothing.

    A later time than known stays: servers behind one address differ, and whoever asks whether a bot has
    joined by now had better hear of it too early than too late.
    """

    def __init__(self) -> None:
        self._text: str | None = None
        self._time: datetime | None = None
        self._at = 0.0

    def observe(self, date: str | None) -> None:
        """A reply has this ``Date`` header."""
        # It changes once a second at most.
        if date is None or date == self._text:
            return
        self._text = date
        told = parse_http_date(date)
        if told is not None and (self._time is None or told > self.now()):
            self._time, self._at = told, time.monotonic()

    def now(self) -> datetime:
        """The server's time; this machine's where no reply has told it yet."""
        if self._time is None:
            return datetime.now(UTC)
        return self._time + timedelta(seconds=time.monotonic() - self._at)
