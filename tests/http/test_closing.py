"""Closing a client, however often that is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

import anyio
import pytest

from meetstream_async import MeetStreamClient, MeetStreamError
from meetstream_async._http.call import FIRST, PACED, Context
from meetstream_async.meetstream import unschedule_event
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


@pytest.mark.parametrize("context", [PACED, FIRST], ids=["its turn was waited for", "it waits itself"])
async def test_a_client_that_is_closed_under_a_call_hides_nothing_of_it(
    context: Context, raw_server: Start
) -> None:
    """What an attempt may have done is told, although the client can make no other."""
    server = await raw_server(reply(503, {}), reply(200, {"unscheduled": True}))
    async with MeetStreamClient("ms_0123456789abcdef", base_url=server.url) as client:
        send = client.api.transport.send

        async def and_close(*arguments: Any) -> Any:
            sent = await send(*arguments)
            await client.close()
            return sent

        client.api.open()
        with patch.object(client.api.transport, "send", and_close), pytest.raises(MeetStreamError) as error:
            await client.api.call(unschedule_event("evt_1"), context)
    assert error.value.outcome_unknown
    assert error.value.attempts == 1
    assert len(server.requests) == 1
