"""Cleaning up to the end, however often the caller is cancelled meanwhile."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do the work in a task of its own; a cancellation is raised after it has ended.

    A cancel scope of anyio cancels again at every turn of the loop until it gets its way.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as exc:
            cancelled = cancelled or exc
    if cancelled is not None:
        raise cancelled from (None if task.cancelled() else task.exception())
    task.result()
