"""Cleaning up to the end, even if the caller is cancelled repeatedly."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Run the coroutine in a task of its own; a cancellation is raised once it has ended.

    Cancel scopes of anyio cancel again on every turn of the loop until the scope is left.
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
