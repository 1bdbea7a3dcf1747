"""The options of every command: how much is shown, and how."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer
from attrs import frozen

from ..terminal.display import choose
from ..terminal.output import CleanFormatter


@frozen(kw_only=True)
class Shown:
    """How much is shown, and how; an option of every command."""

    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Also show retries, pauses and the request id of each answer."),
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show results, warnings and errors only.")] = (
        False
    )
    no_color: Annotated[bool, typer.Option("--no-color", help="No colors; NO_COLOR=1 does the same.")] = False


def apply(shown: Shown) -> None:
    """Let it hold for this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(CleanFormatter("%(message)s"))
    choose(shown.verbose, shown.quiet, shown.no_color, handler)
