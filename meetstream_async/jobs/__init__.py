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

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    from .accounts import JobAccount
    from .accounts_file import load_accounts
    from .api import (
        cancel_job,
        new_job_id,
        resume_job,
        submit_job,
        unfinished_jobs,
    )
    from .credentials import Resolver, check_credentials
    from .engine import JobEngine
    from .errors import JobConflictError, JobStoreError, UnknownJobError, UnreadableJobError
    from .options import JobOptions
    from .preview import AccountPreview, preview_job
    from .reader import JobReader
    from .retention import forget_jobs
    from .status import AccountStatus, JobOutcome, JobResumption, JobState, JobStatus
    from .watch import job_outcomes, job_status, list_jobs, wait_for_job
else:

    def _explain(error: ImportError) -> ImportError:
        if (error.name or "").partition(".")[0] not in ("dbos", "platformdirs", "psycopg", "sqlalchemy"):
            return error
        hint = "pip install 'meetstream-async[jobs]', or '.[jobs]' in a checkout"
        return ImportError(f"jobs need an extra: {hint}", name=error.name)

    # Imported when they are first used: reading a job needs no engine.
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "accounts": "JobAccount",
            "accounts_file": "load_accounts",
            "api": "cancel_job new_job_id resume_job submit_job unfinished_jobs",
            "credentials": "Resolver check_credentials",
            "engine": "JobEngine",
            "errors": "JobConflictError JobStoreError UnknownJobError UnreadableJobError",
            "options": "JobOptions",
            "preview": "AccountPreview preview_job",
            "reader": "JobReader",
            "retention": "forget_jobs",
            "status": "AccountStatus JobOutcome JobResumption JobState JobStatus",
            "watch": "job_outcomes job_status list_jobs wait_for_job",
        },
        explain=_explain,
    )

__all__ = [
    "AccountPreview",
    "AccountStatus",
    "JobAccount",
    "JobConflictError",
    "JobEngine",
    "JobOptions",
    "JobOutcome",
    "JobReader",
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
