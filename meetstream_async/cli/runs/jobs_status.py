"""The commands that only look at jobs: `jobs list` and `jobs status`. They start without the engine."""

from __future__ import annotations

import asyncio

from ...jobs import JobReader, JobStatus, UnreadableJobError, job_status, list_jobs
from ..exit_codes import ExitCode
from ..terminal.jobs import conclude, jobs_table, selects_nothing
from ..terminal.output import clean, plural, print_json, say, show
from .process import run_async


def show_jobs(limit: int, database: str | None, *, as_json: bool) -> ExitCode:
    """Show the jobs that were submitted last."""
    reader = JobReader(database)
    unreadable: list[UnreadableJobError] = []

    async def run(_: asyncio.Event) -> list[JobStatus]:
        async with reader:
            return await list_jobs(limit=limit, on_unreadable=unreadable.append)

    jobs = run_async(run)
    for error in unreadable:
        say(("warning:", "yellow"), f" {clean(error, 1000)}")
    code = ExitCode.NOT_OK if unreadable else ExitCode.OK
    if as_json:
        print_json(
            [
                {**one.to_dict(), "ok": one.ok and not selects_nothing(one), "accounts": len(one.accounts)}
                for one in jobs
            ]
        )
        return code
    if jobs:
        show(jobs_table(jobs), results=True)
    more = f", and {len(unreadable)} that can't be read" if unreadable else ""
    say(f"{plural(len(jobs), 'job')}{more} in {clean(reader.database)}")
    return code


def show_status(
    job_id: str, database: str | None, *, watch: bool, allow_empty: bool, as_json: bool
) -> ExitCode:
    """Show the status of a job; with ``watch``, until it has ended."""
    reader = JobReader(database)

    async def run(_: asyncio.Event) -> JobStatus:
        async with reader:
            if not watch:
                return await job_status(job_id)
            from ..terminal.following import follow

            return await follow(job_id)

    return conclude(run_async(run), as_json=as_json, allow_empty=allow_empty)
