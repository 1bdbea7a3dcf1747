"""Expensive reads, shared by everyone who asks for the same at about the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """The ``most`` latest results, errors included, each valid for ``fresh`` seconds after the request."""

    def __init__(self, most: int, fresh: float) -> None:
        self._most = most
        self._fresh = fresh
        self._known: dict[Hashable, tuple[float, asyncio.Task[T]]] = {}

    async def get(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, T]]) -> tuple[float, T]:
        """The monotonic time of the request, and the result."""
        now = time.monotonic()
        if (known := self._known.pop(key, None)) is None or now - known[0] > self._fresh:
            known = now, asyncio.create_task(read())
            known[1].add_done_callback(_retrieve_error)
        self._known[key] = known
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]
        # Cancelling one caller must not cancel the read for the others.
        return known[0], await asyncio.shield(known[1])

    def forget(self, key: Hashable) -> None:
        self._known.pop(key, None)


def _retrieve_error(task: asyncio.Task[T]) -> None:
    """Retrieve the error, so that asyncio does not complain if every caller has left."""
    if not task.cancelled():
        task.exception()
