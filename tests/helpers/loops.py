"""The event loops that the tests can run on: asyncio's own, the same with eager tasks, uvloop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

NAMES = ("default", "eager", "uvloop")
"""What ``pytest --loop`` takes."""

chosen = "default"
"""The one that this run was told to take."""


def make_eager(loop: asyncio.AbstractEventLoop) -> None:
    """Let each task of the loop take its first step while it is made. Python 3.12 and later."""
    if sys.version_info < (3, 12):
        raise RuntimeError("eager tasks came with Python 3.12")
    loop.set_task_factory(asyncio.eager_task_factory)


def eager_loop() -> asyncio.AbstractEventLoop:
    """A new loop of asyncio's whose tasks are eager."""
    loop = asyncio.new_event_loop()
    make_eager(loop)
    return loop


def factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes a loop of that name. Raises ImportError where uvloop is asked for and not installed."""
    if name == "eager":
        return eager_loop
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop


def here() -> list[str]:
    """The names of the loops that this interpreter has without anything being installed."""
    return ["default", "eager"] if sys.version_info >= (3, 12) else ["default"]
