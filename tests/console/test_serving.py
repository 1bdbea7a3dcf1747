"""The end of a console, however often it is cancelled."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

import anyio

from meetstream_async.simulator import Simulator
from tests.helpers.console import console
from tests.helpers.tasks import ours_running


async def test_the_server_has_ended_inside_a_cancelled_scope() -> None:
    """Its port is free and its tasks are gone when the scope has been left."""
    async with Simulator(1) as sim:
        with anyio.CancelScope() as scope:
            async with console(sim) as shown:
                port = urlsplit(shown.origin).port
                scope.cancel()
                await asyncio.Event().wait()
        assert scope.cancelled_caught
        assert ours_running() == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port or 0)) != 0
