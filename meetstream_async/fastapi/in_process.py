"""Runs that live in this process: they end with it, and other worker processes cannot see them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence

import attrs

from .. import (
    BulkReport,
    ConfigurationError,
    MeetStreamClient,
    UnscheduleOutcome,
    bulk_unschedule,
    unschedule_all,
)
from .._logs import log_fields
from .._tasks import end, finish, pause
from .problems import ProblemError
from .run import Run
from .runs import (
    NOT_STARTED,
    BulkRequest,
    RunOutcome,
    RunState,
    key_is_taken,
    no_position,
    no_room,
    no_such_run,
)
from .server import server_is_stopping

_log = logging.getLogger("meetstream_async.fastapi")

_COME_BACK = 10.0
"""Retry-After, in seconds, when there is no room for another run."""
_MOST_DIGITS = 9
"""Maximum number of digits of a position."""
_CHECK_EVERY = 0.5
"""Seconds between two checks whether the server is stopping."""


class InProcessRuns:
    """Runs of one worker process, bounded in number and in memory.

    max_running: maximum number of runs in progress at once.
    keep_for, max_kept, max_outcomes: runs that have ended are kept for ``keep_for`` seconds, at most the
        newest ``max_kept`` of them, with at most ``max_outcomes`` outcomes in total.
    grace: seconds that runs have to finish requests in flight when the server stops; after that they are
        cancelled, and the outcomes are ``unknown``.
    """

    durable = False

    def __init__(
        self,
        *,
        max_running: int = 4,
        max_kept: int = 100,
        max_outcomes: int = 200_000,
        keep_for: float = 3600.0,
        grace: float = 20.0,
    ) -> None:
        for name, value in (
            ("max_running", max_running),
            ("max_kept", max_kept),
            ("max_outcomes", max_outcomes),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name} must be an int, 1 or more, not {value!r}")
        for name, seconds in (("keep_for", keep_for), ("grace", grace)):
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
                raise ConfigurationError(f"{name} must be a number of seconds, 0 or more, not {seconds!r}")
        self._max_running = max_running
        self._max_kept = max_kept
        self._max_outcomes = max_outcomes
        self._keep_for = keep_for
        self._grace = grace
        self._runs: dict[str, Run] = {}
        self._by_key: dict[tuple[str | None, str], Run] = {}
        """By the caller and the idempotency key."""
        self._closing: asyncio.Task[None] | None = None
        self._serving = False

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        if self._serving:
            raise ConfigurationError(
                "these runs serve another application; give each its own InProcessRuns()"
            )
        self._runs, self._by_key, self._closing, self._serving = {}, {}, None, True
        watcher = asyncio.create_task(self._close_with_server(), name="meetstream_async server watch")
        try:
            yield
        finally:
            await finish(self._leave(watcher))

    async def start(
        self, client: MeetStreamClient, request: BulkRequest, key: str | None, caller: str | None = None
    ) -> RunState:
        fingerprint = hashlib.sha256(request.model_dump_json().encode()).digest()
        if key is not None and (known := self._by_key.get((caller, key))) is not None:
            if known.fingerprint != fingerprint:
                raise key_is_taken()
            return known.state()
        if not self._serving:
            raise RuntimeError(NOT_STARTED)
        # The options check themselves, before a run exists.
        request.options(), request.bulk()
        if self._closing is not None:
            raise ProblemError(503, "shutting_down", "The server is stopping.", retry_after=_COME_BACK)
        if len(self._running()) >= self._max_running:
            raise no_room(_COME_BACK)
        run = Run(request, fingerprint, key, caller)
        self._runs[run.id] = run
        if key is not None:
            self._by_key[caller, key] = run
        work = functools.partial(self.carry_out, client, request)
        run.task = asyncio.create_task(run.execute(work), name="meetstream_async bulk run")
        run.task.add_done_callback(lambda _: self._ended(run))
        return run.state()

    async def carry_out(
        self,
        client: MeetStreamClient,
        request: BulkRequest,
        *,
        on_outcome: Callable[[UnscheduleOutcome], None],
        stop: asyncio.Event,
    ) -> BulkReport[UnscheduleOutcome]:
        """Carry out a request; subclasses may change what is done. The returned report is final."""
        bulk = attrs.evolve(request.bulk(), on_outcome=on_outcome, stop=stop)
        options = request.options().keywords() | bulk.keywords()
        if request.event_ids is not None:
            return await bulk_unschedule(client, request.event_ids, **options)
        return await unschedule_all(client, **options)

    async def belongs(self, run_id: str, caller: str) -> bool:
        run = self._runs.get(run_id)
        return run is not None and run.caller == caller

    async def state(self, run_id: str) -> RunState:
        return self._find(run_id).state()

    async def outcomes(self, run_id: str, after: str | None, limit: int) -> Sequence[RunOutcome]:
        run = self._find(run_id)
        if after is None:
            return run.outcomes(0, limit)
        if not (after.isascii() and after.isdigit() and len(after) <= _MOST_DIGITS) or int(after) > run.last:
            raise no_position()
        return run.outcomes(int(after), limit)

    async def stop(self, run_id: str) -> RunState:
        run = self._find(run_id)
        run.stop("stopped on request")
        return run.state()

    async def changed(self, run_id: str, since: RunState, timeout: float) -> None:
        run = self._find(run_id)
        news = run.news
        if run.state() == since and run.ended_at is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await news.wait()

    def _find(self, run_id: str) -> Run:
        if (run := self._runs.get(run_id)) is None:
            raise no_such_run()
        return run

    def _running(self) -> list[Run]:
        return [run for run in self._runs.values() if run.ended_at is None]

    def _ended(self, run: Run) -> None:
        # By id: a timer that referenced the run would keep it in memory after it had been dropped.
        asyncio.get_running_loop().call_later(self._keep_for, self._forget, run.id)
        # Move it behind those that ended earlier, so that runs are dropped in the order in which they ended.
        self._runs[run.id] = self._runs.pop(run.id)
        ended = [kept for kept in self._runs.values() if kept.ended_at is not None]
        outcomes = sum(kept.last for kept in ended)
        while len(ended) > self._max_kept or (outcomes > self._max_outcomes and len(ended) > 1):
            oldest = ended.pop(0)
            outcomes -= oldest.last
            self._forget(oldest.id)

    def _forget(self, run_id: str) -> None:
        run = self._runs.pop(run_id, None)
        if run is not None and run.key is not None:
            del self._by_key[run.caller, run.key]

    # --- the end of the application -------------------------------------------------------------------

    async def _leave(self, watcher: asyncio.Task[None]) -> None:
        await end(watcher)
        await self._close()
        self._serving = False

    async def _close_with_server(self) -> None:
        while not server_is_stopping():
            # uvicorn has no event for this.
            await pause(_CHECK_EVERY)
        await self._close()

    async def _close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._stop_all(), name="meetstream_async end of runs")
        # A task of its own, since the watcher that may have started it gets cancelled.
        await asyncio.shield(self._closing)

    async def _stop_all(self) -> None:
        running = self._running()
        for run in running:
            run.stop("the application was shut down")
        tasks = {run.task for run in running if run.task is not None}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        for run in running:
            counts = ", ".join(f"{count} {status}" for status, count in run.counts.items() if count)
            _log.warning(
                "a bulk run was ended by the shutdown: %s: %s",
                run.phase,
                counts or "nothing done",
                extra=log_fields("shutdown", state=run.phase.value),
            )
