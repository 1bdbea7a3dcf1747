"""A bounded loop over requests that are no targets of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from .._tasks import end

T = TypeVar("T")


async def for_each(items: Iterable[T], work: Callable[[T], Awaitable[None]], most: int) -> None:
    """Do the work for each item, at most so many at a time. The first error ends it, and is raised."""
    slots = asyncio.Semaphore(most)
    running: set[asyncio.Task[None]] = set()
    failed: list[BaseException] = []

    async def one(item: T) -> None:
        try:
            await work(item)
        except Exception as error:
            failed.append(error)
        finally:
            slots.release()

    try:
        for item in items:
            await slots.acquire()
            if failed:
                break
            task = asyncio.create_task(one(item), name="meetstream_async read")
            running.add(task)
            task.add_done_callback(running.discard)
        while running:
            await asyncio.wait(set(running))
    finally:
        await end(*running)
    if failed:
        raise failed[0]
