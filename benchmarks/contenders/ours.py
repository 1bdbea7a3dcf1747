"""``bulk_unschedule`` of meetstream_async, with everything it does by default."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from meetstream_async import MeetStreamClient, OutcomeStatus, bulk_unschedule

from .types import API_KEY, Run


@asynccontextmanager
async def opened(base_url: str, concurrency: int, **client_options: Any) -> AsyncIterator[Run]:
    async with MeetStreamClient(API_KEY, base_url=base_url, **client_options) as client:

        async def run(event_ids: Sequence[str]) -> int:
            report = await bulk_unschedule(client, event_ids, max_concurrency=concurrency)
            report.raise_for_failures()
            return report.counts[OutcomeStatus.UNSCHEDULED]

        yield run
