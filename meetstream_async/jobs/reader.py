"""Read jobs straight from the engine's tables, without importing the engine.

Where a database has other tables, as one that an older release made and none has opened since, the engine
reads them.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .. import ConfigurationError
from .._tasks import finish
from .database import Database
from .source import Tables, closed, opened
from .tables import DirectTables, NoTables

if TYPE_CHECKING:
    from .engine import JobEngine


class JobReader:
    """Reads the jobs of a database without an engine, for ``job_status``, ``list_jobs``, ``job_outcomes``
    and ``wait_for_job``. It starts in a fraction of the time that an engine takes, and creates no database
    where there is none.

    Use ``async with``, or ``await open()`` and ``await close()``. database: as for ``JobEngine``. Raises
    ConfigurationError for an invalid database, JobStoreError if it can't be reached.
    """

    worker_id = None
    """A reader is no worker."""

    def __init__(self, database: str | None = None) -> None:
        self._database = Database.find(database)
        self._tables: Tables | None = None
        self._direct: DirectTables | None = None
        self._engine: JobEngine | None = None

    def __repr__(self) -> str:
        return f"<JobReader of {self._database}>"

    @property
    def database(self) -> str:
        """The database's URL, without its password."""
        return str(self._database)

    @property
    def store(self) -> Database:
        """The database, as the functions of this package use it."""
        return self._database

    @property
    def tables(self) -> Tables:
        """Reads of the tables. Raises ConfigurationError if the reader is not open."""
        if self._tables is None:
            raise ConfigurationError("the JobReader is not open; use `async with JobReader(...)`")
        return self._tables

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> Self:
        """Connect."""
        if self._tables is not None:
            raise ConfigurationError("this JobReader is open already")
        if self._database.path is not None and not self._database.path.exists():
            self._tables = NoTables()
        else:
            with self._database.errors():
                self._direct = await finish(asyncio.to_thread(DirectTables.connect, self._database))
            self._tables = self._direct
            if self._direct is None:
                from .engine import JobEngine

                self._engine = await JobEngine(self._database.url).open()
                self._tables = self._engine.tables
        opened(self)
        return self

    async def close(self) -> None:
        """Disconnect. May be called more than once."""
        closed(self)
        self._tables = None
        if self._direct is not None:
            self._direct.close()
            self._direct = None
        if self._engine is not None:
            await self._engine.close()
            self._engine = None
