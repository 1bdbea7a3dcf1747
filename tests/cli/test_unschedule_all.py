"""`unschedule-all` on pipes: what it prints and exits with, against the simulator's books."""

import asyncio
import json
import re
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from meetstream_async import MeetStreamClient, unschedule_all
from meetstream_async.cli.runs.bulk_run import report_code, show_report
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.before import talkative
from tests.helpers.command_line import command, deletes, finish, surroundings, until
from tests.helpers.program import start


async def test_yes_unschedules_everything_past_a_listing() -> None:
    """--yes empties an account of 250 bots, exits with 0, and prints the counts that the books hold."""
    async with Simulator(250, seed=2, one_off=0) as sim:
        ended = await command("unschedule-all", "--yes", "--concurrency", "20", sim=sim)
        assert ended.code == 0
        assert not sim.ledger.scheduled_bots
        assert f"unscheduled    {len(sim.ledger.events)}\n" in ended.out
        assert ended.out.splitlines()[-1].startswith("ok: ")
        assert "at least 100 bots" in ended.err
        assert f"{sim.base_url} (key from MEETSTREAM_API_KEY)" in ended.err


async def test_concurrency_is_the_most_in_flight() -> None:
    """--concurrency bounds the requests in flight."""
    async with Simulator(30, one_off=0, latency=0.02) as sim:
        ended = await command("unschedule-all", "--yes", "--concurrency", "3", sim=sim)
        assert ended.code == 0
        assert sim.max_in_flight == 3


async def test_json_is_the_report_and_nothing_else() -> None:
    """--json prints one document on stdout: each event of the books once, with its status."""
    async with Simulator(60, seed=5, one_off=0, error_rate=0.1) as sim:
        ended = await command("unschedule-all", "--yes", "--json", sim=sim)
        report = json.loads(ended.out)
        assert ended.code == 0
        assert report["ok"] is report["complete"] is True
        named = [outcome["event_id"] for outcome in report["outcomes"]]
        assert sorted(named) == sorted(sim.ledger.unscheduled_events)
        assert sum(report["counts"].values()) == len(named)
        assert not sim.ledger.scheduled_bots


async def test_a_dry_run_sends_no_delete() -> None:
    """--dry-run needs no consent, counts what would be done, and changes nothing."""
    async with Simulator(40, seed=6, one_off=0) as sim:
        ended, as_json = await asyncio.gather(
            command("unschedule-all", "--dry-run", sim=sim),
            command("unschedule-all", "--dry-run", "--json", sim=sim),
        )
        assert not deletes(sim)
        events = len(sim.ledger.events)
    assert ended.code == as_json.code == 0
    assert f"would unschedule     {events}" in ended.out
    assert "dry run: nothing was changed" in ended.out
    assert json.loads(as_json.out)["counts"]["would_unschedule"] == events


async def test_without_a_terminal_and_yes_it_refuses() -> None:
    """Without a terminal it shows the preview, exits with 2, and sends no DELETE."""
    await asyncio.gather(*map(without_a_terminal, [0, 20, 250]))


async def without_a_terminal(bots: int) -> None:
    async with Simulator(bots) as sim:
        ended = await command("unschedule-all", sim=sim)
        assert (ended.code, ended.out) == (2, "")
        assert "scheduled" in ended.err
        assert "error: cannot ask for confirmation without a terminal: add --yes" in ended.err
        assert not deletes(sim)


async def test_one_off_bots_are_reported() -> None:
    """One-off bots are left, named with what to do, and make the exit code 1."""
    bots = [SimulatedBot("bot-a", "evt_a"), SimulatedBot("bot-alone")]
    async with Simulator(bots) as sim:
        ended = await command("unschedule-all", "--yes", sim=sim)
        assert sim.ledger.scheduled_bots == {"bot-alone"}
    assert ended.code == 1
    assert "bot-alone" in ended.out
    assert "--one-off-bots delete" in ended.out
    assert "1 one-off bot: no calendar event" in ended.err
    assert ended.out.splitlines()[-1].startswith("not ok: 1 one-off bot")


