"""Read a job from the engine's tables: its row, those of its accounts, and their stored steps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from .. import OutcomeStatus
from .._tasks import pause
from .errors import UnknownJobError, UnreadableJobError
from .json_rows import refusal
from .names import JOB_WORKFLOW, STEPS, Json, account_id, is_cancelled, rejected, where_the_key_is
from .outcomes import whole
from .readable import readable, unreadable
from .source import Row, Source
from .status import AccountStatus, JobOutcome, JobState

OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
"""States of a workflow in the engine that nobody runs or will run unless it is resumed."""
_STEPS = 50
"""Steps read at a time (at most 5,000 outcomes)."""
_ROWS = 1000
"""Accounts read at a time."""


@frozen
class Job:
    """A job as it was submitted."""

    row: Row
    accounts: list[Json]
    options: Json

    @property
    def job_id(self) -> str:
        return self.row.workflow_id

    @property
    def cancel(self) -> bool:
        """Whether cancelling it was requested."""
        return is_cancelled(self.row.attributes)

    @property
    def submitted(self) -> datetime | None:
        return _time(self.row.created_at)


async def read_job(engine: Source, job_id: str) -> Job:
    """The job with that id. Raises UnknownJobError, UnreadableJobError, JobStoreError."""
    where = f"job {job_id!r} in {engine.database}"
    with engine.store.errors(), readable(where):
        rows = await engine.tables.list_workflows_async(
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


async def read_rows(engine: Source, job: Job) -> dict[str, Row]:
    """The rows of a job's accounts that exist, by workflow id."""
    ids = [account_id(job.job_id, index) for index in range(len(job.accounts))]
    rows: list[Row] = []
    for first in range(0, len(ids), _ROWS):
        # By ids rather than by prefix: PostgreSQL uses an index for prefixes in one collation only.
        chunk = ids[first : first + _ROWS]
        with engine.store.errors(), readable(f"an account of job {job.job_id!r}"):
            rows += await engine.tables.list_workflows_async(workflow_ids=chunk, load_input=False)
    return {row.workflow_id: row for row in rows}


async def last_steps(engine: Source, rows: Iterable[Row]) -> Mapping[str, Any]:
    """The last stored step of each of these runs that has begun and not ended well."""
    # Without an executor, no worker has started it.
    begun = [row.workflow_id for row in rows if row.status != "SUCCESS" and row.executor_id is not None]
    if not begun:
        return {}
    with engine.store.errors(), readable("the steps of a job"):
        return await engine.tables.list_last_steps_async(begun)


def read_account(job: Job, index: int, row: Row | None, steps: Mapping[str, Any]) -> AccountStatus:
    """The status of one account; if its rows can't be read, the reason says so."""
    where = account_id(job.job_id, index)
    try:
        with readable(f"account {where!r}"):
            return _read_account(job, index, row, steps)
    except UnreadableJobError as error:
        stored = None if row is None else row.status
        running = {"ENQUEUED": JobState.QUEUED, "DELAYED": JobState.QUEUED, "PENDING": JobState.RUNNING}
        state = running.get(str(stored), JobState.FAILED)
        return AccountStatus(job.accounts[index]["name"], state, reason=error.message)


def _read_account(job: Job, index: int, row: Row | None, steps: Mapping[str, Any]) -> AccountStatus:
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
        summary = row.output
        if not isinstance(summary, dict):
            raise unreadable(f"account {row.workflow_id!r}", summary)
        _check_totals(summary)
        if "the API rejects the key" in (summary.get("reason") or ""):
            reference = where_the_key_is(job.accounts[index])
            summary = {**summary, "reason": f"{summary['reason']}; {rejected(reference)}"}
        state = JobState.SUCCEEDED if summary["ok"] is True else JobState.FAILED
        return AccountStatus(name, state, **summary, **common)
    totals = _totals(row, steps)
    # With given event ids, an outcome is due for each from the start.
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
    engine: Source, job: Job, index: int, step: int, number: int, follow: bool, poll: float
) -> AsyncIterator[JobOutcome]:
    """The outcomes of one account after the given step and outcome, until it has ended."""
    account = job.accounts[index]["name"]
    workflow_id = account_id(job.job_id, index)
    while True:
        # Check whether it has ended before reading: the other way round, its last outcomes could be missed.
        over = not follow or await is_over(engine, job.job_id, workflow_id)
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
            # Continue after the last step that was read completely.
            step, number = step + len(stored), -1
        elif over:
            return
        else:
            await pause(poll)


async def is_over(engine: Source, job_id: str, workflow_id: str) -> bool:
    """Whether an account has ended, or will never begin."""
    with engine.store.errors():
        rows = await engine.tables.list_workflows_async(
            workflow_ids=[workflow_id, job_id], load_input=False, load_output=False
        )
    status = {row.workflow_id: row.status for row in rows}
    if workflow_id not in status:
        return status.get(job_id) not in ("ENQUEUED", "PENDING", "SUCCESS")
    return status[workflow_id] in OVER


def _totals(row: Row, steps: Mapping[str, Any]) -> Json:
    """The totals of an unfinished run, from its last stored step; empty without one."""
    last = steps.get(row.workflow_id)
    if last is None:
        return {}
    if not isinstance(last, dict):
        raise unreadable(f"a step of {row.workflow_id!r}", last)
    return dict(last.get("totals", {}))


async def _steps(engine: Source, workflow_id: str, first: int, most: int = _STEPS) -> list[Json]:
    """The results of some stored steps; an empty one for a step that is not ours."""
    with engine.store.errors(), readable(f"a step of {workflow_id!r}"):
        steps = await engine.tables.list_workflow_steps_async(workflow_id, limit=most, offset=first)
    results: list[Json] = []
    for number, step in enumerate(steps, first):
        result = step["output"] if step["function_name"] in STEPS else None
        if not isinstance(result, dict | None):
            raise unreadable(f"step {number} of {workflow_id!r}", result)
        results.append(result or {})
    return results


def _check_totals(totals: Json) -> None:
    """Raise TypeError for totals that no step or summary of ours contains."""
    counts = totals.get("counts", {})
    if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
        raise TypeError
    if type(totals.get("still_listed", 0)) is not int or not isinstance(totals.get("reason"), str | None):
        raise TypeError
    if not all(isinstance(bot_id, str) for bot_id in totals.get("still_listed_bots", ())):
        raise TypeError


def _outcome(account: str, outcome: Json, position: str) -> JobOutcome:
    outcome = whole(outcome)
    return JobOutcome(
        account=account,
        event_id=outcome["event_id"],
        bot_ids=tuple(outcome["bot_ids"]),
        method=outcome["method"],
        inferred=outcome["inferred"],
        status=OutcomeStatus(outcome["status"]),
        reason=outcome["reason"],
        attempts=outcome["attempts"],
        elapsed=outcome["elapsed"],
        error=outcome["error"],
        request_id=outcome["request_id"],
        position=position,
    )


def _failure(row: Row) -> str:
    if row.status == "CANCELLED":
        return "cancelled before it started"
    if row.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        return "gave up after too many restarts; resume the job to try again"
    if row.error is None:
        return "the run failed"
    if not isinstance(row.error, Exception):
        # The stored text is not shown, because it was not read.
        return f"the run failed, and its error can't be read: {refusal(row.error) or 'it is not JSON'}"
    return f"the run failed: {row.error}"


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
