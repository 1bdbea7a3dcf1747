"""The options that several commands share, each declared once: in a group, or as a type of its own.

A command takes a group as one parameter, under :func:`.groups.grouped`, and passes it to its run unchanged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from attrs import frozen

from ... import BulkOptions, ClientOptions, UnscheduleOptions
from ...preview import CancelBy, OneOffBots
from .plain import Yes

_BULK = BulkOptions[Any]()
_CLIENT = ClientOptions()
_WHAT = UnscheduleOptions()

Timeout = Annotated[
    float, typer.Option(min=0.001, metavar="SECONDS", help="Timeout of one attempt, in seconds.")
]
Most = Annotated[
    int | None,
    typer.Option(
        "--max",
        min=0,
        metavar="N",
        help="Refuse to run if more than N would be cancelled; if the listing is full, stop at N.",
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
KeepForUndo = Annotated[
    bool,
    typer.Option(
        "--keep-for-undo",
        help="Read each bot's whole configuration first, and keep it beside the report for an undo.",
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


Events = Annotated[
    str | None,
    typer.Option(
        "--events",
        metavar="FILE|-",
        help="Event ids from a file or standard input, one per line, instead of the listing.",
    ),
]
WholeEvents = Annotated[
    bool,
    typer.Option(
        "--whole-events",
        help="Also unschedule events that only partly match the filter, with all their bots.",
    ),
]


@frozen(kw_only=True)
class Consent:
    """Whether a run changes anything, and whether it asks for confirmation first."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")] = (
        _WHAT.dry_run
    )
    yes: Yes = False

    @property
    def asks(self) -> bool:
        """A person is asked, and so has to see what for."""
        return not (self.yes or self.dry_run)


@frozen(kw_only=True)
class Filter:
    """Which of the listed bots are selected; all given options must match."""

    platform: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only bots on this platform, in any spelling, e.g. zoom."),
    ] = None
    before: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only bots that join before: ISO 8601 with an offset, +2h, -30m, +3d, now, today or "
            "tomorrow.",
        ),
    ] = None
    after: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only bots that join at TIME or later.")
    ] = None
    name: Annotated[
        str | None,
        typer.Option(metavar="GLOB", help="Only bots whose whole name matches, in any case, e.g. 'Acme *'."),
    ] = None
    attr: Annotated[
        list[str] | None,
        typer.Option(
            "--attr", metavar="KEY=VALUE", help="Only bots with this custom attribute. May be repeated."
        ),
    ] = None


@frozen(kw_only=True)
class Scope:
    """What to do with one-off bots and with recurring series."""

    one_off_bots: Annotated[
        OneOffBots,
        typer.Option(
            help="Bots without an event: leave them, and exit with 1 (report); "
            "leave them (skip); delete them by their own ids (delete)."
        ),
    ] = _WHAT.one_off_bots
    cancel_by: Annotated[
        CancelBy,
        typer.Option(
            help="Cancel by the event where that takes no other bot, else by the bots' own ids (auto); "
            "by the event only; by the bots' own ids only (bot)."
        ),
    ] = _WHAT.cancel_by
    all_occurrences: Annotated[
        bool,
        typer.Option("--all-occurrences", help="Unschedule the whole series of a recurring event."),
    ] = False
    series_from: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="With --all-occurrences: only the occurrences from TIME on."
        ),
    ] = None


@frozen(kw_only=True)
class Speed:
    """How fast requests are sent."""

    concurrency: Annotated[
        int, typer.Option(min=1, metavar="N", help="Maximum number of requests in flight.")
    ] = _BULK.max_concurrency
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, max=1e6, metavar="N", help="Maximum requests per second, evenly spaced."),
    ] = _CLIENT.rate_limit


@frozen(kw_only=True)
class MeetBitSpeed(Speed):
    """How fast requests are sent to MeetBit, which has its own limit."""

    rate: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=1e6, metavar="N", help="Maximum requests per second; MeetBit allows 5 (default)."
        ),
    ] = _CLIENT.rate_limit


@frozen(kw_only=True)
class Patience:
    """How long to wait for the API."""

    max_pause: Annotated[
        float,
        typer.Option(
            min=0.0,
            metavar="SECONDS",
            help="Stop the run if the API asks for a longer pause.",
        ),
    ] = _BULK.max_pause
    timeout: Timeout = _CLIENT.timeout


Port = Annotated[
    int,
    # Named here: typer takes a metavar that is the option's own name in capitals for the name.
    typer.Option("--port", min=0, max=65535, metavar="PORT", help="Port to listen on; 0 picks a free port."),
]

# The simulator's own names for them; importing them would import its web server.
Ids = Annotated[
    Literal["event", "provider", "none", "mixed"],
    typer.Option(help="What a listing shows as a bot's event: MeetStream's id, the provider's, or nothing."),
]
