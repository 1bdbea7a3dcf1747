"""The tie between the pace of a key in this process and its state in a store."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any

from attrs import define, field

from .._logs import log_fields
from .pace import Pace
from .pace_state import move_state, take_state, to_state
from .pace_store import PaceStore, StoreError

_log = logging.getLogger("meetstream_async.http")

AHEAD = 0.1
"""Seconds by which starts are handed out ahead."""
_AGAIN = 5.0
"""Seconds before a store that failed is tried again."""
_SLOWER = 0.5
"""Share of its pace at which a process goes on alone."""
_STEP = 1.0
"""Seconds from which on a clock that runs ahead was set, and was not merely read late."""

_Event = tuple[str, float, float, float | None, int]


def is_urgent(kind: str) -> bool:
    """Whether the others must know at once; the rest is told when something is asked for."""
    return kind not in ("let_through", "allowed")


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
    _events: list[_Event] = field(factory=list)
    _under_way: list[tuple[list[_Event], float]] = field(factory=list)
    """What is being told, in the order in which the store takes it, and the offset by which it was noted."""
    _is_alone: bool = False
    """The store can't be used, and that was logged."""
    _bound: float | None = None

    def bind(self, bound: float | None) -> None:
        """Set the bound of all processes together, in requests per second, or None."""
        self._bound = bound
        self.pace.bound_by(bound * _SLOWER if bound is not None and self._is_alone else bound)

    def note(self, kind: str, began: float, now: float, told: float | None = None, count: int = 0) -> None:
        """Something happened here: ``let_through``, ``refused``, ``pause``, ``used_up``, ``allowed``."""
        self.urgent = self.urgent or is_urgent(kind)
        if len(self._events) < 5000:
            self._events.append((kind, began, now, told, count))

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
        told = events, self.offset
        self._under_way.append(told)
        self.asked_at = loop.time()
        # A store that is used again may be a new one.
        own = to_state(self.pace) if self._is_alone and self.offset else None
        work = loop.run_in_executor(
            self.store.thread, self._change, events, wanted, loop.time, self.offset, own
        )
        try:
            state, grant, offset = await work
        except StoreError as error:
            self._note_again(*told)
            self._fail(loop.time(), str(error))
            return None
        except BaseException:
            # Whether the store has learned it is not known; being told twice of it does no harm.
            self._note_again([event for event in events if is_urgent(event[0])], told[1])
            raise
        finally:
            self._under_way = [other for other in self._under_way if other is not told]
        self._recover()
        self._events = _moved(self._events, offset - self.offset)
        self.pace.move_bound(offset - self.offset)
        self.offset = offset
        take_state(self.pace, state)
        # What happened meanwhile is not in the state yet.
        for others, noted_by in self._under_way:
            _apply(self.pace, _moved(others, offset - noted_by))
        _apply(self.pace, self._events)
        return grant

    def _note_again(self, events: list[_Event], noted_by: float) -> None:
        self._events[:0] = _moved(events, self.offset - noted_by)

    def _change(
        self,
        events: list[_Event],
        wanted: int,
        loop_time: Callable[[], float],
        offset: float,
        own: dict[str, Any] | None,
    ) -> tuple[dict[str, Any], Grant, float]:
        """In the store's thread. ``offset``: as it was known. ``own``: the state here, for a new store."""

        def change(
            state: dict[str, Any] | None, now: float
        ) -> tuple[dict[str, Any], tuple[dict[str, Any], Grant, float]]:
            actual = now - loop_time()
            common = Pace(self._bound, shared=True, wary=self.wary)
            if state is not None:
                take_state(common, _moved_state(state, now, actual - offset if offset else 0.0))
                _apply(common, _moved(events, actual - offset))
            elif own is not None:
                # What was noted is in it.
                take_state(common, move_state(own, actual - offset))
            elif offset:
                raise LookupError("somebody has emptied the store")
            else:
                _apply(common, _moved(events, actual))
            starts: list[float] = []
            while len(starts) < wanted:
                start = common.start_from(now)
                if start > now + AHEAD:
                    break
                common.take(start, waited=True)
                starts.append(start)
            after = to_state(common) | {"at": now}
            grant = Grant(starts, max(common.next_start(now) - AHEAD / 2, now + 0.005))
            return after, (after, grant, actual)

        return self.store.change(self.name, change)

    def _fail(self, loop_time: float, why: str) -> None:
        self.down_until = loop_time + _AGAIN
        if self._is_alone:
            return
        self._is_alone = True
        self.pace.finder.slow_down(_SLOWER)
        self.bind(self._bound)
        if self.store.fails():
            _log.warning(
                "the pace store can't be used (%s): this process goes on at a pace of its own, slower",
                why,
                extra=log_fields("pace_store", error=why),
            )

    def _recover(self) -> None:
        self.store.works()
        if self._is_alone:
            self._is_alone = False
            self.bind(self._bound)


def _moved(events: list[_Event], seconds: float) -> list[_Event]:
    return [(kind, began + seconds, at + seconds, told, count) for kind, began, at, told, count in events]


def _moved_state(state: dict[str, Any], now: float, ahead: float) -> dict[str, Any]:
    """The state, by the store's clock as it is now; ``ahead``: by how much that has gained on ours.

    A clock that was set back would make everybody wait until it is as late again, and one that was set
    forward would end a pause early.
    """
    at = float(state["at"])
    if at > now:
        return move_state(state, now - at)
    # Unless somebody else has seen it, and moved it, since.
    return move_state(state, ahead) if ahead > _STEP and at <= now - ahead else state


def _apply(pace: Pace, events: list[_Event]) -> None:
    for kind, began, at, told, count in events:
        if kind == "let_through":
            pace.let_through(began, at)
        elif kind == "refused":
            pace.refused(began, at, told)
        elif kind == "used_up":
            pace.used_up(at, told or 0.0)
        elif kind == "allowed":
            pace.allowed(at, count, told or 0.0)
        else:
            pace.pause(at, told or 0.0)
