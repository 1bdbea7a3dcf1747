"""One run of this process: its request, its outcomes so far, and its task."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from .. import BulkReport, MeetStreamError, UnscheduleOutcome
from .._logs import log_fields
from .problems import as_problem
from .runs import STATUSES, BulkRequest, RunOutcome, RunPhase, RunState

_log = logging.getLogger("meetstream_async.fastapi")


class Work(Protocol):
    """The work of a run, as a callable."""

    async def __call__(
        self, *, on_outcome: Callable[[UnscheduleOutcome], None], stop: asyncio.Event
    ) -> BulkReport[UnscheduleOutcome]: ...


class Run:
    """A run, and the task that carries it out."""

    def __init__(self, request: BulkRequest, fingerprint: bytes, key: str | None, caller: str | None) -> None:
        self.id: str = secrets.token_urlsafe(24)
        self.fingerprint = fingerprint
        self.key = key
        self.caller = caller
        self.task: asyncio.Task[None] | None = None
        self.news: asyncio.Event = asyncio.Event()
        """Set, and replaced by a new one, whenever something has changed."""
        self.ended_at: datetime | None = None
        self.counts: dict[str, int] = {status.value: 0 for status in STATUSES}
        self.phase: RunPhase = RunPhase.RUNNING
        self._request = request
        self._started_at = datetime.now(UTC)
        self._stop = asyncio.Event()
        self._stopped_by: str | None = None
        self._log: list[UnscheduleOutcome | None] = []
        """Outcomes by sequence number; None where a later outcome has replaced one."""
        self._sequences: dict[str | tuple[str, ...], int] = {}
        self._report: BulkReport[UnscheduleOutcome] | None = None
        self._reason: str | None = "the run is not over"

    @property
    def last(self) -> int:
        """The highest sequence number of an outcome."""
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
                found.append(_shown(sequence, outcome))
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
            still_listed=len(report.still_listed) if report else 0,
        )

    async def execute(self, work: Work) -> None:
        try:
            self._conclude(await work(on_outcome=self._take, stop=self._stop))
        except asyncio.CancelledError:
            self._end(RunPhase.CANCELLED, f"{self._stopped_by or 'cancelled'}; what was in flight is unknown")
        except Exception as error:
            self._end(RunPhase.CANCELLED if self._stopped_by else RunPhase.FAILED, _why(error))

    def _take(self, outcome: UnscheduleOutcome) -> None:
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
        # The report is final: where it differs from earlier outcomes, they are published again.
        for outcome in report.outcomes:
            self._take(outcome)
        self._report = report
        if report.ok:
            self._end(RunPhase.SUCCEEDED, report.reason)
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


def _shown(sequence: int, outcome: UnscheduleOutcome) -> RunOutcome:
    return RunOutcome(position=str(sequence), **outcome.to_dict())


def _why(error: Exception) -> str:
    """What the caller may be told about the error that ended a run; the rest is logged."""
    if isinstance(error, MeetStreamError):
        return as_problem(error).problem.detail
    _log.error("a bulk run broke down", exc_info=error, extra=log_fields("run_broke_down"))
    return "internal error; see the service's log"
