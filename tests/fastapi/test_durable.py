"""The same router on durable jobs: what is stored, and any number of worker processes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from meetstream_async import BotFilter, ConfigurationError
from meetstream_async.fastapi.durable import DurableRuns
from meetstream_async.jobs import (
    JobAccount,
    JobEngine,
    JobOptions,
    JobOutcome,
    job_outcomes,
    job_status,
    submit_job,
    wait_for_job,
)
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.fastapi_app import TOKEN, WHOLE, Served, app_for, events, serve
from tests.helpers.raw_server import unused_port

LONG = os.environ.get("MEETSTREAM_PROOF", "short") != "short"
APP = """
import os
from fastapi import Depends, FastAPI
from tests.helpers.fastapi_app import guard
from meetstream_async.fastapi import bulk_router, meetstream_lifespan
from meetstream_async.fastapi.durable import DurableRuns
from meetstream_async.jobs import JobAccount, JobEngine, JobOptions

account = JobAccount("a", api_key_env="MEETSTREAM_API_KEY", base_url=os.environ["MEETSTREAM_API_URL"])
runs = DurableRuns(JobEngine(), account, options=JobOptions(settle=2.0))
app = FastAPI(lifespan=meetstream_lifespan())
app.include_router(bulk_router(dependencies=[Depends(guard)], runs=runs))

@app.get("/process")
async def process() -> int:
    return os.getpid()
"""


def _account(sim: Simulator) -> JobAccount:
    return JobAccount("a", api_key_env="MEETSTREAM_API_KEY", base_url=sim.base_url)


def _engine(folder: Path, **more: Any) -> JobEngine:
    return JobEngine(f"sqlite:///{folder / 'jobs.sqlite'}", **more)


@pytest.fixture
async def durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Simulator, Served]]:
    """An account of 60 bots, and a server whose own process works on the jobs."""
    async with Simulator(60, one_off=0) as sim:
        monkeypatch.setenv("MEETSTREAM_API_KEY", sim.api_key)
        engine = _engine(tmp_path, worker_id="web")
        runs = DurableRuns(engine, _account(sim), options=JobOptions(settle=2.0), max_unfinished=2)
        async with serve(app_for(sim, runs)) as served:
            yield sim, served


async def test_a_durable_run_behaves_like_any_other(durable: tuple[Simulator, Served]) -> None:
    """Started once for a key, followed, resumed, paged and compared with the ledger."""
    sim, served = durable
    wanted = sim.ledger.scheduled_events
    key = {"Idempotency-Key": "5b1c2a64-0d51-4d7d-9d86-6b1a0b7f8f11"}
    at_once = await asyncio.gather(*(served.start({**WHOLE, "max_concurrency": 10}, **key) for _ in range(5)))
    run = at_once[0]
    watched = await asyncio.gather(*(served.watch(run) for _ in range(5)))
    seen = watched[0]
    state = await served.state(run)
    told = [event for event in seen if event.name == "outcome"]
    rest = await served.watch(run, told[20].id)
    outcomes = await served.outcomes(run, limit=25)
    other = await served.http.post("/bulk-unschedule", json={**WHOLE, "dry_run": True}, headers=key)
    over = await served.http.get(f"{run}/events", headers={"Last-Event-ID": seen[-1].id or ""})
    bad = await served.http.get(f"{run}/outcomes", params={"after": "nonsense"})
    missing = [await served.http.get(f"/bulk-unschedule/{name}") for name in ("run-1", f"run-{48 * '0'}")]
    assert set(at_once) == {run}
    assert sim.ledger.scheduled_events == frozenset()
    assert (state["state"], state["ok"], state["counts"]["unscheduled"]) == ("succeeded", True, len(wanted))
    assert seen[-1].data == state
    assert [event.data for event in told] == outcomes
    assert {outcome["event_id"] for outcome in outcomes} == wanted
    assert [[event.data for event in one if event.name == "outcome"] for one in watched] == [outcomes] * 5
    assert [event.data for event in rest if event.name == "outcome"] == outcomes[21:]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (over.status_code, bad.status_code) == (204, 422)
    assert [reply.json()["code"] for reply in missing] == ["run_not_found"] * 2


@pytest.mark.slow
async def test_a_durable_dry_run_of_given_events_says_that_they_were_not_looked_up(
    durable: tuple[Simulator, Served],
) -> None:
    """On jobs as in the process: it succeeds, and its reason says so."""
    _, served = durable
    state = await served.over(await served.start({"event_ids": ["evt_none"], "dry_run": True}))
    assert (state["state"], state["ok"]) == ("succeeded", True)
    assert "not looked up" in state["reason"]


@pytest.mark.slow
async def test_a_durable_run_is_stopped_and_bounded(durable: tuple[Simulator, Served]) -> None:
    """DELETE ends it with what it left; no more may be unfinished than is allowed."""
    sim, served = durable
    sim.add_trouble(Trouble("unschedule", latency=0.2))
    runs = [await served.start({**WHOLE, "max_concurrency": 1}) for _ in range(2)]
    full = await served.http.post("/bulk-unschedule", json=WHOLE)
    stopping = [await served.http.delete(run) for run in runs]
    states = [await served.over(run) for run in runs]
    assert (full.status_code, full.json()["code"]) == (503, "too_many_runs")
    assert int(full.headers["retry-after"]) > 0
    assert {reply.status_code for reply in stopping} <= {200, 202}
    assert [(state["state"], state["ok"]) for state in states] == [("cancelled", False)] * 2
    assert sim.ledger.scheduled_events


@pytest.mark.slow
async def test_many_watchers_of_a_durable_run_read_the_database_once(
    durable: tuple[Simulator, Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them gets every outcome, and what they ask for at the same time is read for all of them."""
    reads = 0

    def read(*arguments: Any, **more: Any) -> AsyncIterator[JobOutcome]:
        nonlocal reads
        reads += 1
        return job_outcomes(*arguments, **more)

    _, served = durable
    run = await served.start({**WHOLE, "dry_run": True})
    state = await served.over(run)
    monkeypatch.setattr("meetstream_async.fastapi.durable.job_outcomes", read)
    watched = await asyncio.gather(*(served.watch(run) for _ in range(10)))
    told = [[event.id for event in seen if event.name == "outcome"] for seen in watched]
    assert told == [told[0]] * 10
    assert len(told[0]) == state["counts"]["would_unschedule"] > 0
    assert reads < 8


