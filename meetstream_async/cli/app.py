"""The commands, and the options of those that change nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import ClientOptions, __version__
from .commands.cancel import cancel_event, cancel_events, cancel_meeting
from .commands.doctor import doctor
from .commands.jobs import app as jobs_app
from .commands.list_bots import list_bots
from .commands.simulate import simulate
from .commands.undo import undo
from .commands.unschedule import unschedule, unschedule_all
from .exit_codes import ExitCode
from .inputs.filters import selection_of
from .inputs.groups import grouped
from .inputs.help import write_plainly
from .inputs.options import ApiKeyFile, Filter, Ids, Json, Patience, Port, Speed, Timeout
from .runs.process import execute
from .terminal.output import print_line

# Tracebacks with local variables could show a key; and brackets in help texts must stay brackets.
app = typer.Typer(
    name="meetstream-async",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print_line(f"meetstream-async {__version__}")
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


app.command()(doctor)


@app.command("list")
@grouped
def list_(
    limit: Annotated[
        int,
        typer.Option(
            min=1,
            max=100,
            metavar="N",
            help="Maximum rows. The API picks which ones, and has no further pages.",
        ),
    ] = 100,
    filter: Filter = Filter(),
    as_json: Json = False,
    timeout: Timeout = ClientOptions().timeout,
    api_key_file: ApiKeyFile = None,
) -> None:
    """Show the scheduled bots, soonest first.

    \b
    Examples:
      meetstream-async list
      meetstream-async list --platform zoom --after now --before +2h
      meetstream-async list --json | jq -r '.bots[].event_id'
    """

    def run() -> ExitCode:
        return list_bots(limit, as_json, timeout, api_key_file, selection_of(filter))

    execute(run)


app.command("unschedule")(unschedule)
app.command("unschedule-all", short_help="Unschedule all bots, or those of a filter.")(unschedule_all)
app.command("undo", short_help="Schedule again what a run has cancelled.")(undo)
app.command("cancel-event")(cancel_event)
app.command("cancel-events")(cancel_events)
app.command("cancel-meeting", short_help="Cancel a calendar event, then its bot.")(cancel_meeting)
app.add_typer(jobs_app, name="jobs", short_help="Durable jobs over many accounts.")


app.command()(simulate)


@app.command(short_help="View and unschedule bots in a local browser.")
@grouped
def console(
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Use a simulated account; needs no key.")
    ] = False,
    bots: Annotated[
        int, typer.Option(min=0, metavar="N", help="Number of bots in the simulated account.")
    ] = 80,
    port: Port = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
    speed: Speed = Speed(),
    patience: Patience = Patience(),
    api_key_file: ApiKeyFile = None,
) -> None:
    """View and unschedule bots in a browser, on a page that is served on this machine only.

    Prints the address on stdout. It contains a token that works once, for the browser that opens it first.

    \b
    Examples:
      meetstream-async console --simulate
      meetstream-async console --no-browser --port 8400
    """
    from .commands.console import Wanted
    from .commands.console import console as run_console

    wanted = Wanted(
        simulate=simulate,
        bots=bots,
        port=port,
        browser=browser,
        speed=speed,
        patience=patience,
        api_key_file=api_key_file,
    )
    execute(lambda: run_console(wanted))


@app.command()
@grouped
def demo(ids: Ids = "event") -> None:
    """Watch a bulk run on a simulated account.

    The report is checked against the account's own records. Needs no key and no network.

    \b
    Example:
      meetstream-async demo
      meetstream-async demo --ids mixed
    """
    # Imported here: the simulator imports a web server, which would slow down all other commands.
    from .commands.demo import demo as run_demo

    execute(lambda: run_demo(ids))


write_plainly(app)
