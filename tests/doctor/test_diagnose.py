"""`diagnose` on the wire: its bounds, and what it says where nothing answers as it should."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter

import aiohttp
import pytest

from meetstream_async import (
    ClientSetupError,
    ConfigurationError,
    MeetBitClient,
    MeetStreamClient,
    RetryPolicy,
    diagnose,
    unschedule_all,
)
from meetstream_async.doctor import diagnose as module
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.raw_server import RawServer, hang, reply, unused_port

pytestmark = pytest.mark.usefixtures("quick_checks")

KEY = "ms_canary_0123456789abcdef"
KEYS = {"access_key_id": "id_canary_0123456789", "access_key_secret": "secret_canary_0123456789"}
QUICK = RetryPolicy(initial_wait=0.01, max_wait=0.01)


async def test_the_bounds_are_those_that_are_promised() -> None:
    """Seven requests, ten seconds."""
    assert (module.MOST_REQUESTS, module.MOST_SECONDS) == (7, 10.0)


async def test_all_of_it_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slowly each answer comes, the time for all of them ends everything."""
    monkeypatch.setattr(module, "MOST_SECONDS", 0.6)
    async with Simulator(250, troubles=[Trouble("*", latency=0.25)]) as sim:
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            began = time.monotonic()
            found = await diagnose(client)
            assert time.monotonic() - began < 1.5
        assert len(sim.requests) <= 3
    assert len(found.checks) == 10


async def test_a_server_that_never_answers_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the time for one request is longer than that for all."""
    monkeypatch.setattr(module, "MOST_SECONDS", 0.3)
    async with RawServer(hang) as server, MeetStreamClient(KEY, base_url=server.url) as client:
        found = await diagnose(client)
        assert len(server.requests) == 1
    assert found.check("reach").status == "fail"


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("ids", ["event", "provider", "none", "mixed"])
async def test_the_run_goes_as_the_verdict_says(ids: str, connected: bool) -> None:
    """As many bots by their events and by their own ids, in every world, with and without a calendar."""
    async with Simulator(40, ids=ids, calendar_connected=connected, listing_lag=0) as sim:  # type: ignore[arg-type]
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            found = await diagnose(client)
            report = await unschedule_all(client, one_off_bots="skip")
        assert report.ok, report.reason
        told = {
            method: int(number[1])
            if (number := re.search(rf"(\d+) bots? by (?:its|their) {words}", found.verdict))
            else 0
            for method, words in (("event", "event"), ("bot", "own id"))
        }
        done = Counter({"event": 0, "bot": 0})
        for outcome in report.outcomes:
            done[outcome.method] += len(outcome.bot_ids) if outcome.method else 0
        assert told == {method: done[method] for method in told}, found.verdict
        assert not sim.ledger.syncs


async def test_its_requests_are_not_retried_by_the_clients_policy() -> None:
    """The policy is for runs: a listing that fails is asked for twice, whatever it says."""
    async with Simulator(3, troubles=[Trouble("list", 500)]) as sim:
        policy = RetryPolicy(max_attempts=50, initial_wait=0.001, max_wait=0.001)
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url, retry=policy) as client:
            found = await diagnose(client)
        assert (len(sim.requests), found.requests) == (2, 2)


async def test_a_pause_that_the_api_asks_for_is_kept() -> None:
    """The listing is not asked for again before its Retry-After, and not at all where that is too long."""
    async with Simulator(3, troubles=[Trouble("list", 429, retry_after=60)]) as sim:
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            await diagnose(client)
            again = await diagnose(client)
        assert len(sim.requests) == 1
    assert (again.requests, again.ok) == (0, True)
    assert "rate limited" in again.check("limits").detail
    assert again.check("reach").status == "skipped"


@pytest.mark.parametrize(
    "joins",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-02T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "9999-12-31T00:00:00Z",
    ],
)
async def test_a_time_at_an_end_of_the_calendar_stops_nothing(joins: str) -> None:
    """The events are asked for in the API's own window then."""
    listing = reply(200, {"scheduled_bots": [{"bot_id": "bot-1", "scheduled_join_time": joins}]})
    settings, events = reply(200, {"auto_schedule_enabled": False}), reply(200, {"results": [], "next": None})
    async with RawServer(listing, settings, events) as server:
        async with MeetStreamClient(KEY, base_url=server.url) as client:
            found = await diagnose(client)
        assert "time_min" not in server.requests[2].target
    assert (found.ok, found.check("events").status) == (True, "ok")


