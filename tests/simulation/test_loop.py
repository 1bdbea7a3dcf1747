"""The event loop of the simulation: time jumps, order is seeded, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.helpers import simulated_loop
from tests.helpers.simulated_loop import Connection, RunDoesNotEndError, SimulatedLoop

from .account import EPOCH
from .histories import Habits, History
from .run import play, simulating


class _Nobody:
    """A peer that refuses every connection."""

    def may_connect(self, port: int) -> float | None:
        return None

    def received(self, connection: Connection, data: bytes) -> None:
        raise AssertionError("nobody is connected")

    def closed(self, connection: Connection) -> None:
        raise AssertionError("nobody is connected")


def _loop(seed: int = 0, **options: Any) -> SimulatedLoop:
    return SimulatedLoop(random.Random(seed), _Nobody(), **{"latest": 1e6, **options})


def _run(main: Coroutine[Any, Any, Any], loop: SimulatedLoop | None = None) -> Any:
    loop = loop or _loop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


def test_an_hour_of_sleep_takes_no_time() -> None:
    """The clock of the loop jumps to the next timer."""
    loop = _loop()
    began = time.perf_counter()
    _run(asyncio.sleep(3600), loop)
    assert loop.elapsed() == pytest.approx(3600)
    assert time.perf_counter() - began < 5


def test_timers_ring_in_the_order_of_their_times() -> None:
    """What is due earlier comes earlier, whatever was set first."""
    rang: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for seconds in (3, 1, 2):
            loop.call_later(seconds, rang.append, seconds)
        await asyncio.sleep(5)

    _run(main())
    assert rang == [1, 2, 3]


def test_callbacks_keep_the_order_that_asyncio_promises() -> None:
    """What is called soon is called in the order in which it was asked for, whatever the seed."""

    async def main() -> list[int]:
        called: list[int] = []
        for number in range(20):
            asyncio.get_running_loop().call_soon(called.append, number)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return called

    assert all(_run(main(), _loop(seed)) == list(range(20)) for seed in range(5))


def test_events_that_are_due_together_come_in_a_seeded_order() -> None:
    """The order of two answers that arrive at the same moment depends on the seed, and on nothing else."""

    def order(seed: int) -> tuple[int, ...]:
        came: list[int] = []
        loop = _loop(seed)
        for number in range(4):
            loop.at(1.0, lambda number=number: came.append(number))  # type: ignore[misc]
        _run(asyncio.sleep(2), loop)
        return tuple(came)

    assert len({order(seed) for seed in range(30)}) > 5
    assert order(7) == order(7)


def test_waiting_for_what_never_happens_is_a_failure() -> None:
    """A run that nothing will wake is told at once."""

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RunDoesNotEndError, match="waits for ever"):
        _stopped(main())


def test_a_run_that_goes_on_for_too_long_is_a_failure() -> None:
    """A run is bounded in its own time."""

    async def main() -> None:
        while True:
            await asyncio.sleep(10)

    with pytest.raises(RunDoesNotEndError, match="more than 1000 s"):
        _stopped(main())


def test_a_run_that_spins_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that never lets time pass is bounded as well."""

    async def main() -> None:
        while True:
            await asyncio.sleep(0)

    monkeypatch.setattr(simulated_loop, "_MOST_ITERATIONS", 2_000)
    with pytest.raises(RunDoesNotEndError, match="spins"):
        _stopped(main())


def _stopped(main: Coroutine[Any, Any, Any]) -> None:
    """Run what the loop gives up, and let its task end."""
    loop = _loop(latest=1000.0)
    task = loop.create_task(main)
    try:
        loop.run_until_complete(task)
    finally:
        loop.give_more_time(100)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()


def test_the_wall_clock_goes_with_the_loop() -> None:
    """The time of day is that of the history, ahead or behind as the history says."""
    seen: list[datetime] = []

    class Doors:
        @staticmethod
        async def unschedule_all(client: object, **options: object) -> None:
            await asyncio.sleep(60)
            seen.append(datetime.now(UTC))

    with simulating() as shared:
        play(History(habits=Habits(wall=-3600.0)), shared, doors=Doors)
    assert (seen[0] - EPOCH).total_seconds() == pytest.approx(60 - 3600)
    assert abs(datetime.now(UTC).year - time.gmtime().tm_year) == 0
