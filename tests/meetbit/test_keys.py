"""MeetBit's two keys: where they go, and that they show nowhere. And a borrowed session."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
import pytest

from meetstream_async import (
    ApiError,
    BulkError,
    ConfigurationError,
    MeetBitClient,
    MeetStreamError,
    RetryPolicy,
    bulk_cancel_events,
)
from tests.helpers.leaks import caught, refused, shown_by
from tests.helpers.meetbit import GOOD, ID, KEYS, SECRET, client, free, meetbit
from tests.helpers.raw_server import drop, hang, reply, then_close

PIECES = (ID[6:16], SECRET[10:22])
"""Half a key is too much already."""


def leaks(texts):
    """Those of the texts in which a key can be seen."""
    return [text for text in texts if any(piece in text for piece in PIECES)]


def logged(caplog):
    return [f"{record.getMessage()} {vars(record)}" for record in caplog.records]


@asynccontextmanager
async def opened(server, borrowed, **options):
    """A client with a session of its own, or with a borrowed one."""
    if not borrowed:
        async with client(server, **options) as c:
            yield c
        return
    async with aiohttp.ClientSession() as session, client(server, session=session, **options) as c:
        yield c


async def test_a_borrowed_sessions_own_login_stays_behind(raw_server, tmp_path, monkeypatch):
    """Neither the .netrc of a session that trusts the environment nor its own header goes out with ours."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password sesame12\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = await raw_server(GOOD)
    for borrowed in ({"trust_env": True}, {"headers": {"Authorization": "Bearer sesame12"}}):
        async with aiohttp.ClientSession(**borrowed) as session, client(server, session=session) as c:
            await c.cancel_event(1, 2, "why")
    assert [request.header("authorization") for request in server.requests] == [[], []]
    assert [request.header("x-access-key-id") for request in server.requests] == [[ID], [ID]]


# --- to no other origin --------------------------------------------------------------------------------


