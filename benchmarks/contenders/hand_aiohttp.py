"""The hand-written loop: aiohttp, a semaphore, a TaskGroup, dicts.

It bounds the time of each request, checks the status, parses the JSON, and creates only as many tasks as
requests may be in flight. Ids are not encoded. No retry, no types, no report: one failure ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from .types import API_KEY, Run


@asynccontextmanager
async def opened(base_url: str, concurrency: int) -> AsyncIterator[Run]:
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Token {API_KEY}"}, timeout=aiohttp.ClientTimeout(total=30)
    ) as session:

        async def run(event_ids: Sequence[str]) -> int:
            slots = asyncio.Semaphore(concurrency)
            results: list[dict[str, Any]] = []

            async def unschedule(event_id: str) -> None:
                try:
                    async with session.delete(f"{base_url}/calendar/schedule/{event_id}") as response:
                        response.raise_for_status()
                        results.append(await response.json())
                finally:
                    slots.release()

            async with asyncio.TaskGroup() as tasks:
                for event_id in event_ids:
                    await slots.acquire()
                    tasks.create_task(unschedule(event_id))
            return sum(result["unscheduled"] for result in results)

        yield run
