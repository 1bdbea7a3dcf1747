"""What is dear to read, read once for all who ask for it at about the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """The ``most`` latest answers, each good for ``fresh`` seconds after it was asked for; errors, too."""

    def __init__(self, most: int, fresh: float) -> None:
        self._most = most
        self._fresh = fresh
        self._known: dict[Hashable, tuple[float, asyncio.Task[T]]] = {}

    async def get(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, T]]) -> tuple[float, T]:
        """When it was asked for, on the monotonic clock, and what was read."""
        now = time.monotonic()
        if (known := self._known.pop(key, None)) is None or now - known[0] > self._fresh:
            known = now, asyncio.create_task(read())
            known[1].add_done_callback(_heard)
        self._known[key] = known
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]
        # Whoever leaves meanwhile must not take it away from the others.
        return known[0], await asyncio.shield(known[1])

    def forget(self, key: Hashable) -> None:
        self._known.pop(key, None)


def _heard(task: asyncio.Task[T]) -> None:
    """Keep asyncio from complaining of an error that everybody who asked has left before."""
    if not task.cancelled():
        task.exception()
