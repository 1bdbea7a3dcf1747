"""Access to the console: requests by other pages, other machines and other programs."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest

from meetstream_async.simulator import Simulator
from tests.helpers.console import Console, console

RUN = "api/runs/some-run"


async def test_the_token_opens_the_console_once() -> None:
    """The token is exchanged for a strict cookie for this path only, removed from the URL by a redirect."""
    async with (
        Simulator(3) as sim,
        console(sim, opened=False) as desk,
        httpx.AsyncClient(verify=False) as other,
    ):
        first = await desk.http.get(desk.served.url)
        assert (first.status_code, first.headers["location"]) == (303, urlsplit(desk.served.address).path)
        name, *attributes = first.headers["set-cookie"].split("; ")
        assert {one.lower() for one in attributes} == {
            "httponly",
            "samesite=strict",
            f"path={urlsplit(desk.served.address).path}".lower(),
        }
        assert name.partition("=")[2] not in desk.served.url
        page = await desk.get("")
        assert (page.status_code, "<title>Scheduled bots" in page.text) == (200, True)
        again = await other.get(desk.served.url)
        assert again.status_code == 403
        assert "has been used already" in again.text
        assert "Ctrl-C" in again.text
        assert "set-cookie" not in again.headers
        # The browser that has the session may follow the address of the terminal once more.
        assert (await desk.http.get(desk.served.url)).status_code == 303


async def test_a_cookie_of_another_port_locks_nobody_out() -> None:
    """Any server on this host can set a cookie of the same name for all paths: both then come along."""
    async with Simulator(3) as sim, console(sim) as desk:
        (session,) = desk.http.cookies.values()
        desk.http.cookies.clear()
        for cookies in (f"a=b; meetstream_console=evil; meetstream_console={session}",
                        f"meetstream_console={session}; meetstream_console=evil; ="):  # fmt: skip
            assert (await desk.get("api/runs", Cookie=cookies)).status_code == 200
        assert (await desk.get("api/runs", Cookie="meetstream_console=evil")).status_code == 403


async def test_a_wrong_token_does_not_use_up_the_right_one() -> None:
    """Neither a guess, nor none, nor two opens anything; the right one still does."""
    async with Simulator(3) as sim, console(sim, opened=False) as desk:
        address, token = desk.served.address, desk.served.url.partition("=")[2]
        for query in ("token=", "token=guess", f"token={token[:-1]}", f"TOKEN={token}", "x=1", "token=%ff"):
            refused = await desk.http.get(f"{address}?{query}")
            assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
        for path in ("", "main.js", "api/bots", "api/runs"):
            assert (await desk.get(path)).status_code == 403
        elsewhere = await desk.http.get(f"{desk.origin}/?token={token}")
        assert elsewhere.status_code == 403
        guessed = await desk.get("api/bots", Cookie="meetstream_console=guess; meetstream_console=")
        assert guessed.status_code == 403
        assert (await desk.http.get(desk.served.url)).status_code == 303
        assert len(sim.requests) == 0


async def test_a_wrong_host_is_refused_whatever_it_brings() -> None:
    """A name that resolves to this machine gets no page, no data and no session, token and cookie or not."""
    async with Simulator(3) as sim, console(sim, opened=False) as desk:
        port = urlsplit(desk.served.url).port
        names = ["evil.example", "127.0.0.1.evil.example", "localhost.", "[::1]", "0.0.0.0"]
        wrong = [*names, *(f"{name}:{port}" for name in names), "127.0.0.1", f"127.0.0.1:{port + 1}", ""]
        for host in wrong:
            assert (await desk.http.get(desk.served.url, headers={"Host": host})).status_code == 403
        assert (await desk.http.get(desk.served.url)).status_code == 303
        for host in wrong:
            assert (await desk.get("api/bots", Host=host)).status_code == 403
        assert len(sim.requests) == 0
        assert (await desk.get("api/bots", Host=f"localhost:{port}")).status_code == 200
        two = await _raw(desk, f"Host: 127.0.0.1:{port}", "Host: evil.example")
        assert two.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403"))


async def _raw(desk: Console, *headers: str) -> bytes:
    parts = urlsplit(desk.served.address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    lines = [f"GET {parts.path}api/bots HTTP/1.1", *headers, "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode())
    reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    return reply


async def test_another_page_in_the_same_browser_can_start_nothing() -> None:
    """With the cookie and all: a request that changes something needs the page's own origin."""
    async with Simulator(3) as sim, console(sim) as desk:
        told = await desk.preview()
        seen = len(sim.requests)
        consent = {"words": told["words"], "digest": told["digest"]}
        start = f"api/previews/{told['id']}/run"
        port = urlsplit(desk.served.url).port
        origins = ["https://evil.example", "null", f"http://127.0.0.1:{port + 1}", f"https://127.0.0.1:{port}",
                   f"http://localhost:{port}", f"http://127.0.0.1:{port}.evil.example"]  # fmt: skip
        for origin in origins:
            assert (await desk.post(start, consent, Origin=origin)).status_code == 403
        for site in ("cross-site", "same-site", "none"):
            assert (await desk.post(start, consent, Sec_Fetch_Site=site)).status_code == 403
        # A form of another page has no origin in old browsers.
        assert (await desk.http.post(start, json=consent)).status_code == 403
        assert (await desk.http.delete(RUN, headers={"Origin": "https://evil.example"})).status_code == 403
        assert (await desk.http.delete(RUN)).status_code == 403
        assert (len(sim.requests), (await desk.get("api/runs")).json()) == (seen, [])
        fine = await desk.post(start, consent, Sec_Fetch_Site="same-origin")
        assert fine.status_code == 202


