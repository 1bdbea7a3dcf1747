"""What every request says of who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from meetstream_async import ClientSetupError, MeetBitClient, __version__
from tests.helpers.credentials import API
from tests.helpers.meetstream import client, listing
from tests.helpers.raw_server import RawServer, reply

Start = Callable[..., Awaitable[RawServer]]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, f"meetstream-async/{__version__}"),
        ("acme-jobs/2.1 (nightly)", f"meetstream-async/{__version__} acme-jobs/2.1 (nightly)"),
    ],
)
async def test_an_application_adds_its_name(raw_server: Start, given: str | None, sent: str) -> None:
    """Behind ours, so that the vendor sees both."""
    server = await raw_server(reply(200, listing()))
    async with client(server.url, user_agent=given) as c:
        await c.list_scheduled_bots()
    assert server.requests[0].header("user-agent") == [sent]


@pytest.mark.parametrize(
    "name", ["", " acme", "acme\r\nX-Evil: 1", "acme\n", "acmé", "a\tb", "a" * 201, 5, b"a"]
)
async def test_a_name_that_is_no_line_of_ascii_is_refused(name: Any) -> None:
    """A line break in it could add a header."""
    with pytest.raises(ClientSetupError, match="user_agent must be"):
        client(API, user_agent=name)
    with pytest.raises(ClientSetupError, match="user_agent must be"):
        MeetBitClient("acme.example.com", "access-key-0001", "secret-0001", user_agent=name)
