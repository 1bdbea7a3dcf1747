"""The page of the command line: each command's own help."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer.main import get_command

from meetstream_async.cli.app import app

WIDTH = 100


def helps(command: object, parent: typer.Context | None, name: str) -> Iterator[tuple[str, str]]:
    """The path of each command that can be called, and its help, depth first."""
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)  # type: ignore[attr-defined]
    context.terminal_width = context.max_content_width = WIDTH
    yield context.command_path, context.get_help()
    if hasattr(command, "list_commands"):
        for child in command.list_commands(context):
            found = command.get_command(context, child)  # type: ignore[attr-defined]
            if not found.hidden:
                yield from helps(found, context, child)


def command_line_page() -> str:
    lines = [
        "# Commands",
        "",
        "What `--help` prints for each command. [The command line](../cli.md) explains how they are used.",
        "",
    ]
    for path, text in helps(get_command(app), None, "meetstream-async"):
        lines += [f"## {path}", "", "```text", text.rstrip(), "```", ""]
    return "\n".join(lines)
