"""Which databases the engine is given: any SQLite that can do what it needs, and no other."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from meetstream_async import ConfigurationError
from meetstream_async.jobs import JobEngine
from meetstream_async.jobs.database import Database
from meetstream_async.jobs.sqlite import Connection, WorkerConnection


def test_any_sqlite_tells_the_time_in_milliseconds() -> None:
    """Every row of the engine has its time, even with a SQLite older than 3.42, on any version of Python."""
    with contextlib.closing(sqlite3.connect(":memory:", factory=Connection)) as store:
        default = "(unixepoch('subsec') * 1000)"
        store.execute(f"CREATE TABLE rows (name, created INTEGER NOT NULL DEFAULT {default})")
        store.execute("INSERT INTO rows (name) VALUES ('one')")
        ((created,),) = store.execute("SELECT created FROM rows").fetchall()
    assert abs(created - time.time() * 1000) < 5000


async def test_a_sqlite_that_is_too_old_is_refused_before_anything_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one sentence that says what to use instead, not by an error of the engine later."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.34.1")
    path = tmp_path / "jobs.sqlite"
    with pytest.raises(ConfigurationError, match=r"3\.35 or later, .* 3\.34\.1: use a PostgreSQL database"):
        await JobEngine(f"sqlite:///{path}").open()
    assert not path.exists()


def test_what_a_worker_has_stored_is_brought_to_disk(tmp_path: Path) -> None:
    """A checkpoint moves its commits from the log into the file itself, waiting for the disk."""
    database = Database.find(f"sqlite:///{tmp_path}/jobs.sqlite")
    assert database.path is not None
    database.prepare()
    with contextlib.closing(sqlite3.connect(database.path, factory=WorkerConnection)) as worker:
        worker.execute("CREATE TABLE steps (name)")
        for told, rows in ((False, []), (True, [("list",)])):
            if told:
                worker.execute("INSERT INTO steps VALUES ('list')")
                worker.commit()
            database.bring_to_disk()
            # Without the log, as if it had been lost.
            copy = tmp_path / f"copy-{told}.sqlite"
            copy.write_bytes(database.path.read_bytes())
            with contextlib.closing(sqlite3.connect(copy)) as file:
                assert file.execute("SELECT name FROM steps").fetchall() == rows
