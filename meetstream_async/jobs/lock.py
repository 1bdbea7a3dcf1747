"""One process at a time per worker id: a lock that is released when the process ends, however it ends."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .._logs import log_fields
from .database import Database

if TYPE_CHECKING:
    import psycopg

_log = logging.getLogger("meetstream_async.jobs")


class Lock(Protocol):
    """A lock that is held until it is released or the process dies."""

    def keep(self) -> None:
        """Acquire the lock again if the server has lost it. To be called regularly."""

    def close(self) -> None:
        """Release it."""


def take(database: Database, worker_id: str) -> Lock | None:
    """The lock of a worker id in a database, or None if a living process holds it."""
    number = _number(worker_id)
    if database.path is not None:
        return _FileLock.take(database.path, _name(worker_id))
    return _SessionLock.take(database.url, number)


def take_file(database: Database) -> Lock | None:
    """The lock of a SQLite file, which allows one worker at a time; None if another worker holds it."""
    assert database.path is not None
    return _FileLock.take(database.path, "worker")


def last_seen(database: Database, worker_id: str) -> datetime | None:
    """When a worker on a SQLite file last said that it is there; None for other databases and workers."""
    if database.path is None:
        return None
    try:
        stamp = _file(database.path, _name(worker_id)).stat().st_mtime
    except OSError:
        return None
    return datetime.fromtimestamp(stamp, UTC)


def is_held(database: Database, worker_id: str) -> bool:
    """Whether a living process uses this worker id."""
    lock = take(database, worker_id)
    if lock is None:
        return True
    lock.close()
    return False


class _FileLock:
    """A transaction on a separate file: on every platform the system ends it with the process."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection = connection
        self._file = file

    @classmethod
    def take(cls, path: Path, name: str) -> _FileLock | None:
        file = _file(path, name)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(file, timeout=0.0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            with contextlib.closing(connection):
                if error.sqlite_errorname != "SQLITE_BUSY":
                    raise
            return None
        return cls(connection, file)

    def keep(self) -> None:
        # Its time tells others that the worker is there, without their trying the lock.
        with contextlib.suppress(OSError):
            os.utime(self._file)

    def close(self) -> None:
        self._connection.close()


class _SessionLock:
    """An advisory lock of PostgreSQL: the server ends it with the connection."""

    def __init__(self, url: str, number: int, connection: psycopg.Connection) -> None:
        self._url = url
        self._number = number
        self._connection = connection

    @classmethod
    def take(cls, url: str, number: int) -> _SessionLock | None:
        import psycopg

        connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
        try:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", [number]).fetchone()
        except BaseException:
            connection.close()
            raise
        if row is not None and row[0]:
            return cls(url, number, connection)
        connection.close()
        return None

    def keep(self) -> None:
        import psycopg

        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            self._connection.close()
            # A restarted server has lost the lock; if the server is unreachable, try again later.
            with contextlib.suppress(psycopg.Error):
                again = self.take(self._url, self._number)
                if again is None:
                    _log.error("another process uses this worker's id", extra=log_fields("lock"))
                else:
                    self._connection = again._connection

    def close(self) -> None:
        self._connection.close()


def _file(path: Path, name: str) -> Path:
    return path.with_name(f"{path.name}-{name}")


def _name(worker_id: str) -> str:
    return f"worker-{_number(worker_id) % 2**64:016x}"


def _number(worker_id: str) -> int:
    digest = blake2b(f"meetstream_async worker {worker_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
