"""The commands of jobs, as their user types them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from meetstream_async.cli.app import app
from meetstream_async.cli.terminal.jobs import preview_table
from meetstream_async.jobs import AccountPreview, JobEngine, JobOptions, submit_job, wait_for_job
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.command_line import Ended, Terminal, checked, command, deletes, surroundings
from tests.helpers.jobs import (
    account,
    environment,
    job_accounts,
    serving,
    serving_aside,
    until,
    variable,
    write_toml,
)
from tests.helpers.outcomes import SHAPE
from tests.helpers.program import start


class User:
    """Somebody with accounts, keys and a database of their own."""

    def __init__(self, folder: Path, simulators: list[Simulator]) -> None:
        self.toml = write_toml(folder / "accounts.toml", simulators)
        self.environment = {
            "MEETSTREAM_JOBS_DATABASE_URL": f"sqlite:///{folder}/jobs.sqlite",
            **environment(simulators),
        }

    async def types(self, *arguments: object, **more: str) -> Ended:
        ended = await command("jobs", *arguments, **{**self.environment, **more})
        assert "ms_canary" not in ended.out + ended.err
        return ended

    def types_here(self, *arguments: object) -> Ended:
        """In this process, which takes a second less."""
        words = ["jobs", *map(str, arguments)]
        result = CliRunner().invoke(app, words, env=self.environment)
        assert "ms_canary" not in result.stdout + result.stderr
        return Ended(result.exit_code, result.stdout, result.stderr)


def test_run_does_a_job_once_and_shows_it(tmp_path: Path) -> None:
    """A line for each account, broken ones too, and 1; again it sends nothing; the report has each event."""
    simulators = [account(0, 3), account(1, 105), account(2, 4), account(3, 4)]
    simulators[2].add_trouble(Trouble("*", 401))
    simulators[3].add_trouble(Trouble("*", 429, retry_after=3600))
    with serving_aside(simulators):
        user = User(tmp_path, simulators)
        ran = user.types_here("run", user.toml, "--id", "once", "--yes")
        assert ran.code == 1
        table = {line.split()[0]: line for line in ran.out.splitlines() if line.startswith("customer-")}
        assert table["customer-1"].split()[1:] == ["succeeded", "105", "unscheduled", "local"]
        assert "AuthenticationError: 401" in table["customer-2"]
        assert "retry after 3600 s" in table["customer-3"]
        assert f"the key from environment variable {variable(2)} was rejected" in table["customer-2"]
        assert "not ok: job once is not fully done: 2 of 4 accounts not ok" in ran.out
        assert "to do     unschedule all events of 4 accounts" in ran.err
        requests = sum(len(simulator.requests) for simulator in simulators)
        again = user.types_here("run", user.toml, "--id", "once", "--json")
        assert (again.code, json.loads(again.out)["counts"]) == (1, {"unscheduled": 108})
        assert "job once has already ended; nothing is sent" in again.err
        other = user.types_here("run", user.toml, "--id", "once", "--yes", "--rate", "3")
        assert (other.code, other.out) == (2, "")
        assert "job 'once' exists already with different options; use another id" in other.err
        report = user.types_here("report", "once")
        lines = [json.loads(line) for line in report.out.splitlines()]
        assert {line["event_id"] for line in lines} == {
            event for simulator in simulators[:2] for event in simulator.ledger.events
        }
        assert list(lines[0]) == ["account", *SHAPE]
        assert (report.code, len(lines)) == (0, 108)
        status = user.types_here("status", "once", "--json")
        assert (status.code, json.loads(status.out)["states"]) == (1, {"succeeded": 2, "failed": 2})
        assert sum(len(simulator.requests) for simulator in simulators) == requests


def test_bots_that_are_still_listed_are_named(tmp_path: Path) -> None:
    """By status --json, and by report beside its lines."""
    path = tmp_path / "jobs.sqlite"

    async def ended() -> None:
        simulator = account(0, 2, removes="nothing")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(variable(0), simulator.api_key)
            async with simulator, JobEngine(f"sqlite:///{path}", worker_id="w"):
                await submit_job(job_accounts([simulator]), JobOptions(settle=0.1), job_id="lying")
                await wait_for_job("lying", poll=0.05)

    asyncio.run(ended())
    given = {"MEETSTREAM_JOBS_DATABASE_URL": f"sqlite:///{path}"}
    status, report = (
        CliRunner().invoke(app, ["jobs", *words], env=given)
        for words in (["status", "lying", "--json"], ["report", "lying"])
    )
    line = json.loads(status.stdout)["accounts"][0]
    assert (line["still_listed"], sorted(line["still_listed_bots"])) == (2, ["bot-0-0000", "bot-0-0001"])
    assert len(report.stdout.splitlines()) == 2
    assert "account customer-0: still listed although unscheduled: bot-0-000" in report.stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("run FILE", "cannot ask for confirmation without a terminal: add --yes"),
        ("run MISSING --yes", "environment variable NOT_SET is not set"),
        ("run RESOLVED --yes", "api_key_ref needs a custom worker with a resolver"),
        ("submit KEYED --yes", "[accounts.a] contains a key: remove it"),
        ("run FILE --yes --before +1h --all-occurrences", "add --whole-events"),
        ("run FILE --yes --from +1h", "--from needs --all-occurrences"),
        ("run FILE --yes --id a/b", "a job id is 1 to 100"),
        ("run FILE --yes --id=", "--id is empty: omit it, or give a name; nothing was stored"),
        ("submit FILE --yes --id=", "--id is empty"),
        ("run FILE --yes --worker=", "--worker is empty"),
        ("worker --id= --database postgresql://u:hunter2@h/x", "--id is empty"),
        ("run FILE --yes --worker= --database postgresql://u:hunter2@h/x", "--worker is empty"),
        ("run NONE --yes", "can't be read: No such file or directory"),
        ("status none", "there is no job 'none' in sqlite"),
        ("report none", "there is no job 'none' in sqlite"),
        ("cancel none", "there is no job 'none' in sqlite"),
        ("resume none", "there is no job 'none' in sqlite"),
        ("forget --older-than 30", "give one such as 30d"),
        (
            "forget --older-than 1d",
            "cannot ask for confirmation without a terminal: add --yes to proceed; nothing was",
        ),
        ("worker --database postgresql://u:hunter2@h/x", "add --id NAME"),
        ("run FILE --yes --database postgresql://u:hunter2@h/x", "add --worker NAME"),
        ("status x --database nonsense-hunter2", "the database is not a database URL"),
    ],
)
def test_what_can_not_be_done_is_refused(tmp_path: Path, words: str, problem: str) -> None:
    """Wrong use ends with 2 and one line that says what to do; no job is stored."""
    table = '[accounts.a]\nbase_url = "http://127.0.0.1:1"\n'
    files = {
        "FILE": f'{table}api_key_env = "JOBS_TEST_KEY"\n',
        "MISSING": f'{table}api_key_env = "NOT_SET"\n',
        "RESOLVED": f'{table}api_key_ref = "vault:1"\n',
        "KEYED": f'{table}api_key = "ms_canary_0123456789"\n',
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    given = [str(tmp_path / word) if word in (*files, "NONE") else word for word in words.split()]
    path = tmp_path / "jobs.sqlite"
    environment = {"MEETSTREAM_JOBS_DATABASE_URL": f"sqlite:///{path}", "JOBS_TEST_KEY": "ms_canary_0123"}
    result = CliRunner().invoke(app, ["jobs", *given], env=environment)
    assert (result.exit_code, result.stdout) == (2, "")
    assert problem in result.stderr.splitlines()[-1]
    assert "hunter2" not in result.stderr
    assert "ms_canary" not in result.stderr
    if path.exists():
        with contextlib.closing(sqlite3.connect(path)) as store:
            assert store.execute("SELECT count(*) FROM workflow_status").fetchone() == (0,)


@pytest.mark.slow
def test_ctrl_c_leaves_a_job_that_goes_on_later(tmp_path: Path) -> None:
    """On a terminal: typed consent, Ctrl-C, 130; then the same id finishes it, each event once."""
    with serving_aside(account(n, 12, latency=0.15) for n in range(2)) as simulators:
        user = User(tmp_path, simulators)
        words = ("jobs", "run", str(user.toml), "--id", "left", "--concurrency", "1")

        async def interrupted() -> Ended:
            async with Terminal(*words, environment=surroundings(None, **user.environment)) as terminal:
                await terminal.shows("Type unschedule 24 to continue")
                terminal.type("unschedule 24")
                await until(lambda: all(len(deletes(simulator)) > 5 for simulator in simulators))
                terminal.interrupt(signal.SIGINT)
                ended = await terminal.ended()
                await terminal.shows("next: the same command with --id left")
                return ended

        ended = asyncio.run(interrupted())
        assert ended.code == 130
        assert "ms_canary" not in ended.out
        left = json.loads(user.types_here("status", "left", "--json").out)
        assert left["state"] == "queued"
        # What is shown is what was done, though no worker has it now.
        assert left["counts"] == {"unscheduled": sum(len(deletes(simulator)) for simulator in simulators)}
        ran = user.types_here("run", user.toml, "--id", "left", "--concurrency", "1")
        assert ran.code == 0
        assert "job left is unfinished, and continues as it was submitted" in ran.err
        for simulator in simulators:
            events = [request.event_id for request in deletes(simulator)]
            assert len(events) == len(set(events)) == 12


def test_a_job_is_submitted_shown_cancelled_and_resumed(tmp_path: Path) -> None:
    """submit prints the id, and again the same one; the others say what the job has come to."""
    file = tmp_path / "accounts.toml"
    file.write_text("".join(f'[accounts.{name}]\napi_key_env = "KEY"\n' for name in ("a", "b")))
    environment = {
        "MEETSTREAM_JOBS_DATABASE_URL": f"sqlite:///{tmp_path}/jobs.sqlite",
        "KEY": "ms_canary_0123456789",
    }

    def types(*words: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["jobs", *words], env=environment)
        return result.exit_code, result.stdout, result.stderr.splitlines()[-1] if result.stderr else ""

    fresh = types("submit", str(file), "--yes")
    job_id = fresh[1].strip()
    assert fresh == (0, f"{job_id}\n", f"job {job_id} is queued: 0 of 2 accounts over, 2 queued")
    again = types("submit", str(file), "--id", job_id)
    assert again[:2] == (0, f"{job_id}\n")
    code, out, _ = types("status", job_id)
    assert (code, out.splitlines()[1].split()) == (0, ["a", "queued"])
    code, out, said = types("report", job_id)
    assert (code, out) == (1, "")
    assert said.endswith("these are the outcomes so far")
    code, out, said = types("run", str(file), "--yes")
    assert (code, out) == (2, "")
    assert f"job {job_id} is unfinished" in said
    assert types("cancel", job_id)[2] == f"job {job_id} is cancelled: 2 of 2 accounts over"
    code, out, _ = types("status", job_id, "--watch")
    assert (code, out.splitlines()[-1]) == (1, f"not ok: job {job_id} was cancelled: 2 of 2 accounts not ok")
    code, out, said = types("resume", job_id, "--json")
    assert (code, json.loads(out)["resumed"], json.loads(out)["job"]["state"]) == (0, 2, "queued")
    assert said == f"job {job_id} is queued: 0 of 2 accounts over, 2 queued"
    assert types("forget", "--older-than", "0s", "--yes") == (0, "", "0 jobs forgotten")
    types("cancel", job_id)
    assert types("forget", "--older-than", "1h", "--yes") == (0, "", "0 jobs forgotten")
    assert types("forget", "--older-than", "0s", "--yes") == (0, f"{job_id}\n", "1 job forgotten")
    assert types("status", job_id)[0] == 2


@pytest.mark.slow
def test_a_job_counts_the_events_of_each_account_before_it_starts(tmp_path: Path) -> None:
    """Each account has its line, broken ones first; --max bounds all together, and nothing is stored."""
    simulators = [account(0, 3), account(1, 7), account(2, 4), account(3, 2)]
    simulators[2].add_trouble(Trouble("*", 401))
    with serving_aside(simulators):
        user = User(tmp_path, simulators)
        refused = user.types_here("run", user.toml, "--id", "counted", "--yes", "--max", "11")
        assert refused.code == 2
        assert "12 would be cancelled, more than --max 11; nothing was sent" in refused.err
        table = [line.split() for line in refused.err.splitlines() if line.startswith("customer-")]
        assert [line[0] for line in table] == [f"customer-{n}" for n in (2, 1, 0, 3)]
        assert "rejected" in " ".join(table[0])
        assert [line[4:6] for line in table[1:]] == [["7", "7"], ["3", "3"], ["2", "2"]]
        assert "to do  unschedule at least 12 events of 4 accounts" in " ".join(refused.err.split()).replace(
            "to do unschedule", "to do  unschedule"
        )
        assert not any(map(deletes, simulators))
        assert user.types_here("status", "counted").code == 2
        ran = user.types_here("run", user.toml, "--id", "counted", "--yes", "--max", "12")
        assert (ran.code, sum(len(deletes(simulator)) for simulator in simulators)) == (1, 12)
        listed = user.types_here("list")
        assert listed.out.splitlines()[1].split()[0] == "counted"
        assert "3 succeeded, 1 failed" in listed.out
        assert "12 unscheduled" in listed.out
        (row,) = json.loads(user.types_here("list", "--json").out)
        assert (row["job_id"], row["ok"], row["accounts"]) == ("counted", False, 4)


def test_an_account_with_a_bot_left_is_told_apart_from_one_whose_key_is_rejected(tmp_path: Path) -> None:
    """The first was worked through and is not ok; the second failed, and its variable is named."""
    simulators = [account(0, 2), account(1, 2)]
    simulators[0].add_trouble(Trouble("unschedule", 409, times=1))
    simulators[0].add_trouble(Trouble("delete_bot", 409))
    simulators[1].add_trouble(Trouble("*", 401))
    with serving_aside(simulators):
        user = User(tmp_path, simulators)
        ran = user.types_here("run", user.toml, "--id", "apart", "--yes")
    table = {line.split()[0]: line for line in ran.out.splitlines() if line.startswith("customer-")}
    assert ran.code == 1
    assert table["customer-0"].split()[1:3] == ["not", "ok"]
    assert table["customer-1"].split()[1] == "failed"
    assert f"the key from environment variable {variable(1)} was rejected" in table["customer-1"]


def test_a_job_whose_filter_selects_nothing_is_not_green(tmp_path: Path) -> None:
    """1 wherever it is looked at, with the platforms that are listed; 0 with --allow-empty."""
    with serving_aside([account(0, 2), account(1, 0)]) as simulators:
        user = User(tmp_path, simulators)
        words = ("run", user.toml, "--yes", "--platform", "zom", "--id", "typo")
        ran, again = user.types_here(*words), user.types_here(*words)
        allowed = user.types_here(*words, "--allow-empty")
        status, shown = user.types_here("status", "typo"), user.types_here("status", "typo", "--json")
        listed, rows = user.types_here("list"), user.types_here("list", "--json")
        fine = user.types_here("status", "typo", "--allow-empty")
    assert (ran.code, again.code, status.code, shown.code) == (1, 1, 1, 1)
    assert (allowed.code, fine.code) == (0, 0), allowed
    assert "the filter selects none of 2 listed bots: none is on zom; listed are google_meet" in ran.out
    for seen in (ran, again, status):
        assert "not ok: nothing to do: the filter selects nothing in any of 2 accounts" in seen.out
    assert "ok: nothing to do: the filter selects nothing in 2 accounts" in fine.out
    assert (json.loads(shown.out)["ok"], json.loads(rows.out)[0]["ok"]) == (False, False)
    assert "none: the filter selects nothing" in listed.out


def test_a_job_that_would_select_nothing_is_not_stored(tmp_path: Path) -> None:
    """Where the accounts are counted first; with --allow-empty it is, and where one can't be counted."""
    with serving_aside([account(0, 2), account(1, 0)]) as simulators:
        user = User(tmp_path, simulators)
        words = ("submit", user.toml, "--yes", "--max", "9", "--platform", "zom")
        typo, before = user.types_here(*words, "--id", "typo"), user.types_here("list", "--json")
        allowed = user.types_here(*words, "--id", "meant", "--allow-empty")
        user.environment.pop(variable(1))
        unseen = user.types_here(*words, "--id", "unseen")
    assert (typo.code, json.loads(before.out)) == (1, [])
    assert "none is on zom; listed are google_meet" in typo.err
    assert "the filter selects nothing in any account; nothing was stored" in typo.err
    assert (allowed.code, unseen.code) == (0, 0), unseen


