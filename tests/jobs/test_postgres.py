"""Several workers on one PostgreSQL: each event once, and a dead worker's share is not lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from meetstream_async import ConfigurationError
from meetstream_async.jobs import (
    JobAccount,
    JobEngine,
    JobOptions,
    JobReader,
    JobState,
    UnreadableJobError,
    cancel_job,
    job_status,
    list_jobs,
    resume_job,
    submit_job,
    unfinished_jobs,
    wait_for_job,
)
from meetstream_async.jobs.client_tables import ClientTables
from meetstream_async.simulator import Simulator, TokenBucket
from tests.helpers.job_rows import MARKED, pickle_that_runs_code
from tests.helpers.jobs import (
    Program,
    account,
    assert_each_event_once,
    ended,
    environment,
    everything,
    job_accounts,
    sent,
    serving,
    until,
)
from tests.helpers.postgres import new_database, postgres_server
from tests.helpers.program import Program as Process

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(180)]

PASSWORD = "canary-hunter2-of-the-database"
SLOW = JobOptions(settle=0.6, max_concurrency=1)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server of our own, less the database."""
    with postgres_server(PASSWORD) as url:
        yield url


@pytest.fixture
def database(server: str, request: pytest.FixtureRequest) -> str:
    """A database of its own for each test."""
    return new_database(server, f"jobs_{abs(hash(request.node.name))}")


class Fleet:
    """Two workers as processes, over slow accounts."""

    def __init__(self, program: Program, simulators: list[Simulator]) -> None:
        self.program = program
        self.simulators = simulators
        self.workers: dict[str, Process] = {}

    async def start(self, name: str) -> None:
        self.workers[name] = await self.program.start("worker", "--id", name, "--accounts-at-once", 3)

    async def kill(self, name: str) -> None:
        self.workers[name].kill()
        await ended(self.workers.pop(name))

    async def stop(self) -> None:
        for process in self.workers.values():
            if process.returncode is None:
                process.terminate()
        assert [await ended(process) for process in self.workers.values()] == [0] * len(self.workers)

    async def holds(self, job_id: str, name: str) -> list[str]:
        """The accounts that are running with a worker."""
        status = await job_status(job_id)
        return [
            line.account for line in status.accounts if line.worker == name and line.state is JobState.RUNNING
        ]

    async def until_both_work(self, job_id: str) -> None:
        async with asyncio.timeout(30):
            while not all([await self.holds(job_id, name) for name in self.workers]):
                await asyncio.sleep(0.05)
        # In the middle of a chunk.
        await asyncio.sleep(0.4)


@contextlib.asynccontextmanager
async def fleet(database: str, tmp_path: Path, **limits: Any) -> AsyncIterator[Fleet]:
    simulators = [account(number, 20, latency=0.05, **limits) for number in range(14)]
    program = Program(database, environment(simulators), tmp_path / "program.log")
    async with serving(simulators), JobEngine(database):
        running = Fleet(program, simulators)
        try:
            await running.start("worker-1")
            await running.start("worker-2")
            yield running
            await running.stop()
        finally:
            for process in running.workers.values():
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
    said = program.log.read_text()
    assert "Traceback" not in said
    assert "ms_canary" not in said
    assert PASSWORD not in said


async def test_two_workers_share_a_job_and_send_nothing_twice(database: str, tmp_path: Path) -> None:
    """Without a kill each event has one DELETE; resuming leaves the accounts of living workers alone."""
    async with fleet(database, tmp_path) as running:
        await submit_job(job_accounts(running.simulators), SLOW, job_id="shared")
        await running.until_both_work("shared")
        with pytest.raises(ConfigurationError, match="worker 'worker-1' is running"):
            await JobEngine(database, worker_id="worker-1").open()
        resumed = await resume_job("shared")
        assert resumed.resumed == 0
        assert set(resumed.left) == {"worker-1", "worker-2"}
        status = await wait_for_job("shared")
        assert status.ok
        assert {line.worker for line in status.accounts} == {"worker-1", "worker-2"}
        outcomes = await everything("shared")
    assert assert_each_event_once(outcomes, running.simulators) == {"unscheduled": 280}
    assert set(sent(running.simulators).values()) == {1}


async def test_workers_share_the_pace_of_a_key_through_their_database(database: str, tmp_path: Path) -> None:
    """Without being told: what one of them has found of a limit is there for the others, and no key is."""
    async with fleet(database, tmp_path, limit=TokenBucket(10, 2)) as running:
        await submit_job(job_accounts(running.simulators), SLOW, job_id="paced")
        status = await wait_for_job("paced")
        assert status.ok
        with psycopg.connect(database) as connection:
            rows = connection.execute("SELECT name, state FROM meetstream_async_pace").fetchall()
        assert any(simulator.ledger.pace.limited for simulator in running.simulators)
    assert len(rows) == len(running.simulators)
    assert "ms_canary" not in str(rows)