async def test_one_off_bots_on_request() -> None:
    """--one-off-bots skip leaves them and delete takes them off; both exit with 0."""
    await asyncio.gather(on_request("skip", {"bot-alone"}), on_request("delete", set()))


async def on_request(choice: str, left: set[str]) -> None:
    bots = [SimulatedBot("bot-a", "evt_a"), SimulatedBot("bot-alone")]
    async with Simulator(bots) as sim:
        ended = await command("unschedule-all", "--yes", "--one-off-bots", choice, sim=sim)
        assert sim.ledger.scheduled_bots == left
    assert ended.code == 0
    assert "bot-alone" not in ended.out


async def test_what_failed_is_named_with_its_reason() -> None:
    """An event that the API refuses is named with the reason and what to do, and the exit code is 1."""
    bots = [SimulatedBot(f"bot-{name}", f"evt_{name}") for name in "abc"]
    refusal = Trouble("unschedule", body='{"error": "[red]no[/] \\u001b[2J"}', status=409,
                      when=lambda record: record.event_id == "evt_b")  # fmt: skip
    async with Simulator(bots, troubles=[refusal]) as sim:
        ended = await command("unschedule-all", "--yes", sim=sim)
        assert sim.ledger.scheduled_events == {"evt_b"}
    assert ended.code == 1
    assert "evt_b" in ended.out
    assert "409 [red]no[/]" in ended.out
    assert "\x1b" not in ended.out
    assert "evt_a" not in ended.out
    assert "run this again" in ended.out


async def test_bots_that_stay_listed_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """An event that the API says it unscheduled and still lists is named, and the exit code is 1."""
    async with (
        Simulator([SimulatedBot("bot-a", "evt_a")], removes="nothing") as sim,
        MeetStreamClient(sim.api_key, base_url=sim.base_url) as client,
    ):
        # In this process: the program would wait for its 15 s whether the bot goes.
        report = await unschedule_all(client, settle=0.1)
    show_report(report)
    printed = capsys.readouterr().out
    assert report_code(report) == 1
    assert "evt_a" in printed
    assert "evt_a" in printed
    assert "still listed" in printed
    assert "list again in a minute" in printed


async def test_a_key_rejected_in_mid_run_exits_with_3() -> None:
    """A 401 during the run stops it; unsent targets are named, and the exit code is 3."""
    trouble = Trouble("unschedule", 401, skip=5)
    async with Simulator(30, one_off=0, troubles=[trouble]) as sim:
        ended = await command("unschedule-all", "--yes", "--json", sim=sim)
        report = json.loads(ended.out)
        assert ended.code == 3
        assert report["counts"]["not_attempted"] > 0
        assert report["counts"]["unscheduled"] == len(sim.ledger.unscheduled_events)
        for outcome in report["outcomes"]:
            if outcome["status"] == "not_attempted":
                assert sim.ledger.delete_requests(outcome["event_id"]) == 0


async def test_unreadable_rows_make_the_exit_code_1() -> None:
    """A listing with an unreadable row was not seen whole: what is readable is done, and the code is 1."""
    async with Simulator(5, one_off=0, troubles=[Trouble("list", bad_rows=1)]) as sim:
        ended = await command("unschedule-all", "--yes", sim=sim)
        assert not sim.ledger.scheduled_bots
    assert ended.code == 1
    assert "unreadable row" in ended.err
    assert "can't be read" in ended.out


@pytest.mark.slow
async def test_time_that_passes_is_told_and_heeded() -> None:
    """A plain line every few seconds says how far a run is, and a bot that joined before it is not done."""
    await asyncio.gather(a_long_run_says_how_far_it_is(), a_bot_that_joined_is_not_passed_over())


