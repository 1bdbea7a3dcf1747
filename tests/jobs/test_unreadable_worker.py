"""A worker and the command line meet rows that are not what jobs store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from meetstream_async.cli.app import app
from meetstream_async.jobs import (
    JobAccount,
    JobEngine,
    JobOptions,
    JobState,
    UnreadableJobError,
    job_status,
    submit_job,
)
from meetstream_async.jobs.workflows import account_options
from tests.helpers.job_rows import MARKED, change, mark, pickle_that_runs_code, state
from tests.helpers.jobs import account, environment, job_accounts, serving, until

SOON = JobOptions(settle=0.6)


@pytest.fixture
def pickled(tmp_path: Path) -> Iterator[str]:
    with pickle_that_runs_code(tmp_path) as value:
        yield value


@pytest.mark.parametrize(
    "part", ["account", *(pytest.param(part, marks=pytest.mark.slow) for part in ("job", "step"))]
)
async def test_a_worker_runs_nothing_of_a_pickled_row_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pickled: str, part: str
) -> None:
    """The workflow ends as failed, sends nothing, and its status names the marker or the step."""
    database = f"sqlite:///{tmp_path}/jobs.sqlite"
    async with serving([account(0, 2)]) as simulators:
        for name, key in environment(simulators).items():
            monkeypatch.setenv(name, key)
        async with JobEngine(database) as client:
            job = await submit_job(job_accounts(simulators), SOON)
            row = job.job_id if part == "job" else f"{job.job_id}/0"
            if part != "job":
                given = job_accounts(simulators)[0].to_dict()
                await client.client.enqueue_async(
                    account_options(job.job_id, 0), job.job_id, given, SOON.to_dict()
                )
                over = "UPDATE workflow_status SET status = 'SUCCESS' WHERE workflow_uuid = ?"
                change(client, over, job.job_id)
            if part == "step":
                change(
                    client,
                    "INSERT INTO operation_outputs (workflow_uuid, function_id, function_name, output,"
                    " serialization, retention_timestamp) VALUES (?, 1, 'list', ?, 'py_pickle', 0)",
                    *(row, pickled),
                )
            else:
                mark(client, row, inputs=pickled)
            async with JobEngine(database, worker_id="w"):
                await until(lambda: state(client, row) == "ERROR")
            if part == "job":
                with pytest.raises(UnreadableJobError, match=MARKED):
                    await job_status(job.job_id)
            else:
                line = (await job_status(job.job_id, engine=client)).accounts[0]
                assert line.state is JobState.FAILED
                assert MARKED in str(line.reason)
        assert [request.route for request in simulators[0].requests] == []


def test_the_command_line_names_the_row_in_one_line(tmp_path: Path) -> None:
    """`jobs status`, `jobs report` and `jobs list`: no traceback, and 1."""
    client = JobEngine(f"sqlite:///{tmp_path}/jobs.sqlite")

    async def submit() -> None:
        async with client:
            await submit_job([JobAccount("acme", api_key_env="ACME_KEY")], job_id="bad")
            mark(client, "bad")

    asyncio.run(submit())
    for command in ("status", "report"):
        ended = CliRunner().invoke(app, ["jobs", command, "bad", "--database", client.store.url])
        assert (ended.exit_code, ended.stdout) == (1, "")
        assert ended.stderr == f"error: job 'bad' in {client.database} can't be read: {MARKED}\n"
    ended = CliRunner().invoke(app, ["jobs", "list", "--database", client.store.url])
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert f"warning: job 'bad' in {client.database} can't be read: {MARKED}" in ended.stderr.replace(
        "\n", " "
    )
