"""Runs that live in this process: they end with it, and other worker processes do not know of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

from meetstream_async import (
    BulkReport,
    ConfigurationError,
    MeetStreamClient,
    MeetStreamError,
    UnscheduleOutcome,
    bulk_unschedule,
    stream_unschedule,
    unschedule_all,
)

from .problems import as_problem
from .runs import (
    BulkRequest,
    ListedBot,
    RunOutcome,
    RunPhase,
    RunState,
    key_is_taken,
    no_room,
    no_such_run,
)
from .server import server_is_stopping

_log = logging.getLogger("meetstream_async.fastapi")

_COME_BACK = 10.0
"""Seconds after which there may be room for another run."""
_LOOK = 0.5
"""Seconds between two looks whether the server is stopping."""


class InProcessRuns:
    """Runs of one worker process, bounded in number and in what is kept of them.

    At most ``max_running`` are under way at once. Those that have ended are kept for ``keep_for`` seconds,
    the newest ``max_kept`` of them, with at most ``max_outcomes`` outcomes in all. When the server stops,
    runs have ``grace`` seconds to end what is in flight; after that it is cancelled, and ``unknown``.
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
        for name, value in (("max_running", max_running), ("max_kept", max_kept), ("max_outcomes", max_outcomes)):
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
        self._runs: dict[str, _Run] = {}
        self._by_key: dict[str, _Run] = {}
        self._closing: asyncio.Task[None] | None = None
        self._serving = False

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        self._runs, self._by_key, self._closing, self._serving = {}, {}, None, True
        watcher = asyncio.create_task(self._close_with_server(), name="meetstream_async server watch")
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.wait({watcher})
            await self._close()
            self._serving = False

    async def start(self, client: MeetStreamClient, request: BulkRequest, key: str | None) -> RunState:
        fingerprint = hashlib.sha256(request.model_dump_json().encode()).digest()
        if key is not None and (known := self._by_key.get(key)) is not None:
            if known.fingerprint != fingerprint:
                raise key_is_taken()
            return known.state()
        if not self._serving:
            raise RuntimeError("the router has not been started: the application's lifespan has not run")
        # Made to be thrown away: it checks the options, and names the statuses that can occur.
        counts = stream_unschedule(client, request.event_ids or (), **request.options()).report.counts
        if self._closing is not None or len(self._running()) >= self._max_running:
            raise no_room(_COME_BACK)
        run = _Run(request, fingerprint, key, counts)
        self._runs[run.id] = run
        if key is not None:
            self._by_key[key] = run
        run.task = asyncio.create_task(run.execute(client), name="meetstream_async bulk run")
        run.task.add_done_callback(lambda _: self._ended(run))
        return run.state()

    async def state(self, run_id: str) -> RunState:
        return self._find(run_id).state()

    async def outcomes(self, run_id: str, after: int, limit: int) -> Sequence[RunOutcome]:
        return self._find(run_id).outcomes(after, limit)

    async def stop(self, run_id: str) -> RunState:
        run = self._find(run_id)
        run.stop("stopped on request")
        return run.state()

    async def changed(self, run_id: str, after: int, timeout: float) -> None:
        run = self._find(run_id)
        news = run.news
        if run.ended_at is None and run.last <= after:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await news.wait()

    def _find(self, run_id: str) -> _Run:
        if (run := self._runs.get(run_id)) is None:
            raise no_such_run()
        return run

    def _running(self) -> list[_Run]:
        return [run for run in self._runs.values() if run.ended_at is None]

    def _ended(self, run: _Run) -> None:
        asyncio.get_running_loop().call_later(self._keep_for, self._forget, run)
        # Oldest first, as they were started.
        ended = [kept for kept in self._runs.values() if kept.ended_at is not None]
        outcomes = sum(kept.last for kept in ended)
        while len(ended) > self._max_kept or (outcomes > self._max_outcomes and len(ended) > 1):
            oldest = ended.pop(0)
            outcomes -= oldest.last
            self._forget(oldest)

    def _forget(self, run: _Run) -> None:
        if self._runs.get(run.id) is run:
            del self._runs[run.id]
            if run.key is not None:
                del self._by_key[run.key]

    # --- the end of the application -------------------------------------------------------------------

    async def _close_with_server(self) -> None:
        while not server_is_stopping():
            await asyncio.sleep(_LOOK)
        await self._close()

    async def _close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._stop_all(), name="meetstream_async end of runs")
        # Its own task: the watcher, which may have begun it, is cancelled meanwhile.
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
            _log.warning("a bulk run was ended by the shutdown: %s: %s", run.phase, counts or "nothing done")


