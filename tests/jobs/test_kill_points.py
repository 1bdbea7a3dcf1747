"""A job's worker is killed at each of its steps, and the job ends with the same verdict."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from meetstream_async._tasks import end
from meetstream_async.jobs import (
    AccountStatus,
    JobAccount,
    JobEngine,
    JobOptions,
    job_status,
    submit_job,
    wait_for_job,
)
from meetstream_async.jobs.steps import STEPS
from meetstream_async.jobs.worker import Run
from meetstream_async.simulator import SimulatedBot, Simulator
from tests.helpers.jobs import everything, far, until
from tests.helpers.postgres import new_database, postgres_server

MOST_STEPS = 20
Do = Callable[[Run, str], Awaitable[None]]


class Killer:
    """Ends the worker's run at one of its steps, and remembers how many there were."""

    def __init__(self, do: Do, point: int, stored: bool) -> None:
        self._do = do
        self._point = point
        self._stored = stored
        self.steps = 0
        self.killed = threading.Event()

    async def do(self, run: Run, name: str) -> None:
        """In place of ``Run.do``."""
        self.steps += 1
        if self.steps != self._point:
            await self._do(run, name)
            return
        if self._stored:
            await self._do(run, name)
        else:
            await self._lose(run, name)
        self.killed.set()
        # The worker is gone: this run does not go on, and nobody puts it back into the queue.
        raise asyncio.CancelledError

    async def _lose(self, run: Run, name: str) -> None:
        """Do it, and do not store it."""
        await STEPS[name](run._connect, run.ledger, run.stop)


def bots() -> list[SimulatedBot]:
    """More than two chunks of events, one with two bots, and a bot without an event."""
    joins = datetime.now(UTC) + timedelta(days=1)
    pair = [SimulatedBot(f"pair-{number}", "evt_pair", join_time=joins) for number in (1, 2)]
    return [*(far(number) for number in range(4)), *pair, SimulatedBot("alone", join_time=joins)]


def verdict(line: AccountStatus, statuses: Counter[str]) -> dict[str, Any]:
    """What a user is told; what was sent twice may show as done before."""
    done = statuses.pop("unscheduled", 0) + statuses.pop("already_unscheduled", 0)
    return {
        "ok": (line.ok, line.complete, line.reason, line.still_listed),
        "statuses": {"done": done, **statuses},
    }


class Worker:
    """A worker that can be killed, and that starts again under its name."""

    def __init__(self, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = database
        self.monkeypatch = monkeypatch
        self.do: Do = Run.do
        self._engine = JobEngine(database, worker_id="killed")

    async def __aenter__(self) -> Self:
        await self._engine.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.close()

    async def _start_again(self) -> None:
        await self._engine.close()
        self._engine = JobEngine(self.database, worker_id="killed")
        await self._engine.open()

    async def run(self, point: int, stored: bool) -> tuple[int, dict[str, Any]]:
        """Run one job over a new account, killed at a step. The number of steps until then, and the end."""
        killer = Killer(self.do, point, stored)
        job_id = f"{'stored' if stored else 'lost'}-{point}"
        async with Simulator(bots(), api_key="ms_kill_points_0123456789") as sim:
            self.monkeypatch.setenv("KILL_POINTS_KEY", sim.api_key)
            self.monkeypatch.setattr(Run, "do", lambda run, name: killer.do(run, name))
            given = JobAccount("acme", api_key_env="KILL_POINTS_KEY", base_url=sim.base_url)
            await submit_job([given], JobOptions(settle=0.1), job_id=job_id)
            over = asyncio.ensure_future(wait_for_job(job_id, poll=0.1))
            # The engine's loop is another one, in a thread of its own.
            await until(lambda: killer.killed.is_set() or over.done())
            await end(over)
            steps = killer.steps
            if killer.killed.is_set():
                await self._start_again()
            self.monkeypatch.setattr(Run, "do", self.do)
            await asyncio.wait_for(wait_for_job(job_id, poll=0.1), 30)
            outcomes = await everything(job_id)
            line = (await job_status(job_id)).accounts[0]
            named = Counter(outcome.event_id or outcome.bot_ids[0] for outcome in outcomes)
            assert set(named.values()) == {1}
            assert sim.ledger.scheduled_events == frozenset()
            return steps, verdict(line, Counter(outcome.status.value for outcome in outcomes))


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small account has many steps."""
    for module in ("ledger", "steps"):
        monkeypatch.setattr(f"meetstream_async.jobs.{module}.CHUNK", 2)
    monkeypatch.setattr("meetstream_async.jobs.runtime._POLL_JOBS", 0.1)
    monkeypatch.setattr(JobEngine, "_hand_back", _nothing)


async def _nothing(engine: JobEngine) -> None:
    """A worker that was killed puts nothing back."""


async def check(database: str, monkeypatch: pytest.MonkeyPatch, stored: bool) -> None:
    async with Worker(database, monkeypatch) as worker:
        number, expected = await worker.run(0, stored)
        assert 5 <= number < MOST_STEPS
        for point in range(1, number + 1):
            _, ended = await worker.run(point, stored)
            assert ended == expected, f"killed at step {point} of {number}"


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("stored", [True, False], ids=["after a step", "before a step is stored"])
async def test_a_kill_at_any_step_changes_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """On SQLite: one outcome for each event, the same reason, and nothing left scheduled."""
    await check(f"sqlite:///{tmp_path}/jobs.sqlite", monkeypatch, stored)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A database on a server of our own."""
    with postgres_server("canary-of-the-kill-points") as server:
        yield new_database(server, "kill_points")


@pytest.mark.postgres
@pytest.mark.timeout(360)
# The engine's threads may hold a connection while it is shut down: they leave it to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("stored", [True, False], ids=["after a step", "before a step is stored"])
async def test_a_kill_at_any_step_changes_no_verdict_on_postgresql(
    postgres: str, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """The same on PostgreSQL."""
    await check(postgres, monkeypatch, stored)
    gc.collect()
