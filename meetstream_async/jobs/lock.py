"""One process at a time under one worker's name: a lock that ends with the process, however it ends."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import psycopg

from .database import Database


class Lock(Protocol):
    """Held until it is released or the process dies."""

    def close(self) -> None: ...


def take(database: Database, worker_id: str) -> Lock | None:
    """The lock of a worker's name in a database, or None where a living process holds it."""
    if database.path is not None:
        return _take_file(database.path, f"worker-{_number(worker_id) % 2**64:016x}")
    connection = psycopg.connect(database.url, autocommit=True, connect_timeout=10)
    try:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_number(worker_id)]).fetchone()
        if row is not None and row[0]:
            return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def is_held(database: Database, worker_id: str) -> bool:
    """Whether a living process works under this name."""
    lock = take(database, worker_id)
    if lock is None:
        return True
    lock.close()
    return False


def take_file(database: Database) -> Lock | None:
    """The lock of a SQLite file, on which one worker at a time can work; None where another one does."""
    assert database.path is not None
    return _take_file(database.path, "worker")


def _take_file(path: Path, name: str) -> Lock | None:
    # A transaction on a file of its own: the operating system ends it with the process, on every platform.
    lock = path.with_name(f"{path.name}-{name}")
    os.close(os.open(lock, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(lock, timeout=0.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        with contextlib.closing(connection):
            if error.sqlite_errorname != "SQLITE_BUSY":
                raise
        return None
    return connection


def _number(worker_id: str) -> int:
    digest = blake2b(f"meetstream_async worker {worker_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
