"""The tie between the pace of a key in this process and its state in a store."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Any

from attrs import define, field

from .._logs import log_fields
from .pace import Pace
from .pace_state import take_state, to_state
from .pace_store import PaceStore, StoreError

_log = logging.getLogger("meetstream_async.http")

AHEAD = 0.1
"""Seconds by which starts are handed out ahead."""
_AGAIN = 5.0
"""Seconds before a store that failed is tried again."""
_SLOWER = 0.5
"""Share of its pace at which a process goes on alone."""


@define
class Grant:
    """What a store has answered. Times are by its clock."""

    starts: list[float]
    ask_at: float
    """When to ask again, if there are no starts."""


@define(eq=False)
class PaceLink:
    """Takes what happens here to the store, and the store's state back.

    The pace here goes by the store's clock: it is the loop's time and ``offset``.
    """

    store: PaceStore
    name: str
    pace: Pace
    wary: bool
    offset: float = 0.0
    asked_at: float = -math.inf
    """The last exchange, in the loop's time."""
    down_until: float = -math.inf
    urgent: bool = False
    """Something that the others must know at once has not been told yet."""
    _events: list[tuple[str, float, float, float | None]] = field(factory=list)
    _warned: bool = False
    _bound: float | None = None

    def note(self, kind: str, began: float, now: float, told: float | None = None) -> None:
        """Something happened here: ``let_through``, ``refused``, ``pause``, ``used_up``."""
        self.urgent = self.urgent or kind != "let_through"
        if len(self._events) < 5000:
            self._events.append((kind, began, now, told))

    def is_down(self, loop_time: float) -> bool:
        return loop_time < self.down_until

    async def tell(self) -> None:
        """Tell the store what was noted, and what becomes urgent meanwhile."""
        loop = asyncio.get_running_loop()
        await self.exchange(0)
        while self.urgent and not self.is_down(loop.time()):
            await self.exchange(0)

    async def exchange(self, wanted: int) -> Grant | None:
        """Tell the store, and be granted up to so many starts; None if the store can't be used."""
        loop = asyncio.get_running_loop()
        events, self._events, self.urgent = self._events, [], False
        bound, is_first = self.pace.finder.bound, self.offset == 0.0
        self.asked_at = loop.time()
        work = loop.run_in_executor(
            self.store.thread, self._change, events, wanted, bound, is_first, self.asked_at
        )
        try:
            state, grant, now = await work
        except StoreError as error:
            self._fail(loop.time(), str(error))
            return None
        self._recover()
        self.offset = now - loop.time()
        if is_first:
            # They were noted by this loop's clock.
            self._events = [
                (kind, began + self.offset, at + self.offset, told) for kind, began, at, told in self._events
            ]
        take_state(self.pace, state)
        # What happened meanwhile is not in the state yet.
        for kind, began, at, told in self._events:
            _apply(self.pace, kind, began, at, told)
        return grant

    def _change(
        self,
        events: list[tuple[str, float, float, float | None]],
        wanted: int,
        bound: float | None,
        is_first: bool,
        asked_at: float,
    ) -> tuple[dict[str, Any], Grant, float]:
        """In the store's thread."""

        def change(
            state: dict[str, Any] | None, now: float
        ) -> tuple[dict[str, Any], tuple[dict[str, Any], Grant, float]]:
            common = Pace(bound, shared=True)
            if state is not None:
                take_state(common, state)
            # Before the first exchange the times were this loop's.
            shift = now - asked_at if is_first else 0.0
            for kind, began, at, told in events:
                _apply(common, kind, began + shift, at + shift, told)
            starts: list[float] = []
            while len(starts) < wanted:
                start = max(common.next_start(now), now)
                if start > now + AHEAD:
                    break
                common.take(start, waited=True)
                starts.append(start)
            after = to_state(common)
            grant = Grant(starts, max(common.next_start(now) - AHEAD / 2, now + 0.005))
            return after, (after, grant, now)

        return self.store.change(self.name, change)

    def _fail(self, loop_time: float, why: str) -> None:
        self.down_until = loop_time + _AGAIN
        if self._warned:
            return
        self._warned, self._bound = True, self.pace.finder.bound
        self.pace.slow_down(_SLOWER)
        _log.warning(
            "the pace store can't be used (%s): this process goes on at a pace of its own, slower",
            why,
            extra=log_fields("pace_store", error=why),
        )

    def _recover(self) -> None:
        if self._warned:
            self._warned = False
            self.pace.bound_by(self._bound)


def _apply(pace: Pace, kind: str, began: float, at: float, told: float | None) -> None:
    if kind == "let_through":
        pace.let_through(began, at)
    elif kind == "refused":
        pace.refused(began, at, told)
    elif kind == "used_up":
        pace.used_up(at, told or 0.0)
    else:
        pace.pause(at, told or 0.0)
