"""The options of the commands that run durable jobs over many accounts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ..exit_codes import ExitCode
from ..inputs.options import (
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
from ..runs.bulk_run import BulkChoices
from ..runs.request import Unscheduling
from .jobs_admin import DatabaseUrl, cancel, execute_with_jobs, forget, report, resume, status

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
NewId = Annotated[
    str | None,
    typer.Option("--id", metavar="ID", help="The job's id; the same id is the same job. Fresh by default."),
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
        from ..runs.jobs import run_job

        return run_job(accounts, job_id, database, typed, worker=worker, accounts_at_once=accounts_at_once)

    execute_with_jobs(command)


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
        from ..runs.jobs import submit as submit_job

        return submit_job(accounts, job_id, database, typed)

    execute_with_jobs(command)


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
        from ..runs.jobs import work

        return work(worker_id, database, accounts_at_once)

    execute_with_jobs(command)


for _kept in (status, report, cancel, resume, forget):
    app.command()(_kept)


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