@pytest.mark.parametrize("borrowed", [False, True], ids=["own session", "borrowed session"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_takes_the_keys_elsewhere(raw_server, status, borrowed):
    """No redirect is followed, to another origin or the same one; the error says what to check."""
    other = await raw_server(GOOD)
    for origin in (other, None):
        server = await raw_server(reply(status, b"", ("Location", f"{origin.url if origin else ''}/other")))
        async with opened(server, borrowed) as c:
            with pytest.raises(ApiError, match="base_url") as caught:
                await c.cancel_event(1, 2, "x")
            report = await bulk_cancel_events(c, [(1, 2)], "x")
        assert caught.value.status == status
        assert report.counts["failed"] == 1
        assert (len(server.requests), other.connections) == (2, 0)


async def test_the_keys_are_not_left_on_a_borrowed_session(raw_server):
    """The owner's own requests, to any origin, carry neither."""
    server = await raw_server(GOOD)
    other = await raw_server(reply(200))
    async with aiohttp.ClientSession() as session:
        async with client(server, session=session) as c:
            await c.cancel_event(1, 2, "x")
        for url in (server.url, other.url):
            async with session.get(url):
                pass
    for request in (server.requests[1], other.requests[0]):
        assert leaks(f"{name}: {value}" for name, value in request.headers) == []


# --- a borrowed session --------------------------------------------------------------------------------


async def test_a_borrowed_session_stays_open_and_unchanged(raw_server):
    """After the client's end its owner goes on with it, under the settings that it had."""
    server = await raw_server(reply(200, {"data": {"id": 2}}, ("Set-Cookie", "ours=1")), reply(500))
    async with aiohttp.ClientSession(
        headers={"X-Own": "1"}, raise_for_status=True, auto_decompress=False
    ) as session:
        async with client(server, session=session) as c:
            await c.cancel_event(1, 2, "x")
            await bulk_cancel_events(c, [], "x")
        assert not session.closed
        assert (dict(session.headers), session.raise_for_status, session.auto_decompress) == (
            {"X-Own": "1"},
            True,
            False,
        )
        with pytest.raises(aiohttp.ClientResponseError):
            await session.get(server.url)


async def test_a_borrowed_sessions_settings_do_not_change_what_we_do(raw_server):
    """Its raise_for_status and its own key headers have no effect on ours."""
    headers = {"x-access-key-id": "theirs", "X-Access-Key-Secret": "theirs", "Content-Type": "text/plain"}
    server = await raw_server(reply(404, b"Resource object does not exist.", type="text/plain"))
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as session:
        with pytest.raises(ApiError, match="does not exist"):
            await client(server, session=session).cancel_event(1, 2, "x")
    (request,) = server.requests
    assert request.header("x-access-key-id") == [ID]
    assert request.header("x-access-key-secret") == [SECRET]
    assert request.header("content-type") == ["application/json"]


async def test_two_clients_of_one_session_send_their_own_keys(raw_server):
    """Keys belong to a client, not to the session."""
    server = await raw_server(GOOD)
    async with aiohttp.ClientSession() as session:
        first = client(server, session=session)
        second = MeetBitClient(
            base_url=server.url,
            access_key_id="another-key-id",
            access_key_secret="another-key-secret",
            session=session,
        )
        for c in (first, second, first):
            await c.cancel_event(1, 2, "x")
    assert [request.header("x-access-key-id") for request in server.requests] == [
        [ID],
        ["another-key-id"],
        [ID],
    ]


async def test_an_owned_session_is_closed(raw_server):
    """Leaving the client's block closes the connections that it opened."""
    server = await raw_server(GOOD)
    async with client(server) as c:
        await c.cancel_event(1, 2, "x")
        assert server.open_connections == 1
    await server.until(lambda seen: seen.open_connections == 0)


async def test_a_cancelled_run_leaves_a_borrowed_session_usable(raw_server):
    """Its owner's next request is answered."""
    server = await raw_server(hang, reply(200))
    async with aiohttp.ClientSession() as session:
        task = asyncio.create_task(bulk_cancel_events(client(server, session=session), [(1, 2)], "x"))
        await server.until(lambda seen: len(seen.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with session.get(server.url) as response:
            assert response.status == 200


# --- the keys show nowhere -----------------------------------------------------------------------------


def echo(status, wrap, *headers, type=""):
    """A server that says back the keys that it was sent."""

    async def step(request, writer):
        keys = request.header("x-access-key-id") + request.header("x-access-key-secret")
        sent = " / ".join(keys)
        more = [(name, value.format(sent)) for name, value in (line.split("=", 1) for line in headers)]
        body = wrap(sent)
        writer.write(reply(status, body.encode() if isinstance(body, str) else body, *more, type=type))

    return step


async def echo_and_hang(request, writer):
    """Half an answer that holds them, and no more."""
    sent = request.header("x-access-key-secret")[0]
    writer.write(f"HTTP/1.1 200 X\r\nX-Echo: {sent}\r\nContent-Length: 999\r\n\r\n{sent}".encode())
    await hang(request, writer)


async def echo_no_http(request, writer):
    """A response that is not HTTP and contains the keys."""
    writer.write(f"{request.header('x-access-key-secret')[0]}\r\n\r\n".encode())
    writer.close()


LEAKS = {
    "plain text": echo(401, lambda sent: f"bad key {sent}", type="text/plain"),
    "denied": echo(401, lambda sent: f"Access Denied. {sent}", type="text/plain"),
    "JSON": echo(400, lambda sent: {"message": sent}),
    "fields": echo(422, lambda sent: {"message": "x", "errors": {sent: [sent]}}),
    "HTML": echo(502, lambda sent: f"<html><title>{sent}</title><p>{sent}", type="text/html"),
    "HTML entities": echo(500, lambda sent: f"<p>{sent.replace('-', '&#45;')}</p>", type="text/html"),
    "percent-encoded": echo(400, lambda sent: {"message": quote(sent, safe="")}),
    "at the cut": echo(400, lambda sent: {"message": "x" * 480 + sent}),
    "request id": echo(404, lambda _: b"x", "x-request-id={}"),
    "another header": echo(400, lambda _: b"x", "X-Echo={}"),
    "location": echo(302, lambda _: b"", "Location=https://other.example.com/?key={}"),
    "retry-after": echo(429, lambda _: b"", "Retry-After={}"),
    "limit headers": echo(429, lambda _: b"", "RateLimit-Remaining={}", "RateLimit-Reset={}"),
    "2xx that is no JSON": echo(200, lambda sent: sent, "x-request-id={}"),
    "2xx without an event": echo(200, lambda sent: {"data": {sent: sent}}, "x-request-id={}"),
    "no HTTP": echo_no_http,
    "half an answer": echo_and_hang,
    "no answer": hang,
    "a drop": drop,
    "half a body": then_close(b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{"),
}


@pytest.mark.parametrize("borrowed", [False, True], ids=["own session", "borrowed session"])
@pytest.mark.parametrize("leak", LEAKS)
async def test_an_error_never_shows_a_key(raw_server, leak, borrowed, caplog):
    """Neither text, fields, pickle, traceback with locals nor log holds one, even if a server echoes it."""
    caplog.set_level(logging.DEBUG, "meetstream_async")
    server = await raw_server(LEAKS[leak])
    async with opened(server, borrowed, timeout=0.08, retry=RetryPolicy(max_attempts=2, initial_wait=0)) as c:
        error = await caught(c.cancel_event(1, 2, "x"))
    assert isinstance(error, MeetStreamError)
    assert leaks(shown_by(error)) == []
    assert error.__cause__ is None
    assert leaks(logged(caplog)) == []


@pytest.mark.parametrize("leak", LEAKS)
async def test_a_report_never_shows_a_key(raw_server, leak, caplog):
    """Neither its repr, its dict, its outcomes' errors nor the BulkError made of it."""
    caplog.set_level(logging.DEBUG, "meetstream_async")
    server = await raw_server(LEAKS[leak])
    async with client(server, timeout=0.08, retry=RetryPolicy(max_attempts=1, initial_wait=0.02)) as c:
        report = await bulk_cancel_events(c, [(1, 2), (1, 3)], "x", max_concurrency=1)
    texts = [repr(report), json.dumps(report.to_dict()), pickle.dumps(report, 0).decode("latin-1")]
    for outcome in report.outcomes:
        if outcome.error is not None:
            texts += shown_by(outcome.error)
    try:
        report.raise_for_failures()
    except BulkError as error:
        texts += shown_by(error)
    assert leaks(texts) == []
    assert leaks(logged(caplog)) == []


async def test_an_answer_never_shows_a_key(raw_server, caplog):
    """A server that echoes them in the event, escaped or not, is not heard with them."""
    caplog.set_level(logging.DEBUG, "meetstream_async")

    def answer(sent):
        escaped = "".join(f"\\u{ord(char):04x}" for char in sent)
        return f'{{"message": "{escaped}", "data": {{"id": 2, "title": "{sent}", "start": "{sent}"}}}}'

    server = await raw_server(echo(200, answer))
    async with client(server) as c:
        cancelled = await c.cancel_event(1, 2, "x")
        report = await bulk_cancel_events(c, [(1, 2)], "x")
    assert cancelled.event.id == 2
    assert leaks([repr(cancelled), pickle.dumps(cancelled, 0).decode("latin-1"), repr(report)]) == []
    assert leaks(logged(caplog)) == []


async def test_no_log_shows_a_key(raw_server, caplog):
    """Pauses, retries and ignored fields are logged without one."""
    caplog.set_level(logging.DEBUG, "meetstream_async")
    server = await raw_server(
        echo(429, lambda sent: sent, "Retry-After=0.01", "x-request-id={}", type="text/plain"),
        echo(503, lambda sent: sent, "x-request-id={}"),
        echo(200, lambda sent: {"data": {"id": 2, "title": [sent], sent: sent}}),
    )
    async with client(server) as c:
        await c.cancel_event(1, 2, "x")
    events = {vars(record).get("meetstream_event") for record in caplog.records}
    assert events >= {"pause", "retry", "ignored_field"}
    assert leaks(logged(caplog)) == []


@pytest.mark.parametrize("step", [hang, echo_and_hang])
@pytest.mark.parametrize("bulk", [False, True], ids=["single", "bulk"])
async def test_a_cancelled_call_never_shows_a_key(raw_server, step, bulk):
    """The traceback of a cancellation holds none of aiohttp's frames."""
    server = await raw_server(step)
    async with client(server) as c:
        call = bulk_cancel_events(c, [(1, 2)], "x") if bulk else c.cancel_event(1, 2, "x")
        task = asyncio.create_task(call)
        await server.until(lambda seen: len(seen.requests) == 1)
        await asyncio.sleep(0.05)
        task.cancel()
        error = await caught(task)
    assert isinstance(error, asyncio.CancelledError)
    assert leaks(shown_by(error)) == []


async def test_no_repr_shows_a_key():
    """That of the client, and of everything that hangs from it."""
    c = MeetBitClient("acme.example.com", ID, SECRET)
    seen, texts, rest = set(), [], [c]
    while rest:
        value = rest.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        texts.append(repr(value))
        rest += (
            vars(value).values() if hasattr(value, "__dict__") and "meetstream" in repr(type(value)) else []
        )
        rest += value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else []
    assert len(texts) > 5
    assert leaks(texts) == []
    assert "acme.example.com" in repr(c)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MeetBitClient("https://acme.example.com", **KEYS),
        lambda: MeetBitClient(**KEYS),
        lambda: MeetBitClient("acme.example.com", ID, SECRET + "\n"),
        lambda: MeetBitClient("acme.example.com", ID + " ", SECRET),
        lambda: MeetBitClient("acme.example.com", ID.encode(), SECRET),
        lambda: MeetBitClient("acme.example.com", ID),
        lambda: MeetBitClient("acme.example.com", access_key_secret=SECRET),
        lambda: MeetBitClient(base_url="http://acme.example.com", **KEYS),
        lambda: MeetBitClient("acme.example.com", **KEYS, timeout=-1),
        lambda: MeetBitClient("acme.example.com", **KEYS, rate_limit=0),
        lambda: MeetBitClient("acme.example.com", **KEYS, retry=None),
        lambda: MeetBitClient("acme.example.com", **KEYS, session="x"),
    ],
)
def test_a_misuse_never_shows_a_key(make):
    """Not even the locals of the constructor's frames hold one."""
    assert leaks(shown_by(refused(make))) == []


@pytest.mark.parametrize(
    "place",
    [
        {"primary_domain": f"{SECRET}@acme.example.com"},
        {"base_url": f"https://{ID}:{SECRET}@acme.example.com"},
        {"base_url": f"https://acme.example.com/?key={SECRET}"},
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated_in_the_message(place):
    """A domain or URL that holds one is refused without being quoted."""
    error = refused(lambda: MeetBitClient(**place, **KEYS))
    assert leaks([str(error), repr(error)]) == []


async def test_a_bad_argument_of_a_call_never_shows_a_key():
    """Nor do the frames of a call that was refused before it was sent."""
    async with free(1) as sim, meetbit(sim) as c:
        texts = []
        for call in (c.cancel_event(0, 1, "x"), bulk_cancel_events(c, [(1, 0)], "x")):
            error = await caught(call)
            assert isinstance(error, ConfigurationError)
            texts += shown_by(error)
        assert [text for text in texts if sim.access_key_secret in text or sim.access_key_id in text] == []
    assert sim.requests == []
