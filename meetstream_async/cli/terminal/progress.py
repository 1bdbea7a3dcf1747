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
from .look import LOOK
from .output import console, say

_EVERY = 3.0
"""Seconds between two plain lines."""

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
    remembers the pace that was found after it."""

    def __init__(self, note: Callable[[str], None], found: Callable[[float], None]) -> None:
        super().__init__(logging.INFO)
        self._note = note
        self._found = found
        self._until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        fields = vars(record)
        if fields.get("meetstream_event") == "pace":
            self._found(fields["meetstream_rate"])
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
        self._pauses = _Pauses(self.note, self._pace_found)
        self._pace = ""
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
        self._started = time.monotonic()
        self._level = _CLIENT_LOG.level
        _CLIENT_LOG.setLevel(logging.INFO)
        _CLIENT_LOG.addHandler(self._pauses)
        if LOOK.quiet or self._total == 0:
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
        else:
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
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done)
            if self.recorded == self._total:
                self._bar.update(self._task, description="checking")

    def _pace_found(self, rate: float) -> None:
        self._pace = f", finding the pace: {rate:.{rate < 10:d}f}/s"
        if self._bar is not None:
            self._bar.update(self._task, description=f"{self._verb}{self._pace}")

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
        while True:
            await pause(_EVERY)
            rate = self.done / (time.monotonic() - self._started)
            of = "" if self._total is None else f" of {self._total}"
            left = ""
            if self._total is not None and rate and self._total > self.recorded:
                left = f", about {(self._total - self.recorded) / rate:.0f} s left"
            say(
                f"{self._verb}: {self.done}{of} done ({self.tally()}), "
                f"{rate:.{rate < 10:d}f}/s{left}{self._pace}"
            )


def wording(status: OutcomeStatus) -> str:
    """A status as text."""
    return status.value.replace("_", " ")


def _is_live() -> bool:
    """Whether to draw a bar: only on a terminal that can move its cursor, and not in the log of a CI job."""
    return (
        sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") not in ("dumb", "unknown")
    )
