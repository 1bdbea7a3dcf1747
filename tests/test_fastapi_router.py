"""Bulk runs over HTTP: a real server, the simulator behind it, and what its ledger says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi_support import TOKEN, Event, Served, app_for, events, guard, serve
from support import KEY, unused_port

from meetstream_async import BotFilter, ConfigurationError, MeetStreamClient, RetryPolicy
from meetstream_async.fastapi import BulkRequest, InProcessRuns, bulk_router, meetstream_lifespan
from meetstream_async.fastapi.stream import RunStream
from meetstream_async.simulator import Simulator, Trouble

FAST = RetryPolicy(max_attempts=2, max_elapsed=2.0, initial_wait=0.01, max_wait=0.02)


async def test_a_run_unschedules_the_account_and_says_what_the_ledger_says() -> None:
    """202 with Location; in the end the state, the outcomes and the events all agree with the ledger."""
    async with Simulator(230, one_off=0) as sim, serve(app_for(sim)) as served:
        wanted = sim.ledger.scheduled_events
        run = await served.start({"max_concurrency": 20})
        seen = await _watch(served, run)
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
    assert (seen[0].name, seen[-1].name, seen[-1].data) == ("progress", "end", state)


async def test_fifty_clients_at_once_see_the_same_run() -> None:
    """Each of them gets every outcome once and the same end, and the run sends no request twice."""
    async with Simulator(60, one_off=0, latency=0.01) as sim, serve(app_for(sim)) as served:
        run = await served.start({"max_concurrency": 10})

        async def watch() -> tuple[list[str | None], str]:
            seen = await _watch(served, run)
            return [event.id for event in seen if event.name == "outcome"], seen[-1].name

        watched = await asyncio.gather(*(watch() for _ in range(50)))
        state = await served.state(run)
        deletes = [request.event_id for request in sim.requests if request.route == "unschedule"]
    ids = [str(number) for number in range(1, state["counts"]["unscheduled"] + 1)]
    assert state["ok"]
    assert watched == [(ids, "end")] * 50
    assert len(deletes) == len(set(deletes))


async def test_a_filter_and_a_dry_run_touch_nothing_else() -> None:
    """A dry run sends no DELETE; a filter takes only the bots that it selects."""
    zoom = BotFilter(platform="zoom")
    async with Simulator(80, one_off=0, several=0) as sim, serve(app_for(sim)) as served:
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            bots = (await client.list_scheduled_bots()).bots
        body = {"filter": {"platform": "Zoom", "after": "2020-01-01T00:00:00Z"}, "whole_events": True}
        dry = await served.over(await served.start({"dry_run": True, **body}))
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
    assert [outcome["status"] for outcome in outcomes] == ["unscheduled", "unscheduled", "failed"]
    assert (state["state"], state["ok"], state["complete"]) == ("failed", False, True)
    assert "1 failed" in state["reason"]


REFUSED: list[tuple[Any, str | None]] = [
    ({"max_concurrency": 0}, "max_concurrency"),
    ({"max_concurrency": 51}, "max_concurrency"),
    ({"max_concurrency": "5"}, "max_concurrency"),
    ({"max_concurency": 5}, "max_concurency"),
    ({"dry_run": "yes"}, "dry_run"),
    ({"event_ids": []}, "event_ids"),
    ({"event_ids": [""]}, "event_ids"),
    ({"event_ids": ["e"] * 10_001}, "event_ids"),
    ({"filter": {"platfrom": "zoom"}}, "filter"),
    ({"filter": {"before": "2030-01-01T00:00:00"}}, "filter"),
    ({"filter": {"before": 0}}, "filter"),
    ({"from_date": 1}, "from_date"),
    ({"one_off_bots": "keep"}, "one_off_bots"),
    ([], "body"),
    ({"from_date": "2030-01-01T00:00:00Z"}, None),
    ({"filter": {"name": "x"}, "cancel_all_occurrences": True}, None),
    ({"filter": {"name": "x"}, "event_ids": ["e"]}, None),
    ({"event_ids": ["a", ".."]}, None),
]


async def test_a_bad_order_is_refused_before_anything_is_sent() -> None:
    """422 as a problem document that names the value or says what contradicts what; nothing is started."""
    async with Simulator(5) as sim, serve(app_for(sim)) as served:
        for body, place in REFUSED:
            reply = await served.http.post("/bulk-unschedule", json=body)
            problem = reply.json()
            assert reply.status_code == problem["status"] == 422, body
            assert reply.headers["content-type"] == "application/problem+json"
            places = {part for error in problem["errors"] for part in error["place"]}
            assert place in places if place else problem["code"] == "invalid_argument", body
        assert sim.requests == []


async def test_a_body_that_is_too_large_is_not_read() -> None:
    """413 for more than a mebibyte, 411 where its length is not told; neither needs the body."""

    async def drip() -> AsyncIterator[bytes]:
        yield b"{}"

    async with Simulator(1) as sim, serve(app_for(sim)) as served:
        served.http.headers["Authorization"] = "Bearer wrong"
        large = await served.http.post("/bulk-unschedule", content=b" " * (2**20 + 1))
        untold = await served.http.post("/bulk-unschedule", content=drip())
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    assert (untold.status_code, untold.json()["code"]) == (411, "length_required")


async def test_an_idempotency_key_starts_one_run() -> None:
    """The same key and order return the same run, at once and later; another order is refused."""
    async with Simulator(30, one_off=0, latency=0.01) as sim, serve(app_for(sim)) as served:
        key = {"Idempotency-Key": "0c5f1c1e-5f0f-4e26-8f2a-1c3c9f7d8a10"}
        at_once = await asyncio.gather(*(served.start({"dry_run": False}, **key) for _ in range(10)))
        await served.over(at_once[0])
        later = await served.start({}, **key)
        other = await served.http.post("/bulk-unschedule", json={"dry_run": True}, headers=key)
        without = await served.start({})
        deletes = [request.event_id for request in sim.requests if request.route == "unschedule"]
    assert {*at_once, later} == {at_once[0]}
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert without != later
    assert len(deletes) == len(set(deletes))


async def test_a_deleted_run_stops_gracefully_and_says_what_it_left() -> None:
    """What is in flight finishes, nothing new is sent, and what was not sent is not_attempted."""
    async with Simulator(90, one_off=0, latency=0.02) as sim, serve(app_for(sim)) as served:
        wanted = sim.ledger.scheduled_events
        run = await served.start({"max_concurrency": 3})
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
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as http:
                reply = await http.post(
                    "/bulk-unschedule", json={"dry_run": True}, headers={"Authorization": TOKEN}
                )
    assert reply.headers["location"] == f"{front}/bulk-unschedule/{reply.json()['id']}"


async def test_a_wrong_key_fails_the_run_and_leaks_nothing() -> None:
    """The run has failed with our own words; neither the key nor the upstream's text is in the state."""
    async with Simulator(5) as sim:
        sim.add_trouble(Trouble("*", 401, body=f"Token {KEY} is revoked", content_type="text/plain"))
        async with serve(app_for(sim, api_key=KEY)) as served:
            state = await served.over(await served.start())
    assert (state["state"], state["ok"]) == ("failed", False)
    assert state["reason"] == "The calendar API refused this service's credentials."


