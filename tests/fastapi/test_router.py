"""Bulk runs over HTTP: a real server, the simulator behind it, and what its ledger says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import aiohttp
import httpx
import pytest
from fastapi import Depends, FastAPI

from meetstream_async import BotFilter, BulkReport, MeetStreamClient, RetryPolicy, UnscheduleOutcome
from meetstream_async.fastapi import BulkRequest, InProcessRuns, bulk_router, meetstream_lifespan
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.credentials import KEY
from tests.helpers.fastapi_app import TOKEN, WHOLE, Served, app_for, events, guard, requests_at_work, serve
from tests.helpers.raw_server import unused_port

FAST = RetryPolicy(max_attempts=2, max_elapsed=2.0, initial_wait=0.01, max_wait=0.02)


async def test_a_run_unschedules_the_account_and_says_what_the_ledger_says() -> None:
    """202 with Location; in the end the state, the outcomes and the events all agree with the ledger."""
    async with Simulator(230, one_off=0) as sim, serve(app_for(sim)) as served:
        wanted = sim.ledger.scheduled_events
        run = await served.start({**WHOLE, "max_concurrency": 20})
        seen = await served.watch(run)
        state = await served.state(run)
        outcomes = await served.outcomes(run, limit=37)
        assert sim.ledger.scheduled_events == frozenset()
    assert (state["state"], state["ok"], state["complete"], state["reason"]) == (
        "succeeded",
        True,
        True,
        None,
    )
    assert state["counts"]["unscheduled"] == len(wanted)
    assert state["started_at"] < state["ended_at"]
    assert {outcome["event_id"] for outcome in outcomes} == wanted
    assert len(outcomes) == len(wanted)
    told = [event.data for event in seen if event.name == "outcome"]
    assert told == outcomes
    assert [event.id for event in seen if event.name == "outcome"] == [o["position"] for o in outcomes]
    assert "progress" in {event.name for event in seen[:-1]}
    assert (seen[-1].name, seen[-1].data) == ("end", state)


@pytest.mark.slow
async def test_twenty_clients_at_once_see_the_same_run() -> None:
    """Each of them gets every outcome once and the same end, and the run sends no request twice."""
    async with Simulator(60, one_off=0, latency=0.01) as sim, serve(app_for(sim)) as served:
        run = await served.start({**WHOLE, "max_concurrency": 10})

        async def watch() -> tuple[list[str | None], str]:
            seen = await served.watch(run)
            return [event.id for event in seen if event.name == "outcome"], seen[-1].name

        watched = await asyncio.gather(*(watch() for _ in range(20)))
        state = await served.state(run)
        deletes = [request.event_id for request in sim.requests if request.route == "unschedule"]
    ids = [str(number) for number in range(1, state["counts"]["unscheduled"] + 1)]
    assert state["ok"]
    assert watched == [(ids, "end")] * 20
    assert len(deletes) == len(set(deletes))


async def test_a_filter_and_a_dry_run_touch_nothing_else() -> None:
    """A dry run sends no DELETE; a filter takes only the bots that it selects."""
    zoom = BotFilter(platform="zoom")
    async with Simulator(80, one_off=0, several=0) as sim, serve(app_for(sim)) as served:
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            bots = (await client.list_scheduled_bots()).bots
        body = {"filter": {"platform": "Zoom", "after": "2020-01-01T00:00:00Z"}, "whole_events": True}
        dry = await served.over(await served.start({**body, "dry_run": True}))
        assert {request.method for request in sim.requests} == {"GET"}
        wet = await served.over(await served.start(body))
        left = sim.ledger.scheduled_bots
    assert dry["dry_run"]
    assert dry["state"] == wet["state"] == "succeeded"
    assert dry["counts"]["would_unschedule"] == wet["counts"]["unscheduled"] > 0
    assert left == {bot.bot_id for bot in bots if not zoom(bot)} != set()


async def test_given_events_are_taken_and_no_others() -> None:
    """With event_ids nothing is listed, and each of them gets one outcome, repeated ones too."""
    async with Simulator(40, one_off=0) as sim, serve(app_for(sim)) as served:
        first, second, *others = sorted(sim.ledger.scheduled_events)
        run = await served.start({"event_ids": [first, second, first, "evt_none"]})
        state = await served.over(run)
        outcomes = await served.outcomes(run)
        assert sim.ledger.scheduled_events == set(others)
        assert {request.route for request in sim.requests} == {"unschedule"}
    assert sorted(outcome["status"] for outcome in outcomes) == ["failed", "unscheduled", "unscheduled"]
    assert (state["state"], state["ok"], state["complete"]) == ("failed", False, True)
    assert "1 failed" in state["reason"]


async def test_a_dry_run_of_given_events_says_that_they_were_not_looked_up() -> None:
    """It succeeds, and its reason says what nobody has asked the API."""
    async with Simulator(0) as sim, serve(app_for(sim)) as served:
        state = await served.over(await served.start({"event_ids": ["evt_none"], "dry_run": True}))
        assert sim.requests == []
    assert (state["state"], state["ok"]) == ("succeeded", True)
    assert "not looked up" in state["reason"]


async def test_a_run_cancels_by_the_bots_own_ids_on_request() -> None:
    """cancel_by bot sends no DELETE of an event."""
    async with Simulator([SimulatedBot("bot-1", "evt_1")]) as sim, serve(app_for(sim)) as served:
        state = await served.over(await served.start({**WHOLE, "cancel_by": "bot"}))
        assert not sim.ledger.scheduled_bots
        assert [record.bot_id for record in sim.requests if record.method == "DELETE"] == ["bot-1"]
    assert state["ok"]


REFUSED: list[tuple[Any, str | int | None]] = [
    ({}, '{"all": true}'),
    ({"dry_run": True}, '{"all": true}'),
    ({"filter": None, "event_ids": None, "all": False}, '{"all": true}'),
    ({"filter": {}}, '{"all": true}'),
    ({"filter": {"platform": None}}, '{"all": true}'),
    ({"filter": {"platform": None, "attributes": None}, "dry_run": True}, '{"all": true}'),
    ({"filter": {"platform": ""}}, "platform is empty"),
    ({"filter": {"platform": "zoom", "attributes": {}}}, "attributes is empty"),
    ({"filter": {"name": " "}}, "name is empty"),
    ({"all": "yes"}, "all"),
    ({"all": True, "filter": {"name": "x"}}, "filter and all can't be combined"),
    ({"all": True, "event_ids": ["e"]}, "event_ids and all can't be combined"),
    ({"max_concurrency": 0}, "max_concurrency"),
    ({"max_concurrency": 51}, "max_concurrency"),
    ({"max_concurrency": "5"}, "max_concurrency"),
    ({"max_concurency": 5}, "max_concurency"),
    ({"dry_run": "yes"}, "dry_run"),
    ({"event_ids": []}, "event_ids"),
    ({"event_ids": [""]}, "event_ids"),
    ({"event_ids": ["evt_1", " "]}, "event_ids"),
    ({"event_ids": ["\u3000\xa0"]}, "event_ids"),
    ({"filter": {"attributes": {"customer": None}}}, "filter"),
    ({"filter": {"attributes": {"customer": []}}}, "filter"),
    ({"event_ids": ["e"] * 10_001}, "event_ids"),
    ({"event_ids": ["e" * 1025]}, "event_ids"),
    ({"event_ids": ["a", ".."]}, 1),
    ({"event_ids": ["a", "b", "c\n"]}, 2),
    ({"event_ids": ["\ud800"]}, 0),
    ({"filter": {"platfrom": "zoom"}}, "filter"),
    ({"filter": {"before": "2030-01-01T00:00:00"}}, "filter"),
    ({"filter": {"before": 0}}, "filter"),
    ({"from_date": 1}, "from_date"),
    ({"one_off_bots": "keep"}, "one_off_bots"),
    ({"cancel_by": "row"}, "cancel_by"),
    ({"cancel_by": "bot", "event_ids": ["e"]}, None),
    ({"all": True, "cancel_by": "bot", "cancel_all_occurrences": True}, None),
    ([], "body"),
    ({"all": True, "from_date": "2030-01-01T00:00:00Z"}, None),
    ({"filter": {"name": "x"}, "cancel_all_occurrences": True}, None),
    ({"filter": {"name": "x"}, "event_ids": ["e"]}, "filter and event_ids can't be combined"),
]


async def test_a_bad_order_is_refused_before_anything_is_sent() -> None:
    """422 as a problem document that names the value, or says what to write instead; nothing is started."""
    async with Simulator(5) as sim, serve(app_for(sim)) as served:
        for body, place in REFUSED:
            # Not by httpx, which writes no half characters.
            reply = await served.http.post(
                "/bulk-unschedule", content=json.dumps(body), headers={"Content-Type": "application/json"}
            )
            problem = reply.json()
            assert reply.status_code == problem["status"] == 422, body
            assert reply.headers["content-type"] == "application/problem+json"
            told = {part for error in problem["errors"] for part in error["place"]}
            said = " ".join(error["message"] for error in problem["errors"])
            right = problem["code"] == "invalid_argument" if place is None else place in told
            assert right or str(place) in said, (body, problem)
        assert sim.requests == []


async def test_no_more_of_a_body_is_read_than_it_may_have() -> None:
    """413 above 1 MiB, with or without Content-Length, before security; smaller bodies may be chunked."""

    async def large() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 2**16

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"all": true, "dry_run"'
        yield b": true}"

    async with Simulator(1) as sim, serve(app_for(sim)) as served:
        in_pieces = await served.http.post(
            "/bulk-unschedule", content=pieces(), headers={"Content-Type": "application/json"}
        )
        served.http.headers["Authorization"] = "Bearer wrong"
        told = await served.http.post("/bulk-unschedule", content=b" " * (2**20 + 1))
        untold = await served.http.post("/bulk-unschedule", content=large())
    assert (in_pieces.status_code, in_pieces.json()["dry_run"]) == (202, True)
    for refused in (told, untold):
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is started, and the server has nothing to complain of."""
    async with Simulator(1) as sim, serve(app_for(sim)) as served:
        address = served.http.base_url
        _, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"POST /bulk-unschedule HTTP/1.1\r\nHost: app\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        async with asyncio.timeout(5):
            while not requests_at_work():
                await asyncio.sleep(0.005)
            writer.close()
            while requests_at_work():
                await asyncio.sleep(0.005)
        assert sim.requests == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_an_idempotency_key_starts_one_run() -> None:
    """The same key and order return the same run, at once and later; another order is refused."""
    async with Simulator(30, one_off=0, latency=0.01) as sim, serve(app_for(sim)) as served:
        key = {"Idempotency-Key": "0c5f1c1e-5f0f-4e26-8f2a-1c3c9f7d8a10"}
        at_once = await asyncio.gather(*(served.start({**WHOLE, "dry_run": False}, **key) for _ in range(20)))
        await served.over(at_once[0])
        later = await served.start(WHOLE, **key)
        other = await served.http.post("/bulk-unschedule", json={**WHOLE, "dry_run": True}, headers=key)
        without = await served.start(WHOLE)
        deletes = [request.event_id for request in sim.requests if request.route == "unschedule"]
    assert {*at_once, later} == {at_once[0]}
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert without != later
    assert len(deletes) == len(set(deletes))