async def a_long_run_says_how_far_it_is() -> None:
    """Without a terminal a plain line every few seconds says how far the run is."""
    async with Simulator(60, seed=3, one_off=0, several=0, latency=0.1) as sim:
        ended = await command("unschedule-all", "--yes", sim=sim, before=talkative)
    assert ended.code == 0
    assert "unscheduling: " in ended.err
    assert " of 60 done (" in ended.err
    assert re.search(r"\), \d+/s, about \d+ s left\n", ended.err)
    assert "\x1b" not in ended.err + ended.out


async def test_a_pause_that_the_api_asks_for_is_told() -> None:
    """One line tells that a pause stops all progress, and for how long."""
    async with Simulator(20, seed=3, one_off=0, several=0) as sim:
        sim.add_trouble(Trouble("unschedule", 429, times=1, retry_after=1))
        ended = await command("unschedule-all", "--yes", sim=sim)
        assert not sim.ledger.scheduled_events
    assert ended.code == 0
    assert ended.err.count("the API answered 429 (too many requests): pausing for 1 s\n") == 1


async def test_an_interrupted_run_sends_nothing_more_and_reports() -> None:
    """After Ctrl-C or SIGTERM nothing new is sent, what is in flight finishes, the report is true; 130."""
    await asyncio.gather(*map(interrupt, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))


async def interrupt(number: signal.Signals) -> None:
    async with Simulator(60, seed=8, one_off=0, several=0, latency=0.4) as sim:
        environment = surroundings(sim)
        process = await start("unschedule-all", "--yes", "--json", environment=environment)
        await until(lambda: len(deletes(sim)) >= 10)
        sent = time.monotonic()
        process.send_signal(number)
        ended = await finish(process, environment)
        report = json.loads(ended.out)
        assert ended.code == 130
        assert "stopping: nothing new is sent" in ended.err
        # An answer takes 0.4 s: what came later than that was not in flight when the signal was sent.
        assert max(record.at for record in deletes(sim)) < sent + 0.35
        status = {outcome["event_id"]: outcome["status"] for outcome in report["outcomes"]}
        assert status.keys() == sim.ledger.events.keys()
        done = {name for name, value in status.items() if value == "unscheduled"}
        assert done == sim.ledger.unscheduled_events
        assert set(status.values()) == {"unscheduled", "not_attempted"}
        for name in status.keys() - done:
            assert sim.ledger.delete_requests(name) == 0


async def test_a_second_ctrl_c_leaves_at_once() -> None:
    """A second Ctrl-C does not wait for what is in flight; the tally calls that unknown; 130."""
    troubles = [Trouble("unschedule", hang=True, skip=2)]
    async with Simulator(20, one_off=0, several=0, troubles=troubles) as sim:
        environment = surroundings(sim)
        process = await start("unschedule-all", "--yes", environment=environment)
        await until(lambda: sim.in_flight == 5)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        err = await asyncio.wait_for(process.stderr.readuntil(b"stopping: "), 10)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        ended = await finish(process, environment)
        assert time.monotonic() - began < 5
    assert ended.code == 130
    assert "2 unscheduled" in ended.err
    assert "5 unknown" in ended.err
    assert b"Traceback" not in err


async def a_bot_that_joined_is_not_passed_over() -> None:
    """A previewed bot that has left the listing when the run begins is unknown if its time has come."""
    # The first program of a test run waits until its like is imported.
    await command("--version")
    soon = datetime.now(UTC) + timedelta(seconds=2)
    bots = [SimulatedBot("bot-a", "evt_a", join_time=soon), SimulatedBot("bot-b", "evt_b")]
    # The second listing, which is the run's own, takes until the bot has joined.
    second = Trouble("list", 503, skip=1, times=1, retry_after=2.5)
    async with Simulator(bots, troubles=[second]) as sim:
        ended = await command("unschedule-all", "--yes", "--json", sim=sim)
        assert sim.ledger.scheduled_events == {"evt_a"}
    report = json.loads(ended.out)
    assert ended.code == 1
    assert report["ok"] is False
    assert {one["event_id"]: one["status"] for one in report["outcomes"]} == {
        "evt_a": "unknown",
        "evt_b": "unscheduled",
    }
