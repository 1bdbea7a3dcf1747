"""The engine alone, as a control of durable jobs: ``python -m benchmarks.bare_worker DATABASE ID``.

It runs the workflows that `enqueue` puts into the queue of accounts, with the engine's settings of a worker
of jobs: the steps of each do nothing, and what they store is as large as an account's.
It prints the CPU seconds of its start when it works, and stops when its stdin is closed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable

from dbos import DBOS

from meetstream_async.cli.runs.collector import rarely_collecting
from meetstream_async.jobs import JobEngine
from meetstream_async.jobs.database import Database
from meetstream_async.jobs.names import ACCOUNT_QUEUE, VERSION
from meetstream_async.jobs.runtime import claim, launch, shut_down

WORKFLOW = "benchmarks.bare"
_BATCH = 500


@DBOS.workflow(name=WORKFLOW)
async def bare(steps: int, outcomes: list[str]) -> int:
    async def step() -> dict[str, list[str]]:
        return {"outcomes": outcomes}

    for _ in range(steps):
        await DBOS.run_step_async({"name": "bare"}, step)
    return steps


def enqueue(engine: JobEngine, ids: Iterable[str], steps: int, outcomes: list[str]) -> None:
    """Put bare workflows into the queue, as a worker puts accounts into it."""
    waiting = list(ids)
    for first in range(0, len(waiting), _BATCH):
        assert engine._pool is not None
        with engine._pool.begin() as connection:
            for workflow_id in waiting[first : first + _BATCH]:
                engine.client.enqueue_in_transaction(
                    connection,
                    {
                        "workflow_name": WORKFLOW,
                        "queue_name": ACCOUNT_QUEUE,
                        "workflow_id": workflow_id,
                        "app_version": VERSION,
                        "priority": 1,
                    },
                    steps,
                    outcomes,
                )


async def work(database: str, worker_id: str) -> None:
    async with JobEngine(database) as engine:
        await asyncio.to_thread(claim, Database.find(database), worker_id)
        await asyncio.to_thread(launch, engine.client, 20)
        print(time.process_time(), flush=True)
        with rarely_collecting():  # as `jobs worker` does
            await asyncio.to_thread(sys.stdin.read)
        await asyncio.to_thread(shut_down)


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
