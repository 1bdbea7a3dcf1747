"""Owned and borrowed sessions: who closes them, and which of their settings count."""

from __future__ import annotations

import asyncio
import gzip
import warnings
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from meetstream_async import (
    BadRequestError,
    ClientSetupError,
    ConfigurationError,
    MeetStreamClient,
    RateLimitError,
    RequestTimeoutError,
)
from tests.helpers.credentials import KEY
from tests.helpers.leaks import shown_by
from tests.helpers.raw_server import hang, reply
from tests.helpers.single_calls import ONCE, Start, client

# --- whose session it is -------------------------------------------------------------------------------


async def test_an_owned_session_is_closed(raw_server: Start) -> None:
    """Leaving the client's block closes the connections that it opened."""
    server = await raw_server(reply(200, {}))
    async with client(server) as c:
        await c.unschedule_event("evt_1")
        assert server.open_connections == 1
    await server.until(lambda seen: seen.open_connections == 0)
    assert server.connections == 1


async def test_clients_share_connections_and_nothing_else(raw_server: Start) -> None:
    """One connection serves several clients, each with its own key; it outlives them until it is closed."""
    server = await raw_server(reply(200, {}, ("Set-Cookie", "theirs=1")), reply(200, {}))
    first, second = client(server), MeetStreamClient(f"{KEY}2", base_url=server.url, retry=ONCE)
    shared = first.api.transport.share(None)
    assert second.api.transport.share(shared) is shared
    for c in (first, second):
        await c.unschedule_event("evt_1")
        await c.close()
        with pytest.raises(ClientSetupError, match="closed"):
            await c.unschedule_event("evt_1")
    assert (server.connections, server.open_connections) == (1, 1)
    keys = [request.header("authorization") for request in server.requests]
    assert keys == [[f"Token {KEY}"], [f"Token {KEY}2"]]
    assert server.requests[1].header("cookie") == []
    await shared.close()
    await server.until(lambda seen: seen.open_connections == 0)


async def test_a_pause_holds_back_only_the_client_that_was_told(raw_server: Start) -> None:
    """Of two clients over the same connections, the one that got a 429 waits and the other one does not."""
    server = await raw_server(reply(429, {}, ("Retry-After", "60")), reply(200, {}))
    told, other = client(server, retry=ONCE), MeetStreamClient(f"{KEY}2", base_url=server.url, retry=ONCE)
    other.api.transport.share(shared := told.api.transport.share(None))
    async with told, other:
        with pytest.raises(RateLimitError):
            await told.unschedule_event("evt_1")
        await other.unschedule_event("evt_1")
        assert told.api.rate_limiter.paused_for() > 0
    await shared.close()
    assert (len(server.requests), server.connections) == (2, 1)


async def test_a_borrowed_session_stays_open_and_unchanged(raw_server: Start) -> None:
    """After the client is closed its owner goes on with the session, under the settings it had."""
    server = await raw_server(reply(200, {}, ("Set-Cookie", "ours=1")), reply(500, {}))
    async with aiohttp.ClientSession(
        headers={"X-Own": "1"}, raise_for_status=True, auto_decompress=False
    ) as session:
        async with client(server, session=session) as c:
            await c.unschedule_event("evt_1")
        assert not session.closed
        assert (dict(session.headers), session.raise_for_status, session.auto_decompress) == (
            {"X-Own": "1"},
            True,
            False,
        )
        with pytest.raises(aiohttp.ClientResponseError):
            await session.get(server.url)
    assert server.requests[1].header("authorization") == []


async def test_a_borrowed_sessions_settings_do_not_change_what_we_do(raw_server: Start) -> None:
    """raise_for_status, auto_decompress, base_url and json_serialize of the owner have no effect."""
    error = gzip.compress(b'{"message": "no such thing"}')
    server = await raw_server(reply(400, error, ("Content-Encoding", "gzip")))

    def unusable(value: object) -> str:
        raise AssertionError("json_serialize is the owner's")

    async with aiohttp.ClientSession(
        base_url="http://127.0.0.1:1/other/",
        raise_for_status=True,
        auto_decompress=False,
        json_serialize=unusable,
        timeout=aiohttp.ClientTimeout(total=1e-9),
    ) as session:
        c = client(server, session=session)
        with pytest.raises(BadRequestError, match="no such thing"):
            await c.unschedule_event("evt_1", cancel_all_occurrences=True)
    assert server.requests[0].body == b'{"cancel_all_occurrences": true}'


async def test_our_headers_go_before_a_borrowed_sessions_own(raw_server: Start) -> None:
    """The owner's Authorization does not go out with our requests, in addition or instead."""
    server = await raw_server(reply(200, {}))
    headers = {"authorization": "Bearer theirs", "Content-Type": "text/plain", "X-Own": "1"}
    async with aiohttp.ClientSession(headers=headers) as session:
        await client(server, session=session).unschedule_event("evt_1", cancel_all_occurrences=True)
    (request,) = server.requests
    assert request.header("authorization") == [f"Token {KEY}"]
    assert request.header("content-type") == ["application/json"]


