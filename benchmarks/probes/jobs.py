"""A durable job over many accounts: events a second, the database's growth, and what a look at it costs."""

from __future__ import annotations

import os
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


async def measure(
    base_url: str, accounts: int, events: int, workers: int, database: str | None = None
) -> dict[str, Any]:
    """Run one job of so many accounts, each with so many given ids.

    ``database``: the URL of a PostgreSQL database; None makes a file for SQLite.
    """
    with tempfile.TemporaryDirectory() as folder:
        return await _measure(
            base_url, accounts, events, workers, database or f"sqlite:///{folder}/jobs.sqlite"
        )


async def _measure(base_url: str, accounts: int, events: int, workers: int, database: str) -> dict[str, Any]:
    ids = FreshIds()
    given = [
        JobAccount(f"customer-{number}", api_key_env=_KEY, base_url=base_url, event_ids=ids.take(events))
        for number in range(accounts)
    ]
    async with JobEngine(database) as engine:
        with ExitStack() as stack:
            for number in range(workers):
                stack.enter_context(_worker(database, f"worker-{number}"))
            before = _size(database)
            begin = time.perf_counter()
            job = await submit_job(given, job_id=f"of-{accounts}-by-{workers}", engine=engine)
            job = await wait_for_job(job.job_id, poll=0.2, engine=engine)
            seconds = time.perf_counter() - begin
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
        "bytes": grown / total,
        **looks,
    }


async def _cost(look: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """CPU and wall time of the second look, in milliseconds."""
    await look()
    wall, cpu = time.perf_counter(), time.process_time()
    await look()
    return {
        "cpu_ms": (time.process_time() - cpu) * 1e3,
        "wall_ms": (time.perf_counter() - wall) * 1e3,
    }


@contextmanager
def _worker(database: str, worker_id: str) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.jobs_worker", database, worker_id]
    environment = {**os.environ, _KEY: API_KEY}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if not process.stdout.readline():
                raise RuntimeError("a worker did not start; its stderr says why")
            yield
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
