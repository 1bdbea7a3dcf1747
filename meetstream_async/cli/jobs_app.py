"""The options of the commands that run durable jobs over many accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from .conduct import BulkChoices
from .options import (
    After,
    AllOccurrences,
    Attr,
    Before,
    Concurrency,
    DryRun,
    Json,
    MaxPause,
    Name,
    OneOff,
    OneOffBots,
    Platform,
    Rate,
    SeriesFrom,
    Timeout,
    WholeEvents,
    Yes,
)
from .run import ExitCode, Refused, execute
from .times import parse_age
from .unscheduling import Unscheduling

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Durable jobs over many accounts: nothing is lost when a process dies.",
)

AccountsFile = Annotated[
    Path,
    typer.Argument(
        metavar="ACCOUNTS.TOML",
        show_default=False,
        help="A table [accounts.NAME] for each account, with api_key_env or api_key_file, and base_url.",
    ),
]
JobId = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
NewId = Annotated[
    str | None,
    typer.Option("--id", metavar="ID", help="The job's id; the same id is the same job. Fresh by default."),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        envvar="MEETSTREAM_JOBS_DATABASE_URL",
        show_envvar=True,
        show_default=False,
        help="sqlite:////path or postgresql://user@host/name; a SQLite file of your own by default.",
    ),
]
AccountsAtOnce = Annotated[
    int, typer.Option(min=1, metavar="N", help="Accounts under way at once on one worker.")
]


@app.command("run")
def run(
    accounts: AccountsFile,
    job_id: NewId = None,
    database: DatabaseUrl = None,
    worker: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="This worker's own name; needed on PostgreSQL."),
    ] = None,
    accounts_at_once: AccountsAtOnce = 20,
    dry_run: DryRun = False,
    yes: Yes = False,
    platform: Platform = None,
    before: Before = None,
    after: After = None,
    name: Name = None,
    attr: Attr = None,
    whole_events: WholeEvents = False,
    one_off_bots: OneOffBots = OneOff.REPORT,
    all_occurrences: AllOccurrences = False,
    series_from: SeriesFrom = None,
    concurrency: Concurrency = 5,
    rate: Rate = None,
    max_pause: MaxPause = 300.0,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Submit a job and work until it is done.

    With the id of an unfinished job it goes on with it, with that of a finished one it prints the result
    and sends nothing. --concurrency and --rate hold for each account. Ctrl-C finishes what is in flight
    and leaves the rest for the next run; a second one leaves at once.

    \b
    Examples:
      meetstream-async jobs run accounts.toml --dry-run
      meetstream-async jobs run accounts.toml --id offboarding-7 --attr customer=acme
      meetstream-async jobs run accounts.toml --id offboarding-7 --yes --json > result.json
    """
    typed = _typed("jobs run", locals())

    def command() -> ExitCode:
        from .jobs import run_job

        return run_job(accounts, job_id, database, typed, worker=worker, accounts_at_once=accounts_at_once)

    _execute(command)


