"""The options of the commands that have few."""

from __future__ import annotations

from typing import Annotated

import typer

from ... import ClientOptions
from ..exit_codes import ExitCode
from ..inputs.groups import grouped
from ..inputs.options import ApiKeyFile, Filter, Ids, Patience, Port, Speed, Timeout
from ..inputs.plain import Json
from ..runs.process import execute


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
        from ..inputs.filters import selection_of
        from .list_bots import list_bots

        return list_bots(limit, as_json, timeout, api_key_file, selection_of(filter))

    execute(run)


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
    from .console import Wanted
    from .console import console as run_console

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
    from .demo import demo as run_demo

    execute(lambda: run_demo(ids))
