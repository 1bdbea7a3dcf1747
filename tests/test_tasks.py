"""The tools over the event loop: a pause that nobody patches away, and cleaning up to the end."""

from __future__ import annotations

import asyncio
from unittest.mock import AsyncMock, patch

import anyio
import pytest

from meetstream_async._tasks import end, finish, join, pause
from tests.helpers.clock import now, virtual_time


async def worker(steps: list[str], *, turns: int = 5) -> str:
    """Work that takes a few turns of the loop."""
    for turn in range(turns):
        steps.append(f"turn {turn}")
        await pause()
    return "done"


async def stubborn(ended: list[str]) -> None:
    """A task that needs a while to end after it was cancelled."""
    try:
        await asyncio.Event().wait()
    finally:
        await pause()
        await pause()
        ended.append("stubborn")


@virtual_time
async def test_a_pause_lasts_as_long_as_it_says() -> None:
    """It goes by the loop's clock."""
    began = now()
    await pause(2.5)
    assert now() - began == 2.5


@virtual_time
async def test_a_pause_waits_even_where_a_test_has_patched_asyncio_sleep() -> None:
    """Applications do that to make retries quick; our loops would spin and never give the loop back."""
    began = now()
    with patch("asyncio.sleep", AsyncMock()) as sleep:
        await pause(1)
    assert (now() - began, sleep.await_count) == (1, 0)


async def test_an_empty_pause_lets_everybody_else_have_a_turn() -> None:
    """What is ready runs before the pause ends."""
    order: list[str] = []
    asyncio.get_running_loop().call_soon(order.append, "other")
    await pause()
    assert order == ["other"]


@virtual_time
async def test_a_cancelled_pause_leaves_no_timer() -> None:
    """The loop does not wait for it any more."""
    task = asyncio.create_task(pause(1000))
    await pause()
    await end(task)
    await pause(1)
    assert task.cancelled()
    assert now() < 1010


async def test_work_is_finished_however_often_its_caller_is_cancelled() -> None:
    """Two cancellations: all turns are taken, then the first cancellation is raised."""
    steps: list[str] = []
    task = asyncio.create_task(finish(worker(steps)))
    for text in ("first", "second"):
        await pause()
        task.cancel(text)
    with pytest.raises(asyncio.CancelledError, match="first"):
        await task
    assert len(steps) == 5


async def test_work_is_finished_inside_a_cancel_scope_of_anyio() -> None:
    """Which cancels at every turn of the loop; the scope takes its own cancellation back."""
    steps: list[str] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        await finish(worker(steps, turns=20))
    assert len(steps) == 20
    assert scope.cancelled_caught


async def test_what_the_work_returns_or_raises_is_its_callers() -> None:
    """As if it had been awaited."""

    async def fails() -> None:
        raise ValueError("no")

    assert await finish(worker([])) == "done"
    with pytest.raises(ValueError, match="no"):
        await finish(fails())


async def test_a_cancellation_outweighs_what_the_work_raises() -> None:
    """The error is its cause, and asyncio does not complain that nobody has heard of it."""

    async def fails() -> None:
        await pause()
        raise ValueError("no")

    task = asyncio.create_task(finish(fails()))
    await pause()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert isinstance(caught.value.__cause__, ValueError)


async def test_tasks_that_are_ended_have_ended() -> None:
    """Even where their caller is cancelled meanwhile, again and again."""
    ended: list[str] = []
    tasks = [asyncio.create_task(stubborn(ended)) for _ in range(3)]
    await pause()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await end(*tasks)
    assert len(ended) == 3
    assert all(task.cancelled() for task in tasks)


async def test_joining_what_has_ended_returns_at_once() -> None:
    """Nothing to wait for is no wait."""
    task = asyncio.create_task(worker([]))
    await task
    for joining in (join(task), join()):
        with pytest.raises(StopIteration):
            joining.__await__().send(None)
