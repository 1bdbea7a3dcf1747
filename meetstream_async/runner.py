"""The bounded runner over any callable. Knows neither API.

It takes a slot of the semaphore, waits for the pace, and only then makes a task: tasks and memory stay
in proportion to ``max_concurrency``, however many jobs there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from attrs import frozen

from .errors import ConfigurationError, MeetStreamError, RateLimitError, ServerError, TransportError
from .models import ScheduledBot
from .outcomes import Outcome, OutcomeStatus
from .pacing import Pacer, WaitTooLongError

_log = logging.getLogger("meetstream_async.runner")

J = TypeVar("J")
O = TypeVar("O", bound=Outcome)  # noqa: E741 - the outcome


@frozen
class BulkOptions(Generic[O]):
    """The options that every bulk run has. Raises ConfigurationError for values out of range."""

    max_concurrency: int
    max_pause: float
    stop_after_failures: int
    on_outcome: Callable[[O], object] | None
    stop: asyncio.Event | None = None
    """Set by the caller, it ends the run gracefully."""

    def __attrs_post_init__(self) -> None:
        for name in ("max_concurrency", "stop_after_failures"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name} must be an int, 1 or more, not {value!r}")
        pause = self.max_pause
        if isinstance(pause, bool) or not isinstance(pause, int | float) or not pause >= 0:
            raise ConfigurationError(f"max_pause must be a number of seconds, 0 or more, not {pause!r}")
        if self.on_outcome is not None and (
            not callable(self.on_outcome) or inspect.iscoroutinefunction(self.on_outcome)
        ):
            raise ConfigurationError(
                "on_outcome must be a plain function; for an async consumer iterate over a stream"
            )
        if self.stop is not None and not isinstance(self.stop, asyncio.Event):
            raise ConfigurationError(f"stop must be an asyncio.Event, not {type(self.stop).__name__}")


class Plan(Protocol[J, O]):
    """What a runner runs: where its jobs come from, and what each of them means."""

    @property
    def statuses(self) -> Sequence[OutcomeStatus]:
        """Every status that an outcome of this plan can have."""

    @property
    def pacer(self) -> Pacer:
        """When the next request may start."""

    def open(self) -> int | None:
        """Make ready, in the running loop. How many requests can be on the wire at once, if bounded.

        Raises ConfigurationError where no request could be made at all.
        """

    def jobs(self) -> AsyncGenerator[J, None]:
        """The jobs, made as they are asked for."""

    def rest(self) -> Iterable[J]:
        """The jobs that a stopped run never took, as far as they are known."""

    def foresee(self, job: J) -> O | None:
        """The outcome of a job that needs no request, else None."""

    async def attempt(self, job: J) -> O:
        """One call. Raises nothing but cancellation; errors are in the outcome."""

    def again(self, first: O, second: O) -> O:
        """One outcome of two attempts at a job."""

    def unsent(self, job: J, reason: str) -> O:
        """The outcome of a job that was never begun."""

    def interrupted(self, job: J) -> O:
        """The outcome of a job that was cancelled in flight."""

    def halts(self, error: MeetStreamError) -> bool:
        """After this error no other job can succeed."""

    def shortfall(self) -> Shortfall:
        """What the plan itself knows to be missing, once the run has ended."""


@frozen
class Shortfall:
    """Why a report is not complete or not ok, besides its counts."""

    incomplete: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    still_listed: tuple[ScheduledBot, ...] = ()


class Runner(Generic[J, O]):
    """Runs the jobs of a plan, at most ``max_concurrency`` at a time, until they end or it is stopped.

    ``done`` hears every outcome once, in the order they finish. With ``hold`` a slot stays taken until
    ``release()``, which is how a slow consumer slows the run down.
    """

    def __init__(
        self,
        plan: Plan[J, O],
        options: BulkOptions[Any],
        done: Callable[[J, O], None],
        *,
        hold: bool = False,
    ) -> None:
        # More than the pool has connections for would only wait there, with their clocks running.
        connections = plan.open() or options.max_concurrency
        self._slots = asyncio.Semaphore(min(options.max_concurrency, connections))
        self._plan = plan
        self._options = options
        self._pacer = plan.pacer
        self._done = done
        self._hold = hold
        self._running: dict[asyncio.Task[O], J] = {}
        self._waiting: set[asyncio.Task[Any]] = set()
        self._failures_in_a_row = 0
        self._stopping = False
        self._aborted = False
        self.exhausted = False
        """The plan had no more jobs."""
        self.stop_reason: str | None = None
        self.crash: Exception | None = None
        """What ``done`` or a source raised; it stopped the run and is raised at its end."""

    async def run(self) -> None:
        """Returns when every job has its outcome. Cancelled, it cancels what is in flight, too."""
        feeder = asyncio.create_task(self._feed(), name="meetstream_async feeder")
        self._waiting.add(feeder)
        watcher = asyncio.create_task(self._watch(), name="meetstream_async watcher")
        if self._options.stop is not None and self._options.stop.is_set():
            self.stop()
        try:
            await asyncio.wait({feeder})
            while self._running:
                await asyncio.wait(self._running)
            watcher.cancel()
            await asyncio.wait({watcher})
        except asyncio.CancelledError:
            self._aborted = True
            self.stop("cancelled")
            tasks = [feeder, watcher, *self._running]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            raise
        finally:
            self._waiting.discard(feeder)
            self._settle_rest()
            if not feeder.cancelled() and (error := feeder.exception()) is not None:
                self._crashed(error)

    def stop(self, reason: str = "stopped by the caller") -> None:
        """Start nothing new. What is in flight finishes."""
        if self._stopping:
            return
        self._stopping = True
        self.stop_reason = reason
        _log.warning("bulk run stops: %s", reason, extra={"event": "stop", "reason": reason})
        for task in self._waiting:
            if task is not asyncio.current_task():
                task.cancel()

    def release(self) -> None:
        """Give back a slot that was held for the consumer."""
        self._slots.release()

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A slot and a turn for a request of the plan's own, such as a listing."""
        async with self._slots:
            await self._pacer.wait(pause_limit=self._options.max_pause)
            yield

    async def _watch(self) -> None:
        if self._options.stop is not None:
            await self._options.stop.wait()
            self.stop()

    async def _feed(self) -> None:
        async with contextlib.aclosing(self._plan.jobs()) as jobs:
            while not self._stopping:
                try:
                    job = await anext(jobs)
                except StopAsyncIteration:
                    self.exhausted = True
                    return
                except asyncio.CancelledError:
                    self._swallow_stop()
                    return
                try:
                    await self._slots.acquire()
                    foreseen = self._plan.foresee(job)
                    if foreseen is not None:
                        self._finish(job, foreseen)
                        continue
                    if not await self._turn():
                        self._finish(job, self._unsent(job))
                        return
                except asyncio.CancelledError:
                    self._finish(job, self._unsent(job))
                    self._swallow_stop()
                    return
                task = asyncio.create_task(self._work(job), name="meetstream_async call")
                self._running[task] = job
                task.add_done_callback(self._collect)

    def _swallow_stop(self) -> None:
        """A cancellation that came from ``stop`` ends here; any other goes on."""
        if not self._stopping or self._aborted:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()

    async def _turn(self) -> bool:
        """Wait until a request may start. False where the run stops instead."""
        try:
            await self._pacer.wait(pause_limit=self._options.max_pause)
        except WaitTooLongError as exc:
            self.stop(
                f"the API asked for a pause of {exc.seconds:.0f} s, "
                f"longer than max_pause ({self._options.max_pause:g} s)"
            )
        if self._options.stop is not None and self._options.stop.is_set():
            # Between its setting and the watcher's turn, too, nothing new is started.
            self.stop()
        return not self._stopping

    async def _work(self, job: J) -> O:
        try:
            outcome = await self._plan.attempt(job)
            if isinstance(outcome.error, RateLimitError) and await self._second_turn():
                outcome = self._plan.again(outcome, await self._plan.attempt(job))
        except asyncio.CancelledError:
            # Ends this task, whose own result says so.
            return self._plan.interrupted(job)
        return outcome

    async def _second_turn(self) -> bool:
        """The target that met the 429 goes back once, when the pause is over, unless the run stops."""
        if self._stopping:
            return False
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            return await self._turn()
        except asyncio.CancelledError:
            self._swallow_stop()
            return False
        finally:
            self._waiting.discard(task)

    def _collect(self, task: asyncio.Task[O]) -> None:
        job = self._running.pop(task)
        if task.cancelled():
            # Before its first step: nothing was sent.
            self._finish(job, self._unsent(job))
        elif (error := task.exception()) is not None:
            self._finish(job, self._plan.interrupted(job))
            self._crashed(error)
        else:
            outcome = task.result()
            self._judge(outcome)
            self._finish(job, outcome)

    def _finish(self, job: J, outcome: O) -> None:
        if not self._hold:
            self._slots.release()
        try:
            self._done(job, outcome)
        except Exception as exc:
            self._crashed(exc)

    def _judge(self, outcome: O) -> None:
        error = outcome.error
        if isinstance(error, ServerError | TransportError):
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= self._options.stop_after_failures:
                self.stop(f"{self._failures_in_a_row} targets in a row failed, the last with: {error}")
        else:
            self._failures_in_a_row = 0
        if error is not None and self._plan.halts(error):
            self.stop(f"the API rejects the key: {error}")

    def _crashed(self, error: BaseException) -> None:
        if isinstance(error, Exception):
            self.crash = self.crash or error
            self.stop(f"{type(error).__name__} was raised: {error}")

    def _settle_rest(self) -> None:
        if self._stopping:
            for job in self._plan.rest():
                self._finish(job, self._unsent(job))

    def _unsent(self, job: J) -> O:
        return self._plan.unsent(job, self.stop_reason or "the run ended first")
