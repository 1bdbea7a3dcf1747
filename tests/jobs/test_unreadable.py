"""Rows that are not what jobs store: they run no code, and an error names them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meetstream_async.jobs import (
    JobAccount,
    JobEngine,
    JobOptions,
    JobState,
    UnreadableJobError,
    cancel_job,
    forget_jobs,
    job_status,
    list_jobs,
    resume_job,
    submit_job,
    wait_for_job,
)
from meetstream_async.jobs.sqlite import Connection
from tests.helpers.job_rows import MARKED, change, mark, pickle_that_runs_code, rows_put_back
from tests.helpers.jobs import account, environment, everything, job_accounts, serving

SOON = JobOptions(settle=0.6)
NEW = "it is marked 'new_kind', and only JSON is read"
STRANGE = "it is not what jobs store"


@pytest.fixture
def pickled(tmp_path: Path) -> Iterator[str]:
    with pickle_that_runs_code(tmp_path) as value:
        yield value


async def finish() -> str:
    """Run a job of two accounts; its id."""
    async with serving([account(0, 2), account(1, 3)]) as simulators:
        with pytest.MonkeyPatch.context() as patch:
            for name, key in environment(simulators).items():
                patch.setenv(name, key)
            job = await submit_job(job_accounts(simulators), SOON)
            assert (await wait_for_job(job.job_id, poll=0.05)).ok
    return job.job_id


@pytest.fixture(scope="module")
def finished(engine: JobEngine) -> str:
    """The id of a job that is over, the same for all."""
    return asyncio.run(finish())


@pytest.fixture
def job_id(engine: JobEngine, finished: str) -> Iterator[str]:
    """Its id; what a test does to its rows is undone."""
    with rows_put_back(engine, finished):
        yield finished


@pytest.mark.parametrize("stored", ["pickle", "JSON"])
async def test_a_job_marked_as_pickle_is_named_wherever_it_is_read(
    engine: JobEngine,
    job_id: str,
    caplog: pytest.LogCaptureFixture,
    pickled: str,
    stored: str,
) -> None:
    """Status, outcomes, cancel, resume and a second submission say which job; forgetting keeps it."""
    mark(engine, job_id, **({"inputs": pickled} if stored == "pickle" else {}))

    async def submit_again(job_id: str) -> None:
        await submit_job([JobAccount("acme", api_key_env="ACME_KEY")], job_id=job_id)

    for read in (job_status, everything, cancel_job, resume_job, submit_again):
        with pytest.raises(UnreadableJobError, match=MARKED) as raised:
            await read(job_id)
        assert repr(job_id) in str(raised.value)
    heard: list[UnreadableJobError] = []
    assert job_id not in {one.job_id for one in await list_jobs(on_unreadable=heard.append)}
    assert [repr(job_id) in str(error) for error in heard] == [True]
    assert job_id not in {one.job_id for one in await list_jobs()}
    with caplog.at_level(logging.WARNING, "meetstream_async.jobs"):
        assert await forget_jobs(datetime.now(UTC) + timedelta(days=1), prefix=job_id) == []
    assert repr(job_id) in caplog.text


@pytest.mark.parametrize(("column", "status"), [("output", "SUCCESS"), ("error", "ERROR")])
async def test_an_account_marked_as_pickle_is_a_line_that_says_so(
    engine: JobEngine, job_id: str, pickled: str, column: str, status: str
) -> None:
    """Neither its output nor its error is read; the other account keeps its line."""
    mark(engine, f"{job_id}/1", **{column: pickled})
    change(engine, "UPDATE workflow_status SET status = ? WHERE workflow_uuid = ?", status, f"{job_id}/1")
    shown = await job_status(job_id)
    good, bad = shown.accounts
    assert (shown.ok, good.ok, good.state) == (False, True, JobState.SUCCEEDED)
    assert (bad.ok, bad.complete, bad.state) == (False, False, JobState.FAILED)
    assert MARKED in str(bad.reason)


@pytest.mark.parametrize(("marker", "problem"), [("py_pickle", MARKED), ("portable_json", STRANGE)])
async def test_a_step_that_cannot_be_read_is_named(
    engine: JobEngine, job_id: str, pickled: str, marker: str, problem: str
) -> None:
    """The outcomes before it are there, and reading ends with an error instead of leaving some out."""
    change(
        engine,
        "UPDATE operation_outputs SET output = ?, serialization = ?"
        " WHERE workflow_uuid = ? AND function_name = 'unschedule'",
        *(pickled, marker, f"{job_id}/1"),
    )
    with pytest.raises(UnreadableJobError, match=f"step 1 of '{job_id}/1' can't be read: {problem}"):
        await everything(job_id)
    assert (await job_status(job_id)).ok


OTHER_SHAPES = [
    "null",
    "7",
    '"text"',
    "[]",
    "{}",
    '{"positionalArgs": []}',
    '{"positionalArgs": [{"accounts": [], "options": {}}]}',
    '{"positionalArgs": [{"accounts": [{"name": 1}], "options": {}}]}',
    '{"positionalArgs": [{"accounts": [{"name": "a"}], "options": 7}]}',
    "[" * 100_000,
    "not JSON",
]


@pytest.mark.parametrize("stored", OTHER_SHAPES, ids=lambda text: text[:60])
async def test_a_job_of_another_shape_is_named(engine: JobEngine, job_id: str, stored: str) -> None:
    """JSON or not, an error says which job it is, and shows nothing of what is stored."""
    change(engine, "UPDATE workflow_input SET inputs = ? WHERE workflow_uuid = ?", stored, job_id)
    with pytest.raises(UnreadableJobError) as raised:
        await job_status(job_id)
    assert raised.value.message == f"job {job_id!r} in {engine.database} can't be read: {STRANGE}"


@pytest.mark.parametrize(
    "stored", ["7", "{}", '{"ok": true, "counts": {"failed": "x"}}', '{"ok": true, "a": 1}']
)
async def test_an_account_of_another_shape_is_a_line_that_says_so(
    engine: JobEngine, job_id: str, stored: str
) -> None:
    """It is not ok, whatever it says."""
    change(engine, "UPDATE workflow_output SET output = ? WHERE workflow_uuid = ?", stored, f"{job_id}/0")
    line = (await job_status(job_id)).accounts[0]
    assert (line.state, line.ok) == (JobState.FAILED, False)
    assert line.reason == f"account '{job_id}/0' can't be read: {STRANGE}"


@pytest.mark.parametrize(
    ("selected", "row"),
    [
        ("'py_pickle' AS serialization, 'x' AS output", ("portable_json", MARKED)),
        ("'py_pickle' AS any_name, 'x' AS output", ("portable_json", MARKED)),
        (
            "'new_kind' AS serialization, 'x' AS inputs",
            ("portable_json", NEW),
        ),
        ("x'00' AS serialization, 1 AS function_id", ("portable_json", 1)),
        ("'portable_json' AS serialization, 'x' AS output", ("portable_json", "x")),
        ("NULL AS serialization, 'x' AS output", (None, "x")),
        ("'py_pickle' AS workflow_uuid, 'x' AS output", ("py_pickle", "x")),
    ],
)
def test_no_connection_gives_the_engine_another_marker_than_that_of_json(
    selected: str, row: tuple[object, ...]
) -> None:
    """Under whatever name it is selected; ids that look like one stay."""
    with contextlib.closing(sqlite3.connect(":memory:", factory=Connection)) as connection:
        assert connection.execute(f"SELECT {selected}").fetchall() == [row]
