"""Runs as durable jobs: shared by any number of worker processes, and surviving their restarts.

Behind the extra ``jobs`` as well: ``pip install 'meetstream-async[fastapi,jobs]'``.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from .. import ConfigurationError, MeetStreamClient, UnscheduleOptions, outcome_to_dict
from .._logs import log_fields
from .._tasks import end, pause
from ..jobs import (
    JobAccount,
    JobConflictError,
    JobEngine,
    JobOptions,
    JobOutcome,
    JobState,
    JobStatus,
    JobStoreError,
    UnknownJobError,
    UnreadableJobError,
    cancel_job,
    forget_jobs,
    job_outcomes,
    job_status,
    submit_job,
    unfinished_jobs,
)
from .problems import ProblemError
from .runs import (
    NOT_STARTED,
    STATUSES,
    BulkRequest,
    RunOutcome,
    RunPhase,
    RunState,
    key_is_taken,
    no_room,
    no_such_run,
)
from .shared import Shared

__all__ = ["DurableRuns"]

_log = logging.getLogger("meetstream_async.fastapi")

_COME_BACK = 10.0
"""Retry-After, in seconds, when there is no room for another run."""
_FRESH = 0.5
"""Seconds for which a state that was read is shared by everyone who watches the run."""
_WATCHED = 1000
"""Number of runs whose state is cached."""
_PAGES = 16
"""Number of pages of outcomes that are cached."""
_TIDY = 600.0
"""Maximum seconds between two deletions of old runs."""
_LONGEST_KEPT = 100 * 365 * 86_400
_PREFIX = "run-"
_RUN_ID = re.compile(_PREFIX + "([0-9a-f]{48})(?:-([0-9a-f]{32}))?", re.ASCII)
"""The second part identifies the caller, if the router knows who that is."""
_PHASES = {
    JobState.QUEUED: RunPhase.RUNNING,
    JobState.RUNNING: RunPhase.RUNNING,
    JobState.SUCCEEDED: RunPhase.SUCCEEDED,
    JobState.FAILED: RunPhase.FAILED,
    JobState.CANCELLED: RunPhase.CANCELLED,
}


class DurableRuns:
    """Runs as jobs of one account, in the database of ``engine``.

    engine: opened when the application starts and closed when it stops: a client (``JobEngine(database)``) if
        separate workers do the work, or a worker.
    account: tells the workers where to find the key; the application's own client sends nothing.
    options: options that requests cannot set, such as ``rate_limit``. What a run selects and does with it is
        said by each request, so ``where``, ``dry_run`` and the like are refused here.
    max_unfinished: maximum number of unfinished jobs in the database at once.
    keep_for: seconds after its end when a run is deleted; None keeps all runs.
    """

    durable = True

    def __init__(
        self,
        engine: JobEngine,
        account: JobAccount,
        *,
        options: JobOptions | None = None,
        max_unfinished: int = 100,
        keep_for: float | None = 30 * 86_400.0,
    ) -> None:
        for name, value, kind in (("engine", engine, JobEngine), ("account", account, JobAccount)):
            if not isinstance(value, kind):
                raise ConfigurationError(f"{name} must be a {kind.__name__}, not {type(value).__name__}")
        _check_fixed(account, options)
        if isinstance(max_unfinished, bool) or not isinstance(max_unfinished, int) or max_unfinished < 1:
            raise ConfigurationError(f"max_unfinished must be an int, 1 or more, not {max_unfinished!r}")
        if keep_for is not None and (
            isinstance(keep_for, bool)
            or not isinstance(keep_for, int | float)
            or not 0 < keep_for <= _LONGEST_KEPT
        ):
            raise ConfigurationError(
                f"keep_for must be a number of seconds above 0, or None, not {keep_for!r}"
            )
        self._engine = engine
        self._account = account
        self._options = options or JobOptions()
        self._max_unfinished = max_unfinished
        self._states: Shared[JobStatus] = Shared(_WATCHED, _FRESH)
        self._pages: Shared[list[RunOutcome]] = Shared(_PAGES, _FRESH)
        self._keep_for = keep_for
        self._serving = False

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with self._engine:
            tidying = asyncio.create_task(self._tidy(), name="meetstream_async durable runs tidying")
            self._serving = True
            try:
                yield
            finally:
                self._serving = False
                await end(tidying)

    async def start(
        self, client: MeetStreamClient, request: BulkRequest, key: str | None, caller: str | None = None
    ) -> RunState:
        if not self._serving:
            raise RuntimeError(NOT_STARTED)
        options = attrs.evolve(
            self._options, **request.options().keywords(), max_concurrency=request.max_concurrency
        )
        account = attrs.evolve(self._account, event_ids=request.event_ids)
        job_id = self._job_id(key, caller)
        with _told():
            if not await self._is_there(job_id):
                unfinished = await unfinished_jobs(engine=self._engine)
                if len(unfinished) >= self._max_unfinished:
                    raise no_room(_COME_BACK)
            return _state(await submit_job([account], options, job_id=job_id, engine=self._engine))

    async def belongs(self, run_id: str, caller: str) -> bool:
        parts = _RUN_ID.fullmatch(run_id)
        if parts is None or parts[2] is None:
            return False
        return hmac.compare_digest(parts[2], self._tag(parts[1], caller))

    def _tag(self, run: str, caller: str) -> str:
        return self._engine.derive_id("caller", run, caller)[:32]

    def _job_id(self, key: str | None, caller: str | None) -> str:
        """A random id, or the one for this key; then a part that lets every process check the caller."""
        if key is None:
            run = secrets.token_hex(24)
        elif caller is None:
            run = self._engine.derive_id("run", self._account.name, key)
        else:
            run = self._engine.derive_id("run", self._account.name, key, caller)
        return _PREFIX + run + ("" if caller is None else f"-{self._tag(run, caller)}")

    async def state(self, run_id: str) -> RunState:
        with _told():
            return _state((await self._status(run_id))[1])

    async def outcomes(self, run_id: str, after: str | None, limit: int) -> Sequence[RunOutcome]:
        with _told():
            # Keyed by when the state was read: an older page may lack outcomes that the state already counts.
            asked, _ = await self._status(run_id)
            key = run_id, after, limit, asked
            return (await self._pages.get(key, lambda: self._page(run_id, after, limit)))[1]

    async def _page(self, run_id: str, after: str | None, limit: int) -> list[RunOutcome]:
        found: list[RunOutcome] = []
        stored = job_outcomes(run_id, after=after, follow=False, engine=self._engine)
        async with contextlib.aclosing(stored) as outcomes:
            async for outcome in outcomes:
                found.append(_outcome(outcome))
                if len(found) == limit:
                    break
        return found

    async def stop(self, run_id: str) -> RunState:
        with _told():
            await self._status(run_id)
            state = _state(await cancel_job(run_id, engine=self._engine))
        self._states.forget(run_id)
        return state

    async def changed(self, run_id: str, since: RunState, timeout: float) -> None:
        # The database sends no notifications; the stream polls.
        await pause(min(timeout, _FRESH))

    async def _tidy(self) -> None:
        """Delete old runs from time to time. Other processes may do the same."""
        while self._keep_for is not None:
            before = datetime.now(UTC) - timedelta(seconds=self._keep_for)
            try:
                await forget_jobs(before, prefix=_PREFIX, engine=self._engine)
            except Exception as error:
                # Retried later, whatever the error: this task must not end for good.
                kind = type(error).__name__
                _log.warning(
                    "old runs could not be deleted: %s", kind, extra=log_fields("not_tidied", error=kind)
                )
            await pause(min(self._keep_for, _TIDY))

    async def _is_there(self, job_id: str) -> bool:
        try:
            await job_status(job_id, engine=self._engine)
        except UnknownJobError:
            return False
        return True

    async def _status(self, run_id: str) -> tuple[float, JobStatus]:
        """The job's status, and the monotonic time when it was read."""
        if not self._serving:
            raise RuntimeError(NOT_STARTED)
        # The router does not show other jobs in the same database.
        if not _RUN_ID.fullmatch(run_id):
            raise no_such_run()
        return await self._states.get(run_id, lambda: job_status(run_id, engine=self._engine))


