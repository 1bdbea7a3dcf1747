"""Whose run it is: ids that can't be computed, and runs that belong to the caller that started them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header

from meetstream_async import ConfigurationError
from meetstream_async.fastapi import InProcessRuns, Runs, bulk_router, meetstream_lifespan
from meetstream_async.fastapi.durable import DurableRuns
from meetstream_async.jobs import JobAccount, JobEngine
from meetstream_async.simulator import Simulator
from tests.helpers.fastapi_app import Served, guard, serve

KEY = {"Idempotency-Key": "order-1"}
DRY = {"all": True, "dry_run": True}


async def user(x_user: Annotated[str, Header()]) -> str:
    """Who is asking, as the application knows them."""
    return x_user


@asynccontextmanager
async def application(runs: Runs, **arguments: Any) -> AsyncIterator[Served]:
    async with Simulator(2) as sim:
        app = FastAPI(lifespan=meetstream_lifespan(api_key=sim.api_key, base_url=sim.base_url))
        app.include_router(bulk_router(dependencies=[Depends(guard)], runs=runs, **arguments))
        async with serve(app) as served:
            yield served


def durable(folder: Path, name: str = "jobs") -> DurableRuns:
    """Runs that nobody works on."""
    engine = JobEngine(f"sqlite:///{folder / name}.sqlite")
    return DurableRuns(engine, JobAccount("acme", api_key_env="ACME_KEY"))


@pytest.fixture(params=["in process", "durable"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Runs:
    return InProcessRuns() if request.param == "in process" else durable(tmp_path)


async def test_a_run_belongs_to_the_caller_that_started_it(runs: Runs) -> None:
    """For anybody else it is 404: its state, outcomes and events, and stopping it."""
    async with application(runs, caller=Depends(user)) as served:
        http = served.http
        run = await served.start(DRY, **{"X-User": "ann"})
        places = [("GET", ""), ("GET", "/outcomes"), ("GET", "/events"), ("DELETE", "")]
        others = [await http.request(verb, run + end, headers={"X-User": "bob"}) for verb, end in places]
        nobody = await http.get(run)
        own = await http.get(run, headers={"X-User": "ann"})
        stopped = await http.delete(run, headers={"X-User": "ann"})
    assert [(reply.status_code, reply.json()["code"]) for reply in others] == [(404, "run_not_found")] * 4
    assert nobody.status_code == 422
    assert (own.status_code, stopped.is_success) == (200, True)


async def test_each_caller_has_their_own_idempotency_keys(runs: Runs) -> None:
    """The same key returns a caller's own run, and another caller's key starts another one."""
    async with application(runs, caller=Depends(user)) as served:
        ann, bob, again = [await served.start(DRY, **KEY, **{"X-User": who}) for who in ("ann", "bob", "ann")]
    assert ann == again
    assert ann != bob


async def test_without_a_caller_the_callers_share_runs_and_keys(runs: Runs) -> None:
    """Whoever passes the router's security and knows the id reads the run."""
    async with application(runs) as served:
        first, again = [await served.start(DRY, **KEY) for _ in range(2)]
        assert (await served.http.get(first)).status_code == 200
    assert first == again


@pytest.mark.parametrize("nobody", [None, "", 7])
async def test_a_caller_that_is_no_text_is_a_mistake_of_the_application(nobody: object) -> None:
    """It must not pass for everybody, nor for another caller."""
    runs = InProcessRuns()
    async with Simulator(1) as sim:
        app = FastAPI(lifespan=meetstream_lifespan(api_key=sim.api_key, base_url=sim.base_url))
        router = bulk_router(dependencies=[Depends(guard)], runs=runs, caller=Depends(lambda: nobody))
        app.include_router(router)
        app.dependency_overrides[guard] = lambda: None
        async with app.router.lifespan_context(app):
            async with httpx.AsyncClient(
                verify=False, transport=httpx.ASGITransport(app), base_url="http://app"
            ) as http:
                for verb, place in (("POST", ""), ("GET", "/run-1")):
                    with pytest.raises(TypeError, match="who is asking"):
                        await http.request(verb, f"/bulk-unschedule{place}", json=DRY)


def test_a_caller_that_is_no_dependency_is_refused() -> None:
    """ConfigurationError, when the router is made."""
    for caller in (user, Depends(), "ann"):
        with pytest.raises(ConfigurationError, match="caller must be Depends"):
            bulk_router(dependencies=[Depends(guard)], caller=caller)  # type: ignore[arg-type]


@pytest.mark.slow
async def test_the_id_of_a_durable_run_is_keyed_with_a_secret_of_its_database(tmp_path: Path) -> None:
    """The same in every process on it; nobody who only knows account and key can compute it."""
    async with application(durable(tmp_path)) as one, application(durable(tmp_path)) as two:
        first, again = await one.start(DRY, **KEY), await two.start(DRY, **KEY)
    async with application(durable(tmp_path, "other")) as three:
        elsewhere = await three.start(DRY, **KEY)
    assert first == again
    assert first != elsewhere
    guessed = hashlib.sha256(f"acme\0{KEY['Idempotency-Key']}".encode()).hexdigest()[:48]
    assert guessed not in first


@pytest.mark.slow
async def test_processes_know_each_others_callers(tmp_path: Path) -> None:
    """What one process started, its caller reads from another, and nobody else does."""
    who = Depends(user)
    async with (
        application(durable(tmp_path), caller=who) as one,
        application(durable(tmp_path), caller=who) as two,
    ):
        run = await one.start(DRY, **{"X-User": "ann"})
        replies = [await two.http.get(run, headers={"X-User": name}) for name in ("ann", "bob")]
        forged = await two.http.get(f"{run.rpartition('-')[0]}-{48 * '0'}", headers={"X-User": "bob"})
    assert [reply.status_code for reply in (*replies, forged)] == [200, 404, 404]


async def test_durable_runs_that_were_not_started_say_so(tmp_path: Path) -> None:
    """As in the process: raised, with what to do, and no answer to a caller."""
    app = FastAPI(lifespan=meetstream_lifespan(api_key="k" * 20))
    app.include_router(bulk_router(dependencies=[Depends(guard)], runs=durable(tmp_path)))
    app.dependency_overrides[guard] = lambda: None
    app.state.meetstream_client = object()
    async with httpx.AsyncClient(
        verify=False, transport=httpx.ASGITransport(app), base_url="http://app"
    ) as http:
        for verb, place in (("POST", ""), ("GET", f"/run-{48 * '0'}")):
            with pytest.raises(RuntimeError, match="lifespan"):
                await http.request(verb, f"/bulk-unschedule{place}", json=DRY)
