"""The vendor's own asyncio client, unmodified, under a semaphore. It retries by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from meetstream import AsyncMeetStream

from .bounded import bounded
from .types import API_KEY, Run


@asynccontextmanager
async def opened(base_url: str, concurrency: int) -> AsyncIterator[Run]:
    async with AsyncMeetStream(api_key=API_KEY, base_url=base_url) as client:

        async def run(event_ids: Sequence[str]) -> int:
            return await bounded(client.calendar.unschedule_event, event_ids, concurrency)

        yield run
