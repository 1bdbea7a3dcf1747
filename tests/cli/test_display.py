"""How much the command line shows: -q, -v, --no-color, -V, what it waits for, and its help."""

import asyncio
import base64
import logging
import re
from collections.abc import Iterator
from urllib.parse import quote

import click
import pytest
import typer
from typer.testing import CliRunner

from meetstream_async import OutcomeStatus, UnscheduleOutcome, __version__
from meetstream_async.cli.app import app
from meetstream_async.cli.terminal import progress
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.command_line import Terminal, command, surroundings
from tests.helpers.credentials import KEY
from tests.helpers.raw_server import RawServer, reply

BOTS = [SimulatedBot("bot-1", "evt_1", platform="Zoom"), SimulatedBot("bot-2", "evt_2", platform="zoom")]


def commands() -> Iterator[list[str]]:
    def walk(one: click.Command, path: list[str]) -> Iterator[list[str]]:
        yield path
        for name, child in getattr(one, "commands", {}).items():
            yield from walk(child, [*path, name])

    return walk(typer.main.get_command(app), [])


async def test_verbose_shows_no_request_id_that_holds_the_key() -> None:
    """However a server that echoes what it was sent has written it."""
    encoded = base64.b64encode(f"Token {KEY}".encode()).decode()
    ids = [KEY, KEY.upper(), f"a-{quote(KEY, safe='')}-b", "".join(f"%{ord(char):02x}" for char in KEY),
           KEY.encode().hex(), encoded, encoded.replace("+", "-").rstrip("=")]  # fmt: skip
    done = [reply(200, {"unscheduled": True}, ("x-request-id", one)) for one in [*ids, "plain-1"]]
    async with RawServer(*done, reply(200, {"scheduled_bots": []})) as server:
        ended = await command(
            "unschedule", "-v", "--yes", *(f"evt_{number}" for number in range(len(done))),
            MEETSTREAM_API_KEY=KEY, MEETSTREAM_API_URL=f"{server.url}/api/v1",
        )  # fmt: skip
    assert ended.code == 0, ended
    shown = re.findall(r"DELETE /api/v1/calendar/schedule/evt_[0-9]: 200(.*)", ended.err)
    assert sorted(shown) == [""] * len(ids) + [", request id plain-1"]


async def test_quiet_shows_results_only() -> None:
    """-q leaves out the preview and the progress; the result stays on stdout, and errors on stderr."""
    async with Simulator(BOTS) as sim:
        ended = await command("unschedule-all", "--yes", "-q", sim=sim)
        failed = await command("unschedule-all", "-q", "--events", "/none", sim=sim)
    assert (ended.code, ended.err) == (0, "")
    assert "ok: everything you asked for was done" in ended.out
    assert failed.err.startswith("error: /none can't be read")


async def test_quiet_does_not_hide_what_is_to_be_confirmed() -> None:
    """A person who is asked sees what for."""
    async with (
        Simulator(BOTS) as sim,
        Terminal("unschedule-all", "-q", environment=surroundings(sim)) as terminal,
    ):
        await terminal.shows("Type unschedule 2 to continue")
        assert "to do" in terminal.text
        terminal.type("no")
        assert (await terminal.ended()).code == 2


async def test_verbose_shows_retries_and_request_ids() -> None:
    """-v adds a line for each answer, with its id, and for each retry; never the key."""
    async with Simulator(BOTS, troubles=[Trouble("list", 503, times=1)]) as sim:
        ended = await command("list", "-v", sim=sim)
        plain = await command("list", sim=sim)
    assert re.search(r"GET /api/v1/calendar/scheduled: 503, request id sim-\d+", ended.err)
    assert "status 503, attempt 1; next in" in ended.err
    assert "request id" not in plain.err


async def test_an_id_that_echoes_the_key_is_not_shown() -> None:
    """A server may send back what it was sent."""
    async with Simulator(BOTS) as sim:
        sim.add_trouble(Trouble("list", 503, times=1, headers={"x-request-id": f"id-{sim.api_key}"}))
        ended = await command("list", "--verbose", sim=sim)
    assert ended.code == 0
    assert "/calendar/scheduled: 503\n" in ended.err