async def test_nobody_listens() -> None:
    """A refused connection is a matter of reach, and says where."""
    port = unused_port()
    async with MeetStreamClient(KEY, base_url=f"http://127.0.0.1:{port}", retry=QUICK) as client:
        found = await diagnose(client)
    assert found.check("reach").status == "fail"
    assert f"127.0.0.1:{port}" in found.check("reach").detail
    assert KEY not in repr(found)


async def test_a_proxy_that_is_down_is_named() -> None:
    """With where it came from, and without its password."""
    port = unused_port()
    proxy = f"http://user:sesame123456@127.0.0.1:{port}"
    async with MeetStreamClient(KEY, base_url="https://api.example.com", proxy=proxy, retry=QUICK) as client:
        found = await diagnose(client)
    assert found.check("configuration").status == "warn"
    assert (
        f"could not connect to the proxy http://127.0.0.1:{port} (from proxy)" in found.check("reach").detail
    )
    assert "sesame" not in repr(found)


async def test_a_borrowed_session_is_named() -> None:
    """Its proxy and certificates are its owner's matter."""
    async with Simulator(3) as sim, aiohttp.ClientSession() as session:
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url, session=session) as client:
            found = await diagnose(client)
        assert found.ok
        assert not session.closed
    async with aiohttp.ClientSession() as session:
        base_url = "https://api.meestream.ai"
        assert (await diagnose(MeetStreamClient(KEY, base_url=base_url, session=session))).requests == 0


async def test_a_misspelt_host_gets_nothing() -> None:
    """Nothing is sent, so the key stays here."""
    async with MeetStreamClient(KEY, base_url="https://api.meestream.ai/api/v1") as client:
        found = await diagnose(client)
    assert (found.requests, found.ok, found.ids) == (0, False, "unknown")
    assert {check.status for check in found.checks[1:]} == {"skipped"}
    assert "https://api.meetstream.ai/api/v1" in found.verdict


async def test_no_header_or_body_of_a_server_brings_a_key_into_the_words() -> None:
    """A server that echoes the key does not get it into the diagnosis."""
    for status in (200, 401, 403, 404, 500):
        echo = reply(
            status, {"message": f"the key {KEY} is bad", "scheduled_bots": KEY}, ("x-request-id", KEY)
        )
        async with (
            RawServer(echo) as server,
            MeetStreamClient(KEY, base_url=server.url, retry=QUICK) as client,
        ):
            found = await diagnose(client)
        assert KEY not in repr(found) + str(found.to_dict())


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (reply(404, b"Not Found", type="text/plain"), "ok", "an answer came"),
        (reply(401, b"Invalid or missing access key.", type="text/plain"), "ok", "an answer came"),
        (reply(502, b"<html>", type="text/html"), "warn", "502"),
        (reply(403, b"<html>", type="text/html"), "warn", "403"),
    ],
)
async def test_what_meetbits_address_answers(answer: bytes, status: str, words: str) -> None:
    """Any answer shows the way there; one of a gateway is a warning. The keys are called unchecked."""
    async with RawServer(answer) as server, MeetBitClient(base_url=server.url, **KEYS) as client:
        found = await diagnose(client)
        assert [(request.method, request.target) for request in server.requests] == [("GET", "/")]
    check = found.check("reach")
    assert (check.status, words in check.detail) == (status, True), check
    assert [one.name for one in found.checks] == ["configuration", "reach", "key", "clock"]
    assert "not checked" in found.check("key").detail


async def test_meetbit_out_of_reach() -> None:
    """The same words as for MeetStream."""
    async with MeetBitClient(base_url=f"http://127.0.0.1:{unused_port()}", **KEYS) as client:
        found = await diagnose(client)
    assert (found.ok, found.check("reach").status) == (False, "fail")


async def test_a_client_that_cannot_ask_is_an_error() -> None:
    """A closed client, and what is no client, are misuse."""
    client = MeetStreamClient(KEY)
    await client.close()
    with pytest.raises(ClientSetupError):
        await diagnose(client)
    with pytest.raises(ConfigurationError, match="client must be a client"):
        await diagnose("https://api.meetstream.ai")  # type: ignore[arg-type]


async def test_a_cancelled_diagnosis_asks_no_more() -> None:
    """Cancellation wins at once."""
    async with RawServer(hang) as server, MeetStreamClient(KEY, base_url=server.url) as client:
        task = asyncio.create_task(diagnose(client))
        await server.until(lambda seen: len(seen.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(server.requests) == 1
