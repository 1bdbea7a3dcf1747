"""A service whose event loop runs in a thread, and runs beside other work. Checked, never run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from meetstream_async import (
    BulkReport,
    MeetStreamClient,
    UnscheduleOutcome,
    stream_unschedule,
    unschedule_all,
)

Result = TypeVar("Result")


class Service:
    """Synchronous code hands its work over to the loop that the client lives on."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = MeetStreamClient(user_agent="service/1.0")
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    def clear(self) -> BulkReport[UnscheduleOutcome]:
        return self.call(unschedule_all(self.client))


async def until_the_first_failure(client: MeetStreamClient) -> BulkReport[UnscheduleOutcome]:
    async with stream_unschedule(client, client.iter_scheduled_bots(), max_concurrency=3) as run:
        async for outcome in run:
            if outcome.status in ("failed", "unknown"):
                await run.stop()
    return run.report


async def beside_other_work(client: MeetStreamClient, shutdown: asyncio.Event) -> bool:
    run = asyncio.create_task(unschedule_all(client, stop=shutdown))
    await shutdown.wait()
    return (await run).ok
