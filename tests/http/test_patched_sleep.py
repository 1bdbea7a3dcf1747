"""Applications patch asyncio.sleep in their tests; the client waits nevertheless."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import AsyncMock, patch

import pytest
from aioresponses import aioresponses as Mocked

from meetstream_async import MeetStreamClient, RetryPolicy
from tests.helpers.clock import now, virtual_time
from tests.helpers.pace import apart

API = "https://api.example.com/v1"
EVENT = f"{API}/calendar/schedule/evt"


@pytest.fixture
def sleep() -> Iterator[AsyncMock]:
    """asyncio.sleep as such a test has it: it returns at once, and gives nobody else a turn."""
    with patch("asyncio.sleep", AsyncMock()) as patched:
        yield patched


def client(**arguments: object) -> MeetStreamClient:
    return MeetStreamClient("ms_0123456789abcdef", base_url=API, **arguments)  # type: ignore[arg-type]


@virtual_time
async def test_retries_wait_although_sleep_is_patched(mocked: Mocked, sleep: AsyncMock) -> None:
    """A Retry-After of 3 is 3 seconds."""
    mocked.delete(EVENT, status=503, headers={"Retry-After": "3"})
    mocked.delete(EVENT, payload={"unscheduled": True})
    began = now()
    async with client(retry=RetryPolicy(initial_wait=0, max_wait=0)) as c:
        await c.unschedule_event("evt")
    assert now() - began >= 3
    assert sleep.await_count == 0


@virtual_time
async def test_the_rate_holds_although_sleep_is_patched(mocked: Mocked, sleep: AsyncMock) -> None:
    """Two requests a second: the third leaves after one second."""
    mocked.delete(EVENT, payload={"unscheduled": True}, repeat=True)
    began = now()
    async with client(rate_limit=2) as c:
        for _ in range(3):
            await c.unschedule_event("evt")
    assert now() - began == pytest.approx(2 * apart(2))
    assert sleep.await_count == 0
