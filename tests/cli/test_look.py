"""How much the command line shows: -q, -v, --no-color, -V, what it waits for, and its help."""

import re
from collections.abc import Iterator

import click
import pytest
import typer
from typer.testing import CliRunner

from meetstream_async import __version__
from meetstream_async.cli.app import app
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.command_line import Terminal, command, surroundings

BOTS = [SimulatedBot("bot-1", "evt_1", platform="Zoom"), SimulatedBot("bot-2", "evt_2", platform="zoom")]


def commands() -> Iterator[list[str]]:
    def walk(one: click.Command, path: list[str]) -> Iterator[list[str]]:
        yield path
        for name, child in getattr(one, "commands", {}).items():
            yield from walk(child, [*path, name])

    return walk(typer.main.get_command(app), [])


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


@pytest.mark.parametrize("arguments", [("list",), ("unschedule-all", "--dry-run")])
async def test_a_request_that_takes_long_says_which_attempt_it_is(arguments: tuple[str, ...]) -> None:
    """On pipes, too: after a second, the attempt and why the last one failed."""
    troubles = [Trouble("list", 503, times=1, retry_after=1.3)]
    async with Simulator(BOTS, troubles=troubles) as sim:
        ended = await command(*arguments, sim=sim)
    assert ended.code == 0
    assert re.search(r"waiting for the listing for \d s: attempt 2 after status 503", ended.err)


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
