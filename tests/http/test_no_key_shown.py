"""The API key shows in no error, traceback or log line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from urllib.parse import quote

import pytest

from meetstream_async import ConnectionFailedError, MeetStreamClient, MeetStreamError, RetryPolicy
from tests.helpers.credentials import KEY
from tests.helpers.leaks import caught, refused, shown_by
from tests.helpers.raw_server import RawRequest, Step, drop, hang, reply, unused_port
from tests.helpers.single_calls import ONCE, Start, client

# --- the key shows nowhere -----------------------------------------------------------------------------

PIECE = KEY[3:12]
"""Half a key is too much already."""


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
        error = await caught(c.unschedule_event("evt_1"))
    assert isinstance(error, MeetStreamError)
    assert [text for text in shown_by(error) if PIECE in text] == []
    assert error.__cause__ is None
    assert [record for record in caplog.records if PIECE in f"{record.getMessage()} {vars(record)}"] == []


@pytest.mark.parametrize(
    "leak", ["2xx that is no JSON", "2xx that is no object", "request id", "half an answer", "no HTTP"]
)
async def test_an_error_of_a_listing_never_shows_the_key(raw_server: Start, leak: str) -> None:
    """The same holds for a listing that cannot be read."""
    server = await raw_server(LEAKS[leak])
    async with client(server, timeout=0.2, retry=ONCE) as c:
        error = await caught(c.list_scheduled_bots())
    assert isinstance(error, MeetStreamError)
    assert [text for text in shown_by(error) if PIECE in text] == []


async def test_a_refused_connection_never_shows_the_key() -> None:
    """Nothing of the request is in the error of a connection that was not made."""
    async with MeetStreamClient(KEY, base_url=f"http://127.0.0.1:{unused_port()}", retry=ONCE) as c:
        error = await caught(c.unschedule_event("evt_1"))
    assert isinstance(error, ConnectionFailedError)
    assert [text for text in shown_by(error) if PIECE in text] == []


@pytest.mark.parametrize("step", [hang, _echo_and_hang])
@pytest.mark.parametrize("timeout", [False, True], ids=["cancelled", "asyncio.timeout"])
async def test_a_cancelled_call_never_shows_the_key(raw_server: Start, step: Step, timeout: bool) -> None:
    """The traceback of a cancellation holds none of aiohttp's frames."""
    server = await raw_server(step)
    async with client(server) as c:
        if timeout:
            error = await caught(asyncio.wait_for(c.unschedule_event("evt_1"), 0.1))
            assert isinstance(error, TimeoutError)
        else:
            task = asyncio.create_task(c.unschedule_event("evt_1"))
            await server.until(lambda seen: len(seen.requests) == 1)
            await asyncio.sleep(0.05)
            task.cancel()
            error = await caught(task)
            assert isinstance(error, asyncio.CancelledError)
    assert [text for text in shown_by(error) if PIECE in text] == []


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
    assert [text for text in shown_by(refused(make)) if PIECE in text] == []


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
    events = {vars(record).get("meetstream_event") for record in caplog.records}
    assert events >= {"pause", "retry", "rejected_row", "ignored_field", "truncated"}
    assert [record for record in caplog.records if PIECE in f"{record.getMessage()} {vars(record)}"] == []
