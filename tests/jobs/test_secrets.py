"""A key is nowhere but in the request: not in the store, the queue, a log, an error or a repr."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import stat
from pathlib import Path

import pytest

from meetstream_async import ConfigurationError
from meetstream_async.jobs import (
    JobAccount,
    JobEngine,
    JobOptions,
    JobStoreError,
    check_credentials,
    submit_job,
    wait_for_job,
)
from meetstream_async.jobs.credentials import resolve
from meetstream_async.simulator import Trouble
from tests.helpers.jobs import account, environment, everything, job_accounts, serving

CANARY = b"ms_canary"


async def test_no_key_is_in_the_store_or_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys of variables, files and a resolver, echoed by servers or raised by the resolver: no hit."""
    caplog.set_level(logging.DEBUG)
    simulators = [account(n, 12) for n in range(5)]
    for name, key in environment(simulators).items():
        monkeypatch.setenv(name, key)
    for number in (3, 4):
        echo = f"your key {simulators[number].api_key} is no good"
        simulators[number].add_trouble(Trouble("list" if number == 3 else "unschedule", 409, body=echo))
    key_file = tmp_path / "key"
    key_file.write_text(f"{simulators[1].api_key}\n")
    loops = set()

    async def resolver(given: JobAccount) -> str:
        loops.add(asyncio.get_running_loop())
        if given.api_key_ref == "vault:broken":
            raise LookupError(f"no access with {simulators[2].api_key}")
        return simulators[2].api_key

    async with serving(simulators):
        accounts = job_accounts(simulators)
        urls = [simulator.base_url for simulator in simulators]
        accounts[1] = JobAccount("of a file", api_key_file=str(key_file), base_url=urls[1])
        accounts[2] = JobAccount("of a resolver", api_key_ref="vault:2", base_url=urls[2])
        accounts.append(JobAccount("of a broken one", api_key_ref="vault:broken", base_url=urls[2]))
        path = tmp_path / "state" / "jobs.sqlite"
        async with JobEngine(f"sqlite:///{path}", worker_id="w", resolver=resolver) as engine:
            job_id = (await submit_job(accounts, JobOptions(settle=0.6))).job_id
            status = await wait_for_job(job_id, poll=0.1)
            lines = [str(outcome) for outcome in await everything(job_id)]
            files = {file.name: file.read_bytes() for file in path.parent.iterdir()}
            modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
            shown = f"{engine!r} {status!r} {status.to_dict()} {lines} {accounts!r}"
    assert {line.account: line.ok for line in status.accounts} == {
        "customer-0": True,
        "of a file": True,
        "of a resolver": True,
        "customer-3": False,
        "customer-4": False,
        "of a broken one": False,
    }
    assert status.accounts[5].reason == (
        "ConfigurationError: the resolver raised LookupError for reference vault:broken"
    )
    # The application's own loop, not the engine's.
    assert loops == {asyncio.get_running_loop()}
    assert {"jobs.sqlite", "jobs.sqlite-wal"} <= files.keys()
    assert b"evt_0_0003" in files["jobs.sqlite"] + files["jobs.sqlite-wal"]
    assert [name for name, content in files.items() if CANARY in content] == []
    assert CANARY.decode() not in shown
    assert CANARY.decode() not in caplog.text
    assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_all_that_is_stored_is_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's pickle, which would run code when it is read, is not used for anything."""
    async with serving([account(0, 3)]) as simulators:
        for name, key in environment(simulators).items():
            monkeypatch.setenv(name, key)
        path = tmp_path / "jobs.sqlite"
        async with JobEngine(f"sqlite:///{path}", worker_id="w"):
            job_id = (await submit_job(job_accounts(simulators), JobOptions(settle=0.6))).job_id
            await wait_for_job(job_id, poll=0.1)
    store = sqlite3.connect(path)
    try:
        kinds = set(store.execute("SELECT DISTINCT serialization FROM workflow_status"))
        kinds |= set(store.execute("SELECT DISTINCT serialization FROM operation_outputs"))
        versions = set(store.execute("SELECT DISTINCT application_version FROM workflow_status"))
    finally:
        store.close()
    assert kinds == {("portable_json",)}
    # Of what is stored, not of the code: a deploy must not strand what is under way.
    assert versions == {("2",)}


async def test_a_password_of_the_database_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Not in the repr, the name, or the error of a database that can't be reached."""
    caplog.set_level(logging.DEBUG)
    engine = JobEngine("postgresql://jobs:hunter2secret@127.0.0.1:1/none?connect_timeout=1")
    with pytest.raises(JobStoreError) as caught:
        await engine.open()
    said = f"{engine!r} {engine.database} {caught.value} {caught.value!r} {caplog.text}"
    assert "hunter2secret" not in said
    assert "postgresql://jobs:***@127.0.0.1:1/none" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "hunter2secret", "mysql://u:hunter2secret@h/x", "sqlite://", "postgresql://u:hunter2secret@h"]
)
def test_what_is_no_job_database_is_refused_without_showing_it(url: str) -> None:
    """Errors never show the URL, which may contain a password."""
    with pytest.raises(ConfigurationError) as caught:
        JobEngine(url)
    assert "hunter2secret" not in str(caught.value)
    assert "sqlite:////" in str(caught.value)


def test_the_default_is_a_file_in_the_users_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MEETSTREAM_JOBS_DATABASE_URL goes before it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert JobEngine().database == f"sqlite:///{tmp_path}/meetstream_async/jobs.sqlite"
    monkeypatch.setenv("MEETSTREAM_JOBS_DATABASE_URL", "postgresql+psycopg://u:p@h/x")
    assert JobEngine().database == "postgresql://u:***@h/x"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "must contain the key on one line"),
        (b"one\ntwo\n", "must contain the key on one line"),
        (b"\xff\xfe", "is not text"),
        pytest.param(b"k" * 65_537, "must contain the key on one line", id="too large"),
    ],
)
async def test_a_key_file_that_is_none_is_told_by_its_path(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    """Never by what is in it."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem):
        await resolve(JobAccount("a", api_key_file=str(path)), None)


async def test_references_are_checked_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent, the error names each account without a usable key."""
    monkeypatch.setenv("FINE", "ms_canary_fine_key_0001")
    monkeypatch.setenv("TWO_LINES", "ms_canary\nsecond")
    monkeypatch.delenv("MISSING", raising=False)
    names = ["FINE", "MISSING", "TWO_LINES"]
    accounts = [JobAccount(name.lower(), api_key_env=name) for name in names]
    with pytest.raises(ConfigurationError) as caught:
        check_credentials([*accounts, JobAccount("ref", api_key_ref="vault:1")])
    text = str(caught.value)
    assert "account 'missing': environment variable MISSING is not set" in text
    assert "account 'two_lines'" in text
    assert "account 'fine'" not in text
    assert "ms_canary" not in text
    with pytest.raises(ConfigurationError, match="no resolver for reference vault:1"):
        await resolve(JobAccount("ref", api_key_ref="vault:1"), None)


async def test_a_plain_resolver_works_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync resolver runs in a thread; an unusable result is an error."""
    account_ = JobAccount("ref", api_key_ref="vault:1")
    assert await resolve(account_, lambda given: f"key of {given.name}") == "key of ref"
    with pytest.raises(ConfigurationError, match="the resolver has no key"):
        await resolve(account_, lambda _: "")
