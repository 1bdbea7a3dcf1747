"""What the event loop leaves to its users: a sleep that tests do not patch away, and cleaning up to the end.

Knows nothing of the package, so every folder may use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def pause(seconds: float = 0.0) -> None:
    """Let ``seconds`` pass on the loop's clock; 0 lets everybody else have one turn.

    Not ``asyncio.sleep``: applications patch that in their tests, and a loop around a sleep that returns at
    once never gives the event loop back.
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
    """Return when the tasks have ended; their results stay where they are.

    Cancelled meanwhile, it waits on, however often that happens, and raises the first cancellation at the
    end. A cancel scope of anyio cancels again at every turn of the loop until it gets its way.
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
    """Cancel the tasks, and return when they have ended, as ``join`` does."""
    for task in tasks:
        task.cancel()
    await join(*tasks)


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Do the work to its end in a task of its own, and return or raise what it does.

    Cancelled meanwhile, it raises that cancellation, after the work has ended.
    """
    task = asyncio.create_task(work, name="meetstream_async cleanup")
    try:
        await join(task)
    except asyncio.CancelledError as cancelled:
        raise cancelled from (None if task.cancelled() else task.exception())
    return task.result()
