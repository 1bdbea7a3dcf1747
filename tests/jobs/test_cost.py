"""What an account costs on the engine: stored steps, bytes, and statements."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from meetstream_async.jobs import JobAccount, JobEngine, JobOptions, submit_job, wait_for_job
from meetstream_async.jobs.sqlite import Connection, WorkerConnection
from meetstream_async.jobs.worker import Run, Worker
from tests.helpers.jobs import account, environment, job_accounts, serving
from tests.helpers.raw_server import reply
from tests.helpers.single_calls import Start

ACCOUNTS = 6
EVENTS = 20


@contextlib.contextmanager
def counted() -> Iterator[Counter[str]]:
    """The statements of every engine of SQLAlchemy's, by their first word and table."""
    seen: Counter[str] = Counter()

    def statement(_: Any, __: Any, text: str, *___: Any) -> None:
        verb = text.split(None, 1)[0]
        table = re.search(r"(?:UPDATE|INTO|FROM) main\.(\w+)", text)
        seen[f"{verb} {table[1] if table else ''}"] += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", statement)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", statement)


@pytest.mark.parametrize(
    ("listed", "steps"),
    [pytest.param(False, 1, marks=pytest.mark.slow, id="given ids"), pytest.param(True, 2, id="listed")],
)
async def test_a_small_account_costs_few_steps(
    engine: JobEngine, monkeypatch: pytest.MonkeyPatch, listed: bool, steps: int
) -> None:
    """20 given events are one stored step, listed ones two; none of it is asked for or written twice."""
    simulators = [account(number, EVENTS) for number in range(ACCOUNTS)]
    for name, key in environment(simulators).items():
        monkeypatch.setenv(name, key)
    asked: list[int] = []
    stop_cancelled = Worker._stop_cancelled

    async def ask(worker: Worker, runs: list[Run]) -> None:
        asked.append(len(runs))
        await stop_cancelled(worker, runs)

    monkeypatch.setattr(Worker, "_stop_cancelled", ask)
    async with serving(simulators):
        accounts = [
            one if listed else attrs.evolve(one, event_ids=list(simulator.ledger.events))
            for one, simulator in zip(job_accounts(simulators), simulators, strict=True)
        ]
        began = time.monotonic()
        with counted() as seen:
            job = await submit_job(accounts)
            job = await wait_for_job(job.job_id, poll=0.1)
        seconds = time.monotonic() - began
    assert job.ok
    assert job.counts == {"unscheduled": ACCOUNTS * EVENTS}
    assert engine.store.path is not None
    with contextlib.closing(sqlite3.connect(engine.store.path)) as store:
        stored, size = store.execute(
            "SELECT count(*), sum(length(output)) FROM operation_outputs WHERE workflow_uuid LIKE ? || '/%'",
            [job.job_id],
        ).fetchone()
    assert stored == steps * ACCOUNTS
    assert size / (ACCOUNTS * EVENTS) < 200 + 300 * (steps - 1)
    # The job itself is a run of one step.
    assert seen["INSERT operation_outputs"] == seen["SELECT operation_outputs"] == steps * ACCOUNTS + 1
    assert seen["INSERT workflow_output"] == ACCOUNTS + 1
    # Whether it was cancelled is asked for the job, about once a second: by the watcher, and by the accounts
    # that start before the first answer.
    assert len(asked) <= ACCOUNTS / 2 + 2 * seconds


async def test_accounts_share_connections_until_nobody_runs(
    engine: JobEngine, monkeypatch: pytest.MonkeyPatch, raw_server: Start
) -> None:
    """However many accounts, there are no more connections than requests at once, each with its key."""
    server = await raw_server(reply(200, {"success": True, "scheduled_bots": []}))
    accounts = []
    for number in range(ACCOUNTS):
        monkeypatch.setenv(f"SHARING_{number}", f"ms_canary_sharing_{number:04d}")
        accounts.append(
            JobAccount(
                f"customer-{number}",
                api_key_env=f"SHARING_{number}",
                base_url=server.url,
                event_ids=[f"evt_{number:04d}"],
            )
        )
    job = await submit_job(accounts, JobOptions(max_concurrency=1))
    assert (await wait_for_job(job.job_id, poll=0.05)).ok
    assert server.connections <= ACCOUNTS
    keys = {request.target.rsplit("_", 1)[-1]: request.header("authorization") for request in server.requests}
    for number in range(ACCOUNTS):
        assert keys[f"{number:04d}"] == [f"Token ms_canary_sharing_{number:04d}"]
    assert len(server.requests) == 2 * ACCOUNTS
    await server.until(lambda seen: seen.open_connections == 0)


def test_only_a_worker_leaves_its_commits_to_the_next_checkpoint() -> None:
    """What a client submits or cancels waits for the disk: a person is told that it is stored."""
    for factory, level in ((Connection, 2), (WorkerConnection, 1)):
        with contextlib.closing(sqlite3.connect(":memory:", factory=factory)) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
