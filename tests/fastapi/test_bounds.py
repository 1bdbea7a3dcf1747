"""The router's limits, and its access control."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from meetstream_async import ConfigurationError, MeetStreamClient
from meetstream_async.fastapi import BulkRequest, InProcessRuns, bulk_router, meetstream_lifespan
from meetstream_async.fastapi.run import Run
from meetstream_async.simulator import Simulator
from tests.helpers.credentials import KEY
from tests.helpers.fastapi_app import TOKEN, WHOLE, app_for, guard, serve


async def test_runs_are_bounded_in_number() -> None:
    """When the maximum number of runs is in progress, another one is refused with 503 and Retry-After."""
    async with Simulator(40, one_off=0, latency=0.05) as sim:
        async with serve(app_for(sim, InProcessRuns(max_running=2))) as served:
            runs = [await served.start({**WHOLE, "max_concurrency": 1}) for _ in range(2)]
            full = await served.http.post("/bulk-unschedule", json=WHOLE)
            for run in runs:
                await served.http.delete(run)
                await served.over(run)
            room = await served.http.post("/bulk-unschedule", json={**WHOLE, "dry_run": True})
    assert (full.status_code, full.json()["code"]) == (503, "too_many_runs")
    assert int(full.headers["retry-after"]) > 0
    assert room.status_code == 202


async def test_ended_runs_are_kept_in_bounded_number() -> None:
    """The oldest go first; what is gone is 404 everywhere, and its key may start another run."""
    async with Simulator(2, one_off=0) as sim, serve(app_for(sim, InProcessRuns(max_kept=2))) as served:
        runs = []
        for number in range(4):
            runs.append(
                await served.start({**WHOLE, "dry_run": True}, **{"Idempotency-Key": f"key-{number}"})
            )
            await served.over(runs[-1])
        kept = [(await served.http.get(run)).status_code for run in runs]
        gone = [await served.http.get(f"{runs[0]}{path}") for path in ("", "/outcomes", "/events")]
        gone.append(await served.http.delete(runs[0]))
        again = await served.start({**WHOLE, "dry_run": True}, **{"Idempotency-Key": "key-0"})
    assert kept == [404, 404, 200, 200]
    assert [(reply.status_code, reply.json()["code"]) for reply in gone] == [(404, "run_not_found")] * 4
    assert again not in runs


async def test_ended_runs_are_kept_for_a_bounded_time_and_with_bounded_outcomes() -> None:
    """They expire after their time, the oldest earlier if there are too many outcomes."""
    async with Simulator(10, one_off=0, several=0) as sim:
        async with serve(app_for(sim, InProcessRuns(max_outcomes=15))) as served:
            first = await served.start({**WHOLE, "dry_run": True})
            await served.over(first)
            second = await served.start({**WHOLE, "dry_run": True})
            await served.over(second)
            async with asyncio.timeout(5):
                while (await served.http.get(first)).status_code != 404:
                    await asyncio.sleep(0.01)
            assert (await served.http.get(second)).status_code == 200
        async with serve(app_for(sim, InProcessRuns(keep_for=0.05))) as served:
            short = await served.start({**WHOLE, "dry_run": True})
            async with asyncio.timeout(5):
                while (await served.http.get(short)).status_code != 404:
                    await asyncio.sleep(0.01)


async def test_ids_of_runs_cannot_be_guessed() -> None:
    """Each has 192 random bits."""
    async with Simulator(1) as sim, serve(app_for(sim, InProcessRuns(max_running=20))) as served:
        ids = {(await served.start({**WHOLE, "dry_run": True})).rsplit("/")[-1] for _ in range(20)}
    assert len(ids) == 20
    assert {len(run_id) for run_id in ids} == {32}


async def test_nobody_gets_past_the_applications_own_security() -> None:
    """Without the token every route answers as the application does, and nothing is started."""
    async with Simulator(3) as sim, serve(app_for(sim)) as served:
        run = await served.start({**WHOLE, "dry_run": True})
        await served.over(run)
        seen = len(sim.requests)
        served.http.headers["Authorization"] = "Bearer wrong"
        replies = [
            await served.http.post("/bulk-unschedule", json=WHOLE),
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
    for used_up in (iter([Depends(guard)]), Depends(guard), {"guard": Depends(guard)}, "guard"):
        with pytest.raises(ConfigurationError, match=r"dependencies must be a list"):
            bulk_router(dependencies=used_up)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="a function in each"):
        bulk_router(dependencies=[Depends()])
    assert bulk_router(allow_unauthenticated=True).routes
    assert bulk_router("/elsewhere", dependencies=[Depends(guard)]).prefix == "/elsewhere"


@pytest.mark.parametrize(
    "arguments",
    [{"prefix": "/"}, {"prefix": "/bulk/"}, {"prefix": "bulk"}, {"prefix": None}, {"runs": InProcessRuns}],
)
def test_arguments_of_the_router_that_are_none_are_refused(arguments: dict[str, Any]) -> None:
    """ConfigurationError names the argument and what it should be."""
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        bulk_router(dependencies=[Depends(guard)], **arguments)


async def test_a_router_may_be_included_twice() -> None:
    """Under two prefixes of one application it shows the same runs."""
    async with Simulator(3, one_off=0) as sim:
        app = FastAPI(lifespan=meetstream_lifespan(api_key=sim.api_key, base_url=sim.base_url))
        router = bulk_router(dependencies=[Depends(guard)])
        app.include_router(router)
        app.include_router(router, prefix="/v2")
        async with serve(app) as served:
            run = await served.start({**WHOLE, "dry_run": True})
            assert (await served.over(f"/v2{run}"))["ok"]
            assert (await served.state(run))["ok"]


async def test_what_is_not_kept_is_not_kept_in_memory_either() -> None:
    """A run that made room for others is gone, though its time was not up."""
    runs = InProcessRuns(max_kept=1)
    async with Simulator(3) as sim, runs.serving():
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            started = []
            for _ in range(3):
                started.append((await runs.start(client, BulkRequest(all=True, dry_run=True), None)).id)
                async with asyncio.timeout(5):
                    while not (await runs.state(started[-1])).over:
                        await asyncio.sleep(0.01)
        gc.collect()
        in_memory = {item.id for item in gc.get_objects() if isinstance(item, Run)}
    assert in_memory & set(started) == {started[-1]}


async def test_an_answer_to_many_wrong_values_is_bounded() -> None:
    """It names the first hundred."""
    async with Simulator(1) as sim, serve(app_for(sim)) as served:
        reply = await served.http.post("/bulk-unschedule", json={"event_ids": [1] * 10_000})
        assert sim.requests == []
    assert reply.status_code == 422
    assert [error["place"][-1] for error in reply.json()["errors"]] == list(range(100))


@pytest.mark.parametrize(
    "arguments", [{"max_running": 0}, {"max_kept": True}, {"keep_for": -1}, {"grace": float("nan")}]
)
def test_bounds_that_bound_nothing_are_refused(arguments: dict[str, Any]) -> None:
    """ConfigurationError names the argument."""
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        InProcessRuns(**arguments)


async def test_without_a_server_that_runs_lifespans_a_request_says_what_is_missing() -> None:
    """A programming mistake is raised with advice, not sent as a response."""
    app = FastAPI(lifespan=meetstream_lifespan(api_key=KEY))
    app.include_router(bulk_router(dependencies=[Depends(guard)]))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(verify=False, transport=transport, base_url="http://app") as http:
        with pytest.raises(RuntimeError, match="lifespan"):
            await http.post("/bulk-unschedule", json=WHOLE, headers={"Authorization": TOKEN})
