"""One worker: runs accounts from its queue, one workflow each, on the engine's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import sqlalchemy as sa
from attrs import define, field
from dbos import DBOS, DBOSClient, WorkflowStatus

from .. import MeetStreamClient
from .._logs import log_fields
from .._tasks import finish, pause
from .accounts import JobAccount
from .credentials import Resolver, resolve
from .ledger import AccountLedger
from .names import Json, is_cancelled
from .options import JobOptions
from .readable import readable, unreadable
from .steps import STEPS
from .workflows import account_options

_log = logging.getLogger("meetstream_async.jobs")

_WATCH = 1.0
"""Seconds between two checks whether a job was cancelled."""


@define(eq=False)
class Run:
    """One account while this worker runs it."""

    worker: Worker
    workflow_id: str
    job_id: str
    account: JobAccount
    options: JobOptions
    ledger: AccountLedger
    stop: asyncio.Event = field(factory=asyncio.Event)
    """When set, nothing new is sent, and the run leaves at its next step."""
    cancelled: bool = False
    """The job was cancelled, so the run is not put back into the queue."""
    _client: MeetStreamClient | None = None

    async def do(self, name: str) -> None:
        """Do a step, unless it is stored already, and apply its result."""

        async def step() -> Json:
            return await STEPS[name](self._connect, self.ledger, self.stop)

        where = f"step {name!r} of {self.workflow_id!r}"
        try:
            stored = await DBOS.run_step_async({"name": name}, step)
        except json.JSONDecodeError as error:
            raise unreadable(where, error.doc) from None
        with readable(where):
            self.ledger.take(stored)

    async def _connect(self) -> MeetStreamClient:
        # Not before a step needs it: replaying stored steps needs no key.
        if self._client is None:
            key = await resolve(self.account, self.worker.resolver, self.worker.resolver_loop)
            self._client = MeetStreamClient(
                key,
                base_url=self.account.base_url,
                timeout=self.options.timeout,
                rate_limit=self.options.rate_limit,
                trust_env=True,
                pace_store=self.worker.pace_store,
            )
            # A connection is made for many accounts: for a small one, making it costs as much as using it.
            self.worker.connections = self._client.api.transport.share(self.worker.connections)
        return self._client

    async def disconnect(self) -> None:
        if self._client is not None:
            await self._client.close()


class Worker:
    """The runs of this process. Everything except ``stop`` and ``idle`` belongs to the engine's loop."""

    def __init__(
        self, client: DBOSClient, pool: sa.Engine, resolver: Resolver | None, pace_store: str | None = None
    ) -> None:
        """``pace_store``: where the workers share the pace of their keys; None if this is the only one."""
        self.pace_store = pace_store
        self.client = client
        self.pool = pool
        self.resolver = resolver
        self.resolver_loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        """The application's event loop."""
        self.idle: threading.Event = threading.Event()
        """Set while there are neither runs nor connections."""
        self.idle.set()
        self.connections: Any = None
        """What the clients of the runs share; made by the first of them."""
        self._loop: asyncio.AbstractEventLoop | None = None
        """The engine's event loop, once it has run something."""
        self._runs: dict[str, Run] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._stopping = False
        self._closing: asyncio.Task[None] | None = None
        self._checked: dict[str, float] = {}
        """When a job was last found not to be cancelled, by the clock of ``time.monotonic``."""

    async def enqueue(self, job_id: str, accounts: list[Json], first: int, options: Json) -> int:
        """Put accounts of a job into the queue, in one transaction. Existing ones are left as they are."""

        def insert() -> None:
            with self.pool.begin() as connection:
                for index, account in enumerate(accounts, first):
                    self.client.enqueue_in_transaction(
                        connection, account_options(job_id, index), job_id, account, options
                    )

        await asyncio.to_thread(insert)
        return len(accounts)

    async def run(self, workflow_id: str, job_id: str, account: Json, options: Json) -> Json:
        """Run one account, from its first listing or from the end of its stored steps."""
        with readable(f"account {workflow_id!r}"):
            given = JobAccount.from_dict(account)
            chosen = JobOptions.from_dict(options)
        ledger = AccountLedger(chosen, given.event_ids, given.reference)
        run = Run(self, workflow_id, job_id, given, chosen, ledger)
        started = time.monotonic()
        async with self._registered(run):
            try:
                summary = await self._work(run)
            except asyncio.CancelledError:
                if run.cancelled:
                    with _database_aside():
                        await self.client.cancel_workflow_async(workflow_id)
                raise
            finally:
                await run.disconnect()
        _tell(run, summary, time.monotonic() - started)
        return summary

    async def _work(self, run: Run) -> Json:
        ledger = run.ledger
        # Otherwise the watcher has just looked, and looks again within the second.
        if time.monotonic() - self._checked.get(run.job_id, -math.inf) > _WATCH:
            await self._stop_cancelled([run])
        while (name := ledger.next_step) is not None:
            if run.stop.is_set() and name != "close":
                # Its steps so far are stored; the next worker continues from there.
                raise asyncio.CancelledError
            await run.do(name)
        return ledger.summary()

    @contextlib.asynccontextmanager
    async def _registered(self, run: Run) -> AsyncIterator[None]:
        if self._stopping:
            raise asyncio.CancelledError
        self._loop = asyncio.get_running_loop()
        self._runs[run.workflow_id] = run
        self.idle.clear()
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch(), name="meetstream_async jobs watcher")
        try:
            yield
        finally:
            if self._runs.get(run.workflow_id) is run:
                del self._runs[run.workflow_id]
            if self._stopping and not self._runs:
                await self._disconnect()

    async def _disconnect(self) -> None:
        """Close the connections. Nobody runs."""
        connections, self.connections = self.connections, None
        try:
            if connections is not None:
                await finish(connections.close())
        finally:
            # An account may have begun meanwhile.
            if not self._runs:
                self.idle.set()

    async def _watch(self) -> None:
        while not self.idle.is_set():
            while self._runs:
                await pause(_WATCH)
                self._checked.clear()
                await self._stop_cancelled(list(self._runs.values()))
            # Not behind each last run: the next account may be there at the next look into the queue.
            await self._disconnect()

    async def _stop_cancelled(self, runs: list[Run]) -> None:
        """Stop the runs of jobs that were cancelled."""
        jobs = list({run.job_id for run in runs})
        rows: list[WorkflowStatus] = []
        with _database_aside():
            rows = await self.client.list_workflows_async(
                workflow_ids=jobs, load_input=False, load_output=False
            )
        cancelled = {row.workflow_id for row in rows if is_cancelled(row.attributes)}
        now = time.monotonic()
        self._checked.update((row.workflow_id, now) for row in rows if row.workflow_id not in cancelled)
        for run in runs:
            if run.job_id in cancelled:
                run.cancelled = True
                run.stop.set()

    # --- called from other threads ---

    def stop(self) -> None:
        """Send nothing new, in any run. Requests in flight finish, and their outcomes are stored."""
        self._stopping = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop_runs)

    def _stop_runs(self) -> None:
        for run in self._runs.values():
            run.stop.set()
        if not self._runs:
            self._closing = asyncio.create_task(self._disconnect(), name="meetstream_async jobs closing")


@contextlib.contextmanager
def _database_aside() -> Iterator[None]:
    """Suppress database errors while checking for cancelled jobs: the check can wait, and no run may fail."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, json.JSONDecodeError) as error:
        kind = type(error).__name__
        _log.warning("the job database can't be used: %s", kind, extra=log_fields("database", error=kind))


def _tell(run: Run, summary: dict[str, Any], seconds: float) -> None:
    """Log one line for each account that has ended."""
    counts = ", ".join(f"{count} {status}" for status, count in summary["counts"].items()) or "no events"
    reason = f": {summary['reason']}" if summary["reason"] else ""
    _log.info(
        "job %s, account %s: %s after %.1f s (%s)%s",
        run.job_id,
        run.account.name,
        "ok" if summary["ok"] else "not ok",
        seconds,
        counts,
        reason,
        extra=log_fields("account", job_id=run.job_id, account=run.account.name, ok=summary["ok"]),
    )