async def test_a_deleted_run_stops_gracefully_and_says_what_it_left() -> None:
    """Requests in flight finish, nothing new is sent, and unsent targets are not_attempted."""
    async with Simulator(90, one_off=0, latency=0.02) as sim, serve(app_for(sim)) as served:
        wanted = sim.ledger.scheduled_events
        run = await served.start({**WHOLE, "max_concurrency": 3})
        async with aclosing(events(served.http, run)) as stream:
            async for event in stream:
                if event.name == "outcome":
                    break
        stopping = await served.http.delete(run)
        state = await served.over(run)
        again = await served.http.delete(run)
        gone = wanted - sim.ledger.scheduled_events
        outcomes = await served.outcomes(run)
    assert (stopping.status_code, again.status_code) == (202, 200)
    assert stopping.json()["stopping"]
    assert (state["state"], state["ok"], state["stopping"]) == ("cancelled", False, False)
    assert state["reason"].startswith("stopped on request")
    assert state["counts"]["unscheduled"] == len(gone) < len(wanted)
    assert {o["event_id"] for o in outcomes if o["status"] == "unscheduled"} == gone
    assert {o["event_id"] for o in outcomes} == wanted
    assert state["counts"]["not_attempted"] == len(wanted) - len(gone)


@pytest.mark.parametrize("front", ["", "/api"])
async def test_the_location_is_the_callers(front: str) -> None:
    """Behind a proxy that takes the front of the path away, it is put back."""
    async with Simulator(1) as sim:
        app = app_for(sim)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, root_path=front)
            async with httpx.AsyncClient(verify=False, transport=transport, base_url="http://app") as http:
                reply = await http.post(
                    "/bulk-unschedule", json={**WHOLE, "dry_run": True}, headers={"Authorization": TOKEN}
                )
    assert reply.headers["location"] == f"{front}/bulk-unschedule/{reply.json()['id']}"


