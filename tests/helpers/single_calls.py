"""A client of a scripted server, and each of its calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from meetstream_async import MeetStreamClient, RetryPolicy
from tests.helpers.credentials import KEY
from tests.helpers.raw_server import RawServer

Start = Callable[..., Awaitable[RawServer]]
Call = Callable[[MeetStreamClient], Coroutine[Any, Any, Any]]
AT_ONCE = RetryPolicy(initial_wait=0)
ONCE = RetryPolicy(max_attempts=1)


def client(server: RawServer, **options: Any) -> MeetStreamClient:
    return MeetStreamClient(KEY, base_url=server.url, **{"retry": AT_ONCE} | options)


def listing(c: MeetStreamClient) -> Coroutine[Any, Any, Any]:
    return c.list_scheduled_bots()


def unscheduling(c: MeetStreamClient) -> Coroutine[Any, Any, Any]:
    return c.unschedule_event("evt_1")


def deleting(c: MeetStreamClient) -> Coroutine[Any, Any, Any]:
    return c.delete_scheduled_bot("bot-1")


each_call = pytest.mark.parametrize("call", [listing, unscheduling, deleting])


@asynccontextmanager
async def opened(server: RawServer, borrowed: bool, **options: Any) -> AsyncIterator[MeetStreamClient]:
    """A client with a session of its own, or with a borrowed one."""
    if not borrowed:
        async with client(server, **options) as c:
            yield c
        return
    async with aiohttp.ClientSession() as session, client(server, session=session, **options) as c:
        yield c
