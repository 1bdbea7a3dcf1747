"""Read a job from the engine's tables: its row, those of its accounts, and their stored steps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from attrs import frozen
from dbos import WorkflowStatus

from .. import OutcomeStatus
from .._tasks import pause
from .engine import JobEngine
from .errors import UnknownJobError
from .ledger import Json
from .status import AccountStatus, JobOutcome, JobState
from .workflows import CANCEL, JOB_WORKFLOW, account_id

OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
"""States of a workflow in the engine that nobody runs or will run unless it is resumed."""
_STEPS = 50
"""Steps read at a time (at most 5,000 outcomes)."""
_ROWS = 1000
"""Accounts read at a time."""
_REMEMBERED = 10_000
"""Maximum number of runs whose number of steps is cached."""
_OURS = ("look", "unschedule", "close")


@frozen
class Job:
    """A job as it was submitted."""

    row: WorkflowStatus
    accounts: list[Json]
    options: Json

    @property
    def job_id(self) -> str:
        return self.row.workflow_id

    @property
    def cancel(self) -> bool:
        """Whether cancelling it was requested."""
        return bool((self.row.attributes or {}).get(CANCEL))

    @property
    def submitted(self) -> datetime | None:
        return _time(self.row.created_at)


async def read_job(engine: JobEngine, job_id: str) -> Job:
    """The job with that id. Raises UnknownJobError, JobStoreError."""
    with engine.store.errors():
        rows = await engine.client.list_workflows_async(
            workflow_ids=[job_id], name=JOB_WORKFLOW, load_output=False
        )
    if not rows or rows[0].input is None:
        raise UnknownJobError(f"there is no job {job_id!r} in {engine.database}")
    content = rows[0].input["args"][0]
    return Job(rows[0], content["accounts"], content["options"])


async def read_rows(engine: JobEngine, job: Job) -> dict[str, WorkflowStatus]:
    """The rows of a job's accounts that exist, by workflow id."""
    ids = [account_id(job.job_id, index) for index in range(len(job.accounts))]
    rows: list[WorkflowStatus] = []
    for first in range(0, len(ids), _ROWS):
        # By ids rather than by prefix: PostgreSQL uses an index for prefixes in one collation only.
        chunk = ids[first : first + _ROWS]
        with engine.store.errors():
            rows += await engine.client.list_workflows_async(workflow_ids=chunk, load_input=False)
    return {row.workflow_id: row for row in rows}


