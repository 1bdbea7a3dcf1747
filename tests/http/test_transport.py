"""The network itself, on real sockets: failing connections, time limits, and replies that are not taken."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
import tracemalloc
import zlib
from contextlib import ExitStack, suppress
from typing import Any

import aiohttp
import pytest

from meetstream_async import (
    ApiError,
    ConnectionFailedError,
    InvalidResponseError,
    MeetStreamClient,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    bulk_unschedule,
)
from tests.helpers.credentials import KEY
from tests.helpers.raw_server import RawRequest, Step, drop, hang, reply, then_close, unused_port
from tests.helpers.single_calls import AT_ONCE, ONCE, Call, Start, client, each_call, listing, opened

# --- connections that fail -----------------------------------------------------------------------------


@pytest.mark.parametrize("session", ["own", "own and traced", "of an aiohttp without the switch", "borrowed"])
@pytest.mark.parametrize("warm", [False, True])
@each_call
async def test_dropped_connections_cost_max_attempts_requests_and_no_more(
    raw_server: Start, call: Call, session: str, warm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No lower layer repeats a request, on a new or a reused connection."""
    server = await raw_server(*([reply(404)] if warm else []), drop)
    if session == "of an aiohttp without the switch":
        monkeypatch.setattr("meetstream_async._http.transport._SWITCH", "no_such_switch")
    options = {"trace_configs": [aiohttp.TraceConfig()]} if session == "own and traced" else {}
    async with opened(server, session == "borrowed", **options) as c:
        if warm:
            with suppress(ApiError):
                await c.unschedule_event("warm")
        before = len(server.requests)
        with pytest.raises(ConnectionFailedError) as caught:
            await call(c)
    assert len(server.requests) - before == 4
    assert caught.value.attempts == 4
    assert caught.value.outcome_unknown is (call is not listing)


async def test_max_attempts_one_sends_one_request(raw_server: Start) -> None:
    """With one attempt a dropped DELETE is on the wire once."""
    server = await raw_server(drop)
    async with client(server, retry=ONCE) as c:
        with pytest.raises(ConnectionFailedError):
            await c.unschedule_event("evt_1")
    assert len(server.requests) == 1


@each_call
async def test_a_refused_connection_was_never_sent(call: Call) -> None:
    """Nobody listens: the outcome is certain, and the error says where it tried."""
    port = unused_port()
    async with MeetStreamClient(KEY, base_url=f"http://127.0.0.1:{port}", retry=AT_ONCE) as c:
        with pytest.raises(ConnectionFailedError, match=str(port)) as caught:
            await call(c)
    assert (caught.value.outcome_unknown, caught.value.attempts) == (False, 4)


async def test_an_unknown_host_was_never_sent() -> None:
    """A name that does not resolve is a failed connection, not an uncertain outcome."""

    class NoHosts(aiohttp.abc.AbstractResolver):
        async def resolve(self, *args: Any, **kwargs: Any) -> Any:
            raise OSError("no such host")

        async def close(self) -> None:
            pass

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=NoHosts())) as session:
        c = MeetStreamClient(KEY, base_url="https://api.example.com", session=session, retry=ONCE)
        with pytest.raises(ConnectionFailedError) as caught:
            await c.unschedule_event("evt_1")
    assert caught.value.outcome_unknown is False


NO_HTTP = [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00\x01\x02" * 50, b"HTTP/1.1 abc OK\r\n\r\n"]
LARGE_HEADER = b"HTTP/1.1 200 OK\r\nContent-Security-Policy: " + b"x" * 20_000 + b"\r\n\r\n"


@pytest.mark.parametrize("greeting", NO_HTTP)
@each_call
@pytest.mark.parametrize("borrowed", [False, True])
async def test_garbage_is_retried_and_told_as_what_it_is(
    raw_server: Start, call: Call, greeting: bytes, borrowed: bool
) -> None:
    """It may come from a broken connection, and leaves open whether a DELETE took effect."""
    server = await raw_server(then_close(greeting))
    async with opened(server, borrowed) as c:
        with pytest.raises(TransportError, match="not usable HTTP") as caught:
            await call(c)
    assert len(server.requests) == caught.value.attempts > 1
    assert not caught.value.permanent
    assert caught.value.outcome_unknown is (call is not listing)


BAD_HEADERS = [
    LARGE_HEADER,
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nX-Note: \x00\r\n\r\n",
]


@pytest.mark.parametrize("head", BAD_HEADERS, ids=["too large", "twice", "NUL"])
@each_call
@pytest.mark.parametrize("borrowed", [False, True])
async def test_bad_headers_are_told_once(raw_server: Start, call: Call, head: bytes, borrowed: bool) -> None:
    """They would come out the same again: no retry."""
    server = await raw_server(then_close(head))
    async with opened(server, borrowed) as c:
        with pytest.raises(TransportError, match="not usable HTTP") as caught:
            await call(c)
    assert len(server.requests) == caught.value.attempts == 1
    assert caught.value.permanent
    assert caught.value.outcome_unknown is (call is not listing)


async def test_headers_beyond_the_bound_stop_a_run(raw_server: Start) -> None:
    """The first target is unknown, and nothing is sent for the rest."""
    server = await raw_server(then_close(LARGE_HEADER))
    async with client(server) as c:
        report = await bulk_unschedule(c, [f"evt_{n}" for n in range(9)], max_concurrency=1)
    assert len(server.requests) == 1
    assert (report.counts["unknown"], report.counts["not_attempted"]) == (1, 8)
    assert "not usable HTTP" in (report.reason or "")


UNDECODABLE = [
    reply(200, b"not gzip!", ("Content-Encoding", "gzip")),
    reply(200, b"not deflated", ("Content-Encoding", "deflate")),
    reply(200, b"unknown here", ("Content-Encoding", "br")),
]


@pytest.mark.parametrize("answer", UNDECODABLE)
@each_call
@pytest.mark.parametrize("borrowed", [False, True])
async def test_a_body_that_cannot_be_decoded_is_told_once(
    raw_server: Start, call: Call, answer: bytes, borrowed: bool
) -> None:
    """The server would compress the next reply as badly, so it is not asked again."""
    server = await raw_server(answer)
    async with opened(server, borrowed) as c:
        with pytest.raises(InvalidResponseError, match="can't be decoded") as caught:
            await call(c)
    assert len(server.requests) == caught.value.attempts == 1
    assert caught.value.outcome_unknown is (call is not listing)


HALF = b"HTTP/1.1 %d X\r\nContent-Length: 100\r\n%b\r\n" + b'{"scheduled_bots": ['


@pytest.mark.parametrize(
    "answer",
    [
        HALF % (200, b""),
        b'HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{"scheduled_bots": [\r\n',
        b"\r\n\r\n",
    ],
    ids=["half", "half of the chunks", "nothing"],
)
@each_call
async def test_half_a_body_is_a_lost_connection(raw_server: Start, call: Call, answer: bytes) -> None:
    """A reply that ends in its middle is never read as a whole one."""
    server = await raw_server(then_close(answer))
    async with client(server) as c:
        with pytest.raises(ConnectionFailedError) as caught:
            await call(c)
    assert len(server.requests) == 4
    assert caught.value.outcome_unknown is (call is not listing)


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [(401, ApiError, 1), (403, ApiError, 1), (503, ServerError, 4), (501, ServerError, 1)],
)
async def test_a_status_that_decides_counts_although_its_body_was_lost(
    raw_server: Start, status: int, kind: type[ApiError], requests: int
) -> None:
    """A rejected key stays a rejected key, and a 5xx a 5xx, without their text."""
    server = await raw_server(then_close(HALF % (status, b"")))
    async with client(server) as c:
        with pytest.raises(kind) as caught:
            await c.unschedule_event("evt_1")
    assert (caught.value.status, len(server.requests)) == (status, requests)


