"""Rows of the job database that no job has written, as somebody with access to the file would write them."""

from __future__ import annotations

import base64
import contextlib
import os
import pickle
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meetstream_async.jobs import JobEngine

MARKED = "it is marked 'py_pickle', and only JSON is read"


class Evil:
    """Code that runs where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@contextlib.contextmanager
def pickle_that_runs_code(folder: Path) -> Iterator[str]:
    """A value that runs code where it is unpickled; in the end none has run."""
    mark = folder / "ran"
    yield base64.b64encode(pickle.dumps(Evil(mark))).decode()
    assert not mark.exists()


def change(engine: JobEngine, statement: str, *values: object) -> None:
    """Write into the database, as somebody who may."""
    path = engine.store.path
    assert path is not None
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1


TABLES = ("workflow_status", "workflow_input", "workflow_output", "operation_outputs")


@contextlib.contextmanager
def rows_put_back(engine: JobEngine, job_id: str) -> Iterator[None]:
    """In the end, the rows of a job that is over are what they were."""
    assert engine.store.path is not None
    own = "WHERE workflow_uuid = ? OR workflow_uuid LIKE ? || '/%'"
    with contextlib.closing(sqlite3.connect(engine.store.path, timeout=20)) as connection:
        rows = {
            table: connection.execute(f"SELECT * FROM {table} {own}", (job_id, job_id)).fetchall()
            for table in TABLES
        }
        try:
            yield
        finally:
            with connection:
                for table in reversed(TABLES):
                    connection.execute(f"DELETE FROM {table} {own}", (job_id, job_id))
                for table, kept in rows.items():
                    holes = ", ".join("?" * len(kept[0]))
                    connection.executemany(f"INSERT INTO {table} VALUES ({holes})", kept)


def mark(engine: JobEngine, row: str, **values: object) -> None:
    """Mark a workflow's row as pickle, with other values."""
    change(engine, "UPDATE workflow_status SET serialization = 'py_pickle' WHERE workflow_uuid = ?", row)
    for column, value in values.items():
        table = "workflow_input" if column == "inputs" else "workflow_output"
        other = "inputs" if column == "inputs" else "output, error"
        holes = "?" if column == "inputs" else "?, NULL" if column == "output" else "NULL, ?"
        change(
            engine,
            # The engine's own default for the time of a row is none on Python 3.12 with SQLite before 3.42.
            f"INSERT OR REPLACE INTO {table} (workflow_uuid, retention_timestamp, {other})"
            f" VALUES (?, 0, {holes})",
            row,
            value,
        )


def state(engine: JobEngine, row: str) -> str:
    """What the engine calls a workflow's state."""
    assert engine.store.path is not None
    with contextlib.closing(sqlite3.connect(engine.store.path, timeout=20)) as connection:
        found = connection.execute("SELECT status FROM workflow_status WHERE workflow_uuid = ?", (row,))
        return str(found.fetchone()[0])
