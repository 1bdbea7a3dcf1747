"""The recipes of docs/cli.md, each run to its end on the account that it describes; and the exit codes."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meetstream_async.cli.exit_codes import ExitCode
from meetstream_async.cli.inputs.times import day_start
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.command_line import Ended, checked, command, lines_of, surroundings
from tests.helpers.program import PROGRAM, ROOT

pytestmark = pytest.mark.docs
PAGE = (ROOT / "docs" / "cli.md").read_text()
NIGHTLY, TIMER, LOOP, FAILED = re.findall(r"```\w*\n(.*?)```", PAGE.partition("## Recipes")[2], re.S)
TOMORROW = day_start(datetime.now().astimezone().date() + timedelta(days=1)) + timedelta(hours=1)
"""Inside ``--after tomorrow --before +26h``, whatever the time is."""


STUCK = [Trouble("unschedule", 409), Trouble("delete_bot", 409)]
TOOLS = {"sleep": "exit 0", "systemd-run": 'while [ "${1#--}" != "$1" ]; do shift; done; "$@"'}
"""Shell scripts in place of programs."""


def zoom(count: int, when: datetime = TOMORROW, platform: str = "Zoom") -> Iterator[SimulatedBot]:
    for n in range(count):
        name = f"{platform}-{when:%d}-{n}"
        yield SimulatedBot(f"bot-{name}", f"evt_{name}", platform=platform, join_time=when)


async def shell(recipe: str, folder: Path, sim: Simulator) -> Ended:
    """Run a recipe as it stands, but for its paths; what it would wait for is over at once."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    for name, script in {
        "sleep": "exit 0",
        "systemd-run": 'while [ "${1#--}" != "$1" ]; do shift; done; "$@"',
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    environment = surroundings(sim, HOME=str(folder))
    environment["PATH"] = f"{tools}:{Path(PROGRAM).parent}:{environment['PATH']}"
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", recipe, cwd=folder, env=environment, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return checked(Ended(process.returncode, out.decode(), err.decode()), environment)


def reports(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("run-*.jsonl"))


def crontab(line: str, folder: Path, sim: Simulator) -> str:
    """The command of a line of a crontab, with its files in the test's folder."""
    key = folder / "meetstream.key"
    key.write_text(f"{sim.api_key}\n")
    key.chmod(0o600)
    (folder / "log").mkdir()
    command = line.split(maxsplit=5)[5].replace("\\%", "%")
    return command.replace("/etc/meetstream.key", str(key)).replace(
        "/var/log/meetstream", str(folder / "log")
    )


async def test_the_nightly_recipe_takes_the_zoom_bots_of_tomorrow(tmp_path: Path) -> None:
    """And no others; the report has the day's name, and a night without such bots is 0."""
    bots = [*zoom(30), *zoom(20, TOMORROW + timedelta(days=3)), *zoom(20, platform="google_meet")]
    async with Simulator(bots) as sim:
        night = crontab(NIGHTLY, tmp_path, sim)
        ended = await shell(night, tmp_path, sim)
        assert len(sim.ledger.scheduled_bots) == 40
        report, snapshot = sorted((tmp_path / "log").iterdir())
        assert snapshot.name == f"{report.name}.snapshot"
        report.rename(tmp_path / "first.jsonl")
        snapshot.rename(tmp_path / "first.jsonl.snapshot")
        nothing = await shell(night, tmp_path, sim)
        assert len(sim.ledger.scheduled_bots) == 40
    assert (ended.code, nothing.code) == (0, 0)
    assert datetime.strptime(report.name, "%Y-%m-%d.jsonl")
    assert lines_of(tmp_path / "first.jsonl")[-1]["counts"]["unscheduled"] == 30
    assert "the filter selects none of 40 listed bots" in nothing.out


async def test_the_nightly_recipe_does_what_it_can_behind_a_full_listing(tmp_path: Path) -> None:
    """The 100 rows that it is shown hide others: it takes the Zoom bots among them, and exits with 1."""
    bots = [*zoom(40), *zoom(110, TOMORROW + timedelta(days=3))]
    async with Simulator(bots) as sim:
        ended = await shell(crontab(NIGHTLY, tmp_path, sim), tmp_path, sim)
        left = sim.ledger.scheduled_bots
    # Which rows a full listing shows is the API's choice.
    assert 110 <= len(left) < 150
    assert ended.code == 1
    assert "the last listing was full" in ended.out


async def test_the_nightly_recipe_stops_at_its_most(tmp_path: Path) -> None:
    """More than 200 behind a full listing: 200 are taken, and the rest makes it 1."""
    async with Simulator(list(zoom(230))) as sim:
        ended = await shell(crontab(NIGHTLY, tmp_path, sim), tmp_path, sim)
        assert len(sim.ledger.scheduled_bots) == 30
    assert ended.code == 1
    assert "stopped at 200: there is more that the run would have taken" in ended.out


