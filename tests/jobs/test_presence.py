"""Workers that have died, and limits that workers keep: as a job's status tells them."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

from meetstream_async.cli.terminal.output import lasting
from meetstream_async.jobs import (
    AccountStatus,
    JobAccount,
    JobEngine,
    JobOptions,
    JobState,
    preview_job,
    submit_job,
    wait_for_job,
)
from meetstream_async.jobs.lock import last_seen, take
from meetstream_async.jobs.presence import mark_gone
from tests.helpers.jobs import account, job_accounts, variable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


async def test_a_worker_that_is_gone_is_told_with_when_it_was_last_seen(path: Path) -> None:
    """From its lock file, which a living worker touches; one that is there, or was just seen, is not told."""
    line = AccountStatus("acme", JobState.RUNNING, worker="w-1")
    async with JobEngine(f"sqlite:///{path}") as engine:
        job = await submit_job([JobAccount("acme", api_key_env="KEY")], job_id="job")
        (row,) = await engine.client.list_workflows_async(workflow_ids=[job.job_id])
        rows = {"job/0": row}
        held = take(engine.store, "w-1")
        assert held is not None
        held.keep()
        seen = last_seen(engine.store, "w-1")
        assert seen is not None
        assert datetime.now(UTC) - seen < timedelta(seconds=5)
        file = min(path.parent.glob("jobs.sqlite-worker-*"), key=lambda found: len(found.name))
        old = time.time() - 40
        os.utime(file, (old, old))
        assert await mark_gone(engine, "job", [line], rows) == [line]
        held.close()
        os.utime(file, (old, old))
        (gone,) = await mark_gone(engine, "job", [line], rows)
        assert gone.worker_seen is not None
        assert 39 < (datetime.now(UTC) - gone.worker_seen).total_seconds() < 45
        assert gone.to_dict()["worker_seen"] == gone.worker_seen.isoformat()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.5, "0 s"), (40, "40 s"), (200, "3 min"), (7500, "2 h 5 min"), (273_600, "3 d 4 h"), (86_400, "1 d")],
)
def test_how_long_ago_is_told_in_its_largest_units(seconds: float, words: str) -> None:
    """Seconds below a minute, else at most two units."""
    assert lasting(seconds) == words


@pytest.mark.parametrize(
    ("events", "connected", "most", "left"),
    [
        *((5, True, 4, 5), (5, True, 5, 0), (150, False, 120, 50)),
        pytest.param(250, True, 120, 250, marks=pytest.mark.slow),
    ],
)
async def test_a_worker_stops_an_account_at_its_most(
    engine: JobEngine, events: int, connected: bool, most: int, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than max_events: nothing is sent; behind a full listing, where the calendars' events do not tell
    how many there are, it stops before it passes that."""
    async with account(0, events, calendar_connected=connected) as sim:
        monkeypatch.setenv(variable(0), sim.api_key)
        job = await submit_job(job_accounts([sim]), JobOptions(max_events=most, settle=0.1))
        status = await wait_for_job(job.job_id, poll=0.05)
        assert len(sim.ledger.scheduled_events) == left
    assert status.ok == (left == 0)
    if left:
        assert f"more than max_events {most}" in str(status.accounts[0].reason)


async def test_a_preview_of_a_job_counts_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """By one GET for each account; given events are counted without one, and a missing key is a reason."""
    async with account(0, 3) as sim:
        monkeypatch.setenv(variable(0), sim.api_key)
        (given,) = job_accounts([sim])
        named = attrs.evolve(given, name="named", event_ids=["evt_1", "evt_2"])
        missing = JobAccount("missing", api_key_env="NOT_SET_ANYWHERE")
        first, second, third = await preview_job([given, named, missing])
        assert [record.method for record in sim.requests] == ["GET"]
    assert (first.to_do, first.events, first.bots, first.reason, first.full) == (3, 3, 3, None, False)
    assert (second.to_do, second.failed) == (2, False)
    assert third.failed
    assert "environment variable NOT_SET_ANYWHERE is not set" in str(third.reason)