async def test_no_color_is_an_option() -> None:
    """--no-color on a terminal writes no colors."""
    async with (
        Simulator(BOTS) as sim,
        Terminal("list", "--no-color", environment=surroundings(sim)) as plain,
        Terminal("list", environment=surroundings(sim)) as colored,
    ):
        await plain.ended()
        await colored.ended()
        await plain.shows("evt_1")
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain.raw)
        assert re.search(r"\x1b\[[0-9;]*3[0-7]m", colored.raw)


def test_the_version_has_a_short_option() -> None:
    """-V prints it."""
    assert CliRunner().invoke(app, ["-V"]).stdout == f"meetstream-async {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [("list",), pytest.param(("unschedule-all", "--dry-run"), marks=pytest.mark.slow)]
)
async def test_a_request_that_takes_long_says_which_attempt_it_is(arguments: tuple[str, ...]) -> None:
    """On pipes, too: after a second, the attempt and why the last one failed."""
    troubles = [Trouble("list", 503, times=1, retry_after=1.3)]
    async with Simulator(BOTS, troubles=troubles) as sim:
        ended = await command(*arguments, sim=sim)
    assert ended.code == 0
    assert re.search(r"waiting for the listing for \d s: attempt 2 after status 503", ended.err)


async def test_lines_tell_the_attempt_and_the_look_at_the_listing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no answer has come yet, and where all have come; a line in between tells the speed."""
    monkeypatch.setattr(progress, "_FIRST", 0.01)
    monkeypatch.setattr(progress, "_EVERY", 0.02)
    shown = []
    async with progress.Board(2) as board:
        for step in range(3):
            if step:
                board.record(UnscheduleOutcome("evt_1", ("bot-1",), OutcomeStatus.UNSCHEDULED))
            else:
                extra = {
                    "meetstream_event": "retry",
                    "meetstream_attempt": 1,
                    "meetstream_reason": "status 503",
                }
                logging.getLogger("meetstream_async.http").info("again", extra=extra)
            capsys.readouterr()
            while not (text := capsys.readouterr().err):
                await asyncio.sleep(0.002)
            shown.append(text.splitlines()[-1])
    assert shown[0] == "unscheduling: 0 of 2 done (nothing), attempt 2 after status 503"
    assert shown[1].startswith("unscheduling: 1 of 2 done (1 unscheduled), ")
    assert "/s" in shown[1]
    assert shown[2] == "checking the listing: 2 of 2 done (2 unscheduled)"


@pytest.mark.slow
async def test_a_bar_that_stands_still_tells_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line above it, while the first answer is waited for, or one whose request was repeated."""
    async with (
        Simulator(BOTS, troubles=[Trouble("unschedule", 503, times=1, retry_after=1.3)]) as sim,
        Terminal("unschedule-all", "--yes", "--concurrency", "1", environment=surroundings(sim)) as terminal,
    ):
        assert (await terminal.ended()).code == 0
        assert re.search(r"waiting for \d s: attempt 2 after status 503", terminal.text)


@pytest.mark.slow
async def test_the_doctor_says_that_it_waits() -> None:
    """As a listing does."""
    async with Simulator(BOTS, troubles=[Trouble("list", latency=1.1, times=1)]) as sim:
        ended = await command("doctor", sim=sim)
    assert "waiting for the answers for 1 s: attempt 1" in ended.err


def test_help_is_written_for_people() -> None:
    """At 80 columns nothing sticks out or is cut off, and no type of Python is shown."""
    for words in commands():
        result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80"})
        shown = result.stdout
        assert result.exit_code == 0
        for internal in ("{", "<list", "<str", "None", "[[", "..."):
            found = [line for line in shown.splitlines() if internal in line]
            assert all("[EVENT_ID]..." in line or "[ARGS]..." in line for line in found), found


async def test_platforms_are_counted_in_one_spelling() -> None:
    """Zoom and zoom are one platform."""
    async with Simulator(BOTS) as sim:
        ended = await command("unschedule-all", "--dry-run", sim=sim)
    assert "platforms  2 zoom\n" in ended.err
