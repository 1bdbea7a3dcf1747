"""Jobs on the engine, in one process: submitting, watching, reading, cancelling, and broken accounts."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from meetstream_async import BotFilter, ConfigurationError, MeetStreamClient, OutcomeStatus
from meetstream_async.jobs import (
    JobAccount,
    JobConflictError,
    JobEngine,
    JobOptions,
    JobOutcome,
    JobState,
    UnknownJobError,
    cancel_job,
    forget_jobs,
    job_outcomes,
    job_status,
    resume_job,
    submit_job,
    wait_for_job,
)
from meetstream_async.jobs.sqlite import Connection
from meetstream_async.jobs.tables import DirectTables
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import QUICK
from tests.helpers.jobs import (
    account,
    assert_each_event_once,
    environment,
    everything,
    job_accounts,
    serving,
    until,
)

SOON = JobOptions(settle=0.6)


def set_keys(monkeypatch: pytest.MonkeyPatch, simulators: list[Simulator]) -> list[JobAccount]:
    for name, key in environment(simulators).items():
        monkeypatch.setenv(name, key)
    return job_accounts(simulators)


async def test_a_job_does_all_of_its_accounts(engine: JobEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Followed from its submission, every event of every account has one outcome, in the job's order."""
    async with serving(account(n, events) for n, events in enumerate([5, 130, 1])) as simulators:
        submitted = await submit_job(set_keys(monkeypatch, simulators), SOON)
        assert submitted.state is JobState.QUEUED
        followed = [outcome async for outcome in job_outcomes(submitted.job_id)]
        assert assert_each_event_once(followed, simulators) == {"unscheduled": 136}
        assert [outcome.account for outcome in followed] == (
            ["customer-0"] * 5 + ["customer-1"] * 130 + ["customer-2"]
        )
        status = await job_status(submitted.job_id)
    assert (status.state, status.ok, status.counts) == (JobState.SUCCEEDED, True, {"unscheduled": 136})
    line = status.accounts[1]
    assert (line.account, line.state, line.worker) == ("customer-1", JobState.SUCCEEDED, "tested")
    assert (line.complete, line.ok, line.reason) == (True, True, None)
    assert line.started is not None
    assert line.ended is not None
    assert line.started <= line.ended <= datetime.now(UTC)
    assert status.to_dict()["accounts"][1]["counts"] == {"unscheduled": 130}


