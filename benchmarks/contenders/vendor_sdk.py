"""The vendor's own asyncio client, as its README shows it, under a semaphore. It retries by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from meetstream import AsyncMeetStream

from .types import API_KEY, Run


@asynccontextmanager
async def opened(base_url: str, concurrency: int) -> AsyncIterator[Run]:
    async with AsyncMeetStream(api_key=API_KEY, base_url=base_url) as client:

        async def run(event_ids: Sequence[str]) -> int:
            slots = asyncio.Semaphore(concurrency)
            results: list[dict[str, Any]] = []

            async def unschedule(event_id: str) -> None:
                try:
                    results.append(await client.calendar.unschedule_event(event_id))
                finally:
                    slots.release()

            async with asyncio.TaskGroup() as tasks:
                for event_id in event_ids:
                    await slots.acquire()
                    tasks.create_task(unschedule(event_id))
            return sum(result["unscheduled"] for result in results)

        yield run