async def test_a_store_out_of_reach_is_told_as_such(tmp_path: Path) -> None:
    """503 with Retry-After and nothing of the database; not the calendar API's fault."""
    async with Simulator(1) as sim:
        runs = DurableRuns(_engine(tmp_path), _account(sim))
        async with serve(app_for(sim, runs)) as served:
            # Not what SQLite keeps mapped: the process would end of it.
            for name in (one for one in os.listdir(tmp_path) if not one.endswith("-shm")):
                (tmp_path / name).write_bytes(b"no database any more" * 1000)
            reply = await served.http.post("/bulk-unschedule", json=WHOLE)
    assert (reply.status_code, reply.json()["code"]) == (503, "run_store_unavailable")
    assert "retry-after" in reply.headers
    assert "sqlite" not in reply.text


@pytest.mark.slow
async def test_a_run_is_forgotten_some_time_after_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its page is 404 then, as in the process; jobs that are not the router's stay."""
    async with Simulator(2, one_off=0) as sim:
        monkeypatch.setenv("MEETSTREAM_API_KEY", sim.api_key)
        engine = _engine(tmp_path, worker_id="web")
        options = JobOptions(settle=0.5)
        runs = DurableRuns(engine, _account(sim), options=options, keep_for=0.3)
        async with serve(app_for(sim, runs)) as served:
            await submit_job([_account(sim)], options, job_id="others", engine=engine)
            await wait_for_job("others", poll=0.05, engine=engine)
            run = await served.start(WHOLE)
            async with asyncio.timeout(10):
                while (await served.http.get(run)).status_code != 404:
                    await asyncio.sleep(0.05)
            assert (await job_status("others", engine=engine)).ok
            assert sim.ledger.scheduled_events == frozenset()