async def test_reading_goes_on_behind_any_outcome(engine: JobEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A position is where the next reader begins, with no outcome twice and none left out."""
    async with serving([account(0, 103), account(1, 4)]) as simulators:
        job_id = (await submit_job(set_keys(monkeypatch, simulators), SOON)).job_id
        await wait_for_job(job_id, poll=0.1)
    whole = await everything(job_id)
    for taken in (1, 99, 100, 101, 103, 105, 107):
        assert await everything(job_id, after=whole[taken - 1].position) == whole[taken:]
    assert len({outcome.position for outcome in whole}) == 107
    with pytest.raises(ConfigurationError, match="position of an outcome"):
        await everything(job_id, after="next")


async def test_the_same_id_is_the_same_job(engine: JobEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Submitted again it starts nothing new; with another content it is refused, and changes nothing."""
    async with serving([account(0, 3)]) as simulators:
        accounts = set_keys(monkeypatch, simulators)
        await submit_job(accounts, SOON, job_id="same")
        await wait_for_job("same", poll=0.1)
        requests = len(simulators[0].requests)
        again = await submit_job(accounts, SOON, job_id="same")
        assert again.state is JobState.SUCCEEDED
        for others, options in (
            (accounts, JobOptions(settle=1)),
            ([attrs.evolve(accounts[0], name="x")], SOON),
        ):
            with pytest.raises(JobConflictError, match="job 'same' exists already with different"):
                await submit_job(others, options, job_id="same")
        await asyncio.sleep(0.3)
        assert len(simulators[0].requests) == requests


async def test_broken_accounts_end_by_themselves_and_slow_nobody(
    engine: JobEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong key, only 500, an hour to wait, no answer, no key: a line for each, the rest is done."""
    monkeypatch.setattr(
        "meetstream_async.jobs.worker.MeetStreamClient", functools.partial(MeetStreamClient, retry=QUICK)
    )
    simulators = [account(n, 6) for n in range(12)]
    simulators[3].add_trouble(Trouble("*", 500))
    simulators[5].add_trouble(Trouble("*", 429, retry_after=3600))
    simulators[6].add_trouble(Trouble("unschedule", 429, retry_after=3600))
    simulators[7].add_trouble(Trouble("*", hang=True))
    async with serving(simulators):
        accounts = set_keys(monkeypatch, simulators)
        monkeypatch.setenv(accounts[1].api_key_env or "", "ms_wrong_0123456789")
        monkeypatch.delenv(accounts[8].api_key_env or "")
        started = time.monotonic()
        job_id = (await submit_job(accounts, JobOptions(settle=0.6, timeout=0.2))).job_id
        broken = (1, 3, 5, 6, 7, 8)
        good = [n for n in range(12) if n not in broken]
        await until(lambda: not any(simulators[n].ledger.scheduled_events for n in good), patience=5)
        quick = time.monotonic() - started
        status = await wait_for_job(job_id, poll=0.1)
    assert quick < 5
    assert (status.state, status.states) == (JobState.FAILED, {"succeeded": 6, "failed": 6})
    assert [line.counts for line in status.accounts if line.ok] == [{"unscheduled": 6}] * 6
    reasons = {n: status.accounts[n].reason or "" for n in broken}
    assert reasons[1].startswith("PermissionDeniedError: 403")
    assert reasons[3].startswith("ServerError: 500")
    assert "retry after 3600 s" in reasons[5]
    assert "pause of 3600 s" in reasons[6] or "retry after 3600 s" in reasons[6]
    assert reasons[7].startswith("RequestTimeoutError: ")
    assert reasons[8] == f"ConfigurationError: environment variable {accounts[8].api_key_env} is not set"
    assert all("\n" not in reason for reason in reasons.values())
    assert status.accounts[6].counts.get(OutcomeStatus.NOT_ATTEMPTED, 0) > 0


@pytest.mark.slow
async def test_a_cancelled_job_stops_and_can_be_resumed(
    engine: JobEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing new is sent, outcomes in flight are stored, and a resumed job continues after them."""
    monkeypatch.setattr("meetstream_async.jobs.worker._WATCH", 0.1)
    simulators = [account(n, 40, latency=0.05) for n in range(12)]
    async with serving(simulators):
        accounts = set_keys(monkeypatch, simulators)
        job_id = (await submit_job(accounts, JobOptions(settle=0.6, max_concurrency=1))).job_id
        await until(lambda: all(len(simulator.requests) > 3 for simulator in simulators[:10]))
        asked = await cancel_job(job_id)
        assert asked.cancelling
        assert asked.states["cancelled"] >= 2
        status = await wait_for_job(job_id, poll=0.1)
        assert (status.state, status.cancelling) == (JobState.CANCELLED, False)
        requests = sum(len(simulator.requests) for simulator in simulators)
        stored = {outcome.event_id for outcome in await everything(job_id)}
        assert stored == set().union(*(simulator.ledger.unscheduled_events for simulator in simulators))
        assert (
            status.accounts[0].reason
            == f"cancelled; {40 - status.accounts[0].counts['unscheduled']} not attempted"
        )
        assert status.accounts[11].reason == "cancelled"
        await asyncio.sleep(0.3)
        assert sum(len(simulator.requests) for simulator in simulators) == requests
        done = await resume_job(job_id)
        assert (done.resumed, done.left) == (12, {})
        await until(lambda: sum(len(simulator.requests) for simulator in simulators) > requests + 20)
        await cancel_job(job_id)
        await wait_for_job(job_id, poll=0.1)
    outcomes = await everything(job_id)
    assert {outcome.status for outcome in outcomes} == {OutcomeStatus.UNSCHEDULED}
    assert len({outcome.event_id for outcome in outcomes}) == len(outcomes) > len(stored)


async def test_a_look_reads_no_more_than_it_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is stored, a look is three statements, and reads one step of each account."""
    path = tmp_path / "jobs.sqlite"
    accounts = [f"long/{number}" for number in range(40)]

    def store_steps(numbers: range, name: str = "list") -> None:
        rows = [
            (one, n, name, json.dumps({"totals": {"counts": {"unscheduled": n}, "owed": 3}}))
            for n in numbers
            for one in accounts
        ]
        with contextlib.closing(sqlite3.connect(path, factory=Connection)) as store, store:
            store.executemany(
                "INSERT INTO operation_outputs (workflow_uuid, function_id, function_name, output, "
                "serialization) VALUES (?, ?, ?, ?, 'portable_json')",
                rows,
            )
            store.execute("UPDATE workflow_status SET status = 'PENDING', executor_id = 'ghost'")

    async with JobEngine(f"sqlite:///{path}") as client:
        assert isinstance(client.tables, DirectTables)
        read: list[int] = []
        execute = DirectTables._execute

        def counted(tables: DirectTables, *given: Any) -> Any:
            rows = execute(tables, *given)
            read.append(len(rows))
            return rows

        monkeypatch.setattr(DirectTables, "_execute", counted)
        given = [JobAccount(name, api_key_env="KEY") for name in accounts]
        await submit_job(given, job_id="long", engine=client)
        with contextlib.closing(sqlite3.connect(path, factory=Connection)) as store, store:
            rows = [(name,) for name in accounts]
            store.executemany("INSERT INTO workflow_status (workflow_uuid) VALUES (?)", rows)

        async def looked() -> dict[str, int]:
            read.clear()
            return (await job_status("long", engine=client)).counts

        store_steps(range(0))
        assert (await looked(), read) == ({}, [1, 40, 0])
        store_steps(range(1, 101))
        assert (await looked(), read) == ({"unscheduled": 40 * 100}, [1, 40, 40])
        # A step that is not of an account's run, as one that was interrupted.
        store_steps(range(101, 102), "other")
        assert await looked() == {"unscheduled": 40 * 100}
        await cancel_job("long", engine=client)
        cancelled = await job_status("long", engine=client)
        assert cancelled.accounts[0].reason == "cancelled; 3 not attempted"


@pytest.mark.slow
async def test_waiting_for_a_job_reads_one_row_at_a_time(
    engine: JobEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the job is read at first and where an account that it waited for has ended."""
    read: list[int] = []
    rows = DirectTables.list_workflows_async

    async def counted(tables: DirectTables, **which: Any) -> Any:
        found = await rows(tables, **which)
        read.append(len(found))
        return found

    simulators = [account(n, 4, latency=0.1) for n in range(8)]
    async with serving(simulators):
        job_id = (await submit_job(set_keys(monkeypatch, simulators), JobOptions(max_concurrency=1))).job_id
        monkeypatch.setattr(DirectTables, "list_workflows_async", counted)
        status = await wait_for_job(job_id, poll=0.02)
    assert status.ok
    assert len([count for count in read if count == 8]) <= 8 < len([count for count in read if count <= 2])


async def test_jobs_that_ended_long_ago_are_forgotten(
    engine: JobEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that was stored for them, and no others; a forgotten id begins a new job."""
    async with serving([account(0, 3), account(1, 2)]) as simulators:
        accounts = set_keys(monkeypatch, simulators)
        names = ("old-1", "old-2", "older-3", "old-4")
        for job_id in names:
            await submit_job(accounts, SOON, job_id=job_id)
        for job_id in names:
            await wait_for_job(job_id, poll=0.05)
        between = datetime.now(UTC) - timedelta(minutes=30)
        assert engine.store.path is not None
        with contextlib.closing(sqlite3.connect(engine.store.path)) as store, store:
            store.execute(
                "UPDATE workflow_status SET created_at = created_at - 3600000, "
                "completed_at = completed_at - 3600000 WHERE workflow_uuid NOT LIKE 'old-4%'"
            )
            # In a queue of nobody's, so that it stays unfinished.
            store.execute(
                "UPDATE workflow_status SET status = 'ENQUEUED', queue_name = 'nobody' "
                "WHERE workflow_uuid = 'old-2/1'"
            )
        assert await forget_jobs(between, prefix="old-", dry_run=True) == ["old-1"]
        assert (await job_status("old-1")).ok
        assert await forget_jobs(between, prefix="old-") == ["old-1"]
        with contextlib.closing(sqlite3.connect(engine.store.path)) as store:
            for table in ("workflow_status", "workflow_input", "workflow_output", "operation_outputs"):
                named = f"SELECT count(*) FROM {table} WHERE workflow_uuid LIKE ?"
                assert store.execute(named, ["old-1%"]).fetchone() == (0,)
                kept = store.execute(named, ["old-4%"]).fetchone()
                assert kept[0] > 0
        with pytest.raises(UnknownJobError):
            await job_status("old-1")
        assert (await job_status("old-2")).state is JobState.RUNNING
        await submit_job(accounts, SOON, job_id="old-1")
        assert (await wait_for_job("old-1", poll=0.05)).state is JobState.SUCCEEDED
        with contextlib.closing(sqlite3.connect(engine.store.path)) as store, store:
            store.execute("UPDATE workflow_status SET status = 'CANCELLED' WHERE workflow_uuid = 'old-2/1'")
        forgotten = await forget_jobs(datetime.now(UTC))
        assert forgotten[-4:] == ["old-2", "older-3", "old-4", "old-1"]
    with pytest.raises(ConfigurationError, match="aware datetime"):
        await forget_jobs(datetime.now())


async def test_what_a_dead_worker_held_is_cancelled_or_resumed(tmp_path: Path) -> None:
    """Nobody else would ever do it; a job that another process has opened in part is taken up as a whole."""
    path = tmp_path / "jobs.sqlite"
    async with JobEngine(f"sqlite:///{path}") as client:
        accounts = [JobAccount(name, api_key_env="KEY") for name in ("a", "b")]
        await submit_job(accounts, job_id="held", engine=client)
        with contextlib.closing(sqlite3.connect(path)) as store, store:
            store.execute("UPDATE workflow_status SET status = 'PENDING', executor_id = 'ghost'")
        resumed = await resume_job("held", engine=client)
        assert (resumed.resumed, resumed.left) == (2, {})
        assert (await job_status("held", engine=client)).state is JobState.QUEUED
        with contextlib.closing(sqlite3.connect(path)) as store, store:
            store.execute("UPDATE workflow_status SET status = 'PENDING', executor_id = 'ghost'")
        cancelled = await cancel_job("held", engine=client)
    assert (cancelled.state, cancelled.cancelling) == (JobState.CANCELLED, False)
    assert [line.reason for line in cancelled.accounts] == ["cancelled before it started"] * 2


async def test_given_events_of_an_account_are_all_that_is_sent(
    engine: JobEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """event_ids takes the place of a listing."""
    async with serving([account(0, 9)]) as simulators:
        accounts = [
            attrs.evolve(given, event_ids=["evt_0_0001", "evt_0_0004", "evt_0_0001"])
            for given in set_keys(monkeypatch, simulators)
        ]
        with pytest.raises(ConfigurationError, match="with event_ids nothing is listed"):
            await submit_job(accounts, JobOptions(where=BotFilter(platform="zoom")))
        job_id = (await submit_job(accounts, SOON)).job_id
        assert (await wait_for_job(job_id, poll=0.1)).ok
        assert simulators[0].ledger.unscheduled_events == {"evt_0_0001", "evt_0_0004"}
        assert len(await everything(job_id)) == 2


async def test_what_is_no_job_is_told(engine: JobEngine) -> None:
    """An unknown id, an id that can't be one, no accounts, one name twice."""
    for unknown in (job_status("none"), cancel_job("none"), resume_job("none"), everything("none")):
        with pytest.raises(UnknownJobError, match="there is no job 'none' in sqlite"):
            await unknown
    one = JobAccount("a", api_key_env="KEY")
    for accounts, job_id, problem in (
        ([one], "a/b", "a job id is"),
        ([one], "", "a job id is"),
        ([], "x", "at least one account"),
        ([one, one], "x", "'a' occurs twice"),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            await submit_job(accounts, job_id=job_id)
    with pytest.raises(UnknownJobError):
        await job_status("x")


async def test_a_process_has_one_worker_and_a_file_has_one(engine: JobEngine) -> None:
    """A second worker in this process is refused; the first works on."""
    with pytest.raises(ConfigurationError, match="has a worker already"):
        await JobEngine(engine.database, worker_id="other").open()
    async with JobEngine(engine.database) as client:
        with pytest.raises(UnknownJobError):
            await job_status("none", engine=client)


async def test_outcomes_are_values(engine: JobEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of the report has the names that were promised."""
    async with serving([account(0, 1)]) as simulators:
        job_id = (await submit_job(set_keys(monkeypatch, simulators), SOON)).job_id
        await wait_for_job(job_id, poll=0.1)
    (outcome,) = await everything(job_id)
    assert isinstance(outcome, JobOutcome)
    assert outcome.elapsed > 0
    assert outcome.to_dict() == {
        "account": "customer-0",
        "event_id": "evt_0_0000",
        "bot_ids": ["bot-0-0000"],
        "method": "event",
        "inferred": False,
        "status": "unscheduled",
        "reason": None,
        "attempts": 1,
        "elapsed": outcome.elapsed,
        "error": None,
        "request_id": outcome.request_id,
    }
    assert (outcome.request_id or "").startswith("sim-")