async def test_another_page_in_the_same_browser_can_read_nothing() -> None:
    """Data, events and scripts go to the page's own requests; an address that is typed gets the page."""
    async with Simulator(3) as sim, console(sim) as desk:
        for path in ("api/bots", "api/runs", f"{RUN}/events", f"{RUN}/report", "main.js"):
            for headers in (
                {"Sec_Fetch_Site": "cross-site"},
                {"Sec_Fetch_Site": "same-site"},
                {"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate"},
                {"Origin": "https://evil.example"},
                {"Origin": "null"},
            ):
                assert (await desk.get(path, **headers)).status_code == 403, (path, headers)
        assert len(sim.requests) == 0
        framed = await desk.get("", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")
        assert framed.status_code == 403
        typed = await desk.get("", Sec_Fetch_Site="none", Sec_Fetch_Mode="navigate")
        assert typed.status_code == 200
        own = await desk.get("api/bots", Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="cors")
        assert own.status_code == 200


async def test_a_link_in_another_site_opens_the_console_all_the_same() -> None:
    """Strict cookies do not go along with another site's redirects, so the page asks for itself again."""
    async with Simulator(3) as sim, console(sim, opened=False) as desk:
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        opened = await desk.http.get(desk.served.url, headers=headers)
        assert (opened.status_code, opened.headers["set-cookie"].count("SameSite=strict")) == (200, 1)
        assert f'content="0; url={urlsplit(desk.served.address).path}"' in opened.text
        assert (await desk.get("")).status_code == 200


async def test_every_answer_carries_the_policy() -> None:
    """Nothing but the console's own files may run, frame or keep it; refusals and errors included."""
    async with Simulator(3) as sim, console(sim) as desk:
        for path in ("", "main.js", "api/bots", "nothing", "/elsewhere"):
            headers = (await desk.get(path)).headers
            policy = dict(one.split(" ", 1) for one in headers["content-security-policy"].split("; "))
            assert policy["default-src"] == "'none'"
            assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
            assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in headers


async def test_the_console_listens_on_one_address_only() -> None:
    """Another address of this machine finds nobody, and a websocket is not opened."""
    async with Simulator(3) as sim, console(sim) as desk:
        with socket.socket() as other, pytest.raises(ConnectionRefusedError):
            other.settimeout(2)
            other.connect(("127.0.0.2", urlsplit(desk.served.url).port))
        upgrade = await desk.get("api/bots", Connection="Upgrade", Upgrade="websocket")
        assert upgrade.status_code == 200


async def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """Many small answers in a row take a few milliseconds each, not the 40 of a delayed one."""
    async with Simulator(3) as sim, console(sim) as desk:
        took = []
        for _ in range(20):
            began = time.perf_counter()
            await desk.get("api/runs")
            took.append(time.perf_counter() - began)
    # The quickest quarter of them: on a machine with other work the rest takes longer by itself.
    assert sorted(took)[4] < 0.03


async def test_neither_key_nor_token_leaves_the_process(caplog: pytest.LogCaptureFixture) -> None:
    """No log line and no response contains them, nor a meeting link."""
    caplog.set_level(logging.DEBUG)
    async with Simulator(30) as sim, console(sim) as desk:
        told = await desk.run(one_off_bots="delete")
        replies = [
            (await desk.get(path)).text
            for path in ("api/bots", "api/runs", f"api/runs/{told['run']['id']}/report", "nothing")
        ]
        token = desk.served.url.partition("=")[2]
        (cookie,) = desk.http.cookies.values()
        shown = "\n".join([*replies, repr(desk.service), repr(desk.served), str(told)])
        for secret in (sim.api_key, token, cookie):
            assert secret not in shown
            # The test client logs its own requests.
            said = [one for one in caplog.records if not one.name.startswith(("httpx", "httpcore"))]
            assert not [one for one in said if secret in one.getMessage()]
        assert "https://" not in replies[0]
    assert sim.ledger.scheduled_bots == frozenset()
