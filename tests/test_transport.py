"""The network itself, on real sockets: what the server saw is what counts."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import pickle
import socket
import time
import traceback
import tracemalloc
import warnings
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from support import KEY, RawRequest, RawServer, Step, drop, hang, reply, then_close, unused_port

from meetstream_async import (
    ApiError,
    BadRequestError,
    ClientSetupError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidResponseError,
    MeetStreamClient,
    MeetStreamError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    TransportError,
)

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
async def _opened(server: RawServer, borrowed: bool, **options: Any) -> AsyncIterator[MeetStreamClient]:
    """A client with a session of its own, or with a borrowed one."""
    if not borrowed:
        async with client(server, **options) as c:
            yield c
        return
    async with aiohttp.ClientSession() as session, client(server, session=session, **options) as c:
        yield c


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
    async with _opened(server, session == "borrowed", **options) as c:
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


NO_HTTP = [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00\x01\x02" * 50, b"\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n"]


@pytest.mark.parametrize("greeting", NO_HTTP)
@each_call
async def test_a_port_that_speaks_no_http_is_a_transport_error(
    raw_server: Start, call: Call, greeting: bytes
) -> None:
    """Garbage in place of a reply is retried, and leaves open whether a DELETE took effect."""
    server = await raw_server(then_close(greeting))
    async with client(server) as c:
        with pytest.raises(TransportError) as caught:
            await call(c)
    assert len(server.requests) == caught.value.attempts == 4
    assert caught.value.outcome_unknown is (call is not listing)


HALF = b"HTTP/1.1 %d X\r\nContent-Length: 100\r\n%b\r\n" + b'{"scheduled_bots": ['


@pytest.mark.parametrize(
    "answer",
    [
        HALF % (200, b""),
        b'HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{"scheduled_bots": [\r\n',
        b"HTTP/1.1 200 X\r\nContent-Length: 9\r\nContent-Encoding: gzip\r\n\r\nnot gzip!",
    ],
    ids=["half", "half of the chunks", "broken gzip"],
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


# --- whose session it is -------------------------------------------------------------------------------


async def test_an_owned_session_is_closed(raw_server: Start) -> None:
    """Leaving the client's block closes the connections that it opened."""
    server = await raw_server(reply(200, {}))
    async with client(server) as c:
        await c.unschedule_event("evt_1")
        assert server.open_connections == 1
    await server.until(lambda seen: seen.open_connections == 0)
    assert server.connections == 1


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
        assert [text for error in errors for text in _tells(error) if KEY in text] == []

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


# --- the key shows nowhere -----------------------------------------------------------------------------

PIECE = KEY[3:12]
"""Half a key is too much already."""


async def _caught(call: Awaitable[Any]) -> BaseException:
    """The raised exception. Its traceback starts in this frame, which holds no secret."""
    try:
        await call
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def _tells(error: BaseException) -> list[str]:
    """Everything that an error could show to a log, a debugger or another process."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    texts = [str(error), repr(error), repr(vars(error)), *shown.format()]
    if isinstance(error, MeetStreamError):
        texts.append(pickle.dumps(error, 0).decode("latin-1"))
    return texts


def _echo(status: int, wrap: Callable[[str], object], *headers: str, type: str = "") -> Step:
    """A server that says back what it was sent."""

    async def step(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        sent = request.header("authorization")[0]
        more = [(name, value.format(sent)) for name, value in (line.split("=", 1) for line in headers)]
        body = wrap(sent)
        writer.write(reply(status, body.encode() if isinstance(body, str) else body, *more, type=type))

    return step


async def _echo_and_hang(request: RawRequest, writer: asyncio.StreamWriter) -> None:
    sent = request.header("authorization")[0]
    writer.write(f"HTTP/1.1 200 X\r\nX-Echo: {sent}\r\nContent-Length: 99\r\n\r\n{sent}".encode())
    await hang(request, writer)


async def _echo_no_http(request: RawRequest, writer: asyncio.StreamWriter) -> None:
    writer.write(f"{request.header('authorization')[0]}\r\n\r\n".encode())
    writer.close()


LEAKS: dict[str, Step] = {
    "JSON": _echo(401, lambda sent: {"message": f"bad header {sent}"}),
    "nested JSON": _echo(400, lambda sent: {"error": {"message": sent}}),
    "fields": _echo(422, lambda sent: {"message": "x", "errors": {sent: [sent]}}),
    "plain text": _echo(403, lambda sent: f"rejected: {sent}", type="text/plain"),
    "HTML title": _echo(502, lambda sent: f"<html><title>{sent}</title>", type="text/html"),
    "HTML body": _echo(500, lambda sent: f"<html><pre>{sent}</pre>", type="text/html"),
    "HTML entities": _echo(500, lambda sent: f"<p>{sent.replace('-', '&#45;')}</p>", type="text/html"),
    "percent-encoded": _echo(400, lambda sent: {"message": quote(sent, safe="")}),
    "at the cut": _echo(400, lambda sent: {"message": "x" * 480 + sent}),
    "request id": _echo(404, lambda _: {"message": "x"}, "x-request-id={}"),
    "request id at the cut": _echo(404, lambda _: {"message": "x"}, "x-request-id=" + "x" * 180 + "{}"),
    "another header": _echo(400, lambda _: {"message": "x"}, "X-Echo={}"),
    "location": _echo(302, lambda _: b"", "Location=https://other.example.com/?key={}"),
    "retry-after": _echo(429, lambda _: b"", "Retry-After={}"),
    "2xx that is no JSON": _echo(200, lambda sent: f"hello {sent}", "x-request-id={}"),
    "2xx that is no object": _echo(200, lambda sent: [sent], "x-request-id={}"),
    "2xx that says false": _echo(
        200, lambda sent: {"unscheduled": False, "message": sent}, "x-request-id={}"
    ),
    "no HTTP": _echo_no_http,
    "no answer": hang,
    "half an answer": _echo_and_hang,
    "a drop": drop,
}


@pytest.mark.parametrize("leak", LEAKS)
async def test_an_error_never_shows_the_key(
    raw_server: Start, leak: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither text, fields, pickle, traceback with locals nor log holds it, even where a server echoes it."""
    caplog.set_level(logging.DEBUG, "meetstream_async")
    server = await raw_server(LEAKS[leak])
    async with client(server, timeout=0.2, retry=RetryPolicy(max_attempts=2, initial_wait=0)) as c:
        error = await _caught(c.unschedule_event("evt_1"))
    assert isinstance(error, MeetStreamError)
    assert [text for text in _tells(error) if PIECE in text] == []
    assert error.__cause__ is None
    assert [record for record in caplog.records if PIECE in f"{record.getMessage()} {vars(record)}"] == []


