"""The end of a simulator, however often it is cancelled."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import anyio
import pytest

from meetstream_async.simulator import Simulator


async def test_nothing_listens_after_a_cancelled_scope() -> None:
    """anyio cancels at every turn of the loop; the port is free nevertheless."""
    with anyio.CancelScope() as scope:
        async with Simulator(1) as sim:
            port = urlsplit(sim.base_url).port
            scope.cancel()
            await asyncio.Event().wait()
    assert scope.cancelled_caught
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", port)
