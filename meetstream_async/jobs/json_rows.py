"""Rows of the job database as the engine gets to see them: JSON, whatever kind they say they are.

DBOS reads a stored value by the marker in the value's own row. One marker makes it unpickle the value,
whichever serializer it was given, and unpickling runs the code of whoever wrote the row. The choice is closed
here, below DBOS: each connection hands out the marker of JSON in place of any other, and a refusal, which is
not JSON, in place of the values.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import psycopg

JSON: Final = "portable_json"
"""The marker of ``DBOSPortableJSONSerializer``."""
_PICKLE = "py_pickle"
_VALUES = frozenset({"inputs", "output", "error", "value", "message", "context"})
"""The columns that a marker speaks of."""
_NAMES = frozenset({"workflow_uuid", "executor_id"})
"""Columns with names that users choose; never a marker."""
_REFUSAL = "it is marked "


def refusal(value: object) -> str | None:
    """Why a value was not read; None for one that was."""
    return value[:100] if isinstance(value, str) and value.startswith(_REFUSAL) else None


def sqlite_row(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The ``row_factory`` of a SQLite connection."""
    if _is_plain(row, _markers(cursor.description)):
        return row
    return _as_json([column[0] for column in cursor.description], row)


def postgres_row(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """The ``row_factory`` of a PostgreSQL connection."""
    names = [column.name for column in cursor.description or ()]
    markers = _positions(names)

    def read(values: Sequence[Any]) -> tuple[Any, ...]:
        row = tuple(values)
        return row if _is_plain(row, markers) else _as_json(names, row)

    return read


@lru_cache(maxsize=256)
def _markers(description: tuple[tuple[Any, ...], ...]) -> tuple[int, ...]:
    return _positions([column[0] for column in description])


def _positions(names: Sequence[str]) -> tuple[int, ...]:
    """Where the markers are."""
    return tuple(at for at, name in enumerate(names) if "serialization" in name)


def _is_plain(row: tuple[Any, ...], markers: tuple[int, ...]) -> bool:
    """Whether nothing in a row can be foreign, which is all but always so."""
    return _PICKLE not in row and all(row[at] is None or row[at] == JSON for at in markers)


def _as_json(names: Sequence[str], row: tuple[Any, ...]) -> tuple[Any, ...]:
    marked = [value for name, value in zip(names, row, strict=False) if _is_foreign(name, value)]
    if not marked:
        return row
    refused = f"{_REFUSAL}{str(marked[0])[:40]!r}, and only JSON is read"
    return tuple(
        JSON if _is_foreign(name, value) else refused if _is_value(name) and value is not None else value
        for name, value in zip(names, row, strict=False)
    )


def _is_value(name: str) -> bool:
    # SQLAlchemy's own name for an expression over a table and the one that came before it.
    return name in _VALUES or name.startswith("coalesce")


def _is_foreign(name: str, value: object) -> bool:
    """Whether this is the marker of anything but JSON. Pickle's is one under any column's name."""
    if value is None or value == JSON:
        return False
    return "serialization" in name or (value == _PICKLE and name not in _NAMES)
