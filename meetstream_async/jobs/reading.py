"""Read a job from the engine's tables: its row, those of its accounts, and their stored steps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from .. import OutcomeStatus
from .._tasks import pause
from .errors import UnknownJobError, UnreadableJobError
from .json_rows import refusal
from .names import JOB_WORKFLOW, Json, account_id, is_cancelled, rejected, where_the_key_is
from .readable import readable, unreadable
from .source import Row, Source
from .status import AccountStatus, JobOutcome, JobState

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


async def read_rows(engine: Source, job: Job) -> dict[str, Row]:
    """The rows of a job's accounts that exist, by workflow id."""
    ids = [account_id(job.job_id, index) for index in range(len(job.accounts))]
    rows: list[Row] = []
    for first in range(0, len(ids), _ROWS):
        # By ids rather than by prefix: PostgreSQL uses an index for prefixes in one collation only.
        chunk = ids[first : first + _ROWS]
        with engine.store.errors(), readable(f"an account of job {job.job_id!r}"):
            rows += await engine.client.list_workflows_async(workflow_ids=chunk, load_input=False)
    return {row.workflow_id: row for row in rows}


async def read_account(engine: Source, job: Job, index: int, row: Row | None) -> AccountStatus:
    """The status of one account; if its rows can't be read, the reason says so."""
    where = account_id(job.job_id, index)
    try:
        with readable(f"account {where!r}"):
            return await _read_account(engine, job, index, row)
    except UnreadableJobError as error:
        stored = None if row is None else row.status
        running = {"ENQUEUED": JobState.QUEUED, "DELAYED": JobState.QUEUED, "PENDING": JobState.RUNNING}
        state = running.get(str(stored), JobState.FAILED)
        return AccountStatus(job.accounts[index]["name"], state, reason=error.message)


async def _read_account(engine: Source, job: Job, index: int, row: Row | None) -> AccountStatus:
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
    totals = await _totals(engine, row)
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
            # Continue after the last step that was read completely.
            step, number = step + len(stored), -1
        elif over:
            return
        else:
            await pause(poll)


async def _is_over(engine: Source, job: Job, workflow_id: str) -> bool:
    with engine.store.errors():
        rows = await engine.client.list_workflows_async(
            workflow_ids=[workflow_id, job.job_id], load_input=False, load_output=False
        )
    status = {row.workflow_id: row.status for row in rows}
    if workflow_id not in status:
        return status.get(job.job_id) not in ("ENQUEUED", "PENDING", "SUCCESS")
    return status[workflow_id] in OVER


async def _totals(engine: Source, row: Row) -> Json:
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


async def _last_step(engine: Source, workflow_id: str, seen: int) -> tuple[int, Json]:
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


async def _steps(engine: Source, workflow_id: str, first: int, most: int = _STEPS) -> list[Json]:
    """The results of some stored steps; an empty one for a step that is not ours."""
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
    """Raise TypeError for totals that no step or summary of ours contains."""
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
        method=outcome.get("method"),
        inferred=outcome["inferred"],
        status=OutcomeStatus(outcome["status"]),
        reason=outcome["reason"],
        attempts=outcome["attempts"],
        elapsed=outcome["elapsed"],
        error=outcome["error"],
        request_id=outcome.get("request_id"),
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