@app.command("submit")
def submit(
    accounts: AccountsFile,
    job_id: NewId = None,
    database: DatabaseUrl = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    platform: Platform = None,
    before: Before = None,
    after: After = None,
    name: Name = None,
    attr: Attr = None,
    whole_events: WholeEvents = False,
    one_off_bots: OneOffBots = OneOff.REPORT,
    all_occurrences: AllOccurrences = False,
    series_from: SeriesFrom = None,
    concurrency: Concurrency = 5,
    rate: Rate = None,
    max_pause: MaxPause = 300.0,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Submit a job for the workers, and print its id.

    Sends nothing to the API. The keys have to be found where the workers run.

    \b
    Example:
      meetstream-async jobs submit accounts.toml --id offboarding-7 --yes
      meetstream-async jobs status offboarding-7 --watch
    """
    typed = _typed("jobs submit", locals())

    def command() -> ExitCode:
        from .jobs import submit as submit_job

        return submit_job(accounts, job_id, database, typed)

    _execute(command)


@app.command("worker")
def worker(
    worker_id: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="NAME",
            help="This worker's own name: unique, and the same after a restart. Needed on PostgreSQL.",
        ),
    ] = None,
    database: DatabaseUrl = None,
    accounts_at_once: AccountsAtOnce = 20,
) -> None:
    """Work on jobs until Ctrl-C or SIGTERM.

    A worker that is started again under its name takes up what it held. Told to stop, it finishes what is
    in flight and puts the rest back into the queue. It writes a line for each account to stderr.

    \b
    Example:
      meetstream-async jobs worker --id worker-1 --database postgresql://jobs@db.example.com/jobs
    """

    def command() -> ExitCode:
        from .jobs import work

        return work(worker_id, database, accounts_at_once)

    _execute(command)


@app.command("status")
def status(
    job_id: JobId,
    watch: Annotated[bool, typer.Option("--watch", help="Until the job is over.")] = False,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Show how a job stands, a line for each account.

    Exits with 1 where the job is over and not all that was asked for holds.

    \b
    Example:
      meetstream-async jobs status offboarding-7 --json | jq -r .state
    """

    def command() -> ExitCode:
        from .jobs_kept import show_status

        return show_status(job_id, database, watch=watch, as_json=as_json)

    _execute(command)


@app.command("report")
def report(job_id: JobId, database: DatabaseUrl = None) -> None:
    """Print what became of each event, as JSON lines.

    Each has account, event_id, bot_ids, status, reason, attempts and error. Of an unfinished job it prints
    what is there so far, and exits with 1.

    \b
    Example:
      meetstream-async jobs report offboarding-7 | jq -r 'select(.status == "failed") | .event_id'
    """

    def command() -> ExitCode:
        from .jobs_kept import print_report

        return print_report(job_id, database)

    _execute(command)


@app.command("cancel")
def cancel(job_id: JobId, database: DatabaseUrl = None, as_json: Json = False) -> None:
    """Stop a job: nothing new is sent, what is in flight finishes.

    What was unscheduled stays unscheduled. `jobs resume` goes on with it.
    """

    def command() -> ExitCode:
        from .jobs_kept import cancel as cancel_job

        return cancel_job(job_id, database, as_json=as_json)

    _execute(command)


@app.command("resume")
def resume(
    job_id: JobId,
    force: Annotated[
        bool,
        typer.Option("--force", help="Take over from workers that seem alive, too; it may send twice."),
    ] = False,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Put back into the queue what a dead worker held, or what was cancelled.

    Workers go on behind the last stored step of each account. Accounts of a living worker stay with it.
    """

    def command() -> ExitCode:
        from .jobs_kept import resume as resume_job

        return resume_job(job_id, database, force=force, as_json=as_json)

    _execute(command)


@app.command("forget")
def forget(
    older_than: Annotated[
        str,
        typer.Option("--older-than", metavar="AGE", help="How long ago they ended: 30d, 12h, 1d12h."),
    ],
    yes: Yes = False,
    database: DatabaseUrl = None,
) -> None:
    """Delete jobs that ended long ago, with their outcomes, and print their ids.

    Without it the database keeps every job. Jobs that are not over stay. A forgotten id is free again.

    \b
    Example:
      meetstream-async jobs forget --older-than 30d --yes
    """

    def command() -> ExitCode:
        from .jobs_kept import forget as forget_jobs

        return forget_jobs(parse_age(older_than, "--older-than"), database, yes=yes)

    _execute(command)


def _typed(command: str, given: Mapping[str, Any]) -> Unscheduling:
    """What was typed, from the parameters of a command: two commands have the same twenty."""
    choices = ("dry_run", "yes", "as_json", "concurrency", "rate", "timeout", "max_pause")
    rest = ("platform", "before", "after", "name", "all_occurrences", "series_from", "whole_events")
    return Unscheduling(
        command=command,
        attributes=tuple(given["attr"] or ()),
        one_off_bots=given["one_off_bots"].value,
        choices=BulkChoices(**{name: given[name] for name in choices}),
        **{name: given[name] for name in rest},
    )


def _execute(command: Callable[[], ExitCode]) -> None:
    def guarded() -> ExitCode:
        try:
            return command()
        except ImportError as error:
            if error.name is None or "meetstream-async[jobs]" not in str(error):
                raise
            raise Refused(str(error)) from None

    execute(guarded)
