"""Commands whose help names arguments as they are typed, and that take each condition once."""

from __future__ import annotations

import math
import re
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand

_TWICE = re.compile(r"\[(\[.*\](?:\.\.\.)?)\](?:\.\.\.)?")
"""An optional argument whose own name says already that it is one."""
_ONCE = frozenset(
    ("--platform", "--before", "--after", "--name", "--from", "--max", "--events", "--retry-from")
)
"""Options that say which bots are meant. Of two, click would take the last, and nobody would be told."""


class PlainCommand(TyperCommand):
    """Typer writes a required argument in braces, which a reader may take for something to type; from 0.28 on
    it writes the type of Python after each argument, and brackets around those that are there.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in self.params:
            if isinstance(parameter, TyperArgument):
                vars(parameter)["display_type_rich"] = _no_type

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
            typed = [option for one in order for option in one.opts if option in _ONCE]
            for option in dict.fromkeys(typed):
                if typed.count(option) > 1:
                    ctx.fail(f"{option} is given {typed.count(option)} times, but a run takes it once")
        rest = list(super().parse_args(ctx, args))
        for parameter in self.params:
            value = ctx.params.get(parameter.name)
            # No bound of click's stands against "nan", and "inf" is above every lower one.
            if isinstance(value, float) and not math.isfinite(value):
                raise typer.BadParameter(f"{value} is not a finite number.", ctx=ctx, param=parameter)
        return rest

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [_TWICE.sub(r"\1", piece).strip("{}") for piece in super().collect_usage_pieces(ctx)]


def _no_type(ctx: Any) -> None:
    """In place of the type of an argument."""
