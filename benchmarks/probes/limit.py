"""A bulk run at a server that refuses what is too fast, or at a rate that is asked for."""

from __future__ import annotations

import time
from typing import Any

from meetstream_async import MeetStreamClient, OutcomeStatus, bulk_unschedule

from ..contenders.types import API_KEY
from ..ids import FreshIds


async def measure(
    base_url: str, concurrency: int, events: int, rate_limit: float | None = None
) -> dict[str, Any]:
    begin = time.perf_counter()
    async with MeetStreamClient(API_KEY, base_url=base_url, rate_limit=rate_limit) as client:
        report = await bulk_unschedule(client, FreshIds().take(events), max_concurrency=concurrency)
    seconds = time.perf_counter() - begin
    failed = events - report.counts[OutcomeStatus.UNSCHEDULED]
    return {"seconds": seconds, "failed": failed, "pace": report.pace}
