"""Output: results go to stdout, everything else to stderr. A server's text is shown, never interpreted."""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

from .display import DISPLAY

_COPYABLE = 40
"""Maximum length of an id that is kept on one line of a narrow terminal."""
# Wide enough that each row of a table in a pipe fits on one line, uncut.
_PIPE_WIDTH = 4000


def clean(value: object, limit: int = 500) -> str:
    """A server's text on one line, with control characters escaped."""
    whole = str(value)
    if len(whole) <= limit and whole.isprintable():
        return whole
    text = "".join(
        char if char.isprintable() else " " if char.isspace() else ascii(char)[1:-1] for char in whole[:limit]
    )
    return text if len(text) <= limit and len(whole) <= limit else f"{text[: limit - 1]}…"


class CleanFormatter(logging.Formatter):
    """Formats lines with control characters escaped, whatever a server has written into them."""

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record), 2000)


_LEFT = (errno.EPIPE, errno.EIO)
"""Errors of a write whose reader is gone: a closed pipe, or a terminal that hung up."""


class _Tolerant:
    """A stream that becomes silent when its reader is gone, so that the run writing to it continues.

    On stderr all errors are ignored: a log on a full disk must not stop a run halfway.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._bear(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._bear(error)

    def _bear(self, error: OSError) -> None:
        if error.errno not in _LEFT and self._stream is not sys.stderr:
            raise error
        silence(self._stream)


def silence(stream: TextIO) -> None:
    """Discard everything written to this stream from now on."""
    # The stream keeps what it could not write, and the interpreter flushes it again at exit.
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)


def prepare() -> None:
    """Make both streams able to write any text in any locale, even if the shell has closed them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for the rest of the process
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def console(stream: TextIO) -> Console:
    """A console that interprets neither markup nor emoji codes, and highlights nothing."""
    file: Any = _Tolerant(stream)
    return Console(
        file=file,
        markup=False,
        emoji=False,
        highlight=False,
        no_color=True if DISPLAY.no_color else None,
        width=None if stream.isatty() else _PIPE_WIDTH,
    )


def say(*parts: str | tuple[str, str]) -> None:
    """Print one line for the user on stderr; a part may be (text, style).

    With ``--quiet`` only lines that begin with "error:" or "warning:" are printed.
    """
    first = parts[0][0] if parts and isinstance(parts[0], tuple) else ""
    if DISPLAY.quiet and first not in ("error:", "warning:"):
        return
    line = Text.assemble(*parts)
    # A command is to be copied as one line; anything else is broken between words, and not within one.
    console(sys.stderr).print(line, soft_wrap="meetstream-async " in line.plain)


def show(renderable: RenderableType, *, results: bool = False) -> None:
    """Print a table or text: on stdout if it is a result, otherwise on stderr, unless it is to be quiet."""
    if DISPLAY.quiet and not results:
        return
    target = console(sys.stdout if results else sys.stderr)
    with target.capture() as capture:
        target.print(renderable)
    for line in capture.get().splitlines():
        target.file.write(line.rstrip() + "\n")
    target.file.flush()


def facts(*rows: tuple[str, Sequence[str]]) -> Table:
    """A table of titles and their lines; titles without lines are omitted."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for title, lines in rows:
        if lines:
            grid.add_row(Text(title), Text("\n".join(lines)))
    return grid


def table(*titles: str) -> Table:
    """An empty table in the common style."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        # Fold rather than cut: half an id is useless.
        grid.add_column(title, overflow="fold")
    return grid


def keep_whole(column: Column, names: Iterable[str]) -> None:
    """Keep these ids on one line each, so that they can be copied; the words beside them wrap instead."""
    column.no_wrap = all(len(name) <= _COPYABLE for name in names)


def write_rows(titles: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
    """A table on a stdout that is no terminal, each row on one line: thousands of them in no time.

    The cells are clean already.
    """
    texts = [list(titles), *([cell.plain for cell in row] for row in rows)]
    widths = [max(cell_len(row[column]) for row in texts) for column in range(len(titles))]
    stream = _Tolerant(sys.stdout)
    for row in texts:
        padded = (text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True))
        stream.write("  ".join(padded).rstrip() + "\n")
    stream.flush()


def plural(count: int, noun: str) -> str:
    """A count with its noun: 1 event, 2 events."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def lasting(seconds: float) -> str:
    """A duration in its two largest units: 40 s, 3 min, 2 h 5 min, 3 d 4 h."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    units = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join(units[:2])


def print_json(document: Any) -> None:
    """Print the JSON document of ``--json``."""
    stream = _Tolerant(sys.stdout)
    # ASCII only, so that neither a terminal nor a locale can garble it.
    stream.write(json.dumps(document, indent=2) + "\n")
    stream.flush()


def print_line(text: str) -> None:
    """Print one line of results, flushed immediately."""
    stream = _Tolerant(sys.stdout)
    stream.write(text + "\n")
    stream.flush()
