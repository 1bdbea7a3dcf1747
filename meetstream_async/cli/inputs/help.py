"""Commands whose help names arguments as they are typed."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperArgument, TyperCommand

_TWICE = re.compile(r"\[(\[.*\](?:\.\.\.)?)\](?:\.\.\.)?")
"""An optional argument whose own name says already that it is one."""


class PlainCommand(TyperCommand):
    """Typer writes a required argument in braces, which a reader may take for something to type; from 0.28 on
    it writes the type of Python after each argument, and brackets around those that are there.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in self.params:
            if isinstance(parameter, TyperArgument):
                vars(parameter)["display_type_rich"] = _no_type

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [_TWICE.sub(r"\1", piece).strip("{}") for piece in super().collect_usage_pieces(ctx)]


def _no_type(ctx: Any) -> None:
    """In place of the type of an argument."""
