"""SQLite as the engine needs it, of whatever age the one is that this Python came with."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from .. import ConfigurationError
from .json_rows import sqlite_row

_OLDEST = (3, 35, 0)
"""The first one that knows RETURNING, without which the engine can't take anything from a queue."""


class Connection(sqlite3.Connection):
    """A connection whose rows are JSON, and that knows ``unixepoch('subsec')``.

    The engine takes it for granted from Python 3.12 on, but it came with SQLite 3.42, and a Python of any
    version may be built on an older one: Debian 12 has 3.40. There each row would lack its time.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row_factory = sqlite_row
        if sqlite3.sqlite_version_info < (3, 42, 0):
            self.create_function("unixepoch", 1, _unixepoch)


def check_version() -> None:
    """Raises ConfigurationError where this Python's SQLite is too old for the engine."""
    if sqlite3.sqlite_version_info < _OLDEST:
        oldest = ".".join(map(str, _OLDEST[:2]))
        raise ConfigurationError(
            f"jobs need SQLite {oldest} or later, and this Python was built on {sqlite3.sqlite_version}: "
            "use a PostgreSQL database, or another build of Python"
        )


def _unixepoch(modifier: str) -> float:
    if modifier != "subsec":
        raise ValueError("only subsec")
    # Whole milliseconds, as SQLite's own.
    return time.time_ns() // 1_000_000 / 1000