def test_what_is_no_engine_or_account_is_refused(tmp_path: Path) -> None:
    """ConfigurationError names the argument."""
    account = JobAccount("a", api_key_env="KEY")
    with pytest.raises(ConfigurationError, match="engine"):
        DurableRuns("sqlite://", account)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="account"):
        DurableRuns(_engine(tmp_path), "a")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="max_unfinished"):
        DurableRuns(_engine(tmp_path), account, max_unfinished=0)
    with pytest.raises(ConfigurationError, match="keep_for"):
        DurableRuns(_engine(tmp_path), account, keep_for=0)


@pytest.mark.parametrize(
    ("options", "events", "named"),
    [
        (JobOptions(where=BotFilter(platform="zoom")), None, "where"),
        (JobOptions(dry_run=True, one_off_bots="skip"), None, "one_off_bots, dry_run"),
        (JobOptions(max_concurrency=2), None, "max_concurrency"),
        (None, ["evt_1"], "event_ids"),
    ],
)
def test_a_limit_that_a_request_would_replace_is_refused(
    options: JobOptions | None, events: list[str] | None, named: str, tmp_path: Path
) -> None:
    """Requests say what a run selects: a filter fixed beside them would be dropped without a word."""
    account = JobAccount("a", api_key_env="KEY", event_ids=events)
    with pytest.raises(ConfigurationError, match=f"{named} can't be fixed here"):
        DurableRuns(_engine(tmp_path), account, options=options)


# --- two worker processes -----------------------------------------------------------------------------


@asynccontextmanager
async def _process(environment: dict[str, str], *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(20):
            await process.wait()


async def _ask_each(url: str) -> dict[int, httpx.AsyncClient]:
    """A connection to each of the two worker processes, by process id."""
    found: dict[int, httpx.AsyncClient] = {}
    async with asyncio.timeout(120):
        while len(found) < 2:
            client = httpx.AsyncClient(base_url=url, headers={"Authorization": TOKEN}, timeout=20)
            try:
                process = (await client.get("/process")).json()
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                process = None
            if process is None or process in found:
                await client.aclose()
                # The other one is still starting, perhaps: not all of the machine is for asking.
                await asyncio.sleep(0.02)
            else:
                found[process] = client
    return found


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.skipif(not LONG, reason="a long proof, of several processes")
async def test_two_worker_processes_serve_the_same_runs(tmp_path: Path) -> None:
    """Started on one, deduplicated and followed on the other, while a third process does the work."""
    (tmp_path / "durable_app.py").write_text(APP, encoding="utf-8")
    port = str(unused_port())
    async with Simulator(150, one_off=0, latency=0.01) as sim:
        wanted = sim.ledger.scheduled_events
        environment = os.environ | sim.environment
        environment["MEETSTREAM_JOBS_DATABASE_URL"] = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
        environment["PYTHONPATH"] = f"{Path(__file__).parents[2]}:{tmp_path}"
        server = ["-m", "uvicorn", "durable_app:app", "--workers", "2", "--port", port]
        work = ["-c", "from meetstream_async.cli import main; main()", "jobs", "worker", "--id", "worker"]
        async with _process(environment, *server) as web:
            one, other = (await _ask_each(f"http://127.0.0.1:{port}")).values()
            key = {"Idempotency-Key": "3f9c0b4e-52f6-4d6b-a3a5-0a4f2c1d9e77"}
            replies = [
                await client.post("/bulk-unschedule", json={"all": True, "max_concurrency": 10}, headers=key)
                for client in (one, other)
            ]
            run = replies[0].headers["location"]
            waiting = (await other.get(run)).json()
            async with _process(environment, *work):
                async with asyncio.timeout(30):
                    seen = [event async for event in events(other, run)]
                # Until a state that was read before is not good enough any more.
                await asyncio.sleep(0.6)
                state = (await one.get(run)).json()
            for client in (one, other):
                await client.aclose()
            web.terminate()
            async with asyncio.timeout(20):
                await web.wait()
        assert sim.ledger.scheduled_events == frozenset()
        deletes = [request.event_id for request in sim.requests if request.route == "unschedule"]
    assert [reply.headers["location"] for reply in replies] == [run, run]
    assert (waiting["state"], waiting["reason"]) == ("running", "waiting for a worker")
    assert seen[-1].data == state
    assert (state["state"], state["counts"]["unscheduled"]) == ("succeeded", len(wanted))
    assert {event.data["event_id"] for event in seen if event.name == "outcome"} == wanted
    assert len(deletes) == len(set(deletes))
