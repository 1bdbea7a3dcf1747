"""`unschedule-all` with a filter: what is taken, what is left alone, and what the preview says of it."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from meetstream_async.cli.app import app
from meetstream_async.cli.exit_codes import Refused
from meetstream_async.cli.inputs.filters import select
from meetstream_async.simulator import SimulatedBot, Simulator
from tests.helpers.command_line import Terminal, command, deletes, lines_of, surroundings

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
MIXED = [
    SimulatedBot("bot-1", "evt_zoom", platform="zoom", join_time=SOON),
    SimulatedBot("bot-2", "evt_both", platform="zoom"),
    SimulatedBot("bot-3", "evt_both", platform="google_meet"),
    SimulatedBot("bot-4", "evt_meet"),
    SimulatedBot("bot-5", platform="zoom"),
    SimulatedBot("bot-6"),
]


async def test_only_what_lies_inside_the_filter_is_taken() -> None:
    """A filter takes its events, leaves shared ones, and the preview says what is left alone and why."""
    async with Simulator(MIXED) as sim:
        ended = await command("unschedule-all", "--platform", "zoom", "--yes", "--json", sim=sim)
        assert sim.ledger.unscheduled_events == {"evt_zoom"}
        assert len(deletes(sim)) == 1
    status = {
        one["event_id"] or one["bot_ids"][0]: one["status"] for one in json.loads(ended.out)["outcomes"]
    }
    assert status == {"evt_zoom": "unscheduled", "evt_both": "skipped", "bot-5": "skipped"}
    assert ended.code == 1
    assert "platform zoom" in ended.err
    assert "selects 3 bots of these: 2 events, 1 one-off bot" in ended.err
    assert "1 event with bots outside the filter, too (see --whole-events): evt_both" in ended.err
    assert "3 bots outside the filter" in ended.err
    assert "to do       unschedule 1 event\n" in ended.err


async def test_whole_events_are_taken_on_request() -> None:
    """--whole-events takes shared events with all their bots, and deletes one-off bots of the filter only."""
    async with Simulator(MIXED) as sim:
        ended = await command(
            "unschedule-all", "--platform", "zoom", "--whole-events", "--one-off-bots", "delete", "--yes",
            "--max", "3", sim=sim,
        )  # fmt: skip
        assert sim.ledger.scheduled_bots == {"bot-4", "bot-6"}
    assert ended.code == 0
    assert "unschedule 2 events and delete 1 one-off bot" in ended.err


@pytest.mark.parametrize("command_", ["unschedule-all", "jobs run x.toml", "list"])
@pytest.mark.parametrize(
    "twice",
    [
        ("--platform", "zoom", "--platform", "teams"),
        ("--before", "+1d", "--before=+2d"),
        ("--name", "a", "--attr", "b=c", "--name", "d"),
    ],
)
def test_a_condition_that_is_given_twice_is_refused(command_: str, twice: tuple[str, ...]) -> None:
    """The first one would be lost: bots of one platform would be left, and the exit code be 0."""
    ended = CliRunner().invoke(app, [*command_.split(), *twice])
    assert ended.exit_code == 2
    assert f"{twice[0]} is given 2 times, but a run takes it once" in ended.output


def test_a_bound_that_is_given_twice_is_refused() -> None:
    """A larger one behind it must not widen a run; what only tunes a run may be given again."""
    ended = CliRunner().invoke(app, ["unschedule-all", "--max", "3", "--max", "50"])
    assert (ended.exit_code, "--max is given 2 times" in ended.output) == (2, True)
    tuned = CliRunner().invoke(app, ["unschedule-all", "--rate", "3", "--rate", "5", "--platform", ""])
    assert "--platform is empty" in tuned.output


async def test_a_filter_that_selects_nothing_takes_nothing() -> None:
    """Nothing inside the filter: nothing to do, said so, and 1; with --allow-empty 0."""
    async with Simulator(MIXED) as sim:
        ended = await command("unschedule-all", "--name", "nobody*", "--yes", sim=sim)
        allowed = await command("unschedule-all", "--name", "nobody*", "--yes", "--allow-empty", sim=sim)
        assert not deletes(sim)
    assert (ended.code, allowed.code) == (1, 0)
    assert "selects 0 bots of these: 0 events" in ended.err
    assert "to do       nothing" in ended.err
    for told in (ended, allowed):
        assert "nothing to do: the filter selects none of 6 listed bots: the name has to match" in told.out


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
async def test_a_misspelt_platform_is_not_green(dry: tuple[str, ...], tmp_path: Path) -> None:
    """It exits with 1 and names the platforms that are listed; so does the report. An empty account is ok."""
    path = tmp_path / "run.jsonl"
    async with Simulator(MIXED) as sim, Simulator(0) as empty:
        ended = await command("unschedule-all", "--platform", "zom", "--yes", "--report", path, *dry, sim=sim)
        nothing = await command("unschedule-all", "--platform", "zom", "--yes", *dry, sim=empty)
        assert not deletes(sim)
    assert (ended.code, nothing.code) == (1, 0)
    assert "none is on zom; listed are google_meet, zoom" in ended.out
    summary = lines_of(path)[-1]
    assert (summary["ok"], "none is on zom" in summary["reason"]) == (False, True)


async def test_a_list_that_selects_nothing_says_what_may_be_misspelt() -> None:
    """Reading is not judged: the exit code stays 0."""
    async with Simulator(MIXED) as sim:
        ended = await command("list", "--platform", "zom", sim=sim)
    assert ended.code == 0
    assert "none is on zom; listed are google_meet, zoom" in ended.err


async def test_consent_to_a_filter_counts_what_it_takes() -> None:
    """The number to type is that of the events inside the filter."""
    async with (
        Simulator(MIXED) as sim,
        Terminal(
            "unschedule-all", "--before", "+1h", "--after", "now", environment=surroundings(sim)
        ) as nothing,
        Terminal("unschedule-all", "--before", "+3h", environment=surroundings(sim)) as one,
    ):
        assert (await nothing.ended()).code == 1
        await one.shows("Type unschedule 1 to continue")
        one.type("unschedule 1")
        assert (await one.ended()).code == 0
        assert sim.ledger.unscheduled_events == {"evt_zoom"}


async def test_a_listing_full_of_one_off_bots_is_not_done() -> None:
    """One-off bots that fill the listing hide what is behind them: 1, and what to do; deleting them is 0."""
    bots = [SimulatedBot(f"bot-{n:03}", join_time=SOON) for n in range(100)]
    bots += [SimulatedBot(f"bot-event-{n}", f"evt_{n}", join_time=SOON + timedelta(days=9)) for n in range(5)]
    async with Simulator(bots) as first, Simulator(bots) as second:
        left, taken = await asyncio.gather(
            command("unschedule-all", "--yes", sim=first),
            command("unschedule-all", "--yes", "--one-off-bots", "delete", sim=second),
        )
        assert len(first.ledger.scheduled_bots) >= 100
        assert not second.ledger.scheduled_bots
    assert left.code == 1
    assert "the last listing was full (100 rows); bots that belong to no calendar event may be" in left.out
    assert "hint: one-off bots fill the listing" in left.err
    assert "--one-off-bots delete" in left.err
    assert taken.code == 0


@pytest.mark.parametrize("option", ["platform", "name"])
@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_filter_is_refused(option: str, value: str) -> None:
    """It would match nothing, and a job would succeed every night."""
    with pytest.raises(Refused, match=f"--{option} is empty"):
        select(**{option: value})


@pytest.mark.parametrize("pair", ["", "=", "=acme", " =acme", "customer=", "customer"])
def test_an_empty_attribute_is_refused(pair: str) -> None:
    """An unset variable in the command line never decides what is taken."""
    with pytest.raises(Refused, match="--attr"):
        select(attributes=[pair])


def _float_options(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    command = getattr(command, "real", command)
    for name, inner in getattr(command, "commands", {}).items():
        yield from _float_options(inner, (*words, name))
    for one in command.params:
        # Typer has its own words for types from 0.28 on.
        kind = one.type.name if hasattr(one, "type") else str(one.type_descriptor.annotation)
        if "float" in kind:
            required = [
                "1" if other.param_type_name == "argument" else f"{other.opts[0]}=1"
                for other in command.params
                if other.required
            ]
            yield (*words, *required, one.opts[0])


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused_by_every_option(value: str) -> None:
    """Before anything is sent: no bound stands against it."""
    options = list(_float_options(typer.main.get_command(app)))
    assert len(options) > 10
    for *words, option in options:
        ended = CliRunner().invoke(app, [*words, option, value], color=False)
        assert ended.exit_code == 2, ended.output
        assert f"Invalid value for '{option}'" in ended.output