@pytest.mark.parametrize(
    "leak", ["2xx that is no JSON", "2xx that is no object", "request id", "half an answer", "no HTTP"]
)
async def test_an_error_of_a_listing_never_shows_the_key(raw_server: Start, leak: str) -> None:
    """The same holds for a listing that cannot be read."""
    server = await raw_server(LEAKS[leak])
    async with client(server, timeout=0.2, retry=ONCE) as c:
        error = await _caught(c.list_scheduled_bots())
    assert isinstance(error, MeetStreamError)
    assert [text for text in _tells(error) if PIECE in text] == []


async def test_a_refused_connection_never_shows_the_key() -> None:
    """Nothing of the request is in the error of a connection that was not made."""
    async with MeetStreamClient(KEY, base_url=f"http://127.0.0.1:{unused_port()}", retry=ONCE) as c:
        error = await _caught(c.unschedule_event("evt_1"))
    assert isinstance(error, ConnectionFailedError)
    assert [text for text in _tells(error) if PIECE in text] == []


@pytest.mark.parametrize("step", [hang, _echo_and_hang])
@pytest.mark.parametrize("timeout", [False, True], ids=["cancelled", "asyncio.timeout"])
async def test_a_cancelled_call_never_shows_the_key(raw_server: Start, step: Step, timeout: bool) -> None:
    """The traceback of a cancellation holds none of aiohttp's frames."""
    server = await raw_server(step)
    async with client(server) as c:
        if timeout:
            error = await _caught(asyncio.wait_for(c.unschedule_event("evt_1"), 0.1))
            assert isinstance(error, TimeoutError)
        else:
            task = asyncio.create_task(c.unschedule_event("evt_1"))
            await server.until(lambda seen: len(seen.requests) == 1)
            await asyncio.sleep(0.05)
            task.cancel()
            error = await _caught(task)
            assert isinstance(error, asyncio.CancelledError)
    assert [text for text in _tells(error) if PIECE in text] == []


def _refused(make: Callable[[], object]) -> BaseException:
    try:
        make()
    except ConfigurationError as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    "make",
    [
        lambda: MeetStreamClient(KEY + "\n"),
        lambda: MeetStreamClient(f"Token {KEY}"),
        lambda: MeetStreamClient(KEY.encode()),  # type: ignore[arg-type]
        lambda: MeetStreamClient(KEY, base_url="http://api.example.com"),
        lambda: MeetStreamClient(KEY, timeout=-1),
        lambda: MeetStreamClient(KEY, rate_limit=-1),
        lambda: MeetStreamClient(KEY, retry=None),  # type: ignore[arg-type]
        lambda: MeetStreamClient(KEY, session="x"),  # type: ignore[arg-type]
    ],
)
def test_a_misuse_never_shows_the_key(make: Callable[[], object]) -> None:
    """Not even the locals of the constructor's frames hold it."""
    assert [text for text in _tells(_refused(make)) if PIECE in text] == []


async def test_no_log_shows_the_key(raw_server: Start, caplog: pytest.LogCaptureFixture) -> None:
    """Retries, pauses, rejected rows and ignored fields are logged without it."""
    caplog.set_level(logging.DEBUG, "meetstream_async")
    server = await raw_server(
        _echo(429, lambda sent: {"message": sent}, "Retry-After=0", "x-request-id={}"),
        _echo(503, lambda sent: sent, "x-request-id={}"),
        _echo(
            200, lambda sent: {"scheduled_bots": [{"bot_id": sent + "\n"}, {"bot_id": "b", "status": [sent]}]}
        ),
    )
    async with client(server) as c:
        await c.list_scheduled_bots(limit=2)
    events = {vars(record).get("event") for record in caplog.records}
    assert events >= {"pause", "retry", "rejected_row", "ignored_field", "truncated"}
    assert [record for record in caplog.records if PIECE in f"{record.getMessage()} {vars(record)}"] == []


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
