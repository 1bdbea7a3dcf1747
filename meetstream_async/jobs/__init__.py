"""Durable bulk jobs over many accounts, on DBOS; behind the extra ``jobs``.

::

    async with JobEngine(worker_id="worker-1"):  # or without a worker_id: a client
        status = await submit_job([JobAccount("acme", api_key_env="ACME_KEY")], job_id="offboarding-7")
        async for outcome in job_outcomes(status.job_id):
            print(outcome.account, outcome.event_id, outcome.status)
        for account in (await job_status(status.job_id)).accounts:
            print(account.account, account.ok, account.reason)

A job consists of an id, accounts and the options of ``unschedule_all``. The outcome of each event is stored
step by step, so that another worker can continue where one died. See ``docs/jobs.md``.
"""

from .accounts import JobAccount
from .accounts_file import load_accounts
from .credentials import Resolver, check_credentials
from .errors import JobConflictError, JobStoreError, UnknownJobError, UnreadableJobError
from .options import JobOptions
from .status import AccountStatus, JobOutcome, JobResumption, JobState, JobStatus

try:
    from .api import (
        cancel_job,
        job_outcomes,
        job_status,
        list_jobs,
        new_job_id,
        resume_job,
        submit_job,
        unfinished_jobs,
        wait_for_job,
    )
    from .engine import JobEngine
    from .preview import AccountPreview, preview_job
    from .retention import forget_jobs
except ImportError as _error:
    if (_error.name or "").partition(".")[0] not in ("dbos", "platformdirs", "psycopg", "sqlalchemy"):
        raise
    raise ImportError(
        "jobs need an extra: pip install 'meetstream-async[jobs]', or '.[jobs]' in a checkout",
        name=_error.name,
    ) from None

__all__ = [
    "AccountPreview",
    "AccountStatus",
    "JobAccount",
    "JobConflictError",
    "JobEngine",
    "JobOptions",
    "JobOutcome",
    "JobResumption",
    "JobState",
    "JobStatus",
    "JobStoreError",
    "Resolver",
    "UnknownJobError",
    "UnreadableJobError",
    "cancel_job",
    "check_credentials",
    "forget_jobs",
    "job_outcomes",
    "job_status",
    "list_jobs",
    "load_accounts",
    "new_job_id",
    "preview_job",
    "resume_job",
    "submit_job",
    "unfinished_jobs",
    "wait_for_job",
]
