"""The options that several commands share, each declared once: in a group, or as a type of its own.

A command takes a group as one parameter, under :func:`.groups.grouped`, and hands it to its run as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from attrs import frozen

from ... import BulkOptions, ClientOptions, UnscheduleOptions
from ...preview import OneOffBots

_BULK = BulkOptions[Any]()
_CLIENT = ClientOptions()
_WHAT = UnscheduleOptions()

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Timeout = Annotated[
    float, typer.Option(min=0.001, metavar="SECONDS", help="Seconds that one attempt may take.")
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


Events = Annotated[
    str | None,
    typer.Option(
        "--events",
        metavar="FILE|-",
        help="Event ids, one a line, from a file or standard input, in place of the listing.",
    ),
]
WholeEvents = Annotated[
    bool,
    typer.Option("--whole-events", help="Also take events that have bots outside the filter, as a whole."),
]


@frozen(kw_only=True)
class Consent:
    """Whether a run changes anything, and whether somebody is asked first."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")] = (
        _WHAT.dry_run
    )
    yes: Yes = False


@frozen(kw_only=True)
class Filter:
    """Which of the listed bots are meant; all that is given must match."""

    platform: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only bots of this platform, in any spelling, such as zoom."),
    ] = None
    before: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only bots that join before: ISO 8601 with an offset, +2h, -30m, +3d, now, today or "
            "tomorrow.",
        ),
    ] = None
    after: Annotated[str | None, typer.Option(metavar="TIME", help="Only bots that join then or later.")] = (
        None
    )
    name: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only bots with such a name, such as 'Acme *'.")
    ] = None
    attr: Annotated[
        list[str] | None,
        typer.Option(
            "--attr", metavar="KEY=VALUE", help="Only bots with this custom attribute. May be repeated."
        ),
    ] = None


@frozen(kw_only=True)
class Scope:
    """What becomes of one-off bots, and of recurring series."""

    one_off_bots: Annotated[
        OneOffBots,
        typer.Option(
            help="Bots without an event: leave them, and exit with 1 (report); "
            "leave them (skip); delete them by their own ids (delete)."
        ),
    ] = _WHAT.one_off_bots
    all_occurrences: Annotated[
        bool,
        typer.Option("--all-occurrences", help="Of a recurring event, unschedule the whole series."),
    ] = False
    series_from: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="With --all-occurrences: only the occurrences from then on."
        ),
    ] = None


@frozen(kw_only=True)
class Speed:
    """How fast requests are sent."""

    concurrency: Annotated[int, typer.Option(min=1, metavar="N", help="Requests in flight at most.")] = (
        _BULK.max_concurrency
    )
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, max=1e6, metavar="N", help="Requests per second at most, evenly spaced."),
    ] = _CLIENT.rate_limit


@frozen(kw_only=True)
class MeetBitSpeed(Speed):
    """How fast requests are sent to MeetBit, which has a limit of its own."""

    rate: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=1e6, metavar="N", help="Requests per second at most; MeetBit allows 5 (default)."
        ),
    ] = _CLIENT.rate_limit


@frozen(kw_only=True)
class Patience:
    """How long the API is waited for."""

    max_pause: Annotated[
        float,
        typer.Option(
            min=0.0,
            metavar="SECONDS",
            help="The longest pause that the API may ask for before the run stops.",
        ),
    ] = _BULK.max_pause
    timeout: Timeout = _CLIENT.timeout
