"""The source of a bulk run's items: a list, or a stream that may never end."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Collection, Iterable, Iterator
from typing import Any, Generic, TypeVar

from .._tasks import pause
from ..errors import ConfigurationError

ItemT = TypeVar("ItemT")

_BREATH = 100
"""Targets taken from a plain iterable before other tasks get a turn."""


class Source(Generic[ItemT]):
    """Targets, checked and turned into items.

    A list is checked before anything is sent; a stream can only be checked while it is read. After a stop,
    the unprocessed part of a list is its ``rest``; a stream is not read further.
    """

    def __init__(
        self,
        targets: Any,
        *,
        expected: str,
        check: Callable[[Any, str], Any],
        known: Callable[[Collection[Any]], Iterator[ItemT]],
        single: Callable[[Any, str], ItemT | None],
        read_whole: bool = False,
    ) -> None:
        """``check(target, name)`` returns a valid target, or raises ConfigurationError. ``known`` creates the
        items for a list of targets; ``single`` creates that for one target of a stream, or returns None if it
        needs none. ``read_whole``: read a stream to its end first, and treat it as a list.
        """
        if isinstance(targets, str | bytes) or not isinstance(targets, Iterable | AsyncIterable):
            raise ConfigurationError(
                f"targets must be an iterable or async iterable of {expected}, "
                f"not one {type(targets).__name__}"
            )
        self._targets = targets
        self._check = check
        self._known = known
        self._single = single
        self._read_whole = read_whole
        self._list: Iterator[ItemT] | None = None
        if isinstance(targets, Collection):
            # A copy, because the caller may change the list during the run.
            self._take_list(targets, "targets[{}]")

    async def items(self) -> AsyncGenerator[ItemT, None]:
        if self._list is None and self._read_whole:
            self._take_list([target async for target in _each(self._targets)], "target {}")
        if self._list is not None:
            for item in self._list:
                yield item
            return
        index = 0
        async with contextlib.aclosing(_each(self._targets)) as targets:
            async for target in targets:
                single = self._single(target, f"target {index}")
                index += 1
                if single is not None:
                    yield single

    def remaining(self) -> Iterable[ItemT]:
        return () if self._list is None else self._list

    def _take_list(self, targets: Collection[Any], name: str) -> None:
        self._list = self._known(
            [self._check(target, name.format(index)) for index, target in enumerate(targets)]
        )


async def _each(targets: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    if isinstance(targets, AsyncIterable):
        async for target in targets:
            yield target
        return
    for index, target in enumerate(targets, 1):
        yield target
        if index % _BREATH == 0:
            await pause()
