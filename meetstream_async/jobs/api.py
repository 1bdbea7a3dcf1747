"""Jobs as their users hold them: submit, watch, read, cancel, resume."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from dbos import WorkflowStatus

from .. import ConfigurationError
from .accounts import JobAccount, check_accounts
from .engine import JobEngine, current_engine
from .errors import JobConflictError
from .lock import is_held
from .options import JobOptions
from .readable import readable
from .reading import Job, outcomes_behind, read_account, read_job, read_rows
from .status import AccountStatus, JobOutcome, JobResumption, JobState, JobStatus
from .workflows import ACCOUNT_QUEUE, CANCEL, JOB_QUEUE, account_id, job_options

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_POLL = 0.5
"""Seconds between two looks at a job that is waited for."""


async def submit_job(
    accounts: Iterable[JobAccount],
    options: JobOptions | None = None,
    *,
    job_id: str | None = None,
    engine: JobEngine | None = None,
) -> JobStatus:
    """Store a job, and return it. Workers take it up; nothing is sent from here.

    ``job_id``: letters, digits, ".", "_" and "-"; a fresh one where it is None. Submitting the same job
    under the same id again starts nothing new and returns it as it stands. ``engine`` is the one that was
    opened last where it is None.

    Raises ConfigurationError for accounts and options that can't be used, JobConflictError where the id
    belongs to another job, JobStoreError where the database can't be used.
    """
    engine = current_engine(engine)
    job_id = check_job_id(job_id) if job_id is not None else new_job_id()
    given = check_accounts(accounts)
    options = options or JobOptions()
    if options.where is not None and any(account.event_ids is not None for account in given):
        raise ConfigurationError(
            "where selects from a listing, which event_ids replace: leave one of them out"
        )
    content = {
        "accounts": [account.to_dict() for account in given],
        "options": options.to_dict(),
    }
    with engine.store.errors():
        await engine.client.enqueue_async(job_options(job_id), content)
    # The engine keeps what was there first; another one may have been faster just now, too.
    job = await read_job(engine, job_id)
    same_accounts = job.accounts == content["accounts"]
    # As values: an earlier release may have stored fewer options.
    with readable(f"job {job_id!r}"):
        same_options = JobOptions.from_dict(job.options) == options
    if not same_accounts or not same_options:
        what = "options" if same_accounts else "accounts"
        raise JobConflictError(f"job {job_id!r} is there already, with other {what}; take another id")
    return await job_status(job_id, engine=engine)


async def job_status(job_id: str, *, engine: JobEngine | None = None) -> JobStatus:
    """The job as of now, a line for each account. Raises UnknownJobError, JobStoreError."""
    engine = current_engine(engine)
    job = await read_job(engine, check_job_id(job_id))
    rows = await read_rows(engine, job)
    lines = [
        await read_account(engine, job, index, rows.get(account_id(job_id, index)))
        for index in range(len(job.accounts))
    ]
    state = _state(job, lines)
    ended = [line.ended for line in lines if line.ended is not None]
    return JobStatus(
        job_id=job_id,
        state=state,
        accounts=tuple(lines),
        options=job.options,
        cancelling=job.cancel and not state.is_over,
        submitted=job.submitted,
        ended=max(ended, default=None) if state.is_over else None,
    )


async def wait_for_job(job_id: str, *, poll: float = _POLL, engine: JobEngine | None = None) -> JobStatus:
    """Wait until the job is over, and return it. ``poll``: seconds between two looks."""
    while True:
        status = await job_status(job_id, engine=engine)
        if status.state.is_over:
            return status
        await asyncio.sleep(poll)


async def job_outcomes(
    job_id: str,
    *,
    after: str | None = None,
    follow: bool = True,
    engine: JobEngine | None = None,
) -> AsyncGenerator[JobOutcome, None]:
    """The outcomes of a job's events, one for each event, account after account in the job's order.

    An outcome is there once it is final, keeps its ``position`` for ever, and never changes: ``after`` a
    position goes on behind it. With ``follow`` each account is waited for until it is over; without, what
    is stored so far is read. Memory stays flat.

    Raises UnknownJobError, JobStoreError, and ConfigurationError for a position that is none.
    """
    engine = current_engine(engine)
    first, step, number = _parse_position(after)
    job = await read_job(engine, check_job_id(job_id))
    for index in range(first, len(job.accounts)):
        async for outcome in outcomes_behind(engine, job, index, step, number, follow, _POLL):
            yield outcome
        step, number = 0, -1


async def cancel_job(job_id: str, *, engine: JobEngine | None = None) -> JobStatus:
    """Stop a job. Queued accounts never start; workers send nothing new for it, within about a second.

    What is in flight finishes and is stored; until then the job is ``running`` and ``cancelling``. A job
    that is over stays so. Raises UnknownJobError, JobStoreError.
    """
    engine = current_engine(engine)
    status = await job_status(job_id, engine=engine)
    if status.state.is_over:
        return status
    with engine.store.errors():
        await engine.client.update_workflow_attributes_async(job_id, {CANCEL: True}, merge=True)
        job = await read_job(engine, job_id)
        rows = [job.row, *(await read_rows(engine, job)).values()]
        alive = await _living(engine, rows)
        # Those of a living worker it stops itself, once what it sent is stored.
        idle = [
            row.workflow_id
            for row in rows
            if row.status == "ENQUEUED" or (row.status == "PENDING" and row.executor_id not in alive)
        ]
        if idle:
            await engine.client.cancel_workflows_async(idle)
    return await job_status(job_id, engine=engine)


async def resume_job(job_id: str, *, force: bool = False, engine: JobEngine | None = None) -> JobResumption:
    """Put a job's unfinished accounts back into the queue: what a dead worker held, what was cancelled.

    They go on behind their last stored step. Accounts whose worker is alive are left with it, unless
    ``force``: then what it sends until it notices may be sent twice. Raises UnknownJobError, JobStoreError.
    """
    engine = current_engine(engine)
    job = await read_job(engine, check_job_id(job_id))
    rows = [job.row, *(await read_rows(engine, job)).values()]
    left: Counter[str] = Counter()
    taken: dict[str, list[str]] = {JOB_QUEUE: [], ACCOUNT_QUEUE: []}
    with engine.store.errors():
        alive = set() if force else await _living(engine, rows)
        for row in rows:
            if row.status == "PENDING" and row.executor_id in alive:
                left[row.executor_id] += 1
            elif row.status in ("PENDING", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"):
                taken[JOB_QUEUE if row is job.row else ACCOUNT_QUEUE].append(row.workflow_id)
        await engine.client.update_workflow_attributes_async(job_id, {CANCEL: False}, merge=True)
        for queue, ids in taken.items():
            if ids:
                # Into its own queue: the engine's default one knows no cap.
                await engine.client.resume_workflows_async(ids, queue_name=queue)
    unopened = len(job.accounts) - (len(rows) - 1) if taken[JOB_QUEUE] else 0
    return JobResumption(len(taken[ACCOUNT_QUEUE]) + unopened, left)


async def unfinished_jobs(*, engine: JobEngine | None = None) -> list[str]:
    """The ids of the jobs that are not over, oldest first. Raises JobStoreError."""
    engine = current_engine(engine)
    with engine.store.errors(), readable(f"a job in {engine.database}"):
        rows = await engine.client.list_workflows_async(
            status=["ENQUEUED", "PENDING"], load_input=False, load_output=False
        )
    return list(dict.fromkeys(row.workflow_id.partition("/")[0] for row in rows))


def new_job_id() -> str:
    """A fresh id that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:8]}"


