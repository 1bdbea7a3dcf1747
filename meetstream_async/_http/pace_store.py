"""Where processes with one key keep their common pace: a SQLite file, or a table in PostgreSQL.

Both are a row for each key, changed in a transaction, and a clock. Ready-made limiters (pyrate-limiter,
limits) keep tokens for a rate that is known; a pause that was told and a rate that is being found have no
place there.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from ..errors import ClientSetupError

T = TypeVar("T")
Change = Callable[[dict[str, Any] | None, float], tuple[dict[str, Any], T]]
"""From the state of a key, if there is one, and the time by the store's clock, to the new state and a
result."""

_BUSY = 2.0
"""Seconds to wait for another process's transaction, or for a connection."""


class StoreError(Exception):
    """The store can't be used. Its text names no address."""


class _Rows(Protocol):
    """A connection, used by one thread."""

    def change(self, name: str, change: Change[T]) -> T: ...
    def close(self) -> None: ...


class PaceStore:
    """Changes the states of keys, in a thread of its own."""

    def __init__(self, place: str, connect: Callable[[], _Rows], kinds: tuple[type[Exception], ...]) -> None:
        self._place = place
        self._connect = connect
        self._kinds = kinds
        self._rows: _Rows | None = None
        self.thread: ThreadPoolExecutor = ThreadPoolExecutor(1, thread_name_prefix="meetstream_async pace")

    def change(self, name: str, change: Change[T]) -> T:
        """Change the state of a key. Blocks; to be called in the thread. Raises StoreError."""
        try:
            if self._rows is None:
                self._rows = self._connect()
            return self._rows.change(name, change)
        except self._kinds as exc:
            self._drop()
            kind = type(exc).__name__
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
            kind = "what is stored is no pace"
        raise StoreError(kind)

    def fails(self) -> bool:
        """It can't be used. Returns whether that is news: clients may come and go meanwhile."""
        is_news = self._place not in _failing
        _failing.add(self._place)
        return is_news

    def works(self) -> None:
        """It can be used again."""
        _failing.discard(self._place)

    def _drop(self) -> None:
        rows, self._rows = self._rows, None
        if rows is not None:
            with contextlib.suppress(*self._kinds):
                rows.close()

    def __del__(self) -> None:
        self.thread.shutdown(wait=False)
        self._drop()


class _Sqlite:
    def __init__(self, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # Here, because most clients keep no store, and importing it takes 2 % of the package's import.
        import sqlite3

        # Used by the store's thread, and closed by whoever drops the store.
        self._file = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode = WAL")
        # What a crash of the machine takes is found anew.
        self._file.execute("PRAGMA synchronous = OFF")
        self._file.execute("CREATE TABLE IF NOT EXISTS pace (name TEXT PRIMARY KEY, state TEXT NOT NULL)")
        with contextlib.suppress(OSError):
            os.chmod(path, 0o600)
        self._path, self._opened = path, _identity(path)

    def change(self, name: str, change: Change[T]) -> T:
        if _identity(self._path) != self._opened:
            # SQLite would go on in the file that nobody else can find.
            raise FileNotFoundError("the file was deleted or replaced")
        with self._transaction():
            now = self._file.execute("SELECT (julianday('now') - 2440587.5) * 86400.0").fetchone()[0]
            row = self._file.execute("SELECT state FROM pace WHERE name = ?", (name,)).fetchone()
            state, result = change(None if row is None else json.loads(row[0]), now)
            self._file.execute("INSERT OR REPLACE INTO pace VALUES (?, ?)", (name, json.dumps(state)))
        return result

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    def close(self) -> None:
        self._file.close()


def _identity(path: str) -> tuple[int, int] | None:
    """Which file is at that path; None if there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class _Postgres:
    def __init__(self, psycopg: Any, url: str) -> None:
        self._server = psycopg.connect(url, connect_timeout=max(2, int(_BUSY)), autocommit=True)
        with self._server.transaction():
            # Two processes that create it at once would collide.
            self._server.execute("SELECT pg_advisory_xact_lock(7263541)")
            self._server.execute(
                "CREATE TABLE IF NOT EXISTS meetstream_async_pace "
                "(name TEXT PRIMARY KEY, state TEXT NOT NULL)"
            )

    def change(self, name: str, change: Change[T]) -> T:
        with self._server.transaction():
            # What a crash of the server takes is found anew.
            self._server.execute(
                f"SET LOCAL statement_timeout = {int(_BUSY * 1000)}; SET LOCAL synchronous_commit = off"
            )
            self._server.execute("SELECT pg_advisory_xact_lock(7263541, hashtext(%s))", (name,))
            row = self._server.execute(
                "SELECT extract(epoch FROM clock_timestamp())::float8, "
                "(SELECT state FROM meetstream_async_pace WHERE name = %s)",
                (name,),
            ).fetchone()
            state, result = change(None if row[1] is None else json.loads(row[1]), row[0])
            self._server.execute(
                "INSERT INTO meetstream_async_pace VALUES (%s, %s) "
                "ON CONFLICT (name) DO UPDATE SET state = excluded.state",
                (name, json.dumps(state)),
            )
        return result

    def close(self) -> None:
        self._server.close()


_open: WeakValueDictionary[str, PaceStore] = WeakValueDictionary()
_lock = threading.Lock()
_failing: set[str] = set()
"""Places of stores that can't be used, and of which that was said."""


def forget_stores() -> None:
    """In a process that was forked: a thread does not come along, and a connection has one process."""
    global _lock
    _lock = threading.Lock()
    _open.clear()


def check_pace_store(value: object, variable: str) -> str | None:
    """The place of a store, from an argument or else the environment. Raises ClientSetupError for no
    place."""
    if value is None:
        value = os.environ.get(variable) or None
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike) or not isinstance(place := os.fspath(value), str):
        raise ClientSetupError(
            f"pace_store must be a path or a postgresql:// URL, not {type(value).__name__}"
        )
    if ("://" in place and not place.startswith(("postgresql://", "postgres://"))) or not place:
        # Do not show the value: it may hold a password.
        raise ClientSetupError("pace_store must be a path or a postgresql:// URL")
    if "://" in place:
        _psycopg()
    return place


def open_store(place: str) -> PaceStore:
    """The store at that place, one for all clients of this process. Does no I/O."""
    with _lock:
        store = _open.get(place)
        if store is None:
            if "://" in place:
                psycopg = _psycopg()
                store = PaceStore(place, lambda: _Postgres(psycopg, place), (psycopg.Error, OSError))
            else:
                import sqlite3

                store = PaceStore(place, lambda: _Sqlite(place), (sqlite3.Error, OSError))
            _open[place] = store
        return store


def _psycopg() -> Any:
    try:
        return importlib.import_module("psycopg")
    except ImportError:
        raise ClientSetupError(
            "a pace_store in PostgreSQL needs psycopg: "
            "pip install 'meetstream-async[jobs]', or '.[jobs]' in a checkout"
        ) from None