async def test_a_borrowed_sessions_middlewares_do_not_run(raw_server: Start) -> None:
    """A middleware of the owner neither sees nor repeats our requests."""
    seen: list[str] = []

    async def middleware(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> Any:
        seen.append(request.method)
        return await handler(request)

    server = await raw_server(reply(200, {}))
    async with aiohttp.ClientSession(middlewares=(middleware,)) as session:
        await client(server, session=session).unschedule_event("evt_1")
    assert (len(server.requests), seen) == (1, [])


async def test_a_session_with_auth_is_not_borrowed(raw_server: Start) -> None:
    """auth=... would go out with our requests, so it is refused with the reason."""
    server = await raw_server(reply(200, {}))
    with warnings.catch_warnings():
        # aiohttp is about to drop the argument, but sessions that have it are about.
        warnings.simplefilter("ignore", DeprecationWarning)
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("user", "sesame12"))
    async with session:
        with pytest.raises(ConfigurationError, match="auth=") as caught:
            client(server, session=session)
    assert "sesame12" not in str(caught.value)
    assert server.connections == 0


async def test_a_netrc_does_not_replace_the_key(
    raw_server: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a borrowed session takes a login from .netrc, our requests do not carry it."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password sesame12\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = await raw_server(reply(200, {}))
    async with aiohttp.ClientSession(trust_env=True) as session:
        with suppress(ConfigurationError):
            await client(server, session=session).unschedule_event("evt_1")
    # Some versions of aiohttp refuse to send such a request; nothing but the key may go out of any.
    assert [request.header("authorization") for request in server.requests] in ([], [[f"Token {KEY}"]])


async def test_a_session_that_closes_under_waiting_calls_is_a_setup_error(raw_server: Start) -> None:
    """Whether a call waits for its turn or for a connection: it was not sent, and the error is ours."""

    async def close_under(c: MeetStreamClient, close: Callable[[], Awaitable[None]], places: int) -> None:
        server.requests.clear()
        calls = [asyncio.create_task(c.unschedule_event(f"evt_{number}")) for number in range(places + 5)]
        await server.until(lambda seen: len(seen.requests) == places)
        await close()
        errors: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
        assert len(server.requests) == places
        assert [error.outcome_unknown for error in errors] == [True] * places + [False] * 5
        assert [type(error) for error in errors[places:]] == [ClientSetupError] * 5
        assert [text for error in errors for text in shown_by(error) if KEY in text] == []

    server = await raw_server(hang)
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
    await close_under(client(server, session=session, retry=ONCE), session.close, 1)
    c = client(server, retry=ONCE)
    await close_under(c, c.close, 100)


@pytest.mark.parametrize("problem", [ValueError("no"), KeyError("no")])
async def test_a_tracer_that_raises_leaves_a_sent_request_unknown(
    raw_server: Start, problem: Exception
) -> None:
    """An exception of a tracer is not taken for a refusal by aiohttp: the DELETE has been sent."""
    server = await raw_server(reply(200, {}))

    async def fail(*_: object) -> None:
        raise problem

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(fail)
    async with client(server, trace_configs=(each for each in [trace])) as c:
        with pytest.raises(ConfigurationError, match="trace_configs") as caught:
            await c.unschedule_event("evt_1")
    assert len(server.requests) == 1
    assert caught.value.outcome_unknown is True


async def test_a_closed_session_is_refused(raw_server: Start) -> None:
    """A session that its owner has closed is a ConfigurationError, not a crash."""
    server = await raw_server(reply(200, {}))
    async with aiohttp.ClientSession() as session:
        c = client(server, session=session)
    with pytest.raises(ConfigurationError, match="closed"):
        await c.unschedule_event("evt_1")
    assert server.connections == 0


async def test_trace_configs_belong_to_a_session_opened_here(raw_server: Start) -> None:
    """They cannot be added to a borrowed session; instead of dropping them silently, it is an error."""
    server = await raw_server(reply(200, {}))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ConfigurationError, match="trace_configs"):
            client(server, session=session, trace_configs=[aiohttp.TraceConfig()])


async def test_closing_the_client_takes_no_deadline_from_a_borrowed_session(raw_server: Start) -> None:
    """A request that is in flight on a borrowed session when its client is closed still ends in time."""
    server = await raw_server(hang)
    async with aiohttp.ClientSession() as session:
        c = client(server, session=session, timeout=0.2, retry=ONCE)
        call = asyncio.create_task(c.unschedule_event("evt_1"))
        while not server.requests:
            await asyncio.sleep(0.005)
        await c.close()
        async with asyncio.timeout(5):
            with pytest.raises(RequestTimeoutError):
                await call


async def test_what_a_tracer_adds_to_a_request_goes_out(raw_server: Start) -> None:
    """On a borrowed session only the credential is set anew; a tracer's User-Agent stays."""
    server = await raw_server(reply(200, {}))

    async def sign(session: object, context: object, params: aiohttp.TraceRequestStartParams) -> None:
        params.headers["User-Agent"] += " acme-jobs/2"

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(sign)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session, client(server, session=session) as c:
        await c.unschedule_event("evt_1")
    (agent,) = server.requests[0].header("User-Agent")
    assert agent.startswith("meetstream-async/")
    assert agent.endswith(" acme-jobs/2")
