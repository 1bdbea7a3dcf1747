"""One worker of durable jobs: ``python -m benchmarks.jobs_worker DATABASE ID``.

It prints the CPU seconds of its start when it works, and stops when its stdin is closed.
"""

from __future__ import annotations

import asyncio
import sys
import time

from meetstream_async.cli.runs.collector import rarely_collecting
from meetstream_async.jobs import JobEngine


async def work(database: str, worker_id: str) -> None:
    async with JobEngine(database, worker_id=worker_id):
        print(time.process_time(), flush=True)
        with rarely_collecting():  # as `jobs worker` does
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
