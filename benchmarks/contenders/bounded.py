"""A semaphore and a TaskGroup around any call, for contenders that cost far more than these do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any


async def bounded(
    call: Callable[[str], Awaitable[dict[str, Any]]], event_ids: Sequence[str], concurrency: int
) -> int:
    """Call for each event, with bounded concurrency; returns how many replies reported it as unscheduled."""
    slots = asyncio.Semaphore(concurrency)
    results: list[dict[str, Any]] = []

    async def unschedule(event_id: str) -> None:
        try:
            results.append(await call(event_id))
        finally:
            slots.release()

    async with asyncio.TaskGroup() as tasks:
        for event_id in event_ids:
            await slots.acquire()
            tasks.create_task(unschedule(event_id))
    return sum(result["unscheduled"] for result in results)
