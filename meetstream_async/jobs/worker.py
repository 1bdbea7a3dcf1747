"""One worker: runs accounts from its queue, one workflow each, on the engine's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import sqlalchemy as sa
from attrs import define, field
from dbos import DBOS, DBOSClient, WorkflowStatus

from .. import ConfigurationError, MeetStreamClient
from .accounts import JobAccount
from .credentials import Resolver, resolve
from .ledger import AccountLedger, Json
from .listing import list_account
from .options import JobOptions
from .steps import close, describe, unschedule
from .workflows import CANCEL, account_options

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

    async def do(self, step: Callable[[Run], Awaitable[Json]]) -> None:
        """Do a step, unless it is stored already, and apply its result."""

        async def counted() -> Json:
            result = await step(self)
            return {**result, "totals": self.ledger.totals_after(result)}

        self.ledger.take(await DBOS.run_step_async({"name": step.__name__}, counted))

    async def look(self) -> Json:
        try:
            client = await self._connect()
        except ConfigurationError as error:
            return {**_NOTHING, "step": "look", "stopped": describe(error)}
        return await list_account(client, self.options, self.ledger, self.stop)

    async def unschedule(self) -> Json:
        chunk = self.ledger.chunk()
        try:
            client = await self._connect()
        except ConfigurationError as error:
            unsent = [entry.key for entry in chunk]
            return {**_NOTHING, "step": "unschedule", "unsent": unsent, "stopped": describe(error)}
        return await unschedule(client, self.options, chunk, self.stop)

    async def close(self) -> Json:
        return close(self.ledger)

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
            )
        return self._client

    async def disconnect(self) -> None:
        if self._client is not None:
            await self._client.close()


_NOTHING: Json = {
    "outcomes": [],
    "events": [],
    "incomplete": [],
    "still_listed": [],
    "open": [],
    "unsent": [],
}


class Worker:
    """The runs of this process. Everything except ``stop`` and ``idle`` belongs to the engine's loop."""

    def __init__(self, client: DBOSClient, pool: sa.Engine, resolver: Resolver | None) -> None:
        self.client = client
        self.pool = pool
        self.resolver = resolver
        self.resolver_loop = asyncio.get_running_loop()
        """The application's event loop."""
        self.idle = threading.Event()
        """Set while there are no runs."""
        self.idle.set()
        self._loop: asyncio.AbstractEventLoop | None = None
        """The engine's event loop, once it has run something."""
        self._runs: dict[str, Run] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._stopping = False

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
        given = JobAccount.from_dict(account)
        chosen = JobOptions.from_dict(options)
        ledger = AccountLedger(given.event_ids, chosen.one_off_bots)
        run = Run(self, workflow_id, job_id, given, chosen, ledger)
        started = time.monotonic()
        with self._registered(run):
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
        await self._stop_cancelled([run])
        while not ledger.over:
            if run.stop.is_set():
                # Its steps so far are stored; the next worker continues from there.
                raise asyncio.CancelledError
            if ledger.backlog:
                await run.do(Run.unschedule)
            elif run.options.dry_run and ledger.only is not None:
                break
            else:
                await run.do(Run.look)
        if ledger.rest():
            await run.do(Run.close)
        return ledger.summary()

    @contextlib.contextmanager
    def _registered(self, run: Run) -> Iterator[None]:
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
            if not self._runs:
                self.idle.set()

    async def _watch(self) -> None:
        while self._runs:
            await asyncio.sleep(_WATCH)
            await self._stop_cancelled(list(self._runs.values()))

    async def _stop_cancelled(self, runs: list[Run]) -> None:
        """Stop the runs of jobs that were cancelled."""
        jobs = list({run.job_id for run in runs})
        rows: list[WorkflowStatus] = []
        with _database_aside():
            rows = await self.client.list_workflows_async(
                workflow_ids=jobs, load_input=False, load_output=False
            )
        cancelled = {row.workflow_id for row in rows if (row.attributes or {}).get(CANCEL)}
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


@contextlib.contextmanager
def _database_aside() -> Iterator[None]:
    """Suppress database errors while checking for cancelled jobs: the check can wait, and no run may fail."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        _log.warning("the job database can't be used: %s", type(error).__name__)


def _tell(run: Run, summary: dict[str, Any], seconds: float) -> None:
    """Log one line for each account that has ended."""
    fields = {"event": "account", "job_id": run.job_id, "account": run.account.name, "ok": summary["ok"]}
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
        extra=fields,
    )