async def test_retry_after_binds_although_the_body_was_lost(raw_server: Start) -> None:
    """A 429 cut in its middle still says how long to wait."""
    server = await raw_server(then_close(HALF % (429, b"Retry-After: 3600\r\n")))
    async with client(server) as c:
        with pytest.raises(RateLimitError) as caught:
            await c.unschedule_event("evt_1")
    assert (caught.value.retry_after, len(server.requests)) == (3600, 1)


# --- time ----------------------------------------------------------------------------------------------


async def _drip(request: RawRequest, writer: asyncio.StreamWriter) -> None:
    """A reply that goes on, a byte at a time."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("step", [hang, _drip])
@each_call
async def test_a_server_that_does_not_finish_is_given_up_in_time(
    raw_server: Start, call: Call, step: Step
) -> None:
    """timeout bounds the whole attempt, body included; a DELETE may have taken effect, a GET has none."""
    server = await raw_server(step)
    async with client(server, timeout=0.2, retry=ONCE) as c:
        started = time.monotonic()
        with pytest.raises(RequestTimeoutError) as caught:
            await call(c)
        assert 0.2 <= time.monotonic() - started < 1.5
    assert caught.value.outcome_unknown is (call is not listing)


async def test_a_host_that_accepts_no_connection_was_never_sent() -> None:
    """While nothing is connected nothing is sent, so the outcome is certain."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        async with MeetStreamClient(KEY, base_url=url, timeout=0.4, retry=ONCE) as c:
            with pytest.raises(RequestTimeoutError) as caught:
                await c.unschedule_event("evt_1")
    assert caught.value.outcome_unknown is False


# --- replies that are not taken ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@each_call
async def test_a_redirect_is_not_followed(raw_server: Start, call: Call, status: int) -> None:
    """Neither another origin nor the same one is asked; the error says what to check."""
    other = await raw_server(reply(200, {"scheduled_bots": []}))
    server = await raw_server(reply(status, b"", ("Location", f"{other.url}/elsewhere")))
    async with client(server) as c:
        with pytest.raises(ApiError, match="base_url") as caught:
            await call(c)
    assert caught.value.status == status
    assert (len(server.requests), other.connections) == (1, 0)


def _bomb(mebibytes: int) -> bytes:
    """The beginning of a gzip stream of that many MiB of spaces."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    start = packer.compress(b"{") + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush a block knows nothing of those before it, so it can be repeated.
    block = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + block * mebibytes


@each_call
async def test_a_gzip_bomb_is_given_up_at_the_cap(raw_server: Start, call: Call) -> None:
    """A small body that expands to a gigabyte is read only up to the cap, and not requested again."""
    body = _bomb(1024)
    assert len(body) < 8 * 2**20
    server = await raw_server(reply(200, body, ("Content-Encoding", "gzip")))
    async with client(server) as c:
        tracemalloc.start()
        try:
            with pytest.raises(InvalidResponseError, match="larger than") as caught:
                await call(c)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert len(server.requests) == 1
    assert caught.value.outcome_unknown is (call is not listing)
    assert peak < 128 * 2**20


async def test_a_large_listing_below_the_cap_is_read(raw_server: Start) -> None:
    """A page of several MiB, compressed, is an ordinary page."""
    rows = [{"bot_id": f"b{index}", "custom_attributes": {"note": "x" * 50_000}} for index in range(100)]
    body = gzip.compress(json.dumps({"scheduled_bots": rows}).encode())
    server = await raw_server(reply(200, body, ("Content-Encoding", "gzip")))
    async with client(server) as c:
        assert len((await c.list_scheduled_bots()).bots) == 100