@pytest.mark.parametrize(
    ("prefix", "path", "location"),
    [
        ("/{tenant}", "/acme", "/acme"),
        ("/{tenant}", "/x%0d%0aSet-Cookie:%20evil=1%0d%0aX:", "/x%0D%0ASet-Cookie%3A%20evil%3D1%0D%0AX%3A"),
        ("/{tenant}", "/%C5%82%3F%23%25", "/%C5%82%3F%23%25"),
        ("/{tenant}", "/%5Cevil.example.com", "/%5Cevil.example.com"),
        ("/{tenant:path}", "//evil.example.com", "/%2Fevil.example.com"),
    ],
)
async def test_the_location_holds_a_prefixs_parameter_encoded(prefix: str, path: str, location: str) -> None:
    """No line breaks, no other host, and the address answers."""
    async with Simulator(1) as sim:
        app = FastAPI(lifespan=meetstream_lifespan(api_key=sim.api_key, base_url=sim.base_url))
        app.include_router(bulk_router(dependencies=[Depends(guard)]), prefix=prefix)
        async with serve(app) as served:
            lines = await _ask(served, f"POST {path}/bulk-unschedule")
            found = [line[10:] for line in lines if line.startswith("location: ")]
            again = await _ask(served, f"GET {found[0]}")
    assert lines[0].split()[1] == "202"
    assert not [line for line in lines if line.lower().startswith(("set-cookie", "x:"))]
    assert [place.rpartition("/")[0] for place in found] == [f"{location}/bulk-unschedule"]
    assert again[0].split()[1] == "200"


