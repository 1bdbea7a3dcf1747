"""The options of the commands that run durable jobs over many accounts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from attrs import field, frozen

from ..exit_codes import ExitCode
from ..inputs.groups import grouped
from ..inputs.options import Consent, Filter, Json, Patience, Scope, Speed, WholeEvents
from ..runs.bulk_run import BulkChoices
from ..runs.request import Unscheduling
from .jobs_admin import DatabaseUrl, cancel, execute_with_jobs, forget, report, resume, status

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Durable jobs over many accounts: nothing is lost when a process dies.",
)

AccountsAtOnce = Annotated[
    int, typer.Option(min=1, metavar="N", help="Accounts under way at once on one worker.")
]


@frozen(kw_only=True)
class NewJob:
    """Which job, for which accounts, and where it is kept."""

    accounts: Annotated[
        Path,
        typer.Argument(
            metavar="ACCOUNTS.TOML",
            show_default=False,
            help="A table [accounts.NAME] for each account, with api_key_env or api_key_file, and base_url.",
        ),
    ]
    job_id: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="ID", help="The job's id; the same id is the same job. Fresh by default."
        ),
    ] = None
    database: DatabaseUrl = None


@frozen(kw_only=True)
class Work:
    """What a job does in each of its accounts."""

    consent: Consent = field(factory=Consent)
    filter: Filter = field(factory=Filter)
    whole_events: WholeEvents = False
    scope: Scope = field(factory=Scope)
    speed: Speed = field(factory=Speed)
    patience: Patience = field(factory=Patience)
    as_json: Json = False

    def typed(self, command: str) -> Unscheduling:
        """As the run of a command takes it."""
        choices = BulkChoices(
            consent=self.consent, speed=self.speed, patience=self.patience, as_json=self.as_json
        )
        return Unscheduling(
            command=command,
            filter=self.filter,
            scope=self.scope,
            whole_events=self.whole_events,
            choices=choices,
        )


@app.command("run")
@grouped
def run(
    job: NewJob,
    worker: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="This worker's own name; needed on PostgreSQL."),
    ] = None,
    accounts_at_once: AccountsAtOnce = 20,
    work: Work = Work(),
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
    typed = work.typed("jobs run")

    def command() -> ExitCode:
        from ..runs.jobs import run_job

        return run_job(
            job.accounts,
            job.job_id,
            job.database,
            typed,
            worker=worker,
            accounts_at_once=accounts_at_once,
        )

    execute_with_jobs(command)


@app.command("submit")
@grouped
def submit(
    job: NewJob,
    work: Work = Work(),
) -> None:
    """Submit a job for the workers, and print its id.

    Sends nothing to the API. The keys have to be found where the workers run.

    \b
    Example:
      meetstream-async jobs submit accounts.toml --id offboarding-7 --yes
      meetstream-async jobs status offboarding-7 --watch
    """
    typed = work.typed("jobs submit")

    def command() -> ExitCode:
        from ..runs.jobs import submit as submit_job

        return submit_job(job.accounts, job.job_id, job.database, typed)

    execute_with_jobs(command)


@app.command("worker")
@grouped
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
