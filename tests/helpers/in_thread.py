"""A server on a loop of its own in a thread, for tests that are not async."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from queue import Queue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def in_thread(serving: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """What the async context manager yields, while it is open in the thread."""
    ready: Queue[tuple[T, Callable[[], object]]] = Queue()

    async def main() -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with serving() as value:
            ready.put((value, lambda: loop.call_soon_threadsafe(over.set)))
            await over.wait()

    thread = Thread(target=asyncio.run, args=(main(),))
    thread.start()
    value, stop = ready.get(timeout=20)
    yield value
    stop()
    thread.join(20)