async def _ask(served: Served, request: str) -> list[str]:
    """The lines of the answer's head, byte for byte."""
    url, body = served.http.base_url, '{"all": true, "dry_run": true}'
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = [
        f"{request} HTTP/1.1",
        "Host: app",
        "Connection: close",
        f"Authorization: {TOKEN}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    writer.write("\r\n".join([*head, "", body]).encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")


async def test_a_wrong_key_fails_the_run_and_leaks_nothing() -> None:
    """The run has failed with our own words; neither the key nor the upstream's text is in the state."""
    async with Simulator(5) as sim:
        sim.add_trouble(Trouble("*", 401, body=f"Token {KEY} is revoked", content_type="text/plain"))
        async with serve(app_for(sim, api_key=KEY)) as served:
            state = await served.over(await served.start())
    assert (state["state"], state["ok"]) == ("failed", False)
    assert state["reason"] == "The calendar API refused this service's credentials."


class _BreakingRuns(InProcessRuns):
    """Break down before anything, or after all of it."""

    async def carry_out(
        self, client: MeetStreamClient, request: BulkRequest, **how: Any
    ) -> BulkReport[UnscheduleOutcome]:
        if request.event_ids is not None:
            await super().carry_out(client, request, **how)
        raise RuntimeError("something that breaks")