async def test_a_worker_outlives_its_connections(database: str, tmp_path: Path) -> None:
    """A server that cuts them off, as when it is restarted: the worker goes on, and takes its lock again."""
    async with fleet(database, tmp_path) as running:
        await submit_job(job_accounts(running.simulators), SLOW, job_id="cut")
        await running.until_both_work("cut")
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid != pg_backend_pid()"
            )
        await asyncio.sleep(3)
        resumed = await resume_job("cut")
        assert resumed.resumed == 0
        status = await wait_for_job("cut")
        assert status.ok
        outcomes = await everything("cut")
    assert assert_each_event_once(outcomes, running.simulators) == {"unscheduled": 280}
    assert set(sent(running.simulators).values()) == {1}


@pytest.mark.parametrize("how", ["restart", "resume"])
async def test_a_killed_workers_share_is_finished(database: str, tmp_path: Path, how: str) -> None:
    """After its restart under the same id, or by the other after `jobs resume`; until then it waits."""
    async with fleet(database, tmp_path) as running:
        await submit_job(job_accounts(running.simulators), SLOW, job_id="killed")
        await running.until_both_work("killed")
        await running.kill("worker-1")
        before = sent(running.simulators)
        held = await running.holds("killed", "worker-1")
        assert held
        async with asyncio.timeout(60):
            while [
                line.account
                for line in (await job_status("killed")).accounts
                if not line.state.is_over and line.account not in held
            ]:
                await asyncio.sleep(0.1)
        assert await running.holds("killed", "worker-1") == held
        if how == "restart":
            await running.start("worker-1")
        else:
            assert await running.program.run("resume", "killed") == 0
        status = await wait_for_job("killed")
        assert status.ok
        if how == "resume":
            assert {line.worker for line in status.accounts if line.account in held} == {"worker-2"}
        outcomes = await everything("killed")
    statuses = assert_each_event_once(outcomes, running.simulators)
    assert set(statuses) <= {"unscheduled", "already_unscheduled"}
    again = {event: count for event, count in sent(running.simulators).items() if count > 1}
    # Only what the killed worker had sent of its chunks.
    assert again.keys() <= before.keys()
    assert {event.split("_")[1] for event in again} <= {name.split("-")[1] for name in held}
    assert statuses["already_unscheduled"] <= len(again) <= 20 * len(held)


async def test_a_worker_that_is_told_to_stop_hands_its_share_back(database: str, tmp_path: Path) -> None:
    """The other finishes it without a resume, and nothing is sent twice."""
    async with fleet(database, tmp_path) as running:
        await submit_job(job_accounts(running.simulators), SLOW, job_id="handed")
        await running.until_both_work("handed")
        running.workers["worker-1"].terminate()
        assert await ended(running.workers["worker-1"]) == 0
        assert await running.holds("handed", "worker-1") == []
        status = await wait_for_job("handed")
        assert status.ok
        outcomes = await everything("handed")
    assert assert_each_event_once(outcomes, running.simulators) == {"unscheduled": 280}
    assert set(sent(running.simulators).values()) == {1}
    await until(lambda: "stopped; unfinished work is back in the queue" in running.program.log.read_text())


async def test_a_pickled_row_runs_no_code_in_a_client_or_a_worker(database: str, tmp_path: Path) -> None:
    """Its job is named by its status, ends as failed on a worker, and sends nothing."""
    program = Program(database, {"ACME_KEY": "k" * 20}, tmp_path / "program.log")
    with pickle_that_runs_code(tmp_path) as pickled:
        async with JobEngine(database) as client:
            await submit_job([JobAccount("acme", api_key_env="ACME_KEY")], job_id="bad")
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("UPDATE dbos.workflow_status SET serialization = 'py_pickle'")
                connection.execute("UPDATE dbos.workflow_input SET inputs = %s", [pickled])
            with pytest.raises(UnreadableJobError, match=MARKED):
                await job_status("bad")
            assert await unfinished_jobs() == ["bad"]
            worker = await program.start("worker", "--id", "w")
            try:
                async with asyncio.timeout(30):
                    while await unfinished_jobs(engine=client):
                        await asyncio.sleep(0.1)
            finally:
                worker.terminate()
                assert await ended(worker) == 0
            with pytest.raises(UnreadableJobError, match=MARKED):
                await job_status("bad")


async def test_a_reader_reads_what_the_engine_reads(database: str) -> None:
    """Without the engine, from the same tables: the status of a cancelled job, and of one that waits."""
    accounts = [JobAccount(name, api_key_env="ACME_KEY") for name in ("acme", "globex")]
    async with JobEngine(database) as engine:
        await submit_job(accounts, job_id="waits", engine=engine)
        await submit_job(accounts, JobOptions(dry_run=True), job_id="stopped", engine=engine)
        await cancel_job("stopped", engine=engine)
        async with JobReader(database) as reader:
            assert PASSWORD not in repr(reader)
            assert reader._engine is None
            engine._tables = ClientTables(engine.client)
            assert await list_jobs(engine=reader) == await list_jobs(engine=engine)
            for job_id in ("waits", "stopped"):
                assert await job_status(job_id, engine=reader) == await job_status(job_id, engine=engine)
