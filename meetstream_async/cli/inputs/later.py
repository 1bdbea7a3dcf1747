"""Commands that are imported when they are called, so that each starts as fast as its own imports allow."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand

from .help import PlainCommand


class Later(TyperCommand):
    """Stands in the list of commands for one of ``commands/``, and becomes it when it is called."""

    home: ClassVar[str]
    """Module and function."""

    @cached_property
    def real(self) -> Any:
        """The command itself, with its options."""
        module, function = self.home.split(":")
        command = getattr(import_module(f"...commands.{module}", __name__), function)
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        app.command(self.name, cls=PlainCommand)(command)
        return typer.main.get_command(app)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.real.make_context(info_name, args, parent=parent, **extra)


def later(app: typer.Typer, name: str, home: str, short_help: str) -> None:
    """Let an app have a command. ``home``: its module in ``commands/`` and its function: ``small:demo``."""
    app.command(name, cls=type("Later", (Later,), {"home": home}), short_help=short_help)(_stand_in)


def _stand_in() -> None:
    raise NotImplementedError
