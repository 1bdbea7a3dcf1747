"""The options that several commands share, each written once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class OneOff(StrEnum):
    """What to do with bots that have no event."""

    REPORT = "report"
    SKIP = "skip"
    DELETE = "delete"


Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]
Timeout = Annotated[
    float, typer.Option(min=0.001, metavar="SECONDS", help="Seconds that one attempt may take.")
]
Concurrency = Annotated[int, typer.Option(min=1, metavar="N", help="Requests in flight at most.")]
Rate = Annotated[
    float | None,
    typer.Option(min=0.001, max=1e6, metavar="N", help="Requests per second at most, evenly spaced."),
]
MaxPause = Annotated[
    float,
    typer.Option(
        min=0.0, metavar="SECONDS", help="The longest pause that the API may ask for before the run stops."
    ),
]
Most = Annotated[
    int | None,
    typer.Option(
        "--max", min=0, metavar="N", help="Refuse if more than N would be cancelled, or nobody can tell."
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write each outcome to this new file as it happens, as JSON lines.",
    ),
]
RetryFrom = Annotated[
    Path | None,
    typer.Option(
        "--retry-from",
        metavar="REPORT",
        help="Only what such a report calls failed, unknown, not attempted or still listed.",
    ),
]
ApiKeyFile = Annotated[
    Path | None,
    typer.Option("--api-key-file", metavar="FILE", help="Read the key from here, not from the environment."),
]
AccessKeysFile = Annotated[
    Path | None,
    typer.Option(
        "--access-keys-file",
        metavar="FILE",
        help="Read MeetBit's access key id (first line) and secret (second) from here.",
    ),
]
Note = Annotated[
    str | None, typer.Option("--note", metavar="TEXT", help="Why; at most 255 characters. Attendees see it.")
]

Platform = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only bots of this platform, in any spelling, such as zoom."),
]
Before = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only bots that join before: ISO 8601 with an offset, +2h, -30m, +3d, now, today or tomorrow.",
    ),
]
After = Annotated[str | None, typer.Option(metavar="TIME", help="Only bots that join then or later.")]
Name = Annotated[
    str | None, typer.Option(metavar="GLOB", help="Only bots with such a name, such as 'Acme *'.")
]
Attr = Annotated[
    list[str] | None,
    typer.Option(
        "--attr", metavar="KEY=VALUE", help="Only bots with this custom attribute. May be repeated."
    ),
]

Events = Annotated[
    str | None,
    typer.Option(
        "--events",
        metavar="FILE|-",
        help="Event ids, one a line, from a file or standard input, in place of the listing.",
    ),
]
OneOffBots = Annotated[
    OneOff,
    typer.Option(
        help="Bots without an event: leave them, and exit with 1 (report); "
        "leave them (skip); delete them by their own ids (delete)."
    ),
]
AllOccurrences = Annotated[
    bool,
    typer.Option("--all-occurrences", help="Of a recurring event, unschedule the whole series."),
]
SeriesFrom = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="With --all-occurrences: only the occurrences from then on."),
]
WholeEvents = Annotated[
    bool,
    typer.Option("--whole-events", help="Also take events that have bots outside the filter, as a whole."),
]