class _Run:
    """One run: what was asked, what has become known, and the task that works on it."""

    def __init__(
        self, request: BulkRequest, fingerprint: bytes, key: str | None, counts: Mapping[str, int]
    ) -> None:
        self.id = secrets.token_urlsafe(24)
        self.fingerprint = fingerprint
        self.key = key
        self.task: asyncio.Task[None] | None = None
        self.news = asyncio.Event()
        """Set, and replaced by another, whenever something has changed."""
        self.ended_at: datetime | None = None
        self.counts = Counter(counts)
        self.phase = RunPhase.RUNNING
        self._request = request
        self._started_at = datetime.now(UTC)
        self._stop = asyncio.Event()
        self._stopped_by: str | None = None
        self._log: list[UnscheduleOutcome | None] = []
        """By sequence; None where the outcome has turned out otherwise since."""
        self._sequences: dict[str | tuple[str, ...], int] = {}
        self._report: BulkReport[UnscheduleOutcome] | None = None
        self._reason: str | None = "the run is not over"

    @property
    def last(self) -> int:
        """The highest number of an outcome."""
        return len(self._log)

    def stop(self, why: str) -> None:
        if self.ended_at is None and self._stopped_by is None:
            self._stopped_by = why
            self._stop.set()
            self._tell()

    def outcomes(self, after: int, limit: int) -> list[RunOutcome]:
        found: list[RunOutcome] = []
        for sequence in range(after + 1, self.last + 1):
            outcome = self._log[sequence - 1]
            if outcome is not None:
                found.append(RunOutcome(sequence=sequence, **outcome.to_dict()))
                if len(found) == limit:
                    break
        return found

    def state(self) -> RunState:
        report = self._report
        return RunState(
            id=self.id,
            state=self.phase,
            dry_run=self._request.dry_run,
            stopping=self.ended_at is None and self._stopped_by is not None,
            counts=dict(self.counts),
            complete=report is not None and report.complete,
            ok=report is not None and report.ok,
            reason=self._reason,
            started_at=self._started_at,
            ended_at=self.ended_at,
            still_listed=[ListedBot(**row) for row in report.to_dict()["still_listed"]] if report else [],
        )

    async def execute(self, client: MeetStreamClient) -> None:
        try:
            self._conclude(await self._work(client))
        except asyncio.CancelledError:
            self._end(RunPhase.CANCELLED, f"{self._stopped_by or 'cancelled'}; what was in flight is unknown")
        except Exception as error:
            self._end(RunPhase.CANCELLED if self._stopped_by else RunPhase.FAILED, _why(error))

    async def _work(self, client: MeetStreamClient) -> BulkReport[UnscheduleOutcome]:
        options = self._request.options()
        if self._request.event_ids is not None:
            return await bulk_unschedule(
                client, self._request.event_ids, on_outcome=self._hear, stop=self._stop, **options
            )
        return await unschedule_all(client, on_outcome=self._hear, stop=self._stop, **options)

    def _hear(self, outcome: UnscheduleOutcome) -> None:
        key = outcome.bot_ids if outcome.event_id is None else outcome.event_id
        if (earlier := self._sequences.get(key)) is not None:
            before = self._log[earlier - 1]
            if before == outcome:
                return
            if before is not None:
                self.counts[before.status] -= 1
            self._log[earlier - 1] = None
        self._log.append(outcome)
        self._sequences[key] = self.last
        self.counts[outcome.status] += 1
        self._tell()

    def _conclude(self, report: BulkReport[UnscheduleOutcome]) -> None:
        # The report is the final word; what it says otherwise than was heard is told again.
        for outcome in report.outcomes:
            self._hear(outcome)
        self._report = report
        if report.ok:
            self._end(RunPhase.SUCCEEDED, None)
        elif self._stopped_by is not None:
            self._end(RunPhase.CANCELLED, f"{self._stopped_by}; {report.reason}")
        else:
            self._end(RunPhase.FAILED, report.reason)

    def _end(self, phase: RunPhase, reason: str | None) -> None:
        self.phase, self._reason, self.ended_at = phase, reason, datetime.now(UTC)
        self._tell()

    def _tell(self) -> None:
        news, self.news = self.news, asyncio.Event()
        news.set()


def _why(error: Exception) -> str:
    """What may be said of the error that ended a run; the rest is in the log."""
    if isinstance(error, MeetStreamError):
        return as_problem(error).problem.detail
    _log.error("a bulk run broke down", exc_info=error)
    return "internal error"