async def read_account(engine: JobEngine, job: Job, index: int, row: WorkflowStatus | None) -> AccountStatus:
    """The status of one account."""
    name = job.accounts[index]["name"]
    if row is None:
        # The job has not been started yet, and may never be.
        gone = job.row.status in ("CANCELLED", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
        state = JobState.CANCELLED if job.row.status == "CANCELLED" else JobState.FAILED
        return AccountStatus(
            name, state if gone else JobState.QUEUED, reason=_failure(job.row) if gone else None
        )
    common: dict[str, Any] = {
        "worker": row.executor_id,
        "started": _time(row.dequeued_at),
        "ended": _time(row.completed_at),
    }
    if row.status == "SUCCESS":
        summary: Json = row.output or {"ok": False}
        state = JobState.SUCCEEDED if summary["ok"] else JobState.FAILED
        return AccountStatus(name, state, **summary, **common)
    totals = await _totals(engine, row)
    # With given event ids, an outcome is due for each from the start.
    owed = totals.pop("owed", len(job.accounts[index].get("event_ids") or ()))
    sofar = {**totals, **common}
    if row.status in ("ENQUEUED", "DELAYED"):
        return AccountStatus(name, JobState.QUEUED, **sofar)
    if row.status == "PENDING":
        return AccountStatus(name, JobState.RUNNING, **sofar)
    if row.status == "CANCELLED":
        reason = f"cancelled; {owed} not attempted" if owed else "cancelled"
        return AccountStatus(name, JobState.CANCELLED, **sofar, reason=reason)
    return AccountStatus(name, JobState.FAILED, **sofar, reason=_failure(row))


async def outcomes_behind(
    engine: JobEngine, job: Job, index: int, step: int, number: int, follow: bool, poll: float
) -> AsyncIterator[JobOutcome]:
    """The outcomes of one account after the given step and outcome, until it has ended."""
    account = job.accounts[index]["name"]
    workflow_id = account_id(job.job_id, index)
    while True:
        # Check whether it has ended before reading: the other way round, its last outcomes could be missed.
        over = not follow or await _is_over(engine, job, workflow_id)
        stored = await _steps(engine, workflow_id, step)
        for offset, result in enumerate(stored):
            for position, outcome in enumerate(result.get("outcomes", ())):
                if offset or position > number:
                    yield _outcome(account, outcome, f"{index}.{step + offset}.{position}")
        if stored:
            # Continue after the last step that was read completely.
            step, number = step + len(stored), -1
        elif over:
            return
        else:
            await pause(poll)


async def _is_over(engine: JobEngine, job: Job, workflow_id: str) -> bool:
    with engine.store.errors():
        rows = await engine.client.list_workflows_async(
            workflow_ids=[workflow_id, job.job_id], load_input=False, load_output=False
        )
    status = {row.workflow_id: row.status for row in rows}
    if workflow_id not in status:
        return status.get(job.job_id) not in ("ENQUEUED", "PENDING", "SUCCESS")
    return status[workflow_id] in OVER


async def _totals(engine: JobEngine, row: WorkflowStatus) -> Json:
    """The totals of an unfinished run, from its last stored step; empty without one."""
    if row.executor_id is None:
        # No worker has started it.
        return {}
    counts, workflow_id = engine.step_counts, row.workflow_id
    count, last = await _last_step(engine, workflow_id, counts.pop(workflow_id, 0))
    counts[workflow_id] = count
    while len(counts) > _REMEMBERED:
        del counts[next(iter(counts))]
    if not last and count > 1:
        # The run was interrupted in this step.
        last = (await _steps(engine, workflow_id, count - 2, 1))[0]
    return dict(last.get("totals", {}))


async def _last_step(engine: JobEngine, workflow_id: str, seen: int) -> tuple[int, Json]:
    """The number of stored steps, and the last step; ``seen`` is the number at the last call.

    The engine can neither count steps nor list them from the end, so this searches: one read if nothing is
    new, otherwise about as many reads of one step as the number has binary digits.
    """
    # The step that was the last one, and its successor if any.
    found = await _steps(engine, workflow_id, max(seen - 1, 0), 2)
    if not found and seen:
        # The job was deleted meanwhile, and this is another one with the same id.
        return await _last_step(engine, workflow_id, 0)
    count = max(seen - 1, 0) + len(found)
    last = found[-1] if found else {}
    if len(found) < 2:
        return count, last
    # Invariant: step count exists (or is 0), step beyond does not.
    stride, beyond = 1, None
    while beyond is None or beyond > count:
        at = count + stride - 1 if beyond is None else (count + beyond) // 2
        if step := await _steps(engine, workflow_id, at, 1):
            count, last = at + 1, step[0]
            stride *= 2
        else:
            beyond = at
    return count, last


async def _steps(engine: JobEngine, workflow_id: str, first: int, most: int = _STEPS) -> list[Json]:
    """The results of some stored steps; empty for a step that is not ours."""
    with engine.store.errors():
        steps = await engine.client.list_workflow_steps_async(workflow_id, limit=most, offset=first)
    return [step["output"] if step["function_name"] in _OURS and step["output"] else {} for step in steps]


def _outcome(account: str, outcome: Json, position: str) -> JobOutcome:
    return JobOutcome(
        account=account,
        event_id=outcome["event_id"],
        bot_ids=tuple(outcome["bot_ids"]),
        method=outcome.get("method"),
        inferred=outcome["inferred"],
        status=OutcomeStatus(outcome["status"]),
        reason=outcome["reason"],
        attempts=outcome["attempts"],
        elapsed=outcome["elapsed"],
        error=outcome["error"],
        position=position,
    )


def _failure(row: WorkflowStatus) -> str:
    if row.status == "CANCELLED":
        return "cancelled before it started"
    if row.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        return "gave up after too many restarts; resume the job to try again"
    return f"the run failed: {row.error}" if row.error is not None else "the run failed"


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
