"""The public functions of jobs: submit, watch, read, cancel, resume."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from dbos import WorkflowStatus

from .. import ConfigurationError
from .._tasks import pause
from .accounts import JobAccount, check_accounts
from .engine import JobEngine, current_engine
from .errors import JobConflictError, UnknownJobError, UnreadableJobError
from .lock import is_held
from .options import JobOptions
from .presence import mark_gone
from .readable import readable
from .reading import Job, outcomes_behind, read_account, read_job, read_rows
from .status import AccountStatus, JobOutcome, JobResumption, JobState, JobStatus
from .workflows import ACCOUNT_QUEUE, CANCEL, JOB_QUEUE, JOB_WORKFLOW, account_id, job_options

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_POLL = 0.5
"""Seconds between two status checks while waiting for a job."""


async def submit_job(
    accounts: Iterable[JobAccount],
    options: JobOptions | None = None,
    *,
    job_id: str | None = None,
    engine: JobEngine | None = None,
) -> JobStatus:
    """Store a job and return its status. Workers will run it; this function sends no request.

    job_id: letters, digits, ".", "_" and "-"; None generates one. Submitting the same job under the same id
        again starts nothing new and returns the job's current status.
    engine: by default the one that was opened last.

    Raises ConfigurationError for invalid accounts and options, JobConflictError if the id belongs to a
    different job, JobStoreError if the database can't be used.
    """
    engine = current_engine(engine)
    job_id = check_job_id(job_id) if job_id is not None else new_job_id()
    given = check_accounts(accounts)
    options = options or JobOptions()
    if options.where is not None and any(account.event_ids is not None for account in given):
        raise ConfigurationError(
            "where filters a listing, but with event_ids nothing is listed: use only one of them"
        )
    content = {
        "accounts": [account.to_dict() for account in given],
        "options": options.to_dict(),
    }
    with engine.store.errors():
        await engine.client.enqueue_async(job_options(job_id), content)
    # The engine keeps the job that was stored first, which may be another process's, stored just now.
    job = await read_job(engine, job_id)
    same_accounts = job.accounts == content["accounts"]
    # Compare values: an earlier release may have stored fewer options.
    with readable(f"job {job_id!r}"):
        same_options = JobOptions.from_dict(job.options) == options
    if not same_accounts or not same_options:
        what = "options" if same_accounts else "accounts"
        raise JobConflictError(f"job {job_id!r} exists already with different {what}; use another id")
    return await job_status(job_id, engine=engine)


async def job_status(job_id: str, *, engine: JobEngine | None = None) -> JobStatus:
    """The current status of a job, with one line per account. Raises UnknownJobError, JobStoreError."""
    engine = current_engine(engine)
    job = await read_job(engine, check_job_id(job_id))
    rows = await read_rows(engine, job)
    lines = [
        await read_account(engine, job, index, rows.get(account_id(job_id, index)))
        for index in range(len(job.accounts))
    ]
    lines = await mark_gone(engine, job_id, lines, rows)
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
    """Wait until the job has ended, and return its status. ``poll``: seconds between two checks."""
    while True:
        status = await job_status(job_id, engine=engine)
        if status.state.is_over:
            return status
        await pause(poll)


async def job_outcomes(
    job_id: str,
    *,
    after: str | None = None,
    follow: bool = True,
    engine: JobEngine | None = None,
) -> AsyncGenerator[JobOutcome, None]:
    """The outcomes of a job, one for each event, account after account in the job's order.

    An outcome appears once it is final; after that neither it nor its ``position`` ever changes. ``after``
    continues after a position. With ``follow``, waits for each account until it has ended; without, reads
    what is stored so far. Uses constant memory.

    Raises UnknownJobError, JobStoreError, and ConfigurationError for an invalid position.
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

    Requests in flight finish, and their outcomes are stored; until then the job is ``running`` and
    ``cancelling``. A job that has ended is not changed. Raises UnknownJobError, JobStoreError.
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
        # Living workers stop their runs themselves, once the outcomes of what they sent are stored.
        idle = [
            row.workflow_id
            for row in rows
            if row.status == "ENQUEUED" or (row.status == "PENDING" and row.executor_id not in alive)
        ]
        if idle:
            await engine.client.cancel_workflows_async(idle)
    return await job_status(job_id, engine=engine)


async def resume_job(job_id: str, *, force: bool = False, engine: JobEngine | None = None) -> JobResumption:
    """Put a job's unfinished accounts back into the queue: those held by a dead worker, and cancelled ones.

    They continue after their last stored step. Accounts held by a living worker are left alone, unless
    ``force``: then requests that it sends before it notices may be sent twice. Raises UnknownJobError,
    JobStoreError.
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
                # Into its own queue: the engine's default queue has no limit.
                await engine.client.resume_workflows_async(ids, queue_name=queue)
    unopened = len(job.accounts) - (len(rows) - 1) if taken[JOB_QUEUE] else 0
    return JobResumption(len(taken[ACCOUNT_QUEUE]) + unopened, left)


async def unfinished_jobs(*, engine: JobEngine | None = None) -> list[str]:
    """The ids of the jobs that have not ended, oldest first. Raises JobStoreError."""
    engine = current_engine(engine)
    with engine.store.errors(), readable(f"a job in {engine.database}"):
        rows = await engine.client.list_workflows_async(
            status=["ENQUEUED", "PENDING"], load_input=False, load_output=False
        )
    return list(dict.fromkeys(row.workflow_id.partition("/")[0] for row in rows))


async def list_jobs(*, limit: int = 20, engine: JobEngine | None = None) -> list[JobStatus]:
    """The jobs that were submitted last, newest first. Raises ConfigurationError, JobStoreError.

    A job whose row can't be read is left out.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ConfigurationError(f"limit must be an int, 1 or more, not {limit!r}")
    engine = current_engine(engine)
    with engine.store.errors(), readable(f"a job in {engine.database}"):
        rows = await engine.client.list_workflows_async(
            name=JOB_WORKFLOW, limit=limit, sort_desc=True, load_input=False, load_output=False
        )
    jobs = []
    for row in rows:
        # Deleted meanwhile, or not in the format of jobs.
        with contextlib.suppress(UnknownJobError, UnreadableJobError):
            jobs.append(await job_status(row.workflow_id, engine=engine))
    return jobs


def new_job_id() -> str:
    """A new id; ids sort by creation time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:8]}"


def check_job_id(job_id: object) -> str:
    """The id, unchanged. Raises ConfigurationError if it is invalid."""
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
        raise ConfigurationError(
            f"a job id is 1 to 100 letters, digits, '.', '_' or '-', and starts with a letter or digit; "
            f"not {job_id!r:.120}"
        )
    return job_id


async def _living(engine: JobEngine, rows: list[WorkflowStatus]) -> set[str]:
    """The workers among these rows that are alive."""
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
    """The account, step and outcome number to continue after."""
    if position is None:
        return 0, 0, -1
    parts: Any = re.fullmatch(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})", position, re.ASCII)
    if parts is None:
        raise ConfigurationError(
            f"after must be the position of an outcome, such as '0.1.17', not {position!r:.80}"
        )
    return int(parts[1]), int(parts[2]), int(parts[3])
