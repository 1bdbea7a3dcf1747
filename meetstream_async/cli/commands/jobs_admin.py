"""The options of the commands on existing jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from ..exit_codes import ExitCode, Refused
from ..inputs.groups import grouped
from ..inputs.plain import AllowEmpty, Json, Yes
from ..inputs.times import parse_age
from ..runs.process import execute

JobId = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        envvar="MEETSTREAM_JOBS_DATABASE_URL",
        show_envvar=True,
        show_default=False,
        help="sqlite:////path or postgresql://user@host/name; by default a SQLite file of the user.",
    ),
]


@grouped
def list_(
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The N jobs that were submitted last.")] = 20,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Show the jobs that were submitted last, newest first.

    \b
    Example:
      meetstream-async jobs list --json | jq -r '.[] | select(.ok | not) | .job_id'
    """

    def command() -> ExitCode:
        from ..runs.jobs_status import show_jobs

        return show_jobs(limit, database, as_json=as_json)

    execute_with_jobs(command)


@grouped
def status(
    job_id: JobId,
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing it until the job has ended.")] = False,
    allow_empty: AllowEmpty = False,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Show the status of a job, one line per account.

    Exits with 1 if the job has ended and some of what you asked for was not done, or if its filter selects
    nothing in any account.

    \b
    Example:
      meetstream-async jobs status offboarding-7 --json | jq -r .state
    """

    def command() -> ExitCode:
        from ..runs.jobs_status import show_status

        return show_status(job_id, database, watch=watch, allow_empty=allow_empty, as_json=as_json)

    execute_with_jobs(command)


@grouped
def report(job_id: JobId, database: DatabaseUrl = None) -> None:
    """Print the outcome of each event, as JSON lines.

    Each has account, event_id, bot_ids, method, inferred, status, reason, attempts, elapsed, error and
    request_id.
    For an unfinished job, prints the outcomes so far, and exits with 1.

    \b
    Example:
      meetstream-async jobs report offboarding-7 | jq -r 'select(.status == "failed") | .event_id'
    """

    def command() -> ExitCode:
        from ..runs.jobs_admin import print_report

        return print_report(job_id, database)

    execute_with_jobs(command)


@grouped
def cancel(job_id: JobId, database: DatabaseUrl = None, as_json: Json = False) -> None:
    """Stop a job: nothing new is sent, requests in flight finish.

    What was unscheduled stays unscheduled. `jobs resume` continues the job.
    """

    def command() -> ExitCode:
        from ..runs.jobs_admin import cancel as cancel_job

        return cancel_job(job_id, database, as_json=as_json)

    execute_with_jobs(command)


@grouped
def resume(
    job_id: JobId,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also take over from workers that seem alive; requests may be sent twice."
        ),
    ] = False,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Put accounts of a dead worker, or of a cancelled job, back into the queue.

    Workers continue after the last stored step of each account. Accounts of a living worker stay with it.
    """

    def command() -> ExitCode:
        from ..runs.jobs_admin import resume as resume_job

        return resume_job(job_id, database, force=force, as_json=as_json)

    execute_with_jobs(command)


@grouped
def forget(
    older_than: Annotated[
        str,
        typer.Option("--older-than", metavar="AGE", help="Minimum time since they ended: 30d, 12h, 1d12h."),
    ],
    yes: Yes = False,
    database: DatabaseUrl = None,
) -> None:
    """Delete jobs that ended long ago, and print their ids.

    Their outcomes are deleted, too; otherwise the database keeps every job. Unfinished jobs stay. A
    deleted id can be used again.

    \b
    Example:
      meetstream-async jobs forget --older-than 30d --yes
    """

    def command() -> ExitCode:
        from ..runs.jobs_admin import forget as forget_jobs

        return forget_jobs(parse_age(older_than, "--older-than"), database, yes=yes)

    execute_with_jobs(command)


def execute_with_jobs(command: Callable[[], ExitCode]) -> None:
    """Run a command; without the extra, tell what to install."""

    def guarded() -> ExitCode:
        try:
            return command()
        except ImportError as error:
            if error.name is None or "meetstream-async[jobs]" not in str(error):
                raise
            raise Refused(str(error)) from None

    execute(guarded)
