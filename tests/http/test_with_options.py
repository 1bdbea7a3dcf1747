"""``client.with_options``: other limits for some calls, over the same connections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from meetstream_async import (
    ClientSetupError,
    MeetBitClient,
    MeetStreamClient,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    bulk_unschedule,
)
from tests.helpers.credentials import API
from tests.helpers.meetstream import client, listing
from tests.helpers.raw_server import RawServer, hang, reply

Start = Callable[..., Awaitable[RawServer]]
ONCE = RetryPolicy(max_attempts=1)


async def test_it_uses_the_same_connection_and_leaves_it_open(raw_server: Start) -> None:
    """Closing the derived client closes nothing of the first; it is closed itself."""
    server = await raw_server(reply(200, listing()))
    async with client(server.url) as first:
        await first.list_scheduled_bots()
        async with first.with_options(timeout=5) as derived:
            await derived.list_scheduled_bots()
        assert type(derived) is MeetStreamClient
        with pytest.raises(ClientSetupError, match="closed"):
            await derived.list_scheduled_bots()
        assert (derived.closed, first.closed) == (True, False)
        await first.list_scheduled_bots()
    assert first.closed
    assert (server.connections, len(server.requests)) == (1, 3)


async def test_it_may_be_used_first_and_ends_with_its_parent(raw_server: Start) -> None:
    """Whichever is used first opens the connections; the first client's close is the end of them."""
    server = await raw_server(reply(200, listing()))
    first = client(server.url)
    derived = first.with_options(retry=ONCE).with_options(timeout=5)
    await derived.list_scheduled_bots()
    await first.close()
    assert derived.closed
    with pytest.raises(ClientSetupError, match="closed"):
        await derived.list_scheduled_bots()


async def test_its_retry_policy_is_its_own(raw_server: Start) -> None:
    """The first client's stays as it was."""
    server = await raw_server(reply(503), reply(503), reply(200, listing()))
    async with client(server.url, retry=RetryPolicy(initial_wait=0)) as first:
        with pytest.raises(ServerError):
            await first.with_options(retry=ONCE).list_scheduled_bots()
        assert len(server.requests) == 1
        await first.list_scheduled_bots()
    assert len(server.requests) == 3


@pytest.mark.parametrize("borrowed", [False, True])
async def test_its_timeout_is_its_own(raw_server: Start, borrowed: bool) -> None:
    """Shorter than the first client's, on an own or a borrowed session."""
    server = await raw_server(hang)
    async with aiohttp.ClientSession() as session:
        async with client(server.url, timeout=30, session=session if borrowed else None) as first:
            with pytest.raises(RequestTimeoutError, match=r"within 0\.05 s"):
                await first.with_options(timeout=0.05, retry=ONCE).list_scheduled_bots()
            assert (first.api.timeout, first.with_options(retry=ONCE).api.timeout) == (30, 30)


async def test_a_pause_holds_for_all_of_them(raw_server: Start) -> None:
    """They have one key, so they have one pace."""
    server = await raw_server(reply(429, b"", ("Retry-After", "3600")))
    async with client(server.url) as first:
        with pytest.raises(RateLimitError):
            await first.with_options(timeout=5).list_scheduled_bots()
        with pytest.raises(RateLimitError, match="nothing was sent"):
            await first.list_scheduled_bots()
    assert len(server.requests) == 1


async def test_a_bulk_run_takes_it(raw_server: Start) -> None:
    """The run's calls have the derived client's limits."""
    server = await raw_server(reply(200, {"unscheduled": True}))
    async with client(server.url) as first:
        report = await bulk_unschedule(first.with_options(timeout=5, retry=ONCE), ["evt_1"])
    assert report.counts["unscheduled"] == 1


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": True}, {"retry": 3}, {"timeout": "5"}])
async def test_a_bad_option_is_refused(options: dict[str, object]) -> None:
    """As by the constructor."""
    with pytest.raises(ClientSetupError):
        client(API).with_options(**options)  # type: ignore[arg-type]


async def test_meetbit_has_it_as_well() -> None:
    """With its own type."""
    first = MeetBitClient("acme.example.com", "access-key-0001", "secret-0001")
    derived = first.with_options(timeout=1)
    assert (type(derived), derived.api.timeout, derived.base_url) == (MeetBitClient, 1, first.base_url)
