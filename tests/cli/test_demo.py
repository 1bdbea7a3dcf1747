"""`demo` and `simulate`: an account on this machine, to look at and to play with."""

import asyncio
import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import attrs
import pytest

from meetstream_async import BulkReport, MeetStreamClient, OutcomeStatus, UnscheduleOutcome, unschedule_all
from meetstream_async.cli.commands.demo import cancel_an_account, cancel_three_meetings, disagreements
from meetstream_async.cli.exit_codes import ExitCode
from meetstream_async.simulator import Simulator
from tests.helpers.command_line import CANARY, command, finish, surroundings, until
from tests.helpers.program import start


async def test_the_demo_needs_nothing_and_its_verdict_holds() -> None:
    """demo runs without a key, ignores the environment, and ends within 15 s with a correct verdict and 0."""
    began = time.monotonic()
    runs = await asyncio.gather(
        command("demo"), command("demo", MEETSTREAM_API_KEY=CANARY, MEETSTREAM_API_URL="nowhere")
    )
    assert time.monotonic() - began < 15
    for ended in runs:
        assert ended.code == 0
        assert "verdict: the report is correct. 238 are reported as unscheduled" in ended.out
        assert "0 bots are left" in ended.out
        assert "verdict: the records agree: these three are cancelled" in ended.out
        assert "A simulated account with 250 bots" in ended.err


@pytest.mark.slow
async def test_the_demo_holds_where_ids_are_mixed() -> None:
    """Where a listing shows three kinds of ids, the verdict is the same."""
    ended = await command("demo", "--ids", "mixed")
    assert ended.code == 0, ended.out
    assert "verdict: the report is correct." in ended.out
    assert "0 bots are left" in ended.out


@pytest.mark.parametrize(
    ("ids", "foreign_id"),
    [
        ("provider", "event_not_found"),
        ("none", "not_found"),
        ("provider", "bad_request"),
        ("mixed", "bot_not_found"),
    ],
)
@pytest.mark.slow
async def test_the_demo_holds_in_every_world(ids: Any, foreign_id: Any) -> None:
    """Whatever ids the account shows, and however others are refused."""
    assert await cancel_an_account(ids, foreign_id) is ExitCode.OK
    assert await cancel_three_meetings(ids) is ExitCode.OK


async def report_on(sim: Simulator) -> BulkReport[UnscheduleOutcome]:
    async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
        return await unschedule_all(client, one_off_bots="delete")


async def test_the_demos_check_finds_a_false_report() -> None:
    """The comparison accepts a true report, and names an event or bot that is misreported either way."""
    async with Simulator(40, seed=1, one_off=0.1) as sim:
        report = await report_on(sim)
        assert disagreements(report, sim.ledger) == []
        first = report.outcomes[0]
        timid = attrs.evolve(first, status=OutcomeStatus.FAILED)
        for wrong in (
            attrs.evolve(report, outcomes=(timid, *report.outcomes[1:])),
            attrs.evolve(report, outcomes=report.outcomes[1:]),
            attrs.evolve(report, outcomes=(*report.outcomes, first)),
            attrs.evolve(report, counts={OutcomeStatus.UNSCHEDULED: 1}),
        ):
            assert disagreements(wrong, sim.ledger)
    async with Simulator(40, seed=1, one_off=0.1) as untouched:
        assert len(disagreements(report, untouched.ledger)) == len(report.outcomes)


async def test_simulate_serves_until_it_is_told_to_end() -> None:
    """simulate prints export lines for a shell, serves what they point at, and exits with 0 on a signal."""
    await asyncio.gather(*map(serve_until, [signal.SIGINT, signal.SIGTERM]))


async def serve_until(number: signal.Signals) -> None:
    arguments = ("simulate", "--port", "0", "--bots", "12", "--error-rate", "0")
    environment = surroundings()
    process = await start(*arguments, environment=environment)
    assert process.stdout is not None
    variables: dict[str, str] = {}
    while not {"MEETSTREAM_API_URL", "MEETSTREAM_API_KEY"} <= variables.keys():
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        export, _, assignment = line.partition(" ")
        assert export == "export"
        name, _, value = assignment.strip().partition("=")
        variables[name] = value
    listed = await command("list", **variables)
    done = await command("unschedule-all", "--yes", "--one-off-bots", "skip", **variables)
    process.send_signal(number)
    ended = await finish(process, environment)
    assert (listed.code, done.code, ended.code) == (0, 0, 0)
    assert listed.err == "12 scheduled bots\n"
    assert all(line.startswith("export ") for line in ended.out.splitlines())
    assert "answered " in ended.err.splitlines()[-1]
    assert "0 events with 0 bots remain scheduled" in ended.err.splitlines()[-1]


