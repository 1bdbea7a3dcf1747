"""The commands that start and run jobs: `jobs run`, `submit` and `worker`."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from ...jobs import (
    AccountPreview,
    JobAccount,
    JobConflictError,
    JobEngine,
    JobOptions,
    JobStatus,
    UnknownJobError,
    check_credentials,
    job_status,
    load_accounts,
    new_job_id,
    preview_job,
    submit_job,
    unfinished_jobs,
)
from ..exit_codes import ExitCode, Refused
from ..terminal.display import DISPLAY
from ..terminal.following import follow
from ..terminal.jobs import conclude, headline, selects_nothing
from ..terminal.output import CleanFormatter, clean, print_json, print_line, say
from ..terminal.waiting import Waiting
from .jobs_input import at_its_times, consent_to, job_options
from .process import run_async
from .request import Asked, Unscheduling, read

_AT_ONCE = 20
"""Accounts that `jobs submit` lists at once."""
_LOCAL = "local"
"""Default worker id on a SQLite file, which allows one worker at a time."""


def run_job(
    path: Path,
    job_id: str | None,
    database: str | None,
    typed: Unscheduling,
    *,
    worker: str | None,
    accounts_at_once: int,
) -> ExitCode:
    """Submit a job, or find it, and run it until it has ended."""
    asked = read(typed)
    accounts, options = load_accounts(path), job_options(asked)
    has_id, job_id = job_id is not None, _named("--id", job_id) or new_job_id()
    engine = _engine(database, _named("--worker", worker) or _LOCAL, accounts_at_once)
    if worker is None and not engine.database.startswith("sqlite"):
        raise Refused("a worker on PostgreSQL needs a unique, stable name: add --worker NAME")
    client = _engine(database)
    status = run_async(lambda _: _find(client, job_id, accounts, options)) if has_id else None
    if status is not None and status.state.is_over:
        say(f"job {job_id} has already ended; nothing is sent")
        return conclude(status, as_json=typed.choices.as_json, allow_empty=typed.allow_empty)
    _check_references(accounts)
    if status is None:
        run_async(lambda _: _check_alone(client, job_id))
        previews = _previews(asked, accounts, options, accounts_at_once)
        with DISPLAY.loud(asked.choices.consent.asks):
            consent_to(accounts, asked, client, job_id, previews)
        run_async(lambda _: _submit(client, accounts, options, job_id))
    else:
        say(f"job {job_id} is unfinished, and continues as it was submitted")
        run_async(lambda _: _check_alone(client, job_id))
    # The options are part of the command, which is not repeated in full: it may contain a password.
    again = f"the same command with --id {job_id}"
    say(f"job {job_id}; if this ends early, {again} continues it")
    stopped = False

    def on_stop() -> None:
        nonlocal stopped
        stopped = True
        say("stopping: nothing new is sent, requests in flight finish; interrupt again to stop now")

    async def work(stop: asyncio.Event) -> JobStatus:
        async with engine:
            await follow(job_id, stop)
        async with client:
            return await job_status(job_id)

    status = run_async(work, on_stop=on_stop)
    code = conclude(status, as_json=typed.choices.as_json, allow_empty=typed.allow_empty)
    if stopped and not status.state.is_over:
        say(f"next: {again}")
        return ExitCode.INTERRUPTED
    if code is not ExitCode.OK and not selects_nothing(status):
        say("to try again, run it under another --id: what is already unscheduled stays so")
    return code


def _previews(
    asked: Asked, accounts: Sequence[JobAccount], options: JobOptions, at_once: int
) -> tuple[AccountPreview, ...] | None:
    """What would be done in each account, if somebody is going to look at it or a limit is set."""
    choices = asked.choices
    if choices.consent.dry_run or (choices.consent.yes and choices.most is None):
        return None

    async def preview(_: asyncio.Event) -> tuple[AccountPreview, ...]:
        several = f"{len(accounts)} listings" if len(accounts) > 1 else "listing"
        async with Waiting(f"the {several}"):
            return await preview_job(accounts, options, accounts_at_once=at_once)

    return run_async(preview)


def _named(option: str, name: str | None) -> str | None:
    """A name as it was typed. Raises Refused for an empty one: a variable that is not set is no choice."""
    if name is not None and not name.strip():
        raise Refused(f"{option} is empty: omit it, or give a name; nothing was stored")
    return name


def submit(path: Path, job_id: str | None, database: str | None, typed: Unscheduling) -> ExitCode:
    """Store a job for workers to run."""
    asked = read(typed)
    accounts, options = load_accounts(path), job_options(asked)
    has_id, job_id = job_id is not None, _named("--id", job_id) or new_job_id()
    client = _engine(database)
    status = run_async(lambda _: _find(client, job_id, accounts, options)) if has_id else None
    if status is None:
        previews = _previews(asked, accounts, options, _AT_ONCE)
        with DISPLAY.loud(asked.choices.consent.asks):
            consent_to(accounts, asked, client, job_id, previews)
        status = run_async(lambda _: _submit(client, accounts, options, job_id))
    else:
        say(f"job {job_id} already exists; nothing new was started")
    if typed.choices.as_json:
        print_json(status.to_dict())
    else:
        print_line(job_id)
        say(headline(status).plain)
    return ExitCode.OK


def work(worker_id: str | None, database: str | None, accounts_at_once: int) -> ExitCode:
    """Run jobs until a signal arrives."""
    engine = _engine(database, _named("--id", worker_id) or _LOCAL, accounts_at_once)
    if worker_id is None and not engine.database.startswith("sqlite"):
        raise Refused("a worker on PostgreSQL needs a unique, stable name: add --id NAME")
    _log_to_stderr()

    async def run(stop: asyncio.Event) -> None:
        async with engine:
            say(f"worker {clean(engine.worker_id)} is running on {clean(engine.database)}; Ctrl-C stops it")
            await stop.wait()

    run_async(run, on_stop=lambda: say("stopping: requests in flight finish; interrupt again to stop now"))
    say("stopped; unfinished work is back in the queue")
    return ExitCode.OK


# --- what they share ------------------------------------------------------------------------------------


def _engine(database: str | None, worker_id: str | None = None, accounts_at_once: int = 20) -> JobEngine:
    return JobEngine(database, worker_id=worker_id, accounts_at_once=accounts_at_once)


async def _find(
    client: JobEngine, job_id: str, accounts: Sequence[JobAccount], options: JobOptions
) -> JobStatus | None:
    """The job with that id, None if it does not exist. Raises Refused if it is a different job."""
    async with client:
        try:
            status = await job_status(job_id)
        except UnknownJobError:
            return None
        try:
            return await submit_job(accounts, at_its_times(options, status.options), job_id=job_id)
        except JobConflictError as error:
            raise Refused(f"{clean(error)}; nothing was sent") from None


def _check_references(accounts: Sequence[JobAccount]) -> None:
    """Raises ConfigurationError or Refused if this process would not find a key."""
    for account in accounts:
        if account.api_key_ref is not None:
            raise Refused(
                f"account '{clean(account.name, 60)}': api_key_ref needs a custom worker with a "
                "resolver; use api_key_env or api_key_file here"
            )
    check_credentials(accounts)


async def _check_alone(client: JobEngine, job_id: str) -> None:
    """Raises Refused if, on a SQLite file, the worker would also continue other unfinished jobs."""
    if not client.database.startswith("sqlite"):
        return
    async with client:
        others = [other for other in await unfinished_jobs() if other != job_id]
    if others:
        raise Refused(
            f"job {others[0]} is unfinished in {clean(client.database)}, and a worker would continue it: "
            f"first `jobs run --id {others[0]}` or `jobs cancel {others[0]}`, or run all with `jobs worker`; "
            "nothing was sent"
        )


async def _submit(
    client: JobEngine, accounts: Sequence[JobAccount], options: JobOptions, job_id: str
) -> JobStatus:
    async with client:
        return await submit_job(accounts, options, job_id=job_id)


def _log_to_stderr() -> None:
    """Log to stderr for a supervised worker: its own lines, and warnings of the engine."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(CleanFormatter("%(asctime)s %(levelname)s %(message)s"))
    for name, level in (("meetstream_async", logging.INFO), ("dbos", logging.WARNING)):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(level)