async def test_the_timers_recipe_runs_the_command(tmp_path: Path) -> None:
    """With the key from its file, and the report in the user's folder."""
    async with Simulator(list(zoom(5))) as sim:
        key = tmp_path / ".meetstream.key"
        key.write_text(sim.api_key)
        key.chmod(0o600)
        ended = await shell(TIMER, tmp_path, sim)
        assert not sim.ledger.scheduled_bots
    assert ended.code == 0
    assert lines_of(tmp_path / "christmas.jsonl")[-1]["ok"] is True


async def test_the_loop_goes_on_until_nothing_is_left(tmp_path: Path) -> None:
    """One-off bots, and what failed in the first run, are gone in the end, and it is 0."""
    refusals = [Trouble("unschedule", 409, times=4)]
    async with Simulator(30, one_off=0.2, several=0, series=0, troubles=refusals) as sim:
        ended = await shell(LOOP, tmp_path, sim)
        assert not sim.ledger.scheduled_bots
    assert ended.code == 0
    assert reports(tmp_path) == ["run-0.jsonl", "run-1.jsonl"]


async def test_the_loop_ends_with_the_code_of_its_last_run(tmp_path: Path) -> None:
    """1 where bots are left after five repetitions; at once for a key that is rejected."""
    for name in ("left", "denied"):
        (tmp_path / name).mkdir()
    async with (
        Simulator(list(zoom(1)), troubles=STUCK) as stuck,
        Simulator(list(zoom(1)), troubles=[Trouble("*", 401)]) as closed,
    ):
        left, denied = await asyncio.gather(
            shell(LOOP, tmp_path / "left", stuck), shell(LOOP, tmp_path / "denied", closed)
        )
    assert (left.code, denied.code) == (1, 3)
    assert len(reports(tmp_path / "left")) == 6


async def test_the_query_lists_what_failed(tmp_path: Path) -> None:
    """The event and the reason, one line each."""
    report = tmp_path / "run.jsonl"
    async with Simulator(list(zoom(3)), troubles=[Trouble("unschedule", 409, body="locked", times=1)]) as sim:
        await command("unschedule-all", "--yes", "--cancel-by", "event", "--report", report, sim=sim)
        failed = [line for line in lines_of(report) if line.get("status") == "failed"]
        assert len(failed) == 1
        assert 'select(.type == "outcome" and .status == "failed") | [.event_id, .reason]' in FAILED
        if shutil.which("jq"):
            ended = await shell(FAILED, tmp_path, sim)
            assert ended.out == f"{failed[0]['event_id']}\t{failed[0]['reason']}\n"


# --- exit codes -----------------------------------------------------------------------------------------


async def test_the_exit_codes_are_one_table() -> None:
    """The page and --help say the same of the same codes."""
    rows = re.findall(r"\| (\d+) \| (.*) \|", PAGE.partition("## Exit codes")[2].partition("\n## ")[0])
    assert [ExitCode(int(code)) for code, _ in rows] == list(ExitCode)
    shown = " ".join((await command("--help")).out.split())
    for code, meaning in rows:
        assert f"{code} {meaning}" in shown


@pytest.mark.parametrize(
    ("code", "arguments", "troubles"),
    [
        (ExitCode.OK, ("unschedule-all", "--yes"), []),
        (ExitCode.OK, ("unschedule-all", "--platform", "zoom", "--dry-run"), []),
        (
            ExitCode.NOT_OK,
            ("unschedule-all", "--yes"),
            [Trouble("unschedule", 409), Trouble("delete_bot", 409)],
        ),
        (ExitCode.NOT_OK, ("unschedule-all", "--platform", "zom", "--yes"), []),
        (ExitCode.NOT_OK, ("list",), [Trouble("list", 500)]),
        (ExitCode.USAGE, ("unschedule-all",), []),
        (ExitCode.USAGE, ("unschedule-all", "--platform", "", "--yes"), []),
        (ExitCode.USAGE, ("unschedule-all", "--yes", "--max", "0"), []),
        (ExitCode.DENIED, ("unschedule-all", "--yes"), [Trouble("*", 401)]),
        (ExitCode.DENIED, ("list",), [Trouble("*", 401)]),
    ],
)
async def test_a_code_means_what_the_table_says(
    code: ExitCode, arguments: tuple[str, ...], troubles: list[Trouble]
) -> None:
    """Each meaning that needs no signal, by a command that ends so."""
    async with Simulator(list(zoom(2, datetime.now(UTC) + timedelta(hours=5))), troubles=troubles) as sim:
        ended = await command(*arguments, sim=sim)
        assert bool(sim.ledger.scheduled_bots) == (code is not ExitCode.OK or "--dry-run" in arguments)
    assert ended.code == code
