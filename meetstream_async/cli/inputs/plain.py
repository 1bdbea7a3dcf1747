"""Options that need nothing of the library to be declared."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")]
AllowEmpty = Annotated[
    bool,
    typer.Option(
        "--allow-empty",
        help="Exit with 0 even if the filter selects none of the listed bots; without it that is 1.",
    ),
]
