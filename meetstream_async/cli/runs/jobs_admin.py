"""The commands on existing jobs: `jobs report`, `cancel`, `resume` and `forget`."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

from ...jobs import (
    JobEngine,
    JobStatus,
    cancel_job,
    forget_jobs,
    job_outcomes,
    job_status,
    resume_job,
)
from ..exit_codes import ExitCode
from ..inputs.times import both
from ..terminal.jobs import headline
from ..terminal.output import clean, plural, print_json, print_line, say
from ..terminal.prompt import ask
from .process import run_async

_NAMED = 10
"""Maximum number of jobs listed before they are deleted."""


def print_report(job_id: str, database: str | None) -> ExitCode:
    """Print one JSON line for each stored outcome."""
    client = JobEngine(database)

    async def run(_: asyncio.Event) -> JobStatus:
        async with client:
            status = await job_status(job_id)
            async for outcome in job_outcomes(job_id, follow=False):
                print_line(json.dumps(outcome.to_dict()))
            return status

    status = run_async(run)
    for line in status.accounts:
        if line.still_listed:
            bots = ", ".join(clean(bot_id) for bot_id in line.still_listed_bots)
            more = line.still_listed - len(line.still_listed_bots)
            bots += f" and {more} more" if more else ""
            say(f"account {clean(line.account, 60)}: still listed although unscheduled: {bots}")
    if status.state.is_over:
        return ExitCode.OK
    say(headline(status).plain, "; these are the outcomes so far")
    return ExitCode.NOT_OK


def cancel(job_id: str, database: str | None, *, as_json: bool) -> ExitCode:
    """Stop a job."""
    client = JobEngine(database)

    async def run(_: asyncio.Event) -> JobStatus:
        async with client:
            return await cancel_job(job_id)

    status = run_async(run)
    if as_json:
        print_json(status.to_dict())
    say(headline(status).plain)
    if status.cancelling:
        say("workers stop it within about a second, and store the outcomes of what they sent")
    return ExitCode.OK


def resume(job_id: str, database: str | None, *, force: bool, as_json: bool) -> ExitCode:
    """Put a job's unfinished accounts back into the queue."""
    client = JobEngine(database)

    async def run(_: asyncio.Event) -> ExitCode:
        async with client:
            done = await resume_job(job_id, force=force)
            status = await job_status(job_id)
        if as_json:
            print_json({"resumed": done.resumed, "left": dict(done.left), "job": status.to_dict()})
        say(f"{plural(done.resumed, 'account')} put back into the queue")
        for name, count in done.left.items():
            say(f"{plural(count, 'account')} left with worker {clean(name)}, which is still running")
        say(headline(status).plain)
        return ExitCode.OK

    return run_async(run)


def forget(age: timedelta, database: str | None, *, yes: bool) -> ExitCode:
    """Delete the jobs that ended longer ago than ``age``, and print their ids."""
    client = JobEngine(database)
    before = datetime.now(UTC) - age

    async def run(dry_run: bool) -> list[str]:
        async with client:
            return await forget_jobs(before, dry_run=dry_run)

    if not yes:
        found = run_async(lambda _: run(dry_run=True))
        if found:
            jobs = ", ".join(found[:_NAMED]) + (f" and {len(found) - _NAMED} more" if found[_NAMED:] else "")
            say(
                f"{plural(len(found), 'job')} that ended before {both(before.replace(microsecond=0))}: {jobs}"
            )
        ask(f"forget {plural(len(found), 'job')}" if found else None, "nothing was forgotten")
    forgotten = run_async(lambda _: run(dry_run=False))
    for job_id in forgotten:
        print_line(job_id)
    say(f"{plural(len(forgotten), 'job')} forgotten")
    return ExitCode.OK
