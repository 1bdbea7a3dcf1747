"""Reading a job from the engine's own tables: its row, those of its accounts, and their stored steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from attrs import frozen
from dbos import WorkflowStatus

from meetstream_async import OutcomeStatus

from .engine import JobEngine
from .errors import UnknownJobError
from .ledger import AccountLedger, Json
from .status import AccountStatus, JobOutcome, JobState
from .workflows import CANCEL, JOB_WORKFLOW, account_id

_STEPS = 50
"""Steps that are read at a time: at most 5,000 outcomes."""
_ROWS = 1000
"""Accounts that are read at a time."""
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
        """It was asked to stop."""
        return bool((self.row.attributes or {}).get(CANCEL))

    @property
    def submitted(self) -> datetime | None:
        return _time(self.row.created_at)


async def read_job(engine: JobEngine, job_id: str) -> Job:
    """The job of that id. Raises UnknownJobError, JobStoreError."""
    with engine.store.errors():
        rows = await engine.client.list_workflows_async(
            workflow_ids=[job_id], name=JOB_WORKFLOW, load_output=False
        )
    if not rows or rows[0].input is None:
        raise UnknownJobError(f"there is no job {job_id!r} in {engine.database}")
    content = rows[0].input["args"][0]
    return Job(rows[0], content["accounts"], content["options"])


async def read_rows(engine: JobEngine, job: Job) -> dict[str, WorkflowStatus]:
    """The rows of a job's accounts, by workflow id, as far as there are any."""
    ids = [account_id(job.job_id, index) for index in range(len(job.accounts))]
    rows: list[WorkflowStatus] = []
    for first in range(0, len(ids), _ROWS):
        # By their ids, not by what they begin with: PostgreSQL finds that by its index in one collation only.
        chunk = ids[first : first + _ROWS]
        with engine.store.errors():
            rows += await engine.client.list_workflows_async(workflow_ids=chunk, load_input=False)
    return {row.workflow_id: row for row in rows}


async def read_account(engine: JobEngine, job: Job, index: int, row: WorkflowStatus | None) -> AccountStatus:
    """One line of a job's status."""
    name = job.accounts[index]["name"]
    if row is None:
        # Its job has not been opened yet, and perhaps never will be.
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
    if row.status in ("ENQUEUED", "DELAYED"):
        return AccountStatus(name, JobState.QUEUED)
    ledger = await _ledger(engine, job, index)
    summary = ledger.summary()
    sofar = {"counts": summary["counts"], "still_listed": summary["still_listed"]}
    if row.status == "PENDING":
        return AccountStatus(name, JobState.RUNNING, **sofar, **common)
    if row.status == "CANCELLED":
        left = len(ledger.rest())
        reason = f"cancelled; {left} not attempted" if left else "cancelled"
        return AccountStatus(name, JobState.CANCELLED, **sofar, reason=reason, **common)
    return AccountStatus(name, JobState.FAILED, **sofar, reason=_failure(row), **common)


async def outcomes_behind(
    engine: JobEngine, job: Job, index: int, step: int, number: int, follow: bool, poll: float
) -> AsyncIterator[JobOutcome]:
    """The outcomes of one account behind a step's outcome of that number, until it is over."""
    account = job.accounts[index]["name"]
    workflow_id = account_id(job.job_id, index)
    while True:
        # First whether it is over, then what is stored: the other way round the end could be missed.
        over = not follow or await _is_over(engine, job, workflow_id)
        stored = await _steps(engine, workflow_id, step)
        for offset, result in enumerate(stored):
            for position, outcome in enumerate(result.get("outcomes", ())):
                if offset or position > number:
                    yield _outcome(account, outcome, f"{index}.{step + offset}.{position}")
        if stored:
            # Behind the last one that was read, which has no more to come.
            step, number = step + len(stored), -1
        elif over:
            return
        else:
            await asyncio.sleep(poll)


async def _is_over(engine: JobEngine, job: Job, workflow_id: str) -> bool:
    with engine.store.errors():
        rows = await engine.client.list_workflows_async(
            workflow_ids=[workflow_id, job.job_id], load_input=False, load_output=False
        )
    status = {row.workflow_id: row.status for row in rows}
    if workflow_id not in status:
        return status.get(job.job_id) not in ("ENQUEUED", "PENDING", "SUCCESS")
    return status[workflow_id] not in ("ENQUEUED", "DELAYED", "PENDING")


async def _ledger(engine: JobEngine, job: Job, index: int) -> AccountLedger:
    given = job.accounts[index].get("event_ids")
    ledger = AccountLedger(None if given is None else tuple(given), job.options["one_off_bots"])
    step = 0
    while stored := await _steps(engine, account_id(job.job_id, index), step):
        for result in stored:
            if result:
                ledger.take(result)
        step += len(stored)
    return ledger


async def _steps(engine: JobEngine, workflow_id: str, first: int) -> list[Json]:
    """The results of some stored steps; an empty one for a step that is none of ours."""
    with engine.store.errors():
        steps = await engine.client.list_workflow_steps_async(workflow_id, limit=_STEPS, offset=first)
    return [step["output"] if step["function_name"] in _OURS and step["output"] else {} for step in steps]


def _outcome(account: str, outcome: Json, position: str) -> JobOutcome:
    return JobOutcome(
        account=account,
        event_id=outcome["event_id"],
        bot_ids=tuple(outcome["bot_ids"]),
        status=OutcomeStatus(outcome["status"]),
        reason=outcome["reason"],
        attempts=outcome["attempts"],
        error=outcome["error"],
        position=position,
    )


def _failure(row: WorkflowStatus) -> str:
    if row.status == "CANCELLED":
        return "cancelled before it began"
    if row.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        return "given up after too many restarts; resume the job to try again"
    return f"the run broke off: {row.error}" if row.error is not None else "the run broke off"


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
