"""Tools over asyncio: a pause that tests do not patch away, and cleaning up to the end.

Knows nothing of the package, so every folder may use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def pause(seconds: float = 0.0) -> None:
    """Wait for ``seconds``, by a timer of the loop; 0 lets the other tasks run once.

    Used instead of ``asyncio.sleep``, which applications patch in their tests: a loop around a sleep that
    returns at once never yields to the event loop.
    """
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    timer = loop.call_later(seconds, _end_pause, over) if seconds > 0 else loop.call_soon(_end_pause, over)
    try:
        await over
    finally:
        timer.cancel()


def _end_pause(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


async def join(*tasks: asyncio.Task[Any]) -> None:
    """Wait until the tasks have ended, without looking at their results.

    If cancelled, even repeatedly, it keeps waiting and raises the first cancellation at the end. Cancel
    scopes of anyio cancel again on every turn of the loop until the scope is left.
    """
    cancelled: asyncio.CancelledError | None = None
    while pending := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError as exc:
            cancelled = cancelled or exc
    if cancelled is not None:
        try:
            raise cancelled
        finally:
            # The exception holds this frame.
            del cancelled


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait until they have ended, as ``join`` does."""
    for task in tasks:
        task.cancel()
    await join(*tasks)


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine to its end in a task of its own; returns or raises what it does.

    If cancelled, it raises the cancellation once the coroutine has ended.
    """
    task = asyncio.create_task(work, name="meetstream_async cleanup")
    try:
        await join(task)
    except asyncio.CancelledError as cancelled:
        raise cancelled from (None if task.cancelled() else task.exception())
    return task.result()
