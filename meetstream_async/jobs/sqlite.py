"""SQLite with the features that the engine needs, for older SQLite versions as well."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from .. import ConfigurationError
from .json_rows import sqlite_row

_OLDEST = (3, 35, 0)
"""The first version with RETURNING, which the engine needs to take work from a queue."""


class Connection(sqlite3.Connection):
    """A connection whose rows are read as JSON, and that supports ``unixepoch('subsec')``.

    On Python 3.12 and later the engine assumes that SQLite has it, but it was added in SQLite 3.42, and any
    Python may be built with an older one (Debian 12 has 3.40). There, rows would be stored without their
    time.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row_factory: Any = sqlite_row
        if sqlite3.sqlite_version_info < (3, 42, 0):
            self.create_function("unixepoch", 1, _unixepoch)


class WorkerConnection(Connection):
    """A worker's: what it commits outlives the process at once, and a power failure a little later.

    Waiting for the disk at each commit would take longer than an account's requests. The file stays whole
    without: after a power failure, its last commits may be missing, and the steps in them are repeated.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA synchronous=NORMAL")


def check_version() -> None:
    """Raises ConfigurationError if this Python's SQLite is too old for the engine."""
    if sqlite3.sqlite_version_info < _OLDEST:
        oldest = ".".join(map(str, _OLDEST[:2]))
        raise ConfigurationError(
            f"jobs need SQLite {oldest} or later, and this Python was built on {sqlite3.sqlite_version}: "
            "use a PostgreSQL database, or another build of Python"
        )


def _unixepoch(modifier: str) -> float:
    if modifier != "subsec":
        raise ValueError("only subsec")
    # Whole milliseconds, like SQLite's own function.
    return time.time_ns() // 1_000_000 / 1000
