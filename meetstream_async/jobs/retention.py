"""Delete jobs that ended long ago; the engine itself never deletes any."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from .. import ConfigurationError
from .._logs import log_fields
from .engine import JobEngine, current_engine
from .errors import UnknownJobError, UnreadableJobError
from .names import JOB_WORKFLOW
from .readable import readable
from .reading import OVER, read_job, read_rows

_log = logging.getLogger("meetstream_async.jobs")


async def forget_jobs(
    before: datetime, *, prefix: str = "", dry_run: bool = False, engine: JobEngine | None = None
) -> list[str]:
    """Delete the jobs that ended before a time, with their outcomes, and return their ids, oldest first.

    before: an aware datetime.
    prefix: only jobs whose ids start with it are considered.
    dry_run: delete nothing.

    A job that has not ended is kept, however old. The id of a deleted job is free: submitting it starts a new
    job. Raises ConfigurationError for a time without an offset, JobStoreError.
    """
    if not isinstance(before, datetime) or before.utcoffset() is None:
        raise ConfigurationError(f"before must be an aware datetime, not {before!r}")
    engine = current_engine(engine)
    with engine.store.errors(), readable(f"a job in {engine.database}"):
        jobs = await engine.client.list_workflows_async(
            name=JOB_WORKFLOW,
            status=list(OVER),
            end_time=before.astimezone(UTC).isoformat(),
            load_input=False,
            load_output=False,
        )
    forgotten = []
    for job_id in (row.workflow_id for row in jobs if row.workflow_id.startswith(prefix)):
        ids = await _ended_before(engine, job_id, before.timestamp() * 1000)
        if ids is None:
            continue
        if not dry_run:
            with engine.store.errors():
                # In one transaction: accounts without their job would be taken for those of a new job with
                # the same id.
                await engine.client.delete_workflows_async(ids)
        forgotten.append(job_id)
    return forgotten


async def _ended_before(engine: JobEngine, job_id: str, limit: float) -> list[str] | None:
    """All workflows of a job that ended before a time (ms since the epoch); None if it did not."""
    try:
        job = await read_job(engine, job_id)
        rows = await read_rows(engine, job)
    except UnknownJobError:
        # Another process has deleted it.
        return None
    except UnreadableJobError as error:
        _log.warning("not forgotten: %s", error, extra=log_fields("not_forgotten", job_id=job_id))
        return None
    if job.row.status == "SUCCESS" and len(rows) < len(job.accounts):
        return None
    for row in (job.row, *rows.values()):
        if row.status not in OVER or (row.completed_at or row.updated_at or limit) >= limit:
            return None
    return [*rows, job_id]
