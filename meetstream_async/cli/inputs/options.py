"""The options that several commands share, each defined once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class OneOff(StrEnum):
    """What to do with bots that have no calendar event."""

    REPORT = "report"
    SKIP = "skip"
    DELETE = "delete"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]
Timeout = Annotated[
    float, typer.Option(min=0.001, metavar="SECONDS", help="Timeout of one attempt, in seconds.")
]
Concurrency = Annotated[int, typer.Option(min=1, metavar="N", help="Maximum number of requests in flight.")]
Rate = Annotated[
    float | None,
    typer.Option(min=0.001, max=1e6, metavar="N", help="Maximum requests per second, evenly spaced."),
]
MaxPause = Annotated[
    float,
    typer.Option(min=0.0, metavar="SECONDS", help="Stop the run if the API asks for a longer pause."),
]
Most = Annotated[
    int | None,
    typer.Option(
        "--max",
        min=0,
        metavar="N",
        help="Refuse to run if more than N would be cancelled, or if the number is unknown.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write each outcome to this new file as it arrives, as JSON lines.",
    ),
]
RetryFrom = Annotated[
    Path | None,
    typer.Option(
        "--retry-from",
        metavar="REPORT",
        help="Only what this report lists as failed, unknown, not attempted or still listed.",
    ),
]
ApiKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--api-key-file", metavar="FILE", help="Read the key from this file, not from the environment."
    ),
]
AccessKeysFile = Annotated[
    Path | None,
    typer.Option(
        "--access-keys-file",
        metavar="FILE",
        help="Read MeetBit's access key id (line 1) and secret (line 2) from this file.",
    ),
]
Note = Annotated[
    str | None,
    typer.Option("--note", metavar="TEXT", help="Reason, shown to attendees; at most 255 characters."),
]

Platform = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only bots on this platform, in any spelling, e.g. zoom."),
]
Before = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only bots that join before: ISO 8601 with an offset, +2h, -30m, +3d, now, today or tomorrow.",
    ),
]
After = Annotated[str | None, typer.Option(metavar="TIME", help="Only bots that join at TIME or later.")]
Name = Annotated[
    str | None, typer.Option(metavar="GLOB", help="Only bots whose name matches, e.g. 'Acme *'.")
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
        help="Event ids from a file or standard input, one per line, instead of the listing.",
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
    typer.Option("--all-occurrences", help="Unschedule the whole series of a recurring event."),
]
SeriesFrom = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="With --all-occurrences: only the occurrences from TIME on."),
]
WholeEvents = Annotated[
    bool,
    typer.Option(
        "--whole-events",
        help="Also unschedule events that only partly match the filter, with all their bots.",
    ),
]
