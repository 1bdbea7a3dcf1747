"""The job engine of one process: as a worker, or as a client that submits and watches jobs."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import math
from collections.abc import Awaitable
from types import TracebackType
from typing import Self

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

from .. import ConfigurationError
from .._tasks import end, finish, pause
from .client_tables import ClientTables
from .credentials import Resolver
from .database import Database
from .errors import JobStoreError
from .lock import Lock, take, take_file
from .names import ACCOUNT_QUEUE, APPLICATION, JOB_QUEUE, LONGEST_ID, is_id
from .readable import readable
from .runtime import claim, launch, leave_the_log_to_the_application, shut_down
from .secret import shared_secret
from .source import Tables, closed, open_sources, opened
from .tables import DirectTables
from .worker import Worker
from .workflows import appoint

_KEEP = 2.0
"""Seconds between two checks that the worker still holds its lock, and that what it stored is on disk."""
_STEP = 0.05
"""Seconds between two checks whether all runs have ended."""


class JobEngine:
    """The job engine in this process. Use ``async with``, or ``await open()`` and ``await close()``.

    database: a URL, ``sqlite:////absolute/path.sqlite`` or ``postgresql://user:password@host/name``; None
        takes ``MEETSTREAM_JOBS_DATABASE_URL``, or else a SQLite file in the user's state directory.
    worker_id: makes this process a worker: it runs queued accounts and, when it starts, continues those it
        held when it last ended. The id must be unique among the workers of a database and stable over
        restarts. Without an id the process is a client: it submits and watches jobs that workers run
        elsewhere.
    resolver: returns the key for the ``api_key_ref`` of an account.
    accounts_at_once: maximum number of accounts in progress on one worker; stored in the database, so the
        setting of the worker that started last applies to all.
    grace: maximum seconds that ``close()`` waits for requests in flight.

    ``close()`` sends nothing new, waits for requests in flight, and puts unfinished accounts back into the
    queue for other workers. A process can have one worker and any number of clients. Raises
    ConfigurationError for an invalid database, id or number, and if a living worker has the same id;
    JobStoreError if the database can't be reached.
    """

    def __init__(
        self,
        database: str | None = None,
        *,
        worker_id: str | None = None,
        resolver: Resolver | None = None,
        accounts_at_once: int = 20,
        grace: float = 30.0,
    ) -> None:
        self._database = Database.find(database)
        if worker_id is not None and not is_id(worker_id):
            raise ConfigurationError(
                f"worker_id must be printable text of 1 to {LONGEST_ID} characters without spaces, "
                f"not {worker_id!r:.120}"
            )
        if (
            isinstance(accounts_at_once, bool)
            or not isinstance(accounts_at_once, int)
            or accounts_at_once < 1
        ):
            raise ConfigurationError(f"accounts_at_once must be an int, 1 or more, not {accounts_at_once!r}")
        if isinstance(grace, bool) or not isinstance(grace, int | float) or not 0 <= grace < math.inf:
            raise ConfigurationError(f"grace must be a number of seconds, 0 or more, not {grace!r}")
        if resolver is not None and not callable(resolver):
            raise ConfigurationError(f"resolver must be a function, not {type(resolver).__name__}")
        self._worker_id = worker_id
        self._resolver = resolver
        self._accounts_at_once = accounts_at_once
        self._grace = grace
        self._pool: sa.Engine | None = None
        self._client: DBOSClient | None = None
        self._tables: Tables | None = None
        self._direct: DirectTables | None = None
        self._secret: bytes | None = None
        self._worker: Worker | None = None
        self._locks: list[Lock] = []
        self._keeper: asyncio.Task[None] | None = None
        self._launched = False

    def __repr__(self) -> str:
        role = "client" if self._worker_id is None else f"worker {self._worker_id}"
        return f"<JobEngine {role} on {self._database}>"

    @property
    def database(self) -> str:
        """The database's URL, without its password."""
        return str(self._database)

    @property
    def worker_id(self) -> str | None:
        """The name under which this process works; None for a client."""
        return self._worker_id

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> Self:
        """Connect and, with a worker_id, start to work."""
        if self._client is not None:
            raise ConfigurationError("this JobEngine is open already")
        try:
            await finish(asyncio.to_thread(self._connect))
            if self._worker_id is not None:
                # Cancelled, it ends nevertheless: what it has taken is given back whole.
                await finish(self._start())
        except BaseException:
            await self.close()
            raise
        opened(self)
        return self

    async def close(self) -> None:
        """Stop working and disconnect. May be called more than once.

        If cancelled, it still does all of this before it raises the cancellation.
        """
        closed(self)
        await finish(self._close())

    async def _close(self) -> None:
        if self._worker is not None:
            await self._finish(self._worker)
            self._worker = None
        if self._keeper is not None:
            await end(self._keeper)
            self._keeper = None
        while self._locks:
            self._locks.pop().close()
        if self._client is not None:
            self._client.destroy()
            self._client = self._tables = self._secret = None
        if self._direct is not None:
            self._direct.close()
            self._direct = None
        if self._pool is not None:
            self._pool.dispose()
            self._pool = None

    def derive_id(self, *parts: str) -> str:
        """48 hexadecimal digits, the same for the same parts in every process on this database.

        Only those who can read the database can compute them: they are keyed with a secret that is kept in
        it. Raises ConfigurationError if the engine is not open.
        """
        if self._secret is None:
            raise ConfigurationError("the JobEngine is not open; use `async with JobEngine(...)`")
        return hmac.digest(self._secret, json.dumps(parts).encode(), "sha256").hex()[:48]

    # --- for the other modules ---

    @property
    def client(self) -> DBOSClient:
        """The client of the database. Raises ConfigurationError if the engine is not open."""
        if self._client is None:
            raise ConfigurationError("the JobEngine is not open; use `async with JobEngine(...)`")
        return self._client

    @property
    def tables(self) -> Tables:
        """Reads of the tables. Raises ConfigurationError if the engine is not open."""
        if self._tables is None:
            raise ConfigurationError("the JobEngine is not open; use `async with JobEngine(...)`")
        return self._tables

    @property
    def store(self) -> Database:
        """The database, as the functions of this package use it."""
        return self._database

    # --- lifecycle ---

    def _connect(self) -> None:
        leave_the_log_to_the_application()
        self._database.prepare()
        with self._database.errors():
            self._pool = self._database.engine()
            with self._pool.connect():
                pass
            DBOS.migrate(self._database.url)
            with readable(f"the secret in {self._database}"):
                self._secret = shared_secret(self._pool)
            self._client = DBOSClient(
                system_database_engine=self._pool,
                serializer=DBOSPortableJSONSerializer(),
                application_name=APPLICATION,
                retry_connection_errors=False,
            )
            # Its own reads build each statement anew, which takes ten times as long.
            self._direct = DirectTables.connect(self._database)
            self._tables = self._direct or ClientTables(self._client)

    async def _start(self) -> None:
        assert self._worker_id is not None
        assert self._pool is not None
        if any(one._worker is not None for one in open_sources() if isinstance(one, JobEngine)):
            raise ConfigurationError(
                "this process has a worker already; open the other one in its own process"
            )
        if self._database.path is not None:
            await self._lock(
                asyncio.to_thread(take_file, self._database),
                f"another worker is running on {self._database}: a SQLite file allows one worker at a time",
            )
        await self._lock(
            asyncio.to_thread(take, self._database, self._worker_id),
            f"a worker {self._worker_id!r} is running on {self._database}: give this one a different id",
        )
        self._keeper = asyncio.create_task(self._keep_locks(), name="meetstream_async jobs keeper")
        # A SQLite file has one worker, whose clients share their pace by themselves.
        pace_store = self._database.url if self._database.path is None else None
        self._worker = Worker(self.client, self._pool, self._resolver, pace_store)
        appoint(self._worker)
        with self._database.errors():
            await asyncio.to_thread(self._launch)

    async def _lock(self, taking: Awaitable[Lock | None], refusal: str) -> None:
        with self._database.errors():
            lock = await taking
        if lock is None:
            raise ConfigurationError(refusal)
        self._locks.append(lock)

    async def _keep_locks(self) -> None:
        while True:
            await pause(_KEEP)
            for lock in self._locks:
                # A thread can't be cancelled; the lock is not closed under its hands.
                await finish(asyncio.to_thread(lock.keep))
            await finish(asyncio.to_thread(self._database.bring_to_disk))

    def _launch(self) -> None:
        assert self._worker_id is not None
        claim(self._database, self._worker_id)
        self._launched = True
        launch(self.client, self._accounts_at_once)

    async def _finish(self, worker: Worker) -> None:
        worker.stop()
        # Polled, because a thread that waits would occupy one of the executor's threads.
        for _ in range(math.ceil(self._grace / _STEP)):
            if worker.idle.is_set():
                break
            await pause(_STEP)
        if self._launched:
            self._launched = False
            await asyncio.to_thread(shut_down)
        appoint(None)
        with contextlib.suppress(JobStoreError), self._database.errors():
            await self._hand_back()

    async def _hand_back(self) -> None:
        """Put this worker's unfinished accounts back into the queue, since it may not come back."""
        assert self._worker_id is not None
        for queue in (JOB_QUEUE, ACCOUNT_QUEUE):
            rows = await self.client.list_workflows_async(
                executor_id=self._worker_id,
                queue_name=queue,
                status="PENDING",
                load_input=False,
                load_output=False,
            )
            if rows:
                ids = [row.workflow_id for row in rows]
                await self.client.resume_workflows_async(ids, queue_name=queue)


def current_engine(engine: JobEngine | None = None) -> JobEngine:
    """The given engine, or the one that was opened last in this process.

    Raises ConfigurationError if there is none.
    """
    if engine is not None:
        return engine
    for source in reversed(open_sources()):
        if isinstance(source, JobEngine):
            return source
    raise ConfigurationError("no JobEngine is open in this process; use `async with JobEngine(...)`")
