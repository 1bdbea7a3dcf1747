"""Peak RSS and tasks alive while targets stream through ``stream_unschedule``."""

from __future__ import annotations

import asyncio
from typing import Any

from meetstream_async import MeetStreamClient, stream_unschedule

from ..contenders.types import API_KEY
from ..ids import event_id
from ..process import peak_rss_mb


async def measure(base_url: str, concurrency: int, marks: list[int], dedupe: bool) -> dict[str, Any]:
    """The peak memory when each of ``marks`` (ascending) was reached."""
    at_marks: dict[str, float] = {}
    tasks_alive = done = 0
    targets = (event_id(number) for number in range(marks[-1]))
    async with (
        MeetStreamClient(API_KEY, base_url=base_url) as client,
        stream_unschedule(client, targets, max_concurrency=concurrency, dedupe=dedupe) as run,
    ):
        async for _ in run:
            done += 1
            if done % 100 == 0:
                tasks_alive = max(tasks_alive, len(asyncio.all_tasks()))
            if done in marks:
                at_marks[str(done)] = peak_rss_mb()
    if done != marks[-1] or not run.report.ok:
        raise RuntimeError(f"{done} of {marks[-1]} events had an outcome: {run.report.reason}")
    return {
        "peak_rss_mb": at_marks,
        "growth_mb": at_marks[str(marks[-1])] - at_marks[str(marks[0])],
        "tasks_alive": tasks_alive,
    }
