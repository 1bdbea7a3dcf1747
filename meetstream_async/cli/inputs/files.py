"""Parse files and standard input: event ids, and rows of calendar events.

Everything is read and checked before anything is sent; errors name the line.
"""

from __future__ import annotations

import csv
import io
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator

from attrs import frozen

from ..exit_codes import Refused
from ..terminal.output import clean

STDIN = "-"
_MIB = 2**20
_MOST_BYTES = 64 * _MIB
_COLUMNS = ("calendar_id", "event_id", "cancel_note")
_MOST_DIGITS = 19
_MOST_NOTE = 255


@frozen
class Row:
    """One calendar event to cancel."""

    line: int
    calendar_id: int
    event_id: int
    note: str | None
    """The note of the row, or that of ``--note``."""


def read_text(name: str, *, most: int = _MOST_BYTES, consequence: str = "too large for a list of ids") -> str:
    """The text of a file, or of standard input for ``-``, without a byte order mark. Raises Refused.

    most: maximum size in bytes; ``consequence`` is what a larger file is told.
    """
    shown = "standard input" if name == STDIN else clean(name)
    is_larger = False
    try:
        if name == STDIN:
            data = sys.stdin.buffer.read(most + 1)
        else:
            with open(name, "rb") as file:
                is_larger = os.fstat(file.fileno()).st_size > most
                # What has no size of its own, such as a pipe, is read as far as it may go.
                data = b"" if is_larger else file.read(most + 1)
    except OSError as error:
        raise Refused(f"{shown} can't be read: {os.strerror(error.errno or 0)}") from None
    if is_larger or len(data) > most:
        raise Refused(f"{shown} is larger than {most // _MIB} MiB: {consequence}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(f"{shown} is not UTF-8 text: save it as UTF-8") from None


def read_ids(name: str) -> tuple[str, ...]:
    """Event ids, one per line, without duplicates; blank lines and lines starting with # are ignored."""
    shown = "standard input" if name == STDIN else clean(name)
    numbered = (
        (f"{shown}, line {number}", line.strip())
        for number, line in enumerate(io.StringIO(read_text(name), newline=None), 1)
    )
    ids = check_ids((where, line) for where, line in numbered if line and not line.startswith("#"))
    if not ids:
        # An empty file may come from a failed query; reporting success would hide that.
        raise Refused(f"{shown} contains no event ids; nothing was sent")
    return ids


def check_ids(numbered: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The ids from pairs of (place, id), without duplicates. Raises Refused for the first invalid one."""
    ids: dict[str, None] = {}
    for where, text in numbered:
        is_one = text.strip() not in ("", ".", "..")
        if not is_one or any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
            raise Refused(f"{where}: '{clean(text, 60)}' is not a valid event id; nothing was sent")
        ids[text] = None
    return tuple(ids)


def read_rows(name: str, *, note: str | None) -> tuple[Row, ...]:
    """The rows of a CSV file, without duplicates. Raises Refused that names bad rows by their lines."""
    shown = "standard input" if name == STDIN else clean(name)
    rows: dict[tuple[int, int], Row] = {}
    problems: list[str] = []
    for line, found in _parse(read_text(name), default=note):
        if isinstance(found, str):
            problems.append(f"line {line}: {found}")
            continue
        earlier = rows.setdefault((found.calendar_id, found.event_id), found)
        if earlier.note != found.note:
            problems.append(f"line {line}: repeats line {earlier.line} with a different note")
    if problems:
        more = f" (and {len(problems) - 3} more bad rows)" if len(problems) > 3 else ""
        raise Refused(f"{shown}, {'; '.join(problems[:3])}{more}; nothing was sent")
    if not rows:
        raise Refused(f"{shown} has no rows of {','.join(_COLUMNS[:2])}[,{_COLUMNS[2]}]; nothing was sent")
    return tuple(rows.values())


def check_note(note: str) -> str:
    """The text of ``--note``. Raises Refused if it is not usable."""
    problem = _note_problem(note)
    if problem is not None:
        raise Refused(f"--note {problem}")
    return note


def check_number(text: str, name: str) -> int:
    """A positive id of MeetBit. Raises Refused for anything else."""
    number = _number(text)
    if number is None:
        raise Refused(f"{name} '{clean(text, 40)}' is not a positive whole number")
    return number


def _parse(text: str, *, default: str | None) -> Iterator[tuple[int, Row | str]]:
    """Each row with its line number, or a message about what is wrong with it."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: tuple[str, ...] = _COLUMNS
    first = True
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"not valid CSV ({clean(error, 80)})"
            return
        if not any(cells):
            continue
        if first:
            first = False
            names = tuple(cell.lower() for cell in cells)
            if set(names) & set(_COLUMNS):
                columns = names
                if problem := _header_problem(names):
                    yield line, problem
                    return
                continue
        yield line, _row(line, cells, columns, default)


def _header_problem(names: tuple[str, ...]) -> str | None:
    strange = [name for name in names if name not in _COLUMNS]
    if strange:
        return f"unknown column '{clean(strange[0], 40)}'; known are {', '.join(_COLUMNS)}"
    if len(set(names)) < len(names):
        return "a column occurs twice"
    missing = [name for name in _COLUMNS[:2] if name not in names]
    return f"the column {missing[0]} is missing" if missing else None


def _row(line: int, cells: list[str], columns: tuple[str, ...], default: str | None) -> Row | str:
    if len(cells) == 1 and ";" in cells[0]:
        return "columns must be separated by commas, not semicolons"
    if len(cells) > len(columns):
        return f"{len(cells)} columns instead of {len(columns)}; a note with a comma needs quotes"
    values = dict(zip(columns, cells, strict=False))
    numbers = []
    for name in _COLUMNS[:2]:
        number = _number(values.get(name, ""))
        if number is None:
            return f"{name} '{clean(values.get(name, ''), 40)}' is not a positive whole number"
        numbers.append(number)
    note = values.get("cancel_note") or default
    if note is None:
        return "cancel_note is empty, and --note was not given"
    problem = _note_problem(note)
    return f"cancel_note {problem}" if problem else Row(line, numbers[0], numbers[1], note)


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        return None
    return int(text) or None


def _note_problem(note: str) -> str | None:
    if not note.strip():
        return "is empty; the API requires a note"
    if len(note) > _MOST_NOTE:
        return f"has {len(note)} characters; at most {_MOST_NOTE} are allowed"
    return "contains a lone surrogate" if any("\ud800" <= char <= "\udfff" for char in note) else None
