"""Reading a job from the engine's own tables: its row, those of its accounts, and their stored steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from attrs import frozen
from dbos import WorkflowStatus

from .. import OutcomeStatus
from .engine import JobEngine
from .errors import UnknownJobError, UnreadableJobError
from .json_rows import refusal
from .ledger import Json
from .readable import readable, unreadable
from .status import AccountStatus, JobOutcome, JobState
from .workflows import JOB_WORKFLOW, account_id, is_cancelled

OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
"""What the engine calls a workflow that nobody runs or will run, unless it is resumed."""
_STEPS = 50
"""Steps that are read at a time: at most 5,000 outcomes."""
_ROWS = 1000
"""Accounts that are read at a time."""
_REMEMBERED = 10_000
"""Runs of which the number of steps is remembered."""
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
        return is_cancelled(self.row.attributes)

    @property
    def submitted(self) -> datetime | None:
        return _time(self.row.created_at)


async def read_job(engine: JobEngine, job_id: str) -> Job:
    """The job of that id. Raises UnknownJobError, UnreadableJobError, JobStoreError."""
    where = f"job {job_id!r} in {engine.database}"
    with engine.store.errors(), readable(where):
        rows = await engine.client.list_workflows_async(
            workflow_ids=[job_id], name=JOB_WORKFLOW, load_output=False
        )
    if not rows or rows[0].input is None:
        raise UnknownJobError(f"there is no job {job_id!r} in {engine.database}")
    content = rows[0].input
    if not isinstance(content, dict):
        raise unreadable(where, content)
    with readable(where):
        accounts, options = content["args"][0]["accounts"], content["args"][0]["options"]
        names = [account["name"] for account in accounts]
        if not names or not all(isinstance(name, str) for name in names) or not isinstance(options, dict):
            raise TypeError
    return Job(rows[0], accounts, options)


async def read_rows(engine: JobEngine, job: Job) -> dict[str, WorkflowStatus]:
    """The rows of a job's accounts, by workflow id, as far as there are any."""
    ids = [account_id(job.job_id, index) for index in range(len(job.accounts))]
    rows: list[WorkflowStatus] = []
    for first in range(0, len(ids), _ROWS):
        # By their ids, not by what they begin with: PostgreSQL finds that by its index in one collation only.
        chunk = ids[first : first + _ROWS]
        with engine.store.errors(), readable(f"an account of job {job.job_id!r}"):
            rows += await engine.client.list_workflows_async(workflow_ids=chunk, load_input=False)
    return {row.workflow_id: row for row in rows}


async def read_account(engine: JobEngine, job: Job, index: int, row: WorkflowStatus | None) -> AccountStatus:
    """One line of a job's status; where what is stored can't be read, its reason says so."""
    where = account_id(job.job_id, index)
    try:
        with readable(f"account {where!r}"):
            return await _read_account(engine, job, index, row)
    except UnreadableJobError as error:
        stored = None if row is None else row.status
        running = {"ENQUEUED": JobState.QUEUED, "DELAYED": JobState.QUEUED, "PENDING": JobState.RUNNING}
        state = running.get(str(stored), JobState.FAILED)
        return AccountStatus(job.accounts[index]["name"], state, reason=error.message)


async def _read_account(engine: JobEngine, job: Job, index: int, row: WorkflowStatus | None) -> AccountStatus:
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
        summary = row.output
        if not isinstance(summary, dict):
            raise unreadable(f"account {row.workflow_id!r}", summary)
        _check_totals(summary)
        state = JobState.SUCCEEDED if summary["ok"] is True else JobState.FAILED
        return AccountStatus(name, state, **summary, **common)
    totals = await _totals(engine, row)
    # Of events that were named, each is owed an outcome from the beginning.
    owed = totals.pop("owed", len(job.accounts[index].get("event_ids") or ()))
    _check_totals(totals)
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
    """The outcomes of one account behind a step's outcome of that number, until it is over."""
    account = job.accounts[index]["name"]
    workflow_id = account_id(job.job_id, index)
    while True:
        # First whether it is over, then what is stored: the other way round the end could be missed.
        over = not follow or await _is_over(engine, job, workflow_id)
        stored = await _steps(engine, workflow_id, step)
        for offset, result in enumerate(stored):
            with readable(f"step {step + offset} of {workflow_id!r}"):
                outcomes = [
                    _outcome(account, outcome, f"{index}.{step + offset}.{position}")
                    for position, outcome in enumerate(result.get("outcomes", ()))
                ]
            for outcome in outcomes if offset else outcomes[number + 1 :]:
                yield outcome
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
    return status[workflow_id] in OVER


async def _totals(engine: JobEngine, row: WorkflowStatus) -> Json:
    """What a run that is not over has come to, as its last stored step says; empty where there is none."""
    if row.executor_id is None:
        # No worker has had it.
        return {}
    counts, workflow_id = engine.step_counts, row.workflow_id
    count, last = await _last_step(engine, workflow_id, counts.pop(workflow_id, 0))
    counts[workflow_id] = count
    while len(counts) > _REMEMBERED:
        del counts[next(iter(counts))]
    if not last and count > 1:
        # The run broke off in it.
        last = (await _steps(engine, workflow_id, count - 2, 1))[0]
    return dict(last.get("totals", {}))


async def _last_step(engine: JobEngine, workflow_id: str, seen: int) -> tuple[int, Json]:
    """How many steps are stored, and the last one; ``seen`` is how many there were the last time.

    The engine neither counts them nor lists from the end. They are searched for, in as many reads of one
    step as their number has binary digits, or in one read where there is nothing new.
    """
    # The one that was the last, and perhaps its successor.
    found = await _steps(engine, workflow_id, max(seen - 1, 0), 2)
    if not found and seen:
        # It is another job of that id, which was forgotten meanwhile.
        return await _last_step(engine, workflow_id, 0)
    count = max(seen - 1, 0) + len(found)
    last = found[-1] if found else {}
    if len(found) < 2:
        return count, last
    # Of the steps from count on: the first is there, or the one at beyond is not.
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
    """The results of some stored steps; an empty one for a step that is none of ours."""
    with engine.store.errors(), readable(f"a step of {workflow_id!r}"):
        steps = await engine.client.list_workflow_steps_async(workflow_id, limit=most, offset=first)
    results: list[Json] = []
    for number, step in enumerate(steps, first):
        result = step["output"] if step["function_name"] in _OURS else None
        if not isinstance(result, dict | None):
            raise unreadable(f"step {number} of {workflow_id!r}", result)
        results.append(result or {})
    return results


def _check_totals(totals: Json) -> None:
    """Raises TypeError for what no step and no summary of ours says."""
    counts = totals.get("counts", {})
    if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
        raise TypeError
    if type(totals.get("still_listed", 0)) is not int or not isinstance(totals.get("reason"), str | None):
        raise TypeError
    if not all(isinstance(bot_id, str) for bot_id in totals.get("still_listed_bots", ())):
        raise TypeError


def _outcome(account: str, outcome: Json, position: str) -> JobOutcome:
    return JobOutcome(
        account=account,
        event_id=outcome["event_id"],
        bot_ids=tuple(outcome["bot_ids"]),
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
        return "cancelled before it began"
    if row.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        return "given up after too many restarts; resume the job to try again"
    if row.error is None:
        return "the run broke off"
    if not isinstance(row.error, Exception):
        # What is stored is not shown: it was not read.
        return f"the run broke off, and its error can't be read: {refusal(row.error) or 'it is not JSON'}"
    return f"the run broke off: {row.error}"


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
