"""The options of every command, and nothing else."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from meetstream_async import __version__

from .commands import UnscheduleAll, list_bots, unschedule_everything
from .demo import demo as run_demo
from .output import print_line
from .run import execute
from .simulate import simulate as run_simulator

# Tracebacks with local variables could print a key; and brackets in a help text are brackets.
app = typer.Typer(
    name="meetstream-async",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class OneOff(StrEnum):
    """What to do with bots that have no event."""

    REPORT = "report"
    SKIP = "skip"
    DELETE = "delete"


Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Timeout = Annotated[
    float, typer.Option(min=0.001, metavar="SECONDS", help="Seconds that one attempt may take.")
]
Port = Annotated[
    int, typer.Option(min=0, max=65535, metavar="PORT", help="Where to listen; 0 takes a free port.")
]


def _version(asked: bool) -> None:
    if asked:
        print_line(f"meetstream-async {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """List and unschedule the scheduled meeting bots of a MeetStream account.

    The key comes from MEETSTREAM_API_KEY, another address than the public one from MEETSTREAM_API_URL.
    Results go to stdout, all else to stderr.

    \b
    Exit codes:
      0    all that was asked for holds
      1    something failed, is unknown, is still listed, or was not seen whole
      2    wrong use or configuration, or consent refused
      3    the API rejects the key
      130  interrupted

    \b
    Start here, without a key:
      meetstream-async demo
    """


@app.command()
def demo() -> None:
    """Watch a bulk run on a simulated account.

    The report is checked against the books of the account. Needs no key and no network.

    \b
    Example:
      meetstream-async demo
    """
    execute(run_demo)


@app.command()
def simulate(
    port: Port = 8100,
    bots: Annotated[int, typer.Option(min=0, metavar="N", help="How many bots are scheduled.")] = 250,
    latency: Annotated[
        float, typer.Option(min=0.0, metavar="SECONDS", help="Seconds added to every answer.")
    ] = 0.02,
    error_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Share of answers that are 500 or 503.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed makes the same account.")] = 1,
    one_off: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Share of bots without an event.")
    ] = 0.02,
    series: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Share of bots of recurring series.")
    ] = 0.1,
) -> None:
    """Serve a simulated account until Ctrl-C.

    It listens on this machine only. The environment variables that point the other commands at it go
    to stdout.

    \b
    Example, in two shells:
      meetstream-async simulate --port 8100 --bots 250 > simulated.env
      . ./simulated.env && meetstream-async list
    """
    execute(
        lambda: run_simulator(
            port=port,
            bots=bots,
            seed=seed,
            latency=latency,
            error_rate=error_rate,
            one_off=one_off,
            series=series,
        )
    )


@app.command("list")
def list_(
    limit: Annotated[
        int,
        typer.Option(
            min=1, max=100, metavar="N", help="Rows to ask for. The API picks which, and has no next page."
        ),
    ] = 100,
    as_json: Json = False,
    timeout: Timeout = 30.0,
) -> None:
    """Show the scheduled bots, soonest first.

    \b
    Examples:
      meetstream-async list
      meetstream-async list --json | jq -r '.bots[].event_id'
    """
    execute(lambda: list_bots(limit, as_json, timeout))


@app.command("unschedule-all")
def unschedule_all(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, metavar="N", help="Requests in flight at most.")] = 5,
    one_off_bots: Annotated[
        OneOff,
        typer.Option(
            help="Bots without an event: leave them, and exit with 1 (report); "
            "leave them (skip); delete them by their own ids (delete)."
        ),
    ] = OneOff.REPORT,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Unschedule all scheduled bots, and verify it.

    Goes past the 100 bots that a listing shows. Shows first what is there and asks for consent: what was
    shown is what is unscheduled, and a listing that was full stands for all. Ctrl-C starts nothing new
    and reports; a second one leaves at once.

    \b
    Examples:
      meetstream-async unschedule-all --dry-run
      meetstream-async unschedule-all
      meetstream-async unschedule-all --yes --concurrency 10 --json > report.json
    """
    options = UnscheduleAll(
        dry_run=dry_run,
        yes=yes,
        concurrency=concurrency,
        as_json=as_json,
        one_off_bots=one_off_bots.value,
        timeout=timeout,
    )
    execute(lambda: unschedule_everything(options))
