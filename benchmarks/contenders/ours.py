"""``bulk_unschedule`` of meetstream_async, with all of its defaults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from meetstream_async import MeetStreamClient, OutcomeStatus, RetryPolicy, bulk_unschedule

from .types import API_KEY, Run


@asynccontextmanager
async def opened(
    base_url: str,
    concurrency: int,
    *,
    max_attempts: int = 4,
    first_wait: float = 0.5,
    longest_wait: float = 8.0,
    rate_limit: float | None = None,
) -> AsyncIterator[Run]:
    """Waits between attempts, in seconds; by default those of the client."""
    retry = RetryPolicy(max_attempts=max_attempts, initial_wait=first_wait, max_wait=longest_wait)
    async with MeetStreamClient(API_KEY, base_url=base_url, retry=retry, rate_limit=rate_limit) as client:

        async def run(event_ids: Sequence[str]) -> int:
            report = await bulk_unschedule(client, event_ids, max_concurrency=concurrency)
            report.raise_for_failures()
            return report.counts[OutcomeStatus.UNSCHEDULED]

        yield run
