"""The job database: its URL, its file permissions, and its name in messages."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from .. import ConfigurationError
from .errors import JobStoreError
from .json_rows import postgres_row
from .sqlite import Connection, WorkerConnection, check_version

if TYPE_CHECKING:
    import sqlalchemy as sa

VARIABLE = "MEETSTREAM_JOBS_DATABASE_URL"
_FORMS = "sqlite:////absolute/path.sqlite or postgresql://user:password@host/database"
BUSY = 30.0
"""Seconds that a writer of a SQLite file waits for another writer."""
_SQLITE = "sqlite:///"
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]+", re.ASCII)
"""A path that stands in a URL as it is, so that SQLAlchemy, which takes long to import, is not needed."""


@frozen
class Database:
    """A validated database URL. Its repr and text do not contain the password."""

    url: str = field(repr=False)
    name: str
    """The URL without its password."""
    path: Path | None
    """The file of a SQLite database; None for PostgreSQL."""

    def __str__(self) -> str:
        return self.name

    @classmethod
    def find(cls, database_url: str | None = None) -> Database:
        """From the given URL, or ``MEETSTREAM_JOBS_DATABASE_URL``, or a file in the user's state directory.

        Raises ConfigurationError for other kinds of URL; the message never shows the URL.
        """
        source = "the database" if database_url is not None else VARIABLE
        text = database_url if database_url is not None else os.environ.get(VARIABLE)
        if not text:
            if database_url is not None:
                raise ConfigurationError(f"the database must be a URL: {_FORMS}")
            from platformdirs import user_state_path

            return cls._of_file(user_state_path("meetstream_async") / "jobs.sqlite")
        if text.startswith(_SQLITE) and _PLAIN.fullmatch(file := text.removeprefix(_SQLITE)):
            return cls._of_file(Path(file))
        import sqlalchemy as sa

        try:
            url = sa.make_url(text)
        except (sa.exc.ArgumentError, ValueError):
            url = None
        if url is None:
            raise ConfigurationError(f"{source} is not a database URL: write {_FORMS}")
        if url.get_backend_name() == "sqlite":
            if not url.database or url.database == ":memory:" or url.query:
                raise ConfigurationError(f"{source} must name a file: sqlite:////absolute/path.sqlite")
            return cls._of_file(Path(url.database))
        if url.get_backend_name() != "postgresql" or not url.database:
            raise ConfigurationError(f"{source} must be a SQLite file or a PostgreSQL database: {_FORMS}")
        url = url.set(drivername="postgresql")
        shown = url.set(query={}).render_as_string(hide_password=True)
        return cls(url.render_as_string(hide_password=False), shown, None)

    @classmethod
    def _of_file(cls, path: Path) -> Database:
        path = path.expanduser().absolute()
        if _PLAIN.fullmatch(str(path)):
            url = f"{_SQLITE}{path}"
        else:
            import sqlalchemy as sa

            url = sa.URL.create("sqlite", database=str(path)).render_as_string()
        return cls(url, url, path)

    def prepare(self) -> None:
        """Create a SQLite file that only its owner can read, in write-ahead mode."""
        if self.path is None:
            return
        check_version()
        try:
            if not self.path.parent.exists():
                self.path.parent.mkdir(mode=0o700, parents=True)
            # Independent of the umask: the file says whose bots are cancelled. SQLite's other files copy its
            # mode.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            with contextlib.closing(sqlite3.connect(self.path, timeout=BUSY)) as connection:
                # Readers and the writer do not block each other; the mode is stored in the file.
                connection.execute("PRAGMA journal_mode=WAL")
        except (OSError, sqlite3.Error) as error:
            problem = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigurationError(f"the job database {self} can't be opened: {problem}") from None

    @property
    def engine_options(self) -> dict[str, Any]:
        """Arguments that every engine on this database needs."""
        if self.path is not None:
            return {"connect_args": {"factory": Connection}}
        return {"connect_args": {"application_name": "meetstream_jobs", "row_factory": postgres_row}}

    @property
    def worker_options(self) -> dict[str, Any]:
        """The same for the engine that runs the accounts."""
        if self.path is not None:
            # A file does not go away: no connection is tried out before each of its transactions.
            return {"connect_args": {"factory": WorkerConnection}, "pool_pre_ping": False}
        return self.engine_options

    def bring_to_disk(self) -> None:
        """What workers have committed to a SQLite file outlives a power failure from now on."""
        if self.path is None:
            return
        # A checkpoint begins with that. It waits for nobody, and can be left to the next one.
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(self.path, timeout=0.0)) as connection,
        ):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def engine(self) -> sa.Engine:
        """A connection pool, for many inserts in one transaction and for the client's reads."""
        import sqlalchemy as sa

        if self.path is None:
            url = sa.make_url(self.url).set(drivername="postgresql+psycopg")
            return sa.create_engine(
                url,
                pool_size=5,
                max_overflow=0,
                pool_pre_ping=True,
                hide_parameters=True,
                **self.engine_options,
            )
        engine = sa.create_engine(self.url, hide_parameters=True, **self.engine_options)

        @sa.event.listens_for(engine, "connect")
        def configure(connection: Any, _: object) -> None:
            connection.isolation_level = "IMMEDIATE"
            connection.execute(f"PRAGMA busy_timeout={int(BUSY * 1000)}")
            connection.execute("PRAGMA foreign_keys=ON")

        return engine

    @property
    def _password(self) -> str | None:
        if self.path is not None:
            return None
        import sqlalchemy as sa

        password = sa.make_url(self.url).password
        return None if password is None else str(password)

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the driver's exceptions into JobStoreError, without the statement and its values."""
        problem = None
        try:
            yield
        except _driver_errors() as error:
            cause = getattr(error, "orig", None) or error
            text = str(cause).strip().splitlines() or [""]
            problem = f"{type(cause).__name__}: {text[0][:300]}"
        if problem is not None:
            problem = problem.replace(self._password, "***") if self._password else problem
            raise JobStoreError(f"the job database {self} can't be used: {problem}")


def _driver_errors() -> tuple[type[Exception], ...]:
    """What the drivers raise; those that were not imported raise nothing."""
    found: list[type[Exception]] = [sqlite3.Error, OSError]
    if (psycopg := sys.modules.get("psycopg")) is not None:
        found.append(psycopg.Error)
    if (sqlalchemy := sys.modules.get("sqlalchemy")) is not None:
        found.append(sqlalchemy.exc.SQLAlchemyError)
    return tuple(found)
