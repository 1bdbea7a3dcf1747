"""The workflows of jobs, and how they are put into their queues."""

from __future__ import annotations

from typing import Protocol

from dbos import DBOS, EnqueueOptions, StepOptions

from .names import (
    ACCOUNT_QUEUE,
    ACCOUNT_WORKFLOW,
    JOB_QUEUE,
    JOB_WORKFLOW,
    VERSION,
    Json,
    account_id,
)

_BATCH = 500
"""Accounts put into the queue in one transaction."""
_ENQUEUE: StepOptions = {"name": "enqueue", "retries_allowed": True, "max_attempts": 10}
"""Retries for about a quarter of an hour while the database is unreachable."""
_MOST_RESTARTS = 1000
"""Restarts of one workflow before the engine gives up: a workflow that kills its worker must end."""


class Works(Protocol):
    """What the workflows need from this process's worker."""

    async def enqueue(self, job_id: str, accounts: list[Json], first: int, options: Json) -> int: ...

    async def run(self, workflow_id: str, job_id: str, account: Json, options: Json) -> Json: ...


_here: list[Works] = []
"""The worker of this process; at most one, since the engine allows one per process."""


def appoint(worker: Works | None) -> None:
    """Set the worker of this process."""
    _here[:] = [] if worker is None else [worker]


@DBOS.workflow(name=JOB_WORKFLOW, max_recovery_attempts=_MOST_RESTARTS)
async def job_workflow(job: Json) -> int:
    """Put a job's accounts into the queue."""
    job_id = DBOS.workflow_id
    assert job_id is not None
    accounts, total = job["accounts"], 0
    for first in range(0, len(accounts), _BATCH):
        batch = accounts[first : first + _BATCH]
        total += await DBOS.run_step_async(_ENQUEUE, _here[0].enqueue, job_id, batch, first, job["options"])
    return total


@DBOS.workflow(name=ACCOUNT_WORKFLOW, max_recovery_attempts=_MOST_RESTARTS)
async def account_workflow(job_id: str, account: Json, options: Json) -> Json:
    """One account of a job."""
    workflow_id = DBOS.workflow_id
    assert workflow_id is not None
    return await _here[0].run(workflow_id, job_id, account, options)


def job_options(job_id: str) -> EnqueueOptions:
    """Options for putting a job into its queue."""
    return {
        "workflow_name": JOB_WORKFLOW,
        "queue_name": JOB_QUEUE,
        "workflow_id": job_id,
        "app_version": VERSION,
    }


def account_options(job_id: str, index: int) -> EnqueueOptions:
    """Options for putting an account into its queue. The first accounts of all jobs take precedence."""
    return {
        "workflow_name": ACCOUNT_WORKFLOW,
        "queue_name": ACCOUNT_QUEUE,
        "workflow_id": account_id(job_id, index),
        "app_version": VERSION,
        "priority": index + 1,
    }
