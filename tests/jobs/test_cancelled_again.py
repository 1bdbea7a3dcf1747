"""A job engine whose opening or closing is cancelled: it gives back its locks and threads nevertheless."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import anyio
import pytest

from meetstream_async._tasks import pause
from meetstream_async.jobs import JobEngine
from meetstream_async.jobs.database import Database
from meetstream_async.jobs.lock import is_held
from tests.helpers.tasks import ours_running

WORKER = "cancelled-again"


def assert_given_back(url: str) -> None:
    """Another process could work under this name now."""
    assert not is_held(Database.find(url), WORKER)
    assert ours_running() == []


async def test_an_engine_that_is_cancelled_twice_while_it_closes_is_closed(tmp_path: Path) -> None:
    """The lock is free, the engine's threads are gone, and the same name can work again."""
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    engine = await JobEngine(url, worker_id=WORKER).open()
    during = threading.active_count()
    task = asyncio.create_task(engine.close())
    for _ in range(2):
        await pause()
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_given_back(url)
    assert threading.active_count() < during
    async with JobEngine(url, worker_id=WORKER):
        pass


async def test_an_engine_inside_a_cancelled_scope_is_closed(tmp_path: Path) -> None:
    """anyio cancels at every turn of the loop."""
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    with anyio.CancelScope() as scope:
        async with JobEngine(url, worker_id=WORKER):
            scope.cancel()
            await asyncio.Event().wait()
    assert scope.cancelled_caught
    assert_given_back(url)


async def test_an_engine_that_is_cancelled_while_it_opens_holds_nothing(tmp_path: Path) -> None:
    """What its threads had begun is finished and taken back before the cancellation is raised."""
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    task = asyncio.create_task(JobEngine(url, worker_id=WORKER).open())
    await pause(0.02)
    for _ in range(2):
        task.cancel()
        await pause()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_given_back(url)
