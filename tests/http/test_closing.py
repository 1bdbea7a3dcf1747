"""Closing a client, however often that is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio

from meetstream_async import MeetStreamClient
from tests.helpers.raw_server import RawServer, reply

Start = Callable[..., Awaitable[RawServer]]


async def test_a_client_is_closed_inside_a_cancelled_scope(raw_server: Start) -> None:
    """Its connections are gone when the scope has been left."""
    server = await raw_server(reply(200, {"scheduled_bots": []}))
    client = MeetStreamClient("ms_0123456789abcdef", base_url=server.url)
    with anyio.CancelScope() as scope:
        async with client:
            await client.list_scheduled_bots()
            assert server.open_connections == 1
            scope.cancel()
            await asyncio.Event().wait()
    assert scope.cancelled_caught
    await server.until(lambda server: server.open_connections == 0)
