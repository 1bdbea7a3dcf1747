"""What the fixtures do, imported when one is used: the simulator in a thread, and closing of clients."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Any

from meetstream_async import MeetBitClient, MeetStreamClient
from meetstream_async.simulator import Simulator

_START = 20
"""Maximum seconds that the simulator takes to start or stop."""


@contextmanager
def running(**options: Any) -> Iterator[Simulator]:
    """A simulator that serves from a thread. Raises what its constructor raises."""
    simulator = Simulator(**options)
    started: Future[Callable[[], object]] = Future()

    async def serve() -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            async with simulator:
                started.set_result(lambda: loop.call_soon_threadsafe(over.set))
                await over.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = Thread(target=asyncio.run, args=(serve(),), name="meetstream_simulator", daemon=True)
    thread.start()
    stop = started.result(_START)
    try:
        yield simulator
    finally:
        stop()
        thread.join(_START)


def is_async(test: object) -> bool:
    """Whether the test is a coroutine function that a plugin is going to run on its loop."""
    return inspect.iscoroutinefunction(test) and not hasattr(test, "hypothesis")


def closing(
    test: Callable[..., Awaitable[None]], clients: Sequence[MeetStreamClient | MeetBitClient]
) -> Callable[..., Awaitable[None]]:
    """The test, followed by the closing of its clients."""

    @functools.wraps(test)
    async def with_clients(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        try:
            await test(*args, **kwargs)
        finally:
            for client in clients:
                await client.close()

    return with_clients


def close_late(client: MeetStreamClient | MeetBitClient) -> None:
    """Close a client whose loop is gone, as far as that is possible."""
    with asyncio.Runner() as runner:
        runner.run(client.close())
