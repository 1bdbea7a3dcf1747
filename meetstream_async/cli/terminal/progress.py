"""Progress of a bulk run: a bar on a terminal, occasional plain lines elsewhere."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ... import OutcomeStatus
from ..._tasks import end, pause
from .display import DISPLAY
from .output import clean, console, say

_FIRST, _EVERY = 1.0, 3.0
"""Seconds before a line where nothing has happened yet, and between two plain lines."""

_FASTEST = 2000.0
"""Outcomes per second that are shown as a speed."""

_CLIENT_LOG = logging.getLogger("meetstream_async.http")


class _Outcome(Protocol):
    @property
    def status(self) -> OutcomeStatus: ...


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        # Nothing that is sent is that fast: it was only looked at.
        shown = "" if speed is None or speed > _FASTEST else f"{speed:.0f}/s"
        return Text(shown, style="progress.data.speed")


class _Pauses(logging.Handler):
    """Announces each pause that a 429 causes, since nothing else would explain why the bar stands still, and
    remembers the pace that was found after it, and which attempt is being made."""

    def __init__(
        self,
        note: Callable[[str], None],
        found: Callable[[float], None],
        retried: Callable[[int, str], None],
    ) -> None:
        super().__init__(logging.INFO)
        self._note = note
        self._found = found
        self._retried = retried
        self._until = 0.0

    @property
    def lasts(self) -> bool:
        """Whether a pause is in progress that was announced."""
        return time.time() < self._until

    def emit(self, record: logging.LogRecord) -> None:
        fields = vars(record)
        if fields.get("meetstream_event") == "pace":
            self._found(fields["meetstream_rate"])
            return
        if fields.get("meetstream_event") == "retry":
            self._retried(
                int(fields.get("meetstream_attempt", 0)) + 1, str(fields.get("meetstream_reason", ""))
            )
            return
        seconds = fields.get("meetstream_seconds", 0.0)
        if fields.get("meetstream_event") != "pause" or fields.get("meetstream_status") != 429 or seconds < 1:
            return
        # Requests that were in flight together are refused together; announce only the first.
        if record.created + seconds > self._until + 1:
            self._until = record.created + seconds
            self._note(f"the API answered 429 (too many requests): pausing for {seconds:.0f} s")


class Board:
    """Counts outcomes and shows them while it is open. ``total`` is None if unknown.

    ``record`` is used as ``on_outcome``: it never raises, since that would end the run.
    """

    def __init__(self, total: int | None, verb: str = "unscheduling") -> None:
        self.counts: Counter[OutcomeStatus] = Counter()
        self._total = total
        self._verb = verb
        self._started = 0.0
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._lines: asyncio.Task[None] | None = None
        self._pauses = _Pauses(self.note, self._pace_found, self._retried)
        self._pace = ""
        self._attempt = 1
        self._why = ""
        self._last = 0.0
        """When there was an outcome last, or the beginning."""
        self._level = logging.NOTSET

    @property
    def recorded(self) -> int:
        """Number of outcomes so far."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Number of outcomes so far, without those that were not attempted."""
        return self.recorded - self.counts[OutcomeStatus.NOT_ATTEMPTED]

    async def __aenter__(self) -> Self:
        self._started = self._last = time.monotonic()
        self._level = _CLIENT_LOG.level
        _CLIENT_LOG.setLevel(logging.INFO)
        _CLIENT_LOG.addHandler(self._pauses)
        if DISPLAY.quiet or self._total == 0:
            pass
        elif _is_live():
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                _Rate(),
                TimeRemainingColumn(compact=True),
                console=console(sys.stderr),
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._bar.add_task(self._verb, total=self._total)
            self._bar.start()
        if not (DISPLAY.quiet or self._total == 0):
            self._lines = asyncio.create_task(self._tell())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _CLIENT_LOG.removeHandler(self._pauses)
        _CLIENT_LOG.setLevel(self._level)
        if self._bar is not None:
            if error is None:
                self._bar.update(self._task, description=self._verb, total=self.recorded)
            self._bar.stop()
        if self._lines is not None:
            await end(self._lines)

    def record(self, outcome: _Outcome) -> None:
        """Count one outcome."""
        self.counts[outcome.status] += 1
        self._last, self._attempt, self._why = time.monotonic(), 1, ""
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done)
            if self.recorded == self._total:
                self._bar.update(self._task, description="checking")

    def _pace_found(self, rate: float) -> None:
        self._pace = f", finding the pace: {rate:.{rate < 10:d}f}/s"
        if self._bar is not None:
            self._bar.update(self._task, description=f"{self._verb}{self._pace}")

    def _retried(self, attempt: int, why: str) -> None:
        self._attempt, self._why = attempt, f" after {clean(why, 120)}"

    def note(self, text: str) -> None:
        """Print one line above the bar."""
        if self._bar is not None:
            self._bar.console.print(Text(text))
        else:
            say(text)

    def tally(self) -> str:
        """The counts as text."""
        return ", ".join(f"{count} {wording(status)}" for status, count in self.counts.items()) or "nothing"

    async def _tell(self) -> None:
        """Lines in place of a bar; beside a bar, only where it stands still."""
        first = min(_FIRST, _EVERY)
        await pause(first)
        if self._bar is None:
            if not self.recorded:
                say(self._line())
            await pause(_EVERY - first)
        while True:
            if self._bar is None:
                say(self._line())
                await pause(_EVERY)
                continue
            if (still := self._standing_still()) is not None:
                self.note(still)
                await pause(_EVERY - _FIRST)
            await pause(_FIRST)

    @property
    def _is_checking(self) -> bool:
        """Everything has its outcome: what is still done is a look at the listing."""
        return self._total is not None and self.recorded >= self._total

    def _standing_still(self) -> str | None:
        """Which attempt is waited for, if no answer has come for a second; else None: the bar says enough."""
        seconds = time.monotonic() - self._last
        if not self._waits(seconds) or self._is_checking or self._pauses.lasts:
            return None
        return f"waiting for {seconds:.0f} s: attempt {self._attempt}{self._why}"

    def _waits(self, seconds: float) -> bool:
        """An answer is late: the first of all, or one whose request was repeated."""
        return seconds >= _FIRST and (self._attempt > 1 or not self.recorded)

    def _line(self) -> str:
        of = "" if self._total is None else f" of {self._total}"
        what = f"{self.done}{of} done ({self.tally()})"
        if self._is_checking:
            return f"checking the listing: {what}"
        now = time.monotonic()
        rate = self.done / (now - self._started)
        left = ""
        if self._total is not None and rate and self._total > self.recorded:
            left = f", about {(self._total - self.recorded) / rate:.0f} s left"
        speed = f", {rate:.{rate < 10:d}f}/s{left}{self._pace}" if rate else ""
        still = f", attempt {self._attempt}{self._why}" if self._waits(now - self._last) else ""
        return f"{self._verb}: {what}{speed}{still}"


def wording(status: OutcomeStatus) -> str:
    """A status as text."""
    return status.value.replace("_", " ")


def _is_live() -> bool:
    """Whether to draw a bar: only on a terminal that can move its cursor, and not in the log of a CI job."""
    return (
        sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") not in ("dumb", "unknown")
    )
