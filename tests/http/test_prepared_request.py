"""Requests that take over their headers from one before them are the same on the wire."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import pytest

from meetstream_async import MeetStreamClient
from meetstream_async._http import own_session
from meetstream_async._http.prepared_request import PreparedRequest, new_request_class
from tests.helpers.raw_server import RawRequest, RawServer, reply
from tests.helpers.single_calls import Start, client

STEPS = ["update_headers", "update_auto_headers", "update_body_from_data", "update_transfer_encoding"]


async def _mixed_requests(c: MeetStreamClient) -> None:
    """With and without a body, with headers of their own, and by several methods."""
    for _ in range(2):
        await c.request("GET", "/a")
        await c.unschedule_event("evt_1")
        await c.request("POST", "/b")
        await c.request("POST", "/b", json={"long": "x" * 100})
        await c.unschedule_event("evt_2", True, datetime(2030, 1, 1, tzinfo=UTC))
        await c.request("POST", "/b", json={"key": 1})
        await c.create_bot("https://meet.example/a", "name", idempotency_key="one")


def _on_the_wire(server: RawServer) -> list[tuple[str, str, list[tuple[str, str]], bytes]]:
    def without_port(request: RawRequest) -> list[tuple[str, str]]:
        return sorted((name, "" if name == "host" else value) for name, value in request.headers)

    return [(r.method, r.target, without_port(r), r.body) for r in server.requests]


async def _seen(start: Start) -> list[tuple[str, str, list[tuple[str, str]], bytes]]:
    server = await start(reply(200, {"bot_id": "bot-1"}))
    async with client(server) as c:
        await _mixed_requests(c)
    return _on_the_wire(server)


async def test_every_request_is_what_aiohttp_would_have_sent(
    raw_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method, target, headers and body are those of aiohttp's own class."""
    ours = await _seen(raw_server)
    plain = type("Plain", (aiohttp.ClientRequest,), {"depart": staticmethod(float)})
    monkeypatch.setattr(own_session, "new_request_class", lambda _: plain)
    assert ours == await _seen(raw_server)
    assert len(ours) == 14


@pytest.mark.parametrize("missing", STEPS)
async def test_an_aiohttp_without_one_of_the_steps_sends_the_same(
    missing: str, raw_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where aiohttp does not call a step, because its name is another one, no header is lost or doubled."""
    before = await _seen(raw_server)
    monkeypatch.delattr(PreparedRequest, missing)
    assert await _seen(raw_server) == before


async def test_two_sessions_share_nothing() -> None:
    """A key that one client has is never sent by another."""
    assert new_request_class(float)._prepared is not new_request_class(float)._prepared


async def test_a_prepared_request_shows_no_key(raw_server: Start) -> None:
    """What is kept of the headers is in no repr."""
    server = await raw_server(reply(200, {}))
    async with client(server) as c:
        await c.unschedule_event("evt_1")
        assert c.api.transport._http is not None
        kept = c.api.transport._http._request_class._prepared  # type: ignore[attr-defined]
    assert "DELETE" in kept
    assert "Token" not in repr(kept)