async def test_a_run_that_breaks_down_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever breaks in the process, the run ends, failed; the reason names the log, where the cause is."""
    async with Simulator(3) as sim, serve(app_for(sim, _BreakingRuns())) as served:
        states = [await served.over(await served.start(body)) for body in (WHOLE, {"event_ids": ["a", "b"]})]
    for state in states:
        assert (state["state"], state["ok"], state["complete"]) == ("failed", False, False)
        assert state["reason"] == "internal error; see the service's log"
    assert caplog.text.count("RuntimeError: something that breaks") == 2


async def test_a_tracer_that_breaks_ends_the_run(caplog: pytest.LogCaptureFixture) -> None:
    """The service is misconfigured, and its log says how."""

    async def break_down(*arguments: object) -> None:
        raise RuntimeError("a tracer that breaks")

    tracer = aiohttp.TraceConfig()
    tracer.on_request_start.append(break_down)
    async with Simulator(3) as sim, serve(app_for(sim, trace_configs=[tracer])) as served:
        states = [await served.over(await served.start(body)) for body in (WHOLE, {"event_ids": ["a", "b"]})]
        assert sim.requests == []
    assert [(state["state"], state["ok"]) for state in states] == [("failed", False)] * 2
    assert states[0]["reason"] == "This service is not set up to call the calendar API."
    # Nobody but the tracer knows whether they were sent. With eager tasks the second one is never begun.
    counts = states[1]["counts"]
    assert counts["unknown"] >= 1
    assert counts["unknown"] + counts["not_attempted"] == 2
    assert "RuntimeError: a tracer" in states[1]["reason"]
    assert "RuntimeError: a tracer that breaks" in caplog.text


async def test_an_upstream_that_is_down_fails_the_run() -> None:
    """The run ends as failed, with the reason."""
    async with Simulator(0) as sim:
        app = app_for(sim, base_url=f"http://127.0.0.1:{unused_port()}", retry=FAST)
        async with serve(app) as served:
            state = await served.over(await served.start())
    assert (state["state"], state["reason"]) == ("failed", "The calendar API failed.")


async def test_what_turns_out_otherwise_is_told_again_under_a_new_number() -> None:
    """An unknown outcome that the listing settles is superseded: the last word is the report's."""
    async with Simulator(12, one_off=0, several=0) as sim:
        victim = min(sim.ledger.scheduled_events)
        sim.add_trouble(
            Trouble("unschedule", 503, apply="before", when=lambda request: request.event_id == victim)
        )
        async with serve(app_for(sim, retry=RetryPolicy(max_attempts=1))) as served:
            run = await served.start()
            told = [e.data for e in [e async for e in events(served.http, run)] if e.name == "outcome"]
            state = await served.state(run)
            outcomes = await served.outcomes(run)
    words = [outcome["status"] for outcome in told if outcome["event_id"] == victim]
    final = [outcome for outcome in outcomes if outcome["event_id"] == victim]
    assert words[-1] == "unscheduled"
    assert [(outcome["status"], outcome["reason"][:8]) for outcome in final] == [("unscheduled", "inferred")]
    assert len(outcomes) == sum(state["counts"].values())