def check_job_id(job_id: object) -> str:
    """The id as it is. Raises ConfigurationError for what is none."""
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
        raise ConfigurationError(
            f"a job's id is 1 to 100 letters, digits, '.', '_' or '-', and begins with a letter or digit; "
            f"not {job_id!r:.120}"
        )
    return job_id


async def _living(engine: JobEngine, rows: list[WorkflowStatus]) -> set[str]:
    """The workers of these rows that are alive."""
    holders = {row.executor_id for row in rows if row.status == "PENDING" and row.executor_id}
    return {holder for holder in holders if await asyncio.to_thread(is_held, engine.store, holder)}


def _state(job: Job, lines: list[AccountStatus]) -> JobState:
    states = {line.state for line in lines}
    if not all(state.is_over for state in states):
        return JobState.QUEUED if states == {JobState.QUEUED} else JobState.RUNNING
    if JobState.CANCELLED in states:
        return JobState.CANCELLED
    return JobState.FAILED if JobState.FAILED in states else JobState.SUCCEEDED


def _parse_position(position: str | None) -> tuple[int, int, int]:
    """Account, step and outcome in it, behind which to go on."""
    if position is None:
        return 0, 0, -1
    parts: Any = re.fullmatch(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})", position, re.ASCII)
    if parts is None:
        raise ConfigurationError(
            f"after must be the position of an outcome, such as '0.1.17', not {position!r:.80}"
        )
    return int(parts[1]), int(parts[2]), int(parts[3])