@pytest.mark.parametrize("ids", ["provider", "none", "mixed"])
async def test_the_demos_check_reads_every_kind_of_ids(ids: Any) -> None:
    """A true report agrees with the records, whichever ids the listing shows."""
    async with Simulator(40, seed=1, one_off=0.1, several=0.1, ids=ids) as sim:
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            page = await client.list_scheduled_bots()
            for bot in page.bots:
                await client.delete_scheduled_bot(bot.bot_id)
        outcomes = tuple(
            UnscheduleOutcome(bot.event_id, (bot.bot_id,), OutcomeStatus.UNSCHEDULED, method="bot")
            for bot in page.bots
        )
        counts = {OutcomeStatus.UNSCHEDULED: len(outcomes)}
        report = BulkReport(counts=counts, outcomes=outcomes, complete=True, ok=True, reason=None, elapsed=1)
        assert disagreements(report, sim.ledger) == []
        assert len(disagreements(attrs.evolve(report, outcomes=outcomes[1:]), sim.ledger)) == 3


async def test_simulate_offers_its_world() -> None:
    """Ids, limits and shares are told by options; calendars are named with a command that uses one."""
    environment = surroundings()
    process = await start(
        "simulate", "--port", "0", "--bots", "40", "--ids", "provider", "--foreign-id", "not_found",
        "--limit", "1000", "--past", "0.1", "--seed", "3", environment=environment,
    )  # fmt: skip
    assert process.stdout is not None
    lines = [(await asyncio.wait_for(process.stdout.readline(), 20)).decode() for _ in range(5)]
    variables = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
    listed = await command("list", "--json", **variables)
    process.send_signal(signal.SIGINT)
    ended = await finish(process, environment)
    rows = json.loads(listed.out)["bots"]
    assert len(rows) == 36
    assert not any(row["event_id"].startswith("evt_") for row in rows if row["event_id"])
    assert "MeetBit's calendars: " in ended.err
    assert re.search(r"meetstream-async cancel-event \d+ \d+ --note", ended.err)


@pytest.mark.parametrize("limit", ["fast", "30/", "0", "/60"])
async def test_simulate_refuses_a_limit_that_is_none(limit: str) -> None:
    """The error says what the option takes."""
    ended = await command("simulate", "--port", "0", "--limit", limit)
    assert (ended.code, ended.out) == (2, "")
    assert "--limit takes a rate such as 50" in ended.err


async def test_the_simulated_calendar_events_can_be_cancelled_from_the_shell(tmp_path: Path) -> None:
    """simulate --calendar-events writes their ids for cancel-events, and never over another file."""
    path, environment = tmp_path / "events.csv", surroundings()
    words = ("simulate", "--port", "0", "--bots", "12", "--error-rate", "0", "--calendar-events", str(path))
    process = await start(*words, environment=environment)
    assert process.stdout is not None
    lines = [(await asyncio.wait_for(process.stdout.readline(), 20)).decode() for _ in range(5)]
    variables = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
    await until(path.exists)
    head = "".join(path.read_text().splitlines(keepends=True)[:4])
    ended = await command("cancel-events", "-", "--note", "Moved.", "--yes", given=head, **variables)
    again = await command(*words)
    process.terminate()
    await finish(process, environment)
    assert (ended.code, again.code) == (0, 2)
    assert "cancelled      3" in ended.out
    assert f"{path} already exists and is not overwritten" in again.err


async def test_simulate_says_that_its_port_is_taken() -> None:
    """A taken port is one line and exit code 2."""
    async with Simulator(0) as sim:
        port = sim.base_url.split(":")[2].split("/")[0]
        ended = await command("simulate", "--port", port)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: port {port} can't be used (Address already in use)")
    assert ended.err.count("\n") == 1


async def test_simulate_refuses_shares_that_do_not_fit() -> None:
    """Shares that make more than the whole are a usage error."""
    ended = await command("simulate", "--port", "0", "--one-off", "0.6", "--series", "0.6")
    assert (ended.code, ended.out) == (2, "")
    assert "shares" in ended.err