async def test_a_worker_works_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """It writes a line for each account, and ends with 0."""
    async with serving([account(n, 3) for n in range(2)]) as simulators:
        user = User(tmp_path, simulators)
        log = tmp_path / "worker.log"
        given = surroundings(None, **user.environment)
        with open(log, "wb") as file:  # noqa: ASYNC230 - a small file of ours
            worker = await start(
                "jobs", "worker", environment=given, stdout=file.fileno(), stderr=file.fileno()
            )
        async with JobEngine(user.environment["MEETSTREAM_JOBS_DATABASE_URL"]):
            await submit_job(job_accounts(simulators), job_id="worked")
            assert (await wait_for_job("worked", poll=0.05)).ok
        worker.terminate()
        code = await asyncio.wait_for(worker.wait(), 20)
        ended = checked(Ended(code, "", log.read_text()), user.environment)
    assert ended.code == 0
    assert "INFO job worked, account customer-1: ok after" in ended.err
    assert "stopped; unfinished work is back in the queue" in ended.err


@pytest.mark.slow
async def test_without_the_extra_one_line_says_what_to_install() -> None:
    """Without the engine, only the commands that need it fail, with 2 and how to get it."""
    code = "import sys; sys.modules['dbos'] = None; from meetstream_async.cli import main; main()"

    async def ran(*words: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            *words,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
        return process.returncode, err.decode()

    missing, fine = await asyncio.gather(ran("jobs", "cancel", "x"), ran("--version"))
    assert missing == (
        2,
        "error: jobs need an extra: pip install 'meetstream-async[jobs]', or '.[jobs]' in a checkout\n",
    )
    assert fine == (0, "")


async def test_submit_counts_what_it_can_before_it_asks(tmp_path: Path) -> None:
    """Each account whose key is found here is listed; the others are named, and the words are for all."""
    async with serving([account(0, 3), account(1, 4)]) as simulators:
        user = User(tmp_path, simulators)
        words = ("jobs", "submit", str(user.toml), "--id", "later")
        async with Terminal(*words, environment=surroundings(None, **user.environment)) as terminal:
            await terminal.shows("Type unschedule 7 to continue")
            terminal.type("unschedule 7")
            assert (await terminal.ended()).code == 0
        del user.environment[variable(1)]
        words = ("jobs", "submit", str(user.toml), "--id", "partly")
        async with Terminal(*words, environment=surroundings(None, **user.environment)) as terminal:
            await terminal.shows("Type unschedule all to continue")
            assert "unschedule at least 3 events of 2 accounts" in " ".join(terminal.text.split())
            assert variable(1) in terminal.text
            terminal.type("no")
            assert (await terminal.ended()).code == 2
        beyond = await user.types("submit", user.toml, "--id", "beyond", "--yes", "--max", 2)
        assert (beyond.code, beyond.out) == (2, "")
        assert "3 would be cancelled, more than --max 2; nothing was sent" in beyond.err
        assert all({one.method for one in sim.requests} <= {"GET"} for sim in simulators)
        asked = [len(sim.requests) for sim in simulators]
        plain = await user.types("submit", user.toml, "--id", "plain", "--yes")
        assert (plain.code, plain.out.strip()) == (0, "plain")
        assert asked == [len(sim.requests) for sim in simulators]
    listed = await user.types("list", "--json")
    assert sorted(one["job_id"] for one in json.loads(listed.out)) == ["later", "plain"]


def test_accounts_that_are_not_shown_are_counted() -> None:
    """Of more accounts than a preview shows, the rest is summed up, with what is wrong with them."""
    previews = [AccountPreview(f"a{n}", "file k", to_do=n, events=n, bots=n) for n in range(30)]
    previews += [AccountPreview(f"f{n}", "file k", reason="no key", failed=True) for n in range(22)]
    previews += [AccountPreview("full", "file k", to_do=1, bots=100, full=True, left_alone=2)]
    console = Console(width=120)
    with console.capture() as capture:
        console.print(preview_table(previews, 20))
    lines = capture.get().splitlines()
    assert len(lines) == 22
    notes = "2 can't be listed; 1 full listing; 2 left alone, will join"
    assert lines[-1].split() == f"and 33 more ≥ 535 ≥ 436 {notes}".split()


@pytest.mark.parametrize("path", ["/srv/offboarding/keys/globex", "/var/lib/keys/of/every/customer/globex"])
def test_a_path_is_broken_after_a_slash(path: str) -> None:
    """On 80 columns no name in it is torn apart; where there is room, it stays on one line."""
    notes = "the listing is full; 5 behind it can't be judged yet"
    previews = [
        AccountPreview("acme", "environment variable ACME_KEY", bots=100, full=True, undecided=5),
        AccountPreview("Globex EU", f"file {path}", reason=notes, failed=True),
    ]
    console = Console(width=80)
    with console.capture() as capture:
        console.print(preview_table(previews, 20))
    column = [line[11:].split("  ")[0].strip() for line in capture.get().splitlines()]
    words = " ".join(column).split()
    assert set(re.findall(r"\w+", path)) <= {name for word in words for name in re.findall(r"\w+", word)}
    assert path in "".join(column)
    wide = Console(width=130)
    with wide.capture() as capture:
        wide.print(preview_table(previews, 20))
    assert f"file {path}" in capture.get()