def _check_fixed(account: JobAccount, options: JobOptions | None) -> None:
    """Refuse limits that a request would replace without a word, such as ``where`` or ``dry_run``."""
    what = UnscheduleOptions()
    replaced = [name for name, value in what.keywords().items() if getattr(options, name, value) != value]
    if options is not None and options.max_concurrency != JobOptions().max_concurrency:
        replaced.append("max_concurrency")
    if account.event_ids is not None:
        replaced.append("event_ids")
    if replaced:
        raise ConfigurationError(
            f"{', '.join(replaced)} can't be fixed here: each request says it; check the requests instead"
        )


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn errors of the job store into problems of the router."""
    try:
        yield
    except UnknownJobError:
        raise no_such_run() from None
    except JobConflictError:
        raise key_is_taken() from None
    except UnreadableJobError as error:
        _log.error("%s", error, extra=log_fields("run_unreadable"))
        raise ProblemError(500, "run_unreadable", "What is stored of the run can't be read.") from None
    except JobStoreError as error:
        _log.error("the run store can't be used: %s", error, extra=log_fields("run_store"))
        raise ProblemError(
            503, "run_store_unavailable", "The run store is unreachable.", retry_after=_COME_BACK
        ) from None


def _state(status: JobStatus) -> RunState:
    assert status.submitted is not None
    line = status.accounts[0]
    phase = _PHASES[status.state]
    reason = line.reason
    if phase is RunPhase.RUNNING:
        waits = status.state is JobState.QUEUED
        reason = "waiting for a worker" if waits else "the run is not over"
    return RunState(
        id=status.job_id,
        state=phase,
        dry_run=bool(status.options.get("dry_run")),
        stopping=status.cancelling,
        counts={status.value: line.counts.get(status.value, 0) for status in STATUSES},
        complete=line.complete,
        ok=line.ok,
        reason=reason,
        started_at=status.submitted,
        ended_at=status.ended,
        still_listed=line.still_listed,
    )


def _outcome(outcome: JobOutcome) -> RunOutcome:
    return RunOutcome(position=outcome.position, **outcome_to_dict(outcome))
