"""Reading jobs without the engine."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from dbos import DBOSPortableJSONSerializer

from meetstream_async import ConfigurationError
from meetstream_async.jobs import (
    JobAccount,
    JobEngine,
    JobOptions,
    JobReader,
    JobStoreError,
    UnknownJobError,
    cancel_job,
    job_outcomes,
    job_status,
    list_jobs,
    submit_job,
    wait_for_job,
)
from meetstream_async.jobs.client_tables import ClientTables
from meetstream_async.jobs.json_rows import JSON
from meetstream_async.jobs.tables import DirectTables
from tests.helpers.jobs import account, environment, job_accounts, serving


async def fill(path: Path) -> None:
    """Three jobs: one that was done, with an account that failed; one that is queued, one cancelled."""
    url = f"sqlite:///{path}"
    simulators = [account(number, 3) for number in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        async with serving(simulators):
            for name, key in environment(simulators).items():
                patch.setenv(name, key)
            accounts = [*job_accounts(simulators), JobAccount("lost", api_key_env="JOBS_TEST_NO_KEY")]
            async with JobEngine(url, worker_id="one"):
                await submit_job(accounts, JobOptions(settle=1.0), job_id="done")
                await wait_for_job("done", poll=0.05)
        async with JobEngine(url):
            await submit_job(accounts, job_id="queued")
            await submit_job(accounts, job_id="stopped")
            await cancel_job("stopped")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of these jobs, which nobody changes."""
    path = tmp_path_factory.mktemp("filled") / "jobs.sqlite"
    with asyncio.Runner() as runner:
        runner.run(fill(path))
    return path


@pytest.fixture
def database(filled: Path, tmp_path: Path) -> str:
    """A copy of it."""
    path = tmp_path / "jobs.sqlite"
    with closing(sqlite3.connect(filled)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
    return f"sqlite:///{path}"


async def test_it_reads_what_the_engine_reads(database: str) -> None:
    """Status, list and outcomes are those that the engine's own client gives."""
    async with JobEngine(database) as engine, JobReader(database) as reader:
        assert isinstance(engine.tables, DirectTables)
        engine._tables = ClientTables(engine.client)
        for job_id in ("done", "queued", "stopped"):
            by_engine = await job_status(job_id, engine=engine)
            assert await job_status(job_id, engine=reader) == by_engine
        assert await list_jobs(engine=reader) == await list_jobs(engine=engine)
        assert await list_jobs(limit=1, engine=reader) == await list_jobs(limit=1, engine=engine)
        outcomes = [one async for one in job_outcomes("done", engine=reader)]
        assert outcomes == [one async for one in job_outcomes("done", engine=engine)]
        assert len(outcomes) == 9
        assert (await wait_for_job("done", engine=reader)).states == {"succeeded": 3, "failed": 1}


async def test_it_is_taken_where_none_is_given(database: str) -> None:
    """The one that was opened last serves the functions that only read; those that change need an engine."""
    async with JobReader(database):
        assert (await job_status("done")).job_id == "done"
        with pytest.raises(ConfigurationError, match="no JobEngine is open"):
            await cancel_job("queued")


async def test_it_creates_nothing(tmp_path: Path) -> None:
    """A database that does not exist has no jobs, and is not created."""
    async with JobReader(f"sqlite:///{tmp_path}/none/jobs.sqlite") as reader:
        assert await list_jobs(engine=reader) == []
        with pytest.raises(UnknownJobError, match=r"there is no job 'x' in sqlite:///.*jobs\.sqlite"):
            await job_status("x", engine=reader)
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
async def test_a_database_of_another_shape_is_read_by_the_engine(database: str) -> None:
    """Where a column is missing, as in the tables of another release, the engine's client reads."""
    path = database.removeprefix("sqlite:///")
    async with JobEngine(database) as engine:
        known = await job_status("done", engine=engine)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE workflow_input RENAME TO elsewhere")
        connection.execute("CREATE TABLE workflow_input (workflow_uuid TEXT)")
    reader = JobReader(database)
    with pytest.raises((JobStoreError, UnknownJobError)):
        async with reader:
            assert reader._engine is not None
            await job_status("done", engine=reader)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE workflow_input")
        connection.execute("ALTER TABLE elsewhere RENAME TO workflow_input")
    async with JobReader(database) as reader:
        assert await job_status("done", engine=reader) == known


async def test_a_row_of_another_kind_is_not_read(database: str) -> None:
    """As by the engine: what is not marked as JSON is named, and never unpickled."""
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as connection:
        connection.execute(
            "UPDATE workflow_status SET serialization = 'py_pickle' WHERE workflow_uuid = 'done/0'"
        )
        connection.commit()
    async with JobEngine(database) as engine, JobReader(database) as reader:
        engine._tables = ClientTables(engine.client)
        by_engine = await job_status("done", engine=engine)
        assert await job_status("done", engine=reader) == by_engine
    assert "'py_pickle', and only JSON is read" in (by_engine.accounts[0].reason or "")


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """So is one that can't be used, as by the engine."""
    path = tmp_path / "jobs.sqlite"
    path.write_text("not a database at all" * 100)
    with pytest.raises(JobStoreError, match="can't be used"):
        await JobReader(f"sqlite:///{path}").open()


async def test_it_is_opened_once() -> None:
    """Used before it is open, or opened twice, it says so."""
    reader = JobReader("sqlite:////nowhere/jobs.sqlite")
    with pytest.raises(ConfigurationError, match="is not open"):
        await job_status("x", engine=reader)
    async with reader:
        with pytest.raises(ConfigurationError, match="open already"):
            await reader.open()
    assert repr(reader) == "<JobReader of sqlite:////nowhere/jobs.sqlite>"


def test_the_marker_is_the_engine_s() -> None:
    """The engine calls its JSON what we call it, and writes values as plain JSON."""
    serializer = DBOSPortableJSONSerializer()
    assert serializer.name() == JSON
    assert json.loads(serializer.serialize({"a": [1, None]})) == {"a": [1, None]}
