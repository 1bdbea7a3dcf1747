"""One timer for all requests: each block is given up at its own time, and only then."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetstream_async._http.deadlines import Deadline, Deadlines
from tests.helpers.clock import now, run_virtual, virtual_time


async def _given_up_after(deadlines: Deadlines, seconds: float, work: float) -> float | None:
    """When the block of so much work was given up, or None where it came to its end."""
    begun = now()
    try:
        with Deadline(deadlines, deadlines.loop.time() + seconds):
            await asyncio.sleep(work)
    except TimeoutError:
        return now() - begun
    return None


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50), st.integers(0, 50)), max_size=12))
def test_each_block_is_given_up_at_its_own_time(blocks: list[tuple[int, int, int]]) -> None:
    """Whatever begins and ends around it, a block ends at its own time or by its own work."""

    async def main() -> list[float | None]:
        deadlines = Deadlines(asyncio.get_running_loop())

        async def begin(seconds: int, work: int, wait: int) -> float | None:
            await asyncio.sleep(wait)
            # Never at the same moment: which of two timers rings first is not what is asked here.
            return await _given_up_after(deadlines, seconds, work + 0.5)

        return await asyncio.gather(*(begin(*block) for block in blocks))

    expected = [seconds if work + 0.5 > seconds else None for seconds, work, _ in blocks]
    assert run_virtual(main()) == [None if one is None else pytest.approx(one) for one in expected]


@virtual_time
async def test_no_timer_is_made_for_a_request_that_ends_in_time() -> None:
    """A thousand blocks one after the other set one timer of the loop."""
    loop = asyncio.get_running_loop()
    made = 0
    call_at = loop.call_at

    def counting(*args: object) -> asyncio.TimerHandle:
        nonlocal made
        made += 1
        return call_at(*args)  # type: ignore[arg-type]

    loop.call_at = counting  # type: ignore[method-assign,assignment]
    deadlines = Deadlines(loop)
    for _ in range(1000):
        with Deadline(deadlines, deadlines.loop.time() + 30.0):
            await asyncio.sleep(0)
    assert (made, deadlines.running) == (1, set())


@virtual_time
async def test_a_cancellation_from_outside_stays_one() -> None:
    """A task that is cancelled while its time runs out ends as cancelled, not as timed out."""
    deadlines = Deadlines(asyncio.get_running_loop())
    task = asyncio.create_task(_given_up_after(deadlines, 1.0, 5.0))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.wait({task})
    both = asyncio.create_task(_given_up_after(deadlines, 1.0, 5.0))
    await asyncio.sleep(0.5)
    asyncio.get_running_loop().call_at(now() + 0.5, both.cancel)
    await asyncio.wait({both})
    assert (task.cancelled(), both.cancelled(), deadlines.running) == (True, True, set())


@virtual_time
async def test_it_can_stand_inside_asyncio_timeout() -> None:
    """The caller's own timeout around it is the one that fires where it is the shorter one."""
    deadlines = Deadlines(asyncio.get_running_loop())
    begun = now()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            with Deadline(deadlines, deadlines.loop.time() + 2.0):
                await asyncio.sleep(5.0)
    assert now() - begun == pytest.approx(1.0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
