"""Watch jobs: their status, and their outcomes. Needs no engine, only a source that reads the database."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator, Callable
from typing import Any

from .. import ConfigurationError
from .._tasks import pause
from .errors import UnknownJobError, UnreadableJobError
from .names import JOB_WORKFLOW, account_id
from .presence import mark_gone
from .readable import readable
from .reading import Job, is_over, last_steps, outcomes_behind, read_account, read_job, read_rows
from .source import Source, current_source
from .status import AccountStatus, JobOutcome, JobState, JobStatus

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_POLL = 0.5
"""Seconds between two status checks while waiting for a job."""


async def job_status(job_id: str, *, engine: Source | None = None) -> JobStatus:
    """The current status of a job, with one line per account. Raises UnknownJobError, JobStoreError."""
    engine = current_source(engine)
    job = await read_job(engine, check_job_id(job_id))
    rows = await read_rows(engine, job)
    steps = await last_steps(engine, rows.values())
    lines = [
        read_account(job, index, rows.get(account_id(job_id, index)), steps)
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


async def wait_for_job(job_id: str, *, poll: float = _POLL, engine: Source | None = None) -> JobStatus:
    """Wait until the job has ended, and return its status. ``poll``: seconds between two checks."""
    engine = current_source(engine)
    while True:
        status = await job_status(job_id, engine=engine)
        if status.state.is_over:
            return status
        # Not all of it is read each time: the job is not over before this account is, and the last in its
        # order is among the last to end.
        last = max(index for index, line in enumerate(status.accounts) if not line.state.is_over)
        while True:
            await pause(poll)
            if await is_over(engine, job_id, account_id(job_id, last)):
                break


async def job_outcomes(
    job_id: str,
    *,
    after: str | None = None,
    follow: bool = True,
    engine: Source | None = None,
) -> AsyncGenerator[JobOutcome, None]:
    """The outcomes of a job, one for each event, account after account in the job's order.

    An outcome appears once it is final; after that neither it nor its ``position`` ever changes. ``after``
    continues after a position. With ``follow``, waits for each account until it has ended; without, reads
    what is stored so far. Uses constant memory.

    Raises UnknownJobError, JobStoreError, and ConfigurationError for an invalid position.
    """
    engine = current_source(engine)
    first, step, number = _parse_position(after)
    job = await read_job(engine, check_job_id(job_id))
    for index in range(first, len(job.accounts)):
        async for outcome in outcomes_behind(engine, job, index, step, number, follow, _POLL):
            yield outcome
        step, number = 0, -1


async def list_jobs(
    *,
    limit: int = 20,
    engine: Source | None = None,
    on_unreadable: Callable[[UnreadableJobError], object] | None = None,
) -> list[JobStatus]:
    """The jobs that were submitted last, newest first. Raises ConfigurationError, JobStoreError.

    ``limit``: how many at most. A job whose row can't be read is left out; ``on_unreadable`` is called with
    the error that names it.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ConfigurationError(f"limit must be an int, 1 or more, not {limit!r}")
    engine = current_source(engine)
    with engine.store.errors(), readable(f"a job in {engine.database}"):
        rows = await engine.tables.list_workflows_async(
            name=JOB_WORKFLOW, limit=limit, sort_desc=True, load_input=False, load_output=False
        )
    jobs = []
    for row in rows:
        # It may have been deleted meanwhile.
        with contextlib.suppress(UnknownJobError):
            try:
                jobs.append(await job_status(row.workflow_id, engine=engine))
            except UnreadableJobError as error:
                if on_unreadable is not None:
                    on_unreadable(error.with_traceback(None))
    return jobs


def check_job_id(job_id: object) -> str:
    """The id, unchanged. Raises ConfigurationError if it is invalid."""
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
        raise ConfigurationError(
            f"a job id is 1 to 100 letters, digits, '.', '_' or '-', and starts with a letter or digit; "
            f"not {job_id!r:.120}"
        )
    return job_id


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
