"""The public functions that change jobs: submit, cancel, resume."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

from .. import ConfigurationError
from .accounts import JobAccount, check_accounts
from .engine import JobEngine, current_engine
from .errors import JobConflictError
from .lock import is_held
from .names import ACCOUNT_QUEUE, CANCEL, JOB_QUEUE
from .options import JobOptions
from .readable import readable
from .reading import read_job, read_rows
from .source import Row
from .status import JobResumption, JobStatus
from .watch import check_job_id, job_status
from .workflows import job_options


async def submit_job(
    accounts: Iterable[JobAccount],
    options: JobOptions | None = None,
    *,
    job_id: str | None = None,
    engine: JobEngine | None = None,
) -> JobStatus:
    """Store a job and return its status. Workers will run it; this function sends no request.

    options: by default those of ``JobOptions()``, the whole account.
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


def new_job_id() -> str:
    """A new id; ids sort by creation time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:8]}"


async def _living(engine: JobEngine, rows: list[Row]) -> set[str]:
    """The workers among these rows that are alive."""
    holders = {row.executor_id for row in rows if row.status == "PENDING" and row.executor_id}
    return {holder for holder in holders if await asyncio.to_thread(is_held, engine.store, holder)}