async def test_an_upstream_that_is_down_fails_the_run() -> None:
    """The run ends by itself, failed, and says so."""
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


# --- watching -----------------------------------------------------------------------------------------


async def test_a_stream_goes_on_where_it_broke_off() -> None:
    """With Last-Event-ID only what came after it is sent, and after the end there is nothing to come for."""
    async with Simulator(50, one_off=0) as sim, serve(app_for(sim)) as served:
        run = await served.start()
        whole = await _watch(served, run)
        outcomes = [event for event in whole if event.name == "outcome"]
        rest = [event async for event in events(served.http, run, outcomes[9].id)]
        over = await served.http.get(f"{run}/events", headers={"Last-Event-ID": whole[-1].id})
        bad = await served.http.get(f"{run}/events", headers={"Last-Event-ID": "nonsense"})
    assert [event for event in rest if event.name == "outcome"] == outcomes[10:]
    assert rest[-1] == whole[-1]
    assert (over.status_code, over.content) == (204, b"")
    assert (bad.status_code, bad.json()["code"]) == (422, "invalid_position")


def _requests_at_work() -> int:
    """How many requests the server is answering."""
    return sum("run_asgi" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def test_a_client_that_disconnects_releases_its_stream_and_leaves_the_run_alone() -> None:
    """The server holds no connection of it any more, and the run goes on to its end."""
    async with Simulator(60, one_off=0, latency=0.02) as sim, serve(app_for(sim)) as served:
        run = await served.start({"max_concurrency": 2})
        for _ in range(5):
            async with aclosing(events(served.http, run)) as stream:
                assert (await anext(stream)).name == "progress"
                assert _requests_at_work() > 0
        async with asyncio.timeout(5):
            while _requests_at_work():
                await asyncio.sleep(0.01)
        assert (await served.state(run))["state"] == "running"
        assert (await served.over(run))["ok"]
        assert sim.ledger.scheduled_events == frozenset()


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
            run = await runs.start(client, BulkRequest(dry_run=True), None)
            async with asyncio.timeout(5):
                await RunStream(runs, run.id, None)({"type": "http"}, receive, send)
    assert stuck.is_set()


async def test_silence_is_broken_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream on which nothing happens says so now and then, and proxies keep it open."""
    monkeypatch.setattr("meetstream_async.fastapi.stream._HEARTBEAT", 0.05)
    monkeypatch.setattr("meetstream_async.fastapi.stream._TICK", 0.02)
    async with Simulator(3, latency=0.5) as sim, serve(app_for(sim)) as served:
        run = await served.start({"dry_run": True})
        async with served.http.stream("GET", f"{run}/events") as reply:
            text = "".join([part async for part in reply.aiter_text()])
    assert text.count(": still there\n\n") >= 2
    assert text.rstrip().endswith("id: 3.end")


async def _watch(served: Served, run: str) -> list[Event]:
    return [event async for event in events(served.http, run)]


# --- the end of the server ----------------------------------------------------------------------------


async def test_a_shutdown_in_the_middle_of_a_run_ends_it_with_true_outcomes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is in flight finishes, watchers see it to the end, and the server stops although they watch."""
    async with Simulator(90, one_off=0, latency=0.05) as sim:
        wanted = sim.ledger.scheduled_events
        async with serve(app_for(sim)) as served:
            run = await served.start({"max_concurrency": 2})
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


async def test_a_run_that_does_not_end_in_time_is_cancelled_and_what_is_in_flight_is_unknown() -> None:
    """The shutdown waits no longer than the grace; what had been sent is unknown, and counted."""
    async with Simulator(20, one_off=0, series=0, troubles=[Trouble("unschedule", hang=True)]) as sim:
        async with serve(app_for(sim, InProcessRuns(grace=0.2))) as served:
            run = await served.start({"max_concurrency": 3})
            watching = asyncio.create_task(_watch(served, run))
            async with asyncio.timeout(10):
                while not any(request.route == "unschedule" for request in sim.requests):
                    await asyncio.sleep(0.01)
                served.server.should_exit = True
                await served.task
            seen = await watching
        sent = {request.event_id for request in sim.requests if request.route == "unschedule"}
    told = {event.data["event_id"]: event.data["status"] for event in seen if event.name == "outcome"}
    assert sent
    assert {event_id for event_id, status in told.items() if status == "unknown"} == sent
    assert (seen[-1].name, seen[-1].data["state"]) == ("end", "cancelled")
    assert seen[-1].data["counts"]["unknown"] == len(sent)
    assert "unknown" in seen[-1].data["reason"]


async def test_a_server_that_is_stopping_starts_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After for whoever comes in the last moment over a connection that is still open."""
    monkeypatch.setattr("meetstream_async.fastapi.in_process._LOOK", 0.0)
    monkeypatch.setattr("meetstream_async.fastapi.in_process.server_is_stopping", lambda: True)
    async with Simulator(3) as sim, serve(app_for(sim)) as served:
        reply = await served.http.post("/bulk-unschedule", json={})
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


# --- bounds -------------------------------------------------------------------------------------------


async def test_runs_are_bounded_in_number() -> None:
    """Where as many as are allowed are under way, another is refused with 503 and Retry-After."""
    async with Simulator(40, one_off=0, latency=0.05) as sim:
        async with serve(app_for(sim, InProcessRuns(max_running=2))) as served:
            runs = [await served.start({"max_concurrency": 1}) for _ in range(2)]
            full = await served.http.post("/bulk-unschedule", json={})
            for run in runs:
                await served.http.delete(run)
                await served.over(run)
            room = await served.http.post("/bulk-unschedule", json={"dry_run": True})
    assert (full.status_code, full.json()["code"]) == (503, "too_many_runs")
    assert int(full.headers["retry-after"]) > 0
    assert room.status_code == 202


async def test_ended_runs_are_kept_in_bounded_number() -> None:
    """The oldest go first; what is gone is 404 everywhere, and its key may start another run."""
    async with Simulator(2, one_off=0) as sim, serve(app_for(sim, InProcessRuns(max_kept=2))) as served:
        runs = []
        for number in range(4):
            runs.append(await served.start({"dry_run": True}, **{"Idempotency-Key": f"key-{number}"}))
            await served.over(runs[-1])
        kept = [(await served.http.get(run)).status_code for run in runs]
        gone = [await served.http.get(f"{runs[0]}{path}") for path in ("", "/outcomes", "/events")]
        gone.append(await served.http.delete(runs[0]))
        again = await served.start({"dry_run": True}, **{"Idempotency-Key": "key-0"})
    assert kept == [404, 404, 200, 200]
    assert [(reply.status_code, reply.json()["code"]) for reply in gone] == [(404, "run_not_found")] * 4
    assert again not in runs


async def test_ended_runs_are_kept_for_a_bounded_time_and_with_bounded_outcomes() -> None:
    """They go when their time is up, and the oldest before that where there are too many outcomes."""
    async with Simulator(10, one_off=0, several=0) as sim:
        async with serve(app_for(sim, InProcessRuns(max_outcomes=15))) as served:
            first = await served.start({"dry_run": True})
            await served.over(first)
            second = await served.start({"dry_run": True})
            await served.over(second)
            async with asyncio.timeout(5):
                while (await served.http.get(first)).status_code != 404:
                    await asyncio.sleep(0.01)
            assert (await served.http.get(second)).status_code == 200
        async with serve(app_for(sim, InProcessRuns(keep_for=0.05))) as served:
            short = await served.start({"dry_run": True})
            async with asyncio.timeout(5):
                while (await served.http.get(short)).status_code != 404:
                    await asyncio.sleep(0.01)


async def test_ids_of_runs_cannot_be_guessed() -> None:
    """Each has 192 random bits."""
    async with Simulator(1) as sim, serve(app_for(sim, InProcessRuns(max_running=20))) as served:
        ids = {(await served.start({"dry_run": True})).rsplit("/")[-1] for _ in range(20)}
    assert len(ids) == 20
    assert {len(run_id) for run_id in ids} == {32}


# --- security -----------------------------------------------------------------------------------------


async def test_nobody_gets_past_the_applications_own_security() -> None:
    """Without the token every route answers as the application does, and nothing is started."""
    async with Simulator(3) as sim, serve(app_for(sim)) as served:
        run = await served.start({"dry_run": True})
        await served.over(run)
        seen = len(sim.requests)
        served.http.headers["Authorization"] = "Bearer wrong"
        replies = [
            await served.http.post("/bulk-unschedule", json={}),
            await served.http.get(run),
            await served.http.get(f"{run}/outcomes"),
            await served.http.get(f"{run}/events"),
            await served.http.delete(run),
        ]
        assert len(sim.requests) == seen
    assert [reply.status_code for reply in replies] == [401] * 5


def test_a_router_without_security_is_refused() -> None:
    """ConfigurationError, unless it is said that something in front of it does the checking."""
    with pytest.raises(ConfigurationError, match="allow_unauthenticated=True"):
        bulk_router()
    with pytest.raises(ConfigurationError, match="dependencies"):
        bulk_router(dependencies=[])
    with pytest.raises(ConfigurationError, match=r"list of Depends\(...\)"):
        bulk_router(dependencies=[guard])  # type: ignore[list-item]
    assert bulk_router(allow_unauthenticated=True).routes
    assert bulk_router("/elsewhere", dependencies=[Depends(guard)]).prefix == "/elsewhere"


@pytest.mark.parametrize(
    "arguments", [{"max_running": 0}, {"max_kept": True}, {"keep_for": -1}, {"grace": float("nan")}]
)
def test_bounds_that_bound_nothing_are_refused(arguments: dict[str, Any]) -> None:
    """ConfigurationError names the argument."""
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        InProcessRuns(**arguments)


async def test_without_a_server_that_runs_lifespans_a_request_says_what_is_missing() -> None:
    """A programming mistake is no answer to a caller: it is raised, with what to do."""
    app = FastAPI(lifespan=meetstream_lifespan(api_key=KEY))
    app.include_router(bulk_router(dependencies=[Depends(guard)]))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as http:
        with pytest.raises(RuntimeError, match="lifespan"):
            await http.post("/bulk-unschedule", json={}, headers={"Authorization": TOKEN})
