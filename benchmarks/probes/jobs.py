"""A durable job over many accounts: events a second, the database's growth, and what a look at it costs.

With a control: as many workflows of the engine alone, whose one step does nothing.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from meetstream_async.jobs import JobAccount, JobEngine, job_status, list_jobs, submit_job, wait_for_job

from ..contenders.types import API_KEY
from ..ids import FreshIds

_KEY = "MEETSTREAM_BENCHMARK_KEY"
_SECONDS = 60.0
"""In which a worker must be ready, and in which it must have stopped."""
_POLL = 0.2
"""Seconds between two questions whether it is over."""


async def measure(
    base_url: str, accounts: int, events: int, workers: int, database: str | None = None
) -> dict[str, Any]:
    """Run one job of so many accounts, each with so many given ids, and as many bare workflows.

    ``database``: the URL of a PostgreSQL database; None makes files for SQLite.
    """
    with tempfile.TemporaryDirectory() as folder:
        bare = await _bare(accounts, events, workers, database or f"sqlite:///{folder}/bare.sqlite")
        return {
            **await _measure(
                base_url, accounts, events, workers, database or f"sqlite:///{folder}/jobs.sqlite"
            ),
            **bare,
        }


async def _measure(base_url: str, accounts: int, events: int, workers: int, database: str) -> dict[str, Any]:
    ids = FreshIds()
    given = [
        JobAccount(f"customer-{number}", api_key_env=_KEY, base_url=base_url, event_ids=ids.take(events))
        for number in range(accounts)
    ]
    async with JobEngine(database) as engine:
        used = _children()
        with ExitStack() as stack:
            for number in range(workers):
                used += stack.enter_context(_worker("benchmarks.jobs_worker", database, f"worker-{number}"))
            before = _size(database)
            begin = time.perf_counter()
            # Under a new id each time: a database that is kept may have the job of a run before.
            job = await submit_job(given, engine=engine)
            job = await wait_for_job(job.job_id, poll=_POLL, engine=engine)
            seconds = time.perf_counter() - begin
        used = _children() - used
        grown = _size(database) - before
        if not job.ok:
            raise RuntimeError(f"the job is not ok: {job.counts}")
        looks = {
            "status": await _cost(lambda: job_status(job.job_id, engine=engine)),
            "list": await _cost(lambda: list_jobs(engine=engine)),
        }
    total = accounts * events
    return {
        "accounts": accounts,
        "events": events,
        "workers": workers,
        "per_second": total / seconds,
        "cpu_us": used / total * 1e6,
        "bytes": grown / total,
        **looks,
    }


async def _bare(accounts: int, events: int, workers: int, database: str) -> dict[str, float]:
    """The same of the engine alone, by as many "events"."""
    from ..bare_worker import enqueue

    outcomes = [f"{'an outcome':210}"] * events
    name = f"bare-{time.time_ns()}"
    ids = [f"{name}/{number}" for number in range(accounts)]
    async with JobEngine(database) as engine:
        used = _children()
        with ExitStack() as stack:
            for number in range(workers):
                used += stack.enter_context(_worker("benchmarks.bare_worker", database, f"bare-{number}"))
            begin = time.perf_counter()
            await asyncio.to_thread(enqueue, engine, ids, 1, outcomes)
            # The others were begun before these.
            left = ids[-20 * workers :]
            while left := await _unfinished(engine, left):  # noqa: ASYNC110 - other processes end them
                await asyncio.sleep(_POLL)
            seconds = time.perf_counter() - begin
        used = _children() - used
    total = accounts * events
    return {"bare_per_second": total / seconds, "bare_cpu_us": used / total * 1e6}


async def _unfinished(engine: JobEngine, ids: list[str]) -> list[str]:
    rows = await engine.tables.list_workflows_async(workflow_ids=ids, load_input=False, load_output=False)
    return [row.workflow_id for row in rows if row.status != "SUCCESS"]


async def _cost(look: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """CPU and wall time of the second look, in milliseconds."""
    await look()
    wall, cpu = time.perf_counter(), time.process_time()
    await look()
    return {
        "cpu_ms": (time.process_time() - cpu) * 1e3,
        "wall_ms": (time.perf_counter() - wall) * 1e3,
    }


def _children() -> float:
    """CPU seconds of the workers that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def _worker(module: str, database: str, worker_id: str) -> Iterator[float]:
    """A worker for the block; the CPU seconds that it took to start."""
    command = [sys.executable, "-m", module, database, worker_id]
    environment = {**os.environ, _KEY: API_KEY}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if not (started := process.stdout.readline()):
                raise RuntimeError("a worker did not start; its stderr says why")
            yield float(started)
        finally:
            process.stdin.close()
            try:
                process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _size(database: str) -> int:
    """Bytes of the database, without room for what SQLite writes first beside its file."""
    if database.startswith("sqlite:///"):
        with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as file:
            (pages,), (bytes_each,) = (
                file.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
            )
            return int(pages * bytes_each)
    import psycopg

    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])
