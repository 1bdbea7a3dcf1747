"""A bounded runner for any operation. Independent of both APIs.

It takes a slot of the semaphore, waits for the rate limiter, and only then creates a task: tasks and memory
are proportional to ``max_concurrency``, however many items there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic

from .._logs import log_fields
from .._tasks import end, pause
from ..errors import RateLimitError, ServerError, TransportError
from ._gate import STOPPED, Gate
from ._operation import ItemT, Operation, OutcomeT
from .options import BulkOptions
from .report import Outcome

_log = logging.getLogger("meetstream_async.bulk")

_MOST_OUT_OF_REACH = 4
"""Times in a row that a target goes back while requests fail and none is answered."""


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
        self._gate = Gate(operation.rate_limiter, operation.longest_outage, options)
        self._failures_in_a_row = 0
        self.exhausted = False
        """Whether the operation has no more items."""
        self.crash: Exception | None = None
        """Exception of ``done`` or a source; it stopped the run and is raised at the end."""

    async def run(self) -> None:
        """Run until every item has its outcome. If cancelled, cancels what is in flight, too."""
        self._gate.start()
        if self._gate.wants_to_stop():
            self.stop()
        feeder = asyncio.create_task(self._feed(), name="meetstream_async feeder")
        watcher = asyncio.create_task(self._gate.watch(), name="meetstream_async watcher")
        try:
            await asyncio.wait({feeder})
            while self._running:
                await asyncio.wait(self._running)
            watcher.cancel()
            await asyncio.wait({watcher})
        except asyncio.CancelledError:
            self._gate.aborted = True
            self.stop("cancelled")
            await end(feeder, watcher, *self._running)
            raise
        finally:
            if feeder.cancelled():
                # By a stop, or by a source that was cancelled itself.
                self.stop("the source of targets was cancelled")
            elif (error := feeder.exception()) is not None:
                self._crashed(error)
            self._settle_remaining()

    @property
    def stop_reason(self) -> str | None:
        """Why the run stopped early, if it did."""
        return self._gate.stop_reason

    def stop(self, reason: str = STOPPED) -> None:
        """Start nothing new; requests in flight finish."""
        self._gate.stop(reason)

    def release(self) -> None:
        """Release a slot that was held for the consumer."""
        self._slots.release()

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a slot and the rate limiter, for a request of the operation's own, such as a listing."""
        async with self._slots:
            await self._rate_limiter.wait(pause_limit=self._options.max_pause)
            yield

    async def _feed(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._gate.waiting.add(task)
        try:
            await self._feed_all()
        finally:
            self._gate.waiting.discard(task)

    async def _feed_all(self) -> None:
        loop = asyncio.get_running_loop()
        never_began = self._never_began  # One for all tasks.
        unsent_in_a_row = 0
        async with contextlib.aclosing(self._operation.items()) as items:
            while not self._gate.stopping:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    self.exhausted = True
                    return
                except asyncio.CancelledError:
                    self._gate.swallow_stop()
                    return
                try:
                    await self._slots.acquire()
                    outcome = self._operation.without_request(item)
                    if outcome is not None:
                        self._finish(item, outcome)
                        unsent_in_a_row += 1
                        if unsent_in_a_row % 100 == 0:
                            # This loop does not have to wait, but let other tasks run.
                            await pause()
                        continue
                    if not self._gate.breaker.answered:
                        await self._until_answered()
                    if not (self._gate.is_open() or await self._gate.turn()):
                        self._finish(item, self._unsent(item))
                        return
                except asyncio.CancelledError:
                    self._finish(item, self._unsent(item))
                    self._gate.swallow_stop()
                    return
                task = loop.create_task(self._work(item, loop), name="meetstream_async call")
                # An eager one takes its first step, or ends, while it is made.
                if not task.done():
                    self._running[task] = item
                    task.add_done_callback(never_began)

    async def _until_answered(self) -> None:
        """Until the server has responded once, start no more calls than may fail in a row."""
        while not self._gate.breaker.answered and len(self._running) >= self._options.stop_after_failures:
            self._gate.breaker.changed.clear()
            await self._gate.breaker.changed.wait()

    async def _work(self, item: ItemT, loop: asyncio.AbstractEventLoop) -> None:
        task = asyncio.current_task(loop)
        assert task is not None
        task.remove_done_callback(self._never_began)
        try:
            failed_before = self._operation.failed_attempts
            outcome = await self._operation.attempt(item)
            if outcome.error is None:
                self._gate.breaker.record_answer()
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
        finally:
            self._dismiss(task)
        # Release here rather than in a done callback: frees the slot one loop iteration earlier.
        self._finish(item, outcome)

    def _record(self, outcome: OutcomeT, failed_before: int) -> bool:
        """Record the result of a call. Returns True if it failed because of an outage."""
        if not _failed_at_the_server(outcome):
            self._gate.breaker.record_answer()
            return False
        others_failed = self._operation.failed_attempts - failed_before > outcome.attempts
        return self._gate.breaker.record_failure(others_failed)

    async def _perhaps_again(self, item: ItemT, outcome: OutcomeT, is_outage: bool) -> OutcomeT:
        """The final outcome of a target whose first call failed, after a retry if it gets one."""
        times = out_of_reach = 0
        while isinstance(outcome.error, RateLimitError) and out_of_reach < _MOST_OUT_OF_REACH:
            # A 429 is nobody's failure: the target goes back as long as others get through.
            times += 1
            if not await self._gate.until_stopped(self._gate.turn_after_a_refusal(times)):
                # No attempt yet: the pause began between its turn and its first request.
                return outcome if outcome.attempts else self._unsent(item)
            is_outage = False
            refused, failed_before = outcome.error, self._operation.failed_attempts
            let_through = self._gate.last_let_through
            outcome = await self._again(item, outcome)
            # A call may fail for want of a server, and the pace leave it no time for another attempt.
            failed = self._operation.failed_attempts > failed_before
            is_out_of_reach = failed and self._gate.last_let_through == let_through
            out_of_reach = out_of_reach + 1 if is_out_of_reach else 0
            if outcome.error is refused:
                # This time nothing was refused. The item still names what was, beside what else is open.
                break
        return await self._ride_out(item, outcome) if is_outage else outcome

    async def _again(self, item: ItemT, first: OutcomeT) -> OutcomeT:
        """Make one more call for a target whose first call failed for reasons outside of it."""
        reason = type(first.error).__name__
        _log.info("a target goes back: %s", reason, extra=log_fields("goes_back", reason=reason))
        second = await self._operation.attempt(item)
        if _failed_at_the_server(second):
            # It must not stop the others a second time: this item may be the last that would ask whether
            # the server is back.
            self._gate.breaker.record_failure(False)
        else:
            self._gate.breaker.record_answer()
        return self._operation.again(first, second)

    async def _ride_out(self, item: ItemT, outcome: OutcomeT) -> OutcomeT:
        """Retry a target once after the outage ends."""
        probes = 0
        while True:
            # Until there is a response, only the holder of the probe sends a request.
            async with self._gate.breaker.probe:
                if not self._gate.breaker.last_call_answered:
                    wait = self._gate.breaker.wait_before_probe(probes)
                    if wait is None or not await self._gate.until_stopped(self._gate.wait_and_pace(wait)):
                        return outcome
                    probes += 1
                    outcome = await self._again(item, outcome)
                    if not _failed_at_the_server(outcome):
                        return outcome
                    continue
            if not await self._gate.until_stopped(self._gate.pace()):
                return outcome
            return await self._again(item, outcome)

    def _dismiss(self, task: asyncio.Task[None]) -> ItemT | None:
        """The item of a task that is about to end, unless it was dismissed before."""
        item = self._running.pop(task, None)
        if not self._gate.breaker.answered:
            self._gate.breaker.changed.set()
        return item

    def _never_began(self, task: asyncio.Task[None]) -> None:
        """Its task was cancelled before its first step: nothing was sent."""
        item = self._dismiss(task)
        if item is not None:
            self._finish(item, self._unsent(item))

    def _finish(self, item: ItemT, outcome: OutcomeT) -> None:
        if not self._hold:
            self._slots.release()
        try:
            self._done(item, outcome)
        except Exception as exc:
            self._crashed(exc)

    def _judge(self, item: ItemT, outcome: OutcomeT) -> None:
        if outcome.error is not None and _failed_at_the_server(outcome):
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
        if self._gate.stopping:
            for item in self._operation.remaining():
                self._finish(item, self._unsent(item))

    def _unsent(self, item: ItemT) -> OutcomeT:
        return self._operation.not_attempted(item, self._gate.stop_reason or "the run ended first")


def _failed_at_the_server(outcome: Outcome) -> bool:
    """Whether it failed with a server or transport error."""
    error = outcome.error
    return isinstance(error, ServerError) or (isinstance(error, TransportError) and not error.permanent)
