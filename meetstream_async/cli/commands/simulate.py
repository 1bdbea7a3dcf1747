"""The command `simulate`: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..inputs.groups import grouped
from ..inputs.options import Ids, Port
from ..runs.process import execute


@grouped
def simulate(
    port: Port = 8100,
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Address to listen on; others than 127.0.0.1 are warned of."),
    ] = "127.0.0.1",
    bots: Annotated[int, typer.Option(min=0, metavar="N", help="Number of scheduled bots.")] = 250,
    latency: Annotated[
        float, typer.Option(min=0.0, metavar="SECONDS", help="Seconds added to every response.")
    ] = 0.02,
    error_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Share of responses that are 500 or 503.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed generates the same account.")] = 1,
    ids: Ids = "event",
    foreign_id: Annotated[
        Literal["event_not_found", "bot_not_found", "not_found", "bad_request"],
        typer.Option(help="How any other id is refused."),
    ] = "event_not_found",
    one_off: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Share of bots without a calendar event.")
    ] = 0.02,
    series: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, metavar="SHARE", help="Share of bots that belong to recurring series."
        ),
    ] = 0.1,
    series_as: Annotated[
        Literal["occurrences", "master"],
        typer.Option(help="Whether each occurrence is an event, or one event has the bots of all."),
    ] = "occurrences",
    soon: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Share of bots that join within ten minutes."),
    ] = 0.0,
    in_meeting: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Share of bots that are in a meeting.")
    ] = 0.0,
    past: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Share of bots whose meeting is over.")
    ] = 0.0,
    auto_schedule: Annotated[
        bool, typer.Option("--auto-schedule", help="Book cancelled bots again at 00:00 UTC.")
    ] = False,
    limit: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            help="Rate limit: 50 (a second, without Retry-After) or 30/60 (in 60 s, with it).",
        ),
    ] = None,
    calendar_events: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Write the ids of MeetBit's calendar events to this new file, for cancel-events.",
        ),
    ] = None,
) -> None:
    """Serve a simulated account until Ctrl-C.

    Listens on this machine only, unless --host says otherwise. Prints the environment variables that point
    other commands to it on stdout.

    \b
    Example, in two shells:
      meetstream-async simulate --port 8100 --bots 250 > simulated.env
      . ./simulated.env && meetstream-async list
      meetstream-async simulate --ids provider --foreign-id bot_not_found

    \b
    Calendar events to cancel:
      meetstream-async simulate --calendar-events events.csv > simulated.env
      head -4 events.csv | meetstream-async cancel-events - --note "Moved." --dry-run
    """
    # Imported here: the simulator imports a web server, which would slow down all other commands.
    from ..runs.simulation import simulate as run_simulator

    execute(
        lambda: run_simulator(
            bots,
            seed,
            limit=limit,
            port=port,
            host=host,
            latency=latency,
            error_rate=error_rate,
            ids=ids,
            foreign_id=foreign_id,
            one_off=one_off,
            series=series,
            series_as=series_as,
            soon=soon,
            in_meeting=in_meeting,
            past=past,
            auto_schedule=auto_schedule,
            calendar_events=calendar_events,
        )
    )
