"""The commands. Each is imported when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

from .inputs.later import later
from .version import print_version

# Tracebacks with local variables could show a key; and brackets in help texts must stay brackets.
app: typer.Typer = typer.Typer(
    name="meetstream-async",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print_version()
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """List and unschedule the scheduled meeting bots of MeetStream; cancel calendar events in MeetBit.

    Keys come from MEETSTREAM_API_KEY, MEETBIT_ACCESS_KEY_ID and MEETBIT_ACCESS_KEY_SECRET, or from files.
    Addresses come from MEETSTREAM_API_URL (default: the public API) and MEETBIT_PRIMARY_DOMAIN or
    MEETBIT_API_URL.
    Results go to stdout, everything else to stderr.

    \b
    Exit codes:
      0    everything you asked for was done
      1    something failed, is unknown, was left alone, is still listed or could
           not be seen; or the filter selects nothing
      2    wrong usage or configuration, or not confirmed; nothing was started
      3    the API rejects the key, or the key lacks permission
      130  interrupted

    \b
    Start here, without a key:
      meetstream-async demo

    \b
    And here, with one:
      meetstream-async doctor
      meetstream-async list
      meetstream-async unschedule-all --dry-run
    """


jobs: typer.Typer = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Durable jobs over many accounts, which survive the death of a process.",
)

later(app, "doctor", "doctor:doctor", "Check an account before the first run.")
later(app, "list", "small:list_", "Show the scheduled bots, soonest first.")
later(app, "unschedule", "unschedule:unschedule", "Unschedule the bots of given events.")
later(app, "unschedule-all", "unschedule:unschedule_all", "Unschedule all bots, or those of a filter.")
later(app, "undo", "undo:undo", "Schedule again what a run has cancelled.")
later(app, "cancel-event", "cancel:cancel_event", "Cancel one calendar event in MeetBit.")
later(app, "cancel-events", "cancel:cancel_events", "Cancel many calendar events in MeetBit.")
later(app, "cancel-meeting", "cancel:cancel_meeting", "Cancel a calendar event, then its bot.")
later(app, "simulate", "simulate:simulate", "Serve a simulated account until Ctrl-C.")
later(app, "console", "small:console", "View and unschedule bots in a local browser.")
later(app, "demo", "small:demo", "Watch a bulk run on a simulated account.")

app.add_typer(jobs, name="jobs", short_help="Durable jobs over many accounts.")
later(jobs, "run", "jobs:run", "Submit a job and run it until it has ended.")
later(jobs, "submit", "jobs:submit", "Submit a job for workers to run, and print its id.")
later(jobs, "worker", "jobs:worker", "Run jobs until Ctrl-C or SIGTERM.")
later(jobs, "list", "jobs_admin:list_", "Show the jobs that were submitted last, newest first.")
later(jobs, "status", "jobs_admin:status", "Show the status of a job, one line per account.")
later(jobs, "report", "jobs_admin:report", "Print the outcome of each event, as JSON lines.")
later(jobs, "cancel", "jobs_admin:cancel", "Stop a job: nothing new is sent, requests in flight finish.")
later(jobs, "forget", "jobs_admin:forget", "Delete jobs that ended long ago, and print their ids.")
later(jobs, "resume", "jobs_admin:resume", "Put accounts of a dead worker back into the queue.")
