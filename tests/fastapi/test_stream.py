"""Watching a run over server-sent events, and what the end of the server does to it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Any

import pytest

from meetstream_async import ConfigurationError, MeetStreamClient
from meetstream_async.fastapi import BulkRequest, InProcessRuns
from meetstream_async.fastapi.stream import RunStream
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.fastapi_app import WHOLE, app_for, events, requests_at_work, serve


async def test_a_stream_goes_on_where_it_broke_off() -> None:
    """With Last-Event-ID only what came after it is sent, and after the end there is nothing to come for."""
    async with Simulator(50, one_off=0) as sim, serve(app_for(sim)) as served:
        run = await served.start()
        whole = await served.watch(run)
        outcomes = [event for event in whole if event.name == "outcome"]
        rest = [event async for event in events(served.http, run, outcomes[9].id)]
        over = await served.http.get(f"{run}/events", headers={"Last-Event-ID": whole[-1].id})
        bad = [
            await served.http.get(f"{run}/events", headers={"Last-Event-ID": last})
            for last in ("nonsense", "nonsense.end", "-1", "51", "51.end")
        ]
    assert [event for event in rest if event.name == "outcome"] == outcomes[10:]
    assert rest[-1] == whole[-1]
    assert (over.status_code, over.content) == (204, b"")
    assert [(reply.status_code, reply.json()["code"]) for reply in bad] == [(422, "invalid_position")] * 5


async def test_a_client_that_disconnects_releases_its_stream_and_leaves_the_run_alone() -> None:
    """The server closes the connection, and the run continues."""
    async with Simulator(90, one_off=0, latency=0.1) as sim, serve(app_for(sim)) as served:
        run = await served.start({**WHOLE, "max_concurrency": 1})
        for _ in range(5):
            async with aclosing(events(served.http, run)) as stream:
                assert (await anext(stream)).name in ("progress", "outcome")
                assert requests_at_work() > 0
        async with asyncio.timeout(5):
            while requests_at_work():
                await asyncio.sleep(0.01)
            seen = len(sim.requests)
            while len(sim.requests) < seen + 2:
                await asyncio.sleep(0.01)
        stopping = await served.http.delete(run)
        state = await served.over(run)
    assert stopping.json()["state"] == "running"
    assert state["reason"].startswith("stopped on request")
    assert state["counts"]["unscheduled"] > 0
    assert state["counts"]["failed"] == state["counts"]["unknown"] == 0


async def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that takes nothing for too long holds the stream no longer."""
    monkeypatch.setattr("meetstream_async.fastapi.stream._SEND", 0.05)
    stuck = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            stuck.set()
            await asyncio.Event().wait()

    runs = InProcessRuns()
    async with Simulator(1) as sim, runs.serving():
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            run = await runs.start(client, BulkRequest(all=True, dry_run=True), None)
            async with asyncio.timeout(5):
                await RunStream(runs, run.id, None)({"type": "http"}, receive, send)
    assert stuck.is_set()


async def test_silence_is_broken_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream on which nothing happens says so now and then, and proxies keep it open."""
    monkeypatch.setattr("meetstream_async.fastapi.stream._HEARTBEAT", 0.02)
    monkeypatch.setattr("meetstream_async.fastapi.stream._TICK", 0.01)
    async with Simulator(3, latency=0.2) as sim, serve(app_for(sim)) as served:
        run = await served.start({**WHOLE, "dry_run": True})
        async with served.http.stream("GET", f"{run}/events") as reply:
            text = "".join([part async for part in reply.aiter_text()])
    assert text.count(": keep-alive\n\n") >= 2
    assert text.rstrip().endswith("id: 3.end")


@pytest.fixture
def quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs notice sooner that the server is stopping."""
    monkeypatch.setattr("meetstream_async.fastapi.in_process._CHECK_EVERY", 0.02)


async def test_a_shutdown_in_the_middle_of_a_run_ends_it_with_true_outcomes(
    caplog: pytest.LogCaptureFixture, quick_look: None
) -> None:
    """Requests in flight finish, watchers see the run to its end, and then the server stops."""
    async with Simulator(90, one_off=0, latency=0.05) as sim:
        wanted = sim.ledger.scheduled_events
        async with serve(app_for(sim)) as served:
            run = await served.start({**WHOLE, "max_concurrency": 2})
            seen = []
            with caplog.at_level(logging.WARNING, "meetstream_async.fastapi"):
                async with asyncio.timeout(10):
                    async for event in events(served.http, run):
                        seen.append(event)
                        if event.name == "outcome":
                            served.server.should_exit = True
                    await served.task
        gone = wanted - sim.ledger.scheduled_events
    end = seen[-1]
    assert (end.name, end.data["state"]) == ("end", "cancelled")
    assert end.data["reason"].startswith("the application was shut down")
    told = {event.data["event_id"]: event.data["status"] for event in seen if event.name == "outcome"}
    assert {event_id for event_id, status in told.items() if status == "unscheduled"} == gone
    assert told.keys() == wanted
    assert set(told.values()) == {"unscheduled", "not_attempted"}
    assert "ended by the shutdown" in caplog.text


async def test_a_run_that_does_not_end_in_time_is_cancelled_and_what_is_in_flight_is_unknown(
    quick_look: None,
) -> None:
    """The shutdown waits no longer than the grace; what had been sent is unknown, and counted."""
    async with Simulator(20, one_off=0, series=0, troubles=[Trouble("unschedule", hang=True)]) as sim:
        async with serve(app_for(sim, InProcessRuns(grace=0.2))) as served:
            run = await served.start({**WHOLE, "max_concurrency": 3})
            stream = events(served.http, run)
            # The server stops after it has begun to stream: a watcher that comes later finds it gone.
            seen = [await anext(stream)]
            async with asyncio.timeout(10):
                while not any(request.route == "unschedule" for request in sim.requests):
                    await asyncio.sleep(0.01)
                served.server.should_exit = True
                seen += [event async for event in stream]
                await served.task
        sent = {request.event_id for request in sim.requests if request.route == "unschedule"}
    told = {event.data["event_id"]: event.data["status"] for event in seen if event.name == "outcome"}
    assert sent
    assert {event_id for event_id, status in told.items() if status == "unknown"} == sent
    assert (seen[-1].name, seen[-1].data["state"]) == ("end", "cancelled")
    assert seen[-1].data["counts"]["unknown"] == len(sent)
    assert "unknown" in seen[-1].data["reason"]


async def test_a_server_that_is_stopping_starts_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After for a request that arrives last on a connection that is still open."""
    monkeypatch.setattr("meetstream_async.fastapi.in_process._CHECK_EVERY", 0.0)
    monkeypatch.setattr("meetstream_async.fastapi.in_process.server_is_stopping", lambda: True)
    async with Simulator(3) as sim, serve(app_for(sim)) as served:
        reply = await served.http.post("/bulk-unschedule", json=WHOLE)
        assert sim.requests == []
    assert (reply.status_code, reply.json()["code"]) == (503, "shutting_down")
    assert int(reply.headers["retry-after"]) > 0


async def test_runs_serve_one_application_at_a_time() -> None:
    """A second one that shares them does not start, and after the first has stopped it does."""
    runs = InProcessRuns()
    async with runs.serving():
        with pytest.raises(ConfigurationError, match="another application"):
            async with runs.serving():
                raise AssertionError("started")
    async with runs.serving():
        pass
