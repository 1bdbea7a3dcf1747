"""httpx by hand, with tenacity around every call, a semaphore, a TaskGroup and dicts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from .bounded import bounded
from .types import API_KEY, Run


def _worth_another(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (408, 425, 429, 500, 502, 503, 504)
    return isinstance(error, httpx.TransportError)


@asynccontextmanager
async def opened(
    base_url: str, concurrency: int, *, first_wait: float = 0.5, longest_wait: float = 8.0
) -> AsyncIterator[Run]:
    """Waits between attempts, in seconds."""
    # httpx keeps 20 connections alive and reopens others. Keeping more makes its pool even slower.
    async with httpx.AsyncClient(headers={"Authorization": f"Token {API_KEY}"}, timeout=30) as client:

        @retry(
            retry=retry_if_exception(_worth_another),
            stop=stop_after_attempt(4),
            wait=wait_random_exponential(multiplier=first_wait, max=longest_wait),
            reraise=True,
        )
        async def call(event_id: str) -> dict[str, Any]:
            response = await client.delete(f"{base_url}/calendar/schedule/{event_id}")
            response.raise_for_status()
            result: dict[str, Any] = response.json()
            return result

        async def run(event_ids: Sequence[str]) -> int:
            return await bounded(call, event_ids, concurrency)

        yield run
