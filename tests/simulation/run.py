"""One history from its beginning to its verdict."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import time_machine

import meetstream_async as product
from tests.helpers.simulated_loop import RunDoesNotEndError, SimulatedLoop

from .account import EPOCH
from .doors import Ending, Run
from .histories import History
from .ledger import Ledger
from .server import Server

_EPOCH_SECONDS = EPOCH.timestamp()
LONGEST = 4000.0
"""Seconds of virtual time. Troubles end after some minutes, and no run waits for longer than its
``max_pause`` after that."""


@dataclass
class Broken:
    """An invariant that did not hold."""

    invariant: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"


@dataclass
class Verdict:
    """What became of a history."""

    history: History
    broken: list[Broken]
    requests: int
    elapsed: float
    story: list[str] = field(default_factory=list)

    def names(self) -> set[str]:
        return {broken.invariant for broken in self.broken}


@dataclass
class Played:
    """A history that has been run, for the invariants to look at."""

    history: History
    server: Server
    ending: Ending
    problem: RunDoesNotEndError | None
    left: list[str]
    """Tasks and connections that outlived the run."""
    complaints: list[str]
    """Warnings, and what nobody caught."""
    end: float

    @property
    def ledger(self) -> Ledger:
        return self.server.ledger


@dataclass
class Simulating:
    """What many histories share: the wall clock of this process, and complaints that come late."""

    clock: time_machine.Traveller
    late: list[str] = field(default_factory=list)
    """Warnings that came when objects were collected, some histories after they were left."""

    def collect(self) -> list[str]:
        """Collect what the histories until now left behind; the complaints of that."""
        gc.collect()
        late, self.late = self.late, []
        return late


@contextmanager
def simulating() -> Iterator[Simulating]:
    """The wall clock of this process becomes that of the histories. Enter it once around many."""
    traveller = time_machine.travel(_EPOCH_SECONDS, tick=False)
    shared = Simulating(traveller.start())
    hook, sys.unraisablehook = sys.unraisablehook, lambda args: shared.late.append(repr(args.exc_value))
    gc.collect()
    # What is there by now has nothing to do with the histories, and may be much: what other tests have left.
    gc.freeze()
    # Histories end too fast for the collector to be worth its while; it runs between batches of them.
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield shared
    finally:
        gc.enable()
        sys.unraisablehook = hook
        traveller.stop()


def play(
    history: History, shared: Simulating, *, doors: Any = product, story: list[str] | None = None
) -> Played:
    """Run a history; what it came to is for :mod:`.invariants` to say."""
    complaints: list[str] = []

    def tell(at: float, text: str) -> None:
        if story is not None:
            story.append(f"{at:10.3f}  {text}")

    def on_time(elapsed: float) -> None:
        habits = history.habits
        jump = habits.wall_jump
        ahead = habits.wall + (jump[1] if jump is not None and elapsed >= jump[0] else 0.0)
        shared.clock.move_to(_EPOCH_SECONDS + elapsed + ahead)

    random.seed(history.seed)
    server = Server(history, tell)
    loop = SimulatedLoop(
        random.Random(history.seed ^ 0x100F),
        server,
        latest=LONGEST,
        lateness=history.lateness,
        on_time=on_time,
    )
    server.loop = loop
    on_time(0.0)
    loop.set_exception_handler(lambda _, context: complaints.append(_describe(context)))
    if history.eager and sys.version_info >= (3, 12):
        loop.set_task_factory(asyncio.eager_task_factory)
    problem: RunDoesNotEndError | None = None
    run = Run(history, server, doors)
    try:
        try:
            loop.run_until_complete(run.run())
        except RunDoesNotEndError as error:
            problem = error
            run.ending.at = loop.elapsed()
        left = _left(loop)
        end = loop.elapsed()
        _finish(loop, server)
        complaints += shared.late
        shared.late.clear()
        return Played(history, server, run.ending, problem, left, complaints, end)
    finally:
        loop.close()


def _describe(context: dict[str, Any]) -> str:
    return f"{context.get('message')}: {context.get('exception')!r}"


def _left(loop: SimulatedLoop) -> list[str]:
    tasks = [f"task {task.get_name()}" for task in asyncio.all_tasks(loop)]
    return tasks + [f"connection {number}" for number, _ in enumerate(loop.connections, 1)]


def _finish(loop: SimulatedLoop, server: Server) -> None:
    """Let requests that the server still holds take effect, and end what is left."""
    server.finish()
    loop.give_more_time(LONGEST)
    for _ in range(20):
        tasks = asyncio.all_tasks(loop)
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        with suppress(RunDoesNotEndError):
            loop.run_until_complete(asyncio.wait(tasks, timeout=1))
    for task in asyncio.all_tasks(loop):
        # It is reported already; asyncio need not say it again.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
