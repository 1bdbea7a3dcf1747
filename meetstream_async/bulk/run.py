"""A bulk run as its caller sees it: the stream of outcomes, and the report.

Independent of both APIs; :mod:`meetstream_async.bulk._runner` does the work.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self

from .._http.observing import observed
from .._tasks import end
from ..errors import ConfigurationError
from ._operation import Operation, OutcomeT
from ._runner import Runner
from ._summary import Gaps, report_of
from .options import BulkOptions
from .report import BulkReport
from .statuses import OutcomeStatus


class Tally(Generic[OutcomeT]):
    """The counts of a run, its clock, and its report."""

    def __init__(self, statuses: Sequence[OutcomeStatus]) -> None:
        self._counts: dict[str, int] = {status.value: 0 for status in statuses}
        self._started: float | None = None
        self._ended: float | None = None
        self._function_raised = False

    def start(self) -> None:
        self._started = time.monotonic()

    def end(self) -> None:
        self._ended = time.monotonic()

    def add(self, status: OutcomeStatus) -> None:
        self._counts[status] += 1

    def tell(self, on_outcome: Callable[[OutcomeT], object] | None, outcome: OutcomeT) -> None:
        """Call the caller's function with an outcome, unless it has raised before."""
        if on_outcome is None or self._function_raised:
            return
        self._function_raised = True
        on_outcome(outcome)
        self._function_raised = False

    def report(
        self,
        outcomes: Iterable[OutcomeT],
        exhausted: bool,
        stop_reason: str | None,
        gaps: Gaps,
        pace: float | None = None,
    ) -> BulkReport[OutcomeT]:
        """The current report."""
        elapsed = 0.0
        if self._started is not None:
            elapsed = (self._ended or time.monotonic()) - self._started
        return report_of(
            self._counts,
            outcomes,
            gaps,
            exhausted=exhausted,
            stop_reason=stop_reason,
            elapsed=elapsed,
            pace=pace,
        )


class BulkRun(Generic[OutcomeT]):
    """A bulk run in progress: ``async with`` it, then ``async for`` the outcomes as they finish.

    Leaving the block early starts nothing new and waits for requests in flight; cancelling the task cancels
    its requests, and their outcomes are ``unknown``. ``report`` can be read at any time.
    """

    def __init__(self, operation: Operation[Any, OutcomeT], options: BulkOptions[OutcomeT]) -> None:
        self._operation = operation
        self._options = options
        self._tally: Tally[OutcomeT] = Tally(operation.statuses)
        self._ready: deque[OutcomeT] = deque()
        self._news = asyncio.Event()
        self._runner: Runner[Any, OutcomeT] | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise ConfigurationError("a run runs once; make a new one")
        self._runner = Runner(self._operation, self._options, self._done, hold=True)
        self._tally.start()
        running = observed("stream_unschedule", self._runner.run, self._told)
        self._task = asyncio.create_task(running, name="meetstream_async bulk run")
        self._task.add_done_callback(self._over)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        assert self._task is not None
        # GeneratorExit: the block is in a generator that is being closed, which counts as leaving early.
        if error is None or isinstance(error, Exception | GeneratorExit):
            await self.stop()
            if error is None and self._runner.crash is not None:
                raise self._runner.crash
        else:
            await end(self._task)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OutcomeT:
        if self._runner is None or self._task is None:
            raise ConfigurationError("a run is started by `async with`; iterate inside of it")
        while not self._ready:
            if self._task.done():
                if self._runner.crash is not None:
                    crash, self._runner.crash = self._runner.crash, None
                    raise crash
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        # Only now does the consumer have room for another outcome.
        self._runner.release()
        return self._ready.popleft()

    async def stop(self) -> None:
        """Start nothing new, and return when requests in flight have finished.

        Outcomes that have not been consumed remain available for iteration. If cancelled, it cancels the
        requests in flight, as a cancelled block does, and raises once nothing is running any more.
        """
        if self._runner is None or self._task is None:
            raise ConfigurationError("a run is started by `async with`; stop it inside of it")
        if not self._task.done():
            self._runner.stop()
            try:
                await asyncio.wait({self._task})
            except asyncio.CancelledError:
                await end(self._task)
                raise

    @property
    def report(self) -> BulkReport[OutcomeT]:
        """The current report; its ``outcomes`` are those that were not handed to the consumer."""
        runner = self._runner
        if runner is None:
            return self._tally.report((), False, "not started", Gaps())
        ended = runner.exhausted and self._task is not None and self._task.done()
        return self._tally.report(
            self._ready, ended, runner.stop_reason, self._operation.gaps(), self._operation.rate_limiter.pace
        )

    def _told(self, _: None) -> BulkReport[OutcomeT]:
        """The report at the end of the runner, for an observer."""
        assert self._runner is not None
        return self._tally.report(
            (), self._runner.exhausted, self._runner.stop_reason, self._operation.gaps()
        )

    def _done(self, item: object, outcome: OutcomeT) -> None:
        self._tally.add(outcome.status)
        self._ready.append(outcome)
        self._news.set()
        self._tally.tell(self._options.on_outcome, outcome)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tally.end()
        self._news.set()
        if not task.cancelled():
            task.exception()


async def run_to_end(
    operation: Operation[Any, OutcomeT], options: BulkOptions[OutcomeT], name: str
) -> BulkReport[OutcomeT]:
    """Run an operation to its end, keeping every outcome. ``name``: of the function that does it."""
    return await observed(name, partial(_run_to_end, operation, options), lambda report: report)


async def _run_to_end(
    operation: Operation[Any, OutcomeT], options: BulkOptions[OutcomeT]
) -> BulkReport[OutcomeT]:
    tally: Tally[OutcomeT] = Tally(operation.statuses)
    outcomes: list[OutcomeT] = []

    def done(item: object, outcome: OutcomeT) -> None:
        tally.add(outcome.status)
        outcomes.append(outcome)
        tally.tell(options.on_outcome, outcome)

    runner = Runner(operation, options, done)
    tally.start()
    await runner.run()
    tally.end()
    report = tally.report(
        outcomes, runner.exhausted, runner.stop_reason, operation.gaps(), operation.rate_limiter.pace
    )
    if runner.crash is not None:
        raise with_report(runner.crash, report)
    return report


def with_report(error: Exception, report: BulkReport[Any]) -> Exception:
    """The error that ended a run, with a note on the outcomes so far."""
    if report.outcomes:
        counts = ", ".join(f"{count} {status}" for status, count in report.counts.items() if count)
        error.add_note(f"the bulk run until then: {counts}")
    return error
