"""requests in a thread pool: one session, with as many pooled connections as threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from .types import API_KEY, Run


@asynccontextmanager
async def opened(base_url: str, concurrency: int) -> AsyncIterator[Run]:
    with requests.Session() as session, ThreadPoolExecutor(concurrency) as threads:
        session.headers["Authorization"] = f"Token {API_KEY}"
        session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=concurrency))

        def unschedule(event_id: str) -> dict[str, Any]:
            response = session.delete(f"{base_url}/calendar/schedule/{event_id}", timeout=30)
            response.raise_for_status()
            result: dict[str, Any] = response.json()
            return result

        async def run(event_ids: Sequence[str]) -> int:
            # Blocks the event loop, but nothing else runs on it.
            return sum(result["unscheduled"] for result in threads.map(unschedule, event_ids))

        yield run
