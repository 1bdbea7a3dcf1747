"""A bounded runner for any operation. Independent of both APIs.

It takes a slot of the semaphore, waits for the rate limiter, and only then creates a task: tasks and memory
are proportional to ``max_concurrency``, however many items there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Generic

from .._http.rate_limit import WaitTooLongError
from ..errors import RateLimitError, ServerError, TransportError
from ._circuit_breaker import CircuitBreaker
from ._operation import ItemT, Operation, OutcomeT
from .options import BulkOptions
from .report import Outcome

_log = logging.getLogger("meetstream_async.bulk._runner")


class Runner(Generic[ItemT, OutcomeT]):
    """Runs the items of an operation, at most ``max_concurrency`` at a time, until they end or it is stopped.

    ``done`` is called once with every outcome, in the order in which they finish. With ``hold`` a slot stays
    taken until ``release()`` is called, so that a slow consumer slows down the run.
    """

    def __init__(
        self,
        operation: Operation[ItemT, OutcomeT],
        options: BulkOptions[Any],
        done: Callable[[ItemT, OutcomeT], None],
        *,
        hold: bool = False,
    ) -> None:
        # Requests beyond the connection pool would only wait there, with their timeouts running.
        connections = operation.open() or options.max_concurrency
        self._slots = asyncio.Semaphore(min(options.max_concurrency, connections))
        self._operation = operation
        self._options = options
        self._rate_limiter = operation.rate_limiter
        self._done = done
        self._hold = hold
        self._running: dict[asyncio.Task[None], ItemT] = {}
        self._unbegun: set[ItemT] = set()
        """Jobs whose task has not executed its first step."""
        self._waiting: set[asyncio.Task[Any]] = set()
        self._breaker = CircuitBreaker(operation.longest_outage)
        self._failures_in_a_row = 0
        self._stopping = False
        self._aborted = False
        self.exhausted = False
        """Whether the operation has no more items."""
        self.stop_reason: str | None = None
        self.crash: Exception | None = None
        """Exception of ``done`` or a source; it stopped the run and is raised at the end."""

    async def run(self) -> None:
        """Run until every item has its outcome. If cancelled, cancels what is in flight, too."""
        feeder = asyncio.create_task(self._feed(), name="meetstream_async feeder")
        self._waiting.add(feeder)
        watcher = asyncio.create_task(self._watch(), name="meetstream_async watcher")
        if self._wants_to_stop():
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
            await _end([feeder, watcher, *self._running])
            raise
        finally:
            self._waiting.discard(feeder)
            if feeder.cancelled():
                # By a stop, or by a source that was cancelled itself.
                self.stop("the source of targets was cancelled")
            elif (error := feeder.exception()) is not None:
                self._crashed(error)
            self._settle_remaining()

    def stop(self, reason: str = "stopped by the caller") -> None:
        """Start nothing new; requests in flight finish."""
        if self._stopping:
            return
        self._stopping = True
        self.stop_reason = reason
        _log.warning("bulk run stops: %s", reason, extra={"event": "stop", "reason": reason})
        for task in self._waiting:
            if task is not asyncio.current_task():
                task.cancel()

    def release(self) -> None:
        """Release a slot that was held for the consumer."""
        self._slots.release()

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a slot and the rate limiter, for a request of the operation's own, such as a listing."""
        async with self._slots:
            await self._rate_limiter.wait(pause_limit=self._options.max_pause)
            yield

    async def _watch(self) -> None:
        if self._options.stop is not None:
            await self._options.stop.wait()
            self.stop()

    async def _feed(self) -> None:
        loop = asyncio.get_running_loop()
        unsent_in_a_row = 0
        async with contextlib.aclosing(self._operation.items()) as items:
            while not self._stopping:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    self.exhausted = True
                    return
                except asyncio.CancelledError:
                    self._swallow_stop()
                    return
                try:
                    await self._slots.acquire()
                    outcome = self._operation.without_request(item)
                    if outcome is not None:
                        self._finish(item, outcome)
                        unsent_in_a_row += 1
                        if unsent_in_a_row % 100 == 0:
                            # This loop does not have to wait, but let other tasks run.
                            await asyncio.sleep(0)
                        continue
                    if not self._breaker.answered:
                        await self._until_answered()
                    if not (self._is_open() or await self._turn()):
                        self._finish(item, self._unsent(item))
                        return
                except asyncio.CancelledError:
                    self._finish(item, self._unsent(item))
                    self._swallow_stop()
                    return
                task = loop.create_task(self._work(item), name="meetstream_async call")
                self._running[task] = item
                self._unbegun.add(item)
                task.add_done_callback(self._dismiss)

    async def _until_answered(self) -> None:
        """Until the server has responded once, start no more calls than may fail in a row."""
        while not self._breaker.answered and len(self._running) >= self._options.stop_after_failures:
            self._breaker.changed.clear()
            await self._breaker.changed.wait()

    def _swallow_stop(self) -> None:
        """Swallow a cancellation that came from ``stop``; let any other propagate."""
        if not self._stopping or self._aborted:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()

    def _is_open(self) -> bool:
        """Whether a new call may start at once."""
        return self._breaker.last_call_answered and self._rate_limiter.is_open and not self._wants_to_stop()

    def _wants_to_stop(self) -> bool:
        # Also covers the time between the setting of `stop` and the watcher's turn.
        return self._stopping or (self._options.stop is not None and self._options.stop.is_set())

    async def _turn(self) -> bool:
        """Wait until a new call may start. Returns False if the run stops instead."""
        await self._breaker.may_start.wait()
        return await self._pace()

    async def _pace(self) -> bool:
        """Wait for the rate limiter and the end of a pause. Returns False if the run stops instead."""
        try:
            await self._rate_limiter.wait(pause_limit=self._options.max_pause)
        except WaitTooLongError as exc:
            self.stop(
                f"the API asked for a pause of {exc.seconds:.0f} s, "
                f"longer than max_pause ({self._options.max_pause:g} s)"
            )
        if self._wants_to_stop():
            self.stop()
        return not self._stopping

    async def _work(self, item: ItemT) -> None:
        self._unbegun.discard(item)
        try:
            failed_before = self._operation.failed_attempts
            outcome = await self._operation.attempt(item)
            if outcome.error is None:
                self._breaker.record_answer()
            else:
                outcome = await self._perhaps_again(item, outcome, self._record(outcome, failed_before))
        except asyncio.CancelledError:
            # Ends this task; its outcome says so.
            outcome = self._operation.interrupted(item)
        except Exception as error:
            outcome = self._operation.interrupted(item)
            self._crashed(error)
        else:
            self._judge(item, outcome)
        # Release here rather than in the done callback: frees the slot one loop iteration earlier.
        self._finish(item, outcome)

    def _record(self, outcome: OutcomeT, failed_before: int) -> bool:
        """Record the result of a call. Returns True if it failed because of an outage."""
        if not _wants_a_server(outcome):
            self._breaker.record_answer()
            return False
        others_failed = self._operation.failed_attempts - failed_before > outcome.attempts
        return self._breaker.record_failure(others_failed)

    async def _perhaps_again(self, item: ItemT, outcome: OutcomeT, is_outage: bool) -> OutcomeT:
        """The final outcome of a target whose first call failed, after a retry if it gets one."""
        if isinstance(outcome.error, RateLimitError):
            # A target that got a 429 is retried once after the pause, unless the run stops.
            if await self._until_stopped(self._turn()):
                return await self._again(item, outcome)
            # No attempt yet: the pause began between its turn and its first request.
            return outcome if outcome.attempts else self._unsent(item)
        return await self._ride_out(item, outcome) if is_outage else outcome

    async def _again(self, item: ItemT, first: OutcomeT) -> OutcomeT:
        """Make one more call for a target whose first call failed for reasons outside of it."""
        reason = type(first.error).__name__
        _log.info("a target goes back: %s", reason, extra={"event": "goes_back", "reason": reason})
        failed_before = self._operation.failed_attempts
        second = await self._operation.attempt(item)
        self._record(second, failed_before)
        return self._operation.again(first, second)

    async def _ride_out(self, item: ItemT, outcome: OutcomeT) -> OutcomeT:
        """Retry a target once after the outage ends."""
        probes = 0
        while True:
            # Until there is a response, only the holder of the probe sends a request.
            async with self._breaker.probe:
                if not self._breaker.last_call_answered:
                    wait = self._breaker.wait_before_probe(probes)
                    if wait is None or not await self._until_stopped(self._wait_and_pace(wait)):
                        return outcome
                    probes += 1
                    outcome = await self._again(item, outcome)
                    if not _wants_a_server(outcome):
                        return outcome
                    continue
            if not await self._until_stopped(self._pace()):
                return outcome
            return await self._again(item, outcome)

    async def _wait_and_pace(self, seconds: float) -> bool:
        await asyncio.sleep(seconds)
        return await self._pace()

    async def _until_stopped(self, waiting: Coroutine[Any, Any, bool]) -> bool:
        """The result of ``waiting``; False immediately if the run stops meanwhile."""
        task = asyncio.current_task()
        assert task is not None
        if self._stopping:
            waiting.close()
            return False
        self._waiting.add(task)
        try:
            return await waiting
        except asyncio.CancelledError:
            self._swallow_stop()
            return False
        finally:
            self._waiting.discard(task)

    def _dismiss(self, task: asyncio.Task[None]) -> None:
        item = self._running.pop(task)
        if not self._breaker.answered:
            self._breaker.changed.set()
        if item in self._unbegun:
            # Cancelled before its first step: nothing was sent.
            self._unbegun.discard(item)
            self._finish(item, self._unsent(item))

    def _finish(self, item: ItemT, outcome: OutcomeT) -> None:
        if not self._hold:
            self._slots.release()
        try:
            self._done(item, outcome)
        except Exception as exc:
            self._crashed(exc)

    def _judge(self, item: ItemT, outcome: OutcomeT) -> None:
        if outcome.error is not None and _wants_a_server(outcome):
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= self._options.stop_after_failures:
                self.stop(
                    f"{self._failures_in_a_row} targets in a row failed, the last with: {outcome.error}"
                )
        else:
            self._failures_in_a_row = 0
        if (reason := self._operation.stop_reason_after(item, outcome)) is not None:
            self.stop(reason)

    def _crashed(self, error: BaseException) -> None:
        if isinstance(error, Exception):
            self.crash = self.crash or error
            self.stop(f"{type(error).__name__} was raised: {error}")

    def _settle_remaining(self) -> None:
        if self._stopping:
            for item in self._operation.remaining():
                self._finish(item, self._unsent(item))

    def _unsent(self, item: ItemT) -> OutcomeT:
        return self._operation.not_attempted(item, self.stop_reason or "the run ended first")


def _wants_a_server(outcome: Outcome) -> bool:
    """Whether it failed with a server or transport error."""
    return isinstance(outcome.error, (ServerError, TransportError))


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and return once they have ended, even if this is cancelled repeatedly meanwhile."""
    for task in tasks:
        task.cancel()
    while pending := [task for task in tasks if not task.done()]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(pending)
