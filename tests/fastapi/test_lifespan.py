"""The application's start and end, whatever its tests patch and however often its end is cancelled."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from unittest.mock import AsyncMock, patch

import anyio
import pytest
from fastapi import FastAPI

from meetstream_async import MeetBitClient, MeetStreamClient
from meetstream_async._tasks import pause
from meetstream_async.fastapi import BulkRequest, InProcessRuns, meetstream_lifespan
from meetstream_async.fastapi.lifespan import ClientArguments, MeetBitArguments, MeetStreamArguments
from meetstream_async.simulator import Simulator
from tests.helpers.accounts import connect, plain_account
from tests.helpers.fastapi_app import app_for
from tests.helpers.tasks import ours_running


@pytest.mark.parametrize(
    ("client", "arguments"), [(MeetStreamClient, MeetStreamArguments), (MeetBitClient, MeetBitArguments)]
)
def test_a_lifespan_takes_each_argument_of_its_client(client: type, arguments: type) -> None:
    """Type checkers accept all of them, of the same types."""
    wanted = {name: one.annotation for name, one in inspect.signature(client).parameters.items()}
    told: dict[str, str] = {}
    for base in reversed(getattr(arguments, "__orig_bases__", ())):
        told |= inspect.get_annotations(base)
    told |= inspect.get_annotations(arguments)
    assert {name: getattr(one, "__forward_arg__", one) for name, one in told.items()} == wanted


async def test_an_application_starts_although_its_tests_patch_the_sleep() -> None:
    """Nothing of ours spins around it: the lifespan begins and ends."""
    async with Simulator(1) as sim:
        app = app_for(sim)
        with patch("asyncio.sleep", AsyncMock()) as sleep:
            async with app.router.lifespan_context(app):
                await pause(0.01)
        assert sleep.await_count == 0
        assert ours_running() == []


async def serve_one_run(runs: InProcessRuns, sim: Simulator) -> None:
    """Runs with one that hangs in its first requests, until it is cancelled."""
    async with connect(sim, timeout=20) as client, runs.serving():
        await runs.start(client, BulkRequest(event_ids=sorted(sim.ledger.scheduled_events)), None)
        await asyncio.Event().wait()


async def in_flight(sim: Simulator) -> None:
    while not sim.in_flight:
        await pause(0.005)


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_runs_end_with_the_application_however_often_that_is_cancelled(times: int) -> None:
    """They have their grace, then what is in flight is cancelled; the same runs may be served again."""
    runs = InProcessRuns(grace=0.05)
    async with plain_account(5, latency=10) as sim:
        task = asyncio.create_task(serve_one_run(runs, sim))
        await in_flight(sim)
        for _ in range(times):
            task.cancel()
            await pause()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ours_running() == []
        async with runs.serving():
            pass


async def test_runs_end_inside_a_cancel_scope_of_anyio() -> None:
    """Which is how some servers end a lifespan."""
    runs = InProcessRuns(grace=0.05)
    async with plain_account(5, latency=10) as sim:
        async with anyio.create_task_group() as group:
            group.start_soon(serve_one_run, runs, sim)
            await in_flight(sim)
            group.cancel_scope.cancel()
        assert ours_running() == []
        async with runs.serving():
            pass


@pytest.mark.parametrize(
    ("workers", "arguments", "warned"),
    [
        ("4", {}, True),
        (" 2 ", {}, True),
        ("1", {}, False),
        ("²", {}, False),
        ("auto", {}, False),
        (None, {}, False),
        ("4", {"pace_store": "pace.sqlite"}, False),
    ],
)
async def test_several_workers_without_a_pace_store_are_warned_of_at_the_start(
    workers: str | None,
    arguments: ClientArguments,
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each of them would find its own pace for the one key; WEB_CONCURRENCY tells how many there are."""
    if workers is not None:
        monkeypatch.setenv("WEB_CONCURRENCY", workers)
    app = FastAPI(lifespan=meetstream_lifespan(api_key="ms_a-key-for-this-test", **arguments))
    async with app.router.lifespan_context(app):
        pass
    said = [record for record in caplog.records if vars(record).get("meetstream_event") == "no_pace_store"]
    assert len(said) == warned
    assert all("MEETSTREAM_PACE_STORE" in record.getMessage() for record in said)


async def test_a_store_that_the_environment_names_by_the_start_is_not_missed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """As the client that is made then finds it: settings may be loaded after the application was built."""
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    app = FastAPI(lifespan=meetstream_lifespan(api_key="ms_a-key-for-this-test"))
    monkeypatch.setenv("MEETSTREAM_PACE_STORE", str(tmp_path / "pace.sqlite"))
    async with app.router.lifespan_context(app):
        pass
    assert "no_pace_store" not in {vars(record).get("meetstream_event") for record in caplog.records}
