"""Proxies and certificates, over real sockets."""

from __future__ import annotations

import ssl
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from meetstream_async import (
    ConfigurationError,
    ConnectionFailedError,
    MeetBitClient,
    MeetStreamClient,
    MeetStreamError,
    RequestTimeoutError,
    RetryPolicy,
    TransportError,
    bulk_unschedule,
    unschedule_all,
)
from tests.helpers.credentials import KEY
from tests.helpers.raw_server import RawServer, reply, unused_port
from tests.helpers.single_calls import AT_ONCE
from tests.helpers.tunnel import Tunnel

HOST = "api.example.test"
URL = f"https://{HOST}/api/v1"
EMPTY = reply(200, {"scheduled_bots": []})
DONE = reply(200, {"unscheduled": True})
PASSWORD = "hunter2-hunter2"
BASIC = "dXNlcjpodW50ZXIyLWh1bnRlcjI="
"""user:hunter2-hunter2, as it is in a header."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Callable[..., RawServer]:
    """A server with a certificate for the host, which no machine trusts by itself."""

    def make(*script: bytes, host: str = HOST) -> RawServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host).configure_cert(context)
        return RawServer(*script, tls=context)

    return make


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy of this machine, and a .netrc that must never be read."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("default login leaked password leaked-password\n")
    monkeypatch.setenv("NETRC", str(netrc))


def client(**options: Any) -> MeetStreamClient:
    return MeetStreamClient(KEY, **{"base_url": URL, "retry": AT_ONCE} | options)


async def failing(c: MeetStreamClient) -> ConnectionFailedError:
    """The error of a DELETE that never reaches the API."""
    async with c:
        with pytest.raises(ConnectionFailedError) as caught:
            await c.unschedule_event("evt_1")
    return caught.value


async def test_a_client_goes_through_its_proxy_with_its_own_certificates(
    secure: Callable[..., RawServer], trusting: ssl.SSLContext
) -> None:
    """The proxy sees the host, its own credentials and nothing of the key; connections are kept."""
    async with secure(EMPTY) as server, Tunnel(server.port) as proxy:
        async with client(proxy=f"http://user:{PASSWORD}@{proxy.address}", ssl_context=trusting) as c:
            await c.list_scheduled_bots()
            await c.list_scheduled_bots()
    assert len(server.requests) == 2
    assert server.requests[0].header("authorization") == [f"Token {KEY}"]
    assert server.requests[0].header("proxy-authorization") == []
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {BASIC}\r\n" in head
    assert KEY not in head


@pytest.mark.parametrize("prefix", ["http://", ""])
async def test_the_environment_s_proxy_is_used_where_asked_for_and_netrc_never(
    secure: Callable[..., RawServer],
    trusting: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    prefix: str,
) -> None:
    """``trust_env`` reads HTTPS_PROXY, with or without a scheme."""
    async with secure(EMPTY) as server, Tunnel(server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{prefix}{proxy.address}")
        async with client(trust_env=True, ssl_context=trusting) as c:
            await c.list_scheduled_bots()
    assert len(proxy.heads) == 1
    assert "authorization" not in proxy.heads[0].lower()
    assert server.requests[0].header("authorization") == [f"Token {KEY}"]


async def test_without_trust_env_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library client goes the way that its caller says."""
    async with RawServer(EMPTY) as server, Tunnel(server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        c = client(base_url="https://localhost.invalid", timeout=2.0)
        await failing(c)
    assert proxy.heads == []


@pytest.mark.parametrize("hidden", [HOST, ".example.test", "*", f"{HOST}:443"])
def test_no_proxy_names_hosts_that_are_reached_directly(hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As other programs read NO_PROXY; even a proxy that can't be used is then not looked at."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", hidden)
    client(trust_env=True)
    monkeypatch.setenv("NO_PROXY", "elsewhere.example.test")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY must be the URL of an HTTP proxy"):
        client(trust_env=True)


@pytest.mark.parametrize("how", ["argument", "environment"])
async def test_loopback_is_never_reached_through_a_proxy(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator works on a machine behind a proxy, and no key goes to the proxy unencrypted."""
    dead = f"http://127.0.0.1:{unused_port()}"
    monkeypatch.setenv("HTTP_PROXY", dead)
    options: dict[str, Any] = {"proxy": dead} if how == "argument" else {"trust_env": True}
    async with RawServer(EMPTY) as server, client(base_url=server.url, **options) as c:
        await c.list_scheduled_bots()
    assert len(server.requests) == 1


REFUSALS = [
    (407, b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", 1),
    (403, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 1),
    (503, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 4),
]


@pytest.mark.parametrize(("status", "answer", "tries"), REFUSALS)
async def test_a_proxy_that_refuses_is_named_and_nothing_was_sent(
    status: int, answer: bytes, tries: int
) -> None:
    """Only a 5xx of the proxy may get better and is tried again; none of them leaves the outcome open."""
    async with Tunnel(0, answer=answer) as proxy:
        error = await failing(client(proxy=f"http://user:{PASSWORD}@{proxy.address}"))
        assert f"the proxy http://{proxy.address} (from proxy) refused the connection ({status}" in str(error)
    assert len(proxy.heads) == error.attempts == tries
    assert error.outcome_unknown is False
    assert error.permanent is (status < 500)
    told = "".join(traceback.format_exception(error)) + repr(error)
    assert PASSWORD not in told
    assert BASIC not in told


async def test_a_borrowed_session_s_proxy_that_refuses_is_told_the_same() -> None:
    """Neither retried nor uncertain, and without the proxy's credentials."""
    async with Tunnel(0, answer=REFUSALS[0][1]) as proxy:
        address = f"http://user:{PASSWORD}@{proxy.address}"
        async with aiohttp.ClientSession(proxy=address) as session:
            error = await failing(client(session=session))
    assert "refused the connection (407" in str(error)
    assert (len(proxy.heads), error.permanent, error.outcome_unknown) == (1, True, False)
    assert PASSWORD not in str(error)


async def test_a_proxy_that_does_not_listen_is_named() -> None:
    """A connection to it may work later, so it is tried again."""
    port = unused_port()
    error = await failing(client(proxy=f"http://127.0.0.1:{port}"))
    assert f"could not connect to the proxy http://127.0.0.1:{port}" in str(error)
    assert (error.attempts, error.outcome_unknown, error.permanent) == (4, False, False)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.6\r\n"], ids=["nothing", "not HTTP"])
async def test_a_proxy_that_is_none_is_named(answer: bytes) -> None:
    """It hangs up, or speaks another protocol, before the tunnel is open: nothing was sent."""
    async with Tunnel(0, answer=answer) as proxy:
        address = proxy.address
        async with client(proxy=f"http://user:{PASSWORD}@{address}") as c:
            with pytest.raises(TransportError) as caught:
                await c.unschedule_event("evt_1")
    error = caught.value
    assert f"while the proxy http://{address} (from proxy) was to open a tunnel" in str(error)
    assert (error.attempts, error.outcome_unknown, error.permanent) == (4, False, False)
    assert PASSWORD not in str(error)


async def test_a_proxy_that_never_answers_leaves_no_doubt_about_the_request() -> None:
    """The time is up before the tunnel is open, so that nothing was sent."""
    async with Tunnel(0, hangs=True) as proxy:
        async with client(
            proxy=f"http://{proxy.address}", timeout=0.2, retry=RetryPolicy(max_attempts=1)
        ) as c:
            with pytest.raises(RequestTimeoutError) as caught:
                await c.unschedule_event("evt_1")
    assert caught.value.outcome_unknown is False


@pytest.mark.parametrize("why", ["unknown authority", "other host"])
async def test_a_certificate_that_cannot_be_verified_is_told_once(
    secure: Callable[..., RawServer], trusting: ssl.SSLContext, why: str
) -> None:
    """It is not retried, nothing was sent, and the error speaks of the certificate."""
    host = HOST if why == "unknown authority" else "other.example.test"
    context = None if why == "unknown authority" else trusting
    async with secure(DONE, host=host) as server, Tunnel(server.port) as proxy:
        error = await failing(client(proxy=f"http://{proxy.address}", ssl_context=context))
    assert f"the certificate of {HOST} can't be verified" in str(error)
    assert "ssl_context" in str(error)
    assert (error.attempts, error.outcome_unknown, error.permanent) == (1, False, True)
    assert server.requests == []


async def test_a_permanent_fault_stops_a_run_at_once() -> None:
    """One target failed, the rest was not attempted; a whole account's run raises it."""
    async with Tunnel(0, answer=REFUSALS[0][1]) as proxy:
        async with client(proxy=f"http://{proxy.address}") as c:
            report = await bulk_unschedule(c, [f"evt_{n}" for n in range(9)], max_concurrency=1)
            with pytest.raises(ConnectionFailedError):
                await unschedule_all(c)
    assert (report.counts["failed"], report.counts["not_attempted"]) == (1, 8)
    assert "407" in (report.reason or "")
    assert len(proxy.heads) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"proxy": "socks5://127.0.0.1:1080"},
        {"proxy": f"ftp://user:{PASSWORD}@127.0.0.1"},
        {"proxy": f"http://user:{PASSWORD}@:3128"},
        {"proxy": f"http://user:{PASSWORD}@127.0.0.1:port"},
        {"proxy": ""},
        {"proxy": 3128},
        {"ssl_context": True},
        {"trust_env": 1},
    ],
)
def test_what_is_no_proxy_or_context_is_refused_and_not_shown(options: dict[str, Any]) -> None:
    """At both clients, before any request."""
    for make in (client, lambda **more: MeetBitClient(HOST, "key-id-0123456", "key-secret-0123456", **more)):
        with pytest.raises(ConfigurationError, match=next(iter(options))) as caught:
            make(**options)
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", ["proxy", "ssl_context", "trust_env"])
async def test_a_borrowed_session_brings_its_own_network(name: str) -> None:
    """Its proxy and certificates are set on the session, not here."""
    value: Any = {"proxy": "http://127.0.0.1:1", "ssl_context": ssl.create_default_context()}.get(name, True)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(MeetStreamError, match="set them on the session"):
            client(session=session, **{name: value})
