"""What the documents tell a shell: each command is one of ours, and the recipes run to their end."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from typer.main import get_command

from meetstream_async.cli.app import app
from meetstream_async.simulator import SimulatedBot, Simulator
from tests.helpers.command_line import Ended, checked, surroundings
from tests.helpers.program import PROGRAM, ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ENDS = re.compile(r"[;|<>&)]|\s#")
"""Where a command ends, in the simple shell of the documents."""


def blocks(page: str) -> list[str]:
    """The blocks of a page that a shell is to run; of a transcript what was typed."""
    found = []
    for language, text in FENCE.findall((ROOT / page).read_text("utf-8")):
        if language == "console":
            text = "".join(f"{line[2:]}\n" for line in text.splitlines() if line.startswith("$ "))
        if language in ("", "sh", "console"):
            found.append(text)
    return found


def block(page: str, word: str) -> str:
    """The block of a page that has this word."""
    (found,) = [one for one in blocks(page) if word in one]
    return str(found)


def commands() -> Iterator[Any]:
    """Each line of a document that calls the program, and what it is called with."""
    for path in PAGES:
        page = str(path.relative_to(ROOT))
        for number, text in enumerate(blocks(page)):
            for line in text.replace("\\\n", " ").splitlines():
                _, name, rest = line.replace("$(date +\\%F)", "DATE").partition("meetstream-async ")
                if name and not line.lstrip().startswith(("pip", "python", "ENTRYPOINT", "docker")):
                    words = shlex.split(ENDS.split(rest)[0].replace("…", "x"))
                    yield pytest.param(words, id=f"{page}:{number} {' '.join(words)[:60]}")


@pytest.mark.parametrize("words", list(commands()))
def test_every_command_in_a_document_is_one_of_ours(words: list[str]) -> None:
    """With arguments and options that it has, and values of their types."""
    command, context = get_command(app), None
    if words and words[0].startswith("-"):
        return
    while hasattr(command, "resolve_command"):
        context = command.make_context("meetstream-async", [], parent=context, resilient_parsing=True)
        _, command, words = command.resolve_command(context, words)
    assert command.make_context("meetstream-async", words, parent=context).params


@frozen
class Reader:
    """Somebody who copies from a page into a shell, and types the confirmations."""

    folder: Path
    sim: Simulator

    async def types(self, text: str, **more: str) -> Ended:
        tools = self.folder / "bin"
        tools.mkdir(exist_ok=True)
        confirmed = 'case "$1" in unschedule*|undo) set -- "$@" --yes ;; esac\n'
        confirmed += 'case "$1 $2" in "jobs run") set -- "$@" --yes ;; esac\n'
        scripts = {
            "pip": "exit 0",
            "mail": f'cat > "{self.folder}/alert"',
            "meetstream-async": f'{confirmed}exec "{PROGRAM}" "$@"',
        }
        for name, script in scripts.items():
            (tools / name).write_text(f"#!/bin/sh\n{script}\n")
            (tools / name).chmod(0o755)
        environment = surroundings(
            self.sim, HOME=str(self.folder), XDG_STATE_HOME=str(self.folder / "state"), **more
        )
        environment["PATH"] = f"{tools}:{Path(PROGRAM).parent}:{environment['PATH']}"
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", text, cwd=self.folder, env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return checked(Ended(process.returncode, out.decode(), err.decode()), environment)


def bots(count: int) -> list[SimulatedBot]:
    soon = datetime.now(UTC) + timedelta(hours=2)
    return [SimulatedBot(f"bot-{n}", f"evt_{n}", join_time=soon, platform="zoom") for n in range(count)]


@pytest.mark.docs
async def test_the_first_steps_of_the_readme_change_nothing(tmp_path: Path) -> None:
    """Each of them is 0 on an account without trouble."""
    steps = block("README.md", "doctor").replace("export MEETSTREAM_API_KEY=...", "set -e")
    async with Simulator(bots(3)) as sim:
        ended = await Reader(tmp_path, sim).types(steps)
        assert {request.method for request in sim.requests} == {"GET"}
    assert ended.code == 0, ended
    assert "a run cancels 3 bots by their events" in ended.out
    assert "would unschedule" in ended.out


@pytest.mark.docs
async def test_the_tutorials_steps_do_one_event_and_then_five(tmp_path: Path) -> None:
    """Of an account with more than its bound, the second one is refused."""
    one = block("docs/tutorial.md", "unschedule evt_").replace("evt_...", "evt_0")
    many = block("docs/tutorial.md", "--max 5").replace("tomorrow", "+1d")
    for count, code, left in ((6, 0, 0), (8, 2, 7)):
        folder = tmp_path / str(count)
        folder.mkdir()
        async with Simulator(bots(count)) as sim:
            first = await Reader(folder, sim).types(one)
            second = await Reader(folder, sim).types(many)
            assert len(sim.ledger.scheduled_bots) == left
        assert (first.code, second.code) == (0, code), second


@pytest.mark.docs
async def test_the_three_commands_of_the_undo_page_lead_there_and_back(tmp_path: Path) -> None:
    """All Zoom bots are cancelled, shown, and scheduled again."""
    steps = block("docs/undo.md", "keeps run.jsonl.snapshot")
    async with Simulator(bots(4)) as sim:
        ended = await Reader(tmp_path, sim).types(f"set -e\n{steps}")
        assert sim.ledger.scheduled_events == {f"evt_{n}" for n in range(4)}
        assert not {f"bot-{n}" for n in range(4)} & sim.ledger.scheduled_bots
    assert ended.code == 0, ended
    assert all((tmp_path / f"{name}.jsonl.snapshot").is_file() for name in ("run", "undo"))


@pytest.mark.docs
async def test_the_offboarding_job_leaves_a_report_of_every_event(tmp_path: Path) -> None:
    """Run and reported by the commands of the page."""
    steps = block("docs/offboarding.md", "jobs run")
    async with Simulator(bots(3)) as sim:
        table = f'[accounts.acme]\napi_key_env = "MEETSTREAM_API_KEY"\nbase_url = "{sim.base_url}"\n'
        (tmp_path / "accounts.toml").write_text(table)
        ended = await Reader(tmp_path, sim).types(f"set -e\n{steps}")
        assert not sim.ledger.scheduled_bots
    assert ended.code == 0, ended
    lines = (tmp_path / "offboarding-acme.jsonl").read_text().splitlines()
    assert {json.loads(line)["status"] for line in lines} == {"unscheduled"}
    assert len(lines) == 3


@pytest.mark.docs
@pytest.mark.parametrize("removes", ["event", "nothing"])
async def test_the_nightly_line_runs_the_example_and_alerts(tmp_path: Path, removes: Any) -> None:
    """As cron would run it; somebody is told where a bot is left, and only then."""
    line = block("docs/nightly.md", "ALERT_COMMAND").split(maxsplit=5)[5]
    (tmp_path / "key").write_text("unused")
    for name, path in {
        "/opt/meetstream/bin/python": sys.executable,
        "/opt/meetstream/nightly.py": str(ROOT / "examples" / "nightly.py"),
        "/var/log/meetstream.jsonl": str(tmp_path / "log"),
        "/etc/meetstream.key": str(tmp_path / "key"),
    }.items():
        line = line.replace(name, path)
    async with Simulator(bots(2), removes=removes) as sim:
        (tmp_path / "key").write_text(sim.api_key)
        ended = await Reader(tmp_path, sim).types(line)
    assert ended.code == (removes == "nothing"), ended
    assert json.loads((tmp_path / "log").read_text())["ok"] is (removes == "event")
    assert (tmp_path / "alert").exists() is (removes == "nothing")


@pytest.mark.docs
async def test_the_doctors_line_for_a_deployment_names_what_is_not_ok(tmp_path: Path) -> None:
    """A line for each check, and none where all is well."""
    line = block("docs/doctor.md", "jq -r")
    command = line if shutil.which("jq") else line.partition("|")[0]
    async with Simulator(bots(2), auto_schedule=True) as sim:
        warned = await Reader(tmp_path, sim).types(command)
    assert "comes back" in warned.out
    assert "auto-schedule is on" in warned.out
