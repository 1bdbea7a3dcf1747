"""`--retry-from`: what an earlier run left open is done, and nothing else."""

import asyncio
import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.before import waiting_for_bots
from tests.helpers.command_line import command, deletes, finish, lines_of, surroundings, until
from tests.helpers.program import start
from tests.helpers.report_files import URL, outcome, run_line, written


async def test_what_an_ended_run_left_is_retried(tmp_path: Path) -> None:
    """A run ended by Ctrl-C, or killed, then --retry-from its report: each event once, and nothing left."""
    await asyncio.gather(end_and_retry(signal.SIGINT, tmp_path), end_and_retry(signal.SIGKILL, tmp_path))


async def end_and_retry(number: signal.Signals, tmp_path: Path) -> None:
    first, second = tmp_path / f"first{number}.jsonl", tmp_path / f"second{number}.jsonl"
    async with Simulator(60, seed=8, one_off=0.1, several=0, latency=0.1) as sim:
        environment = surroundings(sim)
        delete = ("--one-off-bots", "delete", "--yes")
        process = await start(
            "unschedule-all", *delete, "--report", str(first), environment=environment
        )  # fmt: skip
        await until(lambda: len(deletes(sim)) >= 12)
        process.send_signal(number)
        assert (await finish(process, environment)).code == (130 if number == signal.SIGINT else -number)
        cut = sim.ledger.scheduled_bots
        assert cut
        ended = await command(
            "unschedule", "--retry-from", first, *delete, "--report", second, "--concurrency", "20", sim=sim
        )
        assert not sim.ledger.scheduled_bots
        requests = [record.event_id or record.bot_id for record in deletes(sim)]
        everything = {*sim.ledger.events, *(b.bot_id for b in sim.ledger.bots.values() if b.event_id is None)}
    assert ended.code == 0
    # What the first run took is asked for by its bots' own ids as well, where the event is not scheduled.
    assert everything <= set(requests) <= {*everything, *sim.ledger.bots}
    summary = lines_of(second)[-1]
    assert (summary["ok"], summary["complete"]) == (True, True)
    if number == signal.SIGINT:
        assert len(requests) == len(everything)
        assert lines_of(first)[-1]["interrupted"] is True
        assert summary["counts"]["already_unscheduled"] == 0
    else:
        # In flight when it was killed, and therefore asked for again.
        assert len(requests) <= len(everything) + 5 + len(sim.ledger.bots) - len(cut)
    nothing = await command("unschedule", "--retry-from", second, **sim.environment)
    assert nothing.code == 0
    assert nothing.err.endswith("nothing\n")


async def test_a_report_of_half_an_account_does_not_make_it_whole(tmp_path: Path) -> None:
    """A stopped run had not seen all of a full listing: its retry does what is known, says so, and is 1."""
    first = tmp_path / "first.jsonl"
    async with Simulator(150, one_off=0, several=0, latency=0.1, calendar_connected=False) as sim:
        environment = surroundings(sim)
        process = await start("unschedule-all", "--yes", "--report", str(first), environment=environment)
        await until(lambda: len(deletes(sim)) >= 7)
        process.send_signal(signal.SIGTERM)
        assert (await finish(process, environment)).code == 130
        ended = await command(
            "unschedule-all", "--retry-from", first, "--yes", "--concurrency", "50", sim=sim
        )
        assert len(sim.ledger.scheduled_events) == 50
        assert len(deletes(sim)) == 100
    assert ended.code == 1
    assert "did not see the whole account: run unschedule-all as well" in ended.out


async def test_a_retry_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Another host, or a run with other series options: 2, and no request."""
    async with Simulator(3) as sim:
        elsewhere = written(tmp_path / "a", run_line())
        series = written(tmp_path / "b", run_line(base_url=sim.base_url, options={"all_occurrences": True}))
        runs = await asyncio.gather(
            *(command("unschedule", "--yes", "--retry-from", path, sim=sim) for path in (elsewhere, series))
        )
        assert not sim.requests
    assert [ended.code for ended in runs] == [2, 2]
    assert f"a run at {URL}, but this one would go to {sim.base_url}; nothing was sent" in runs[0].err
    assert "that run was made with --all-occurrences; retry it with" in runs[1].err


async def test_a_one_off_bot_that_is_gone_is_not_a_failure(tmp_path: Path) -> None:
    """A one-off bot whose DELETE had taken effect is not found: done if it joins later, else unknown."""
    async with Simulator([SimulatedBot("bot-x", "evt_x")]) as sim:

        def report(name: str, ahead: int) -> Path:
            joins = (datetime.now(UTC) + timedelta(hours=ahead)).isoformat()
            return written(
                tmp_path / name, run_line(base_url=sim.base_url),
                outcome("unknown", None, "bot-a", joins=joins),
            )  # fmt: skip

        retry = ("unschedule", "--yes", "--json", "--one-off-bots", "delete", "--retry-from")
        later, passed, left = await asyncio.gather(
            command(*retry, report("a", 5), sim=sim),
            command(*retry, report("b", -5), sim=sim),
            command("unschedule", "--yes", "--retry-from", report("c", 5), sim=sim),
        )
    assert (later.code, passed.code, left.code) == (0, 1, 1)
    assert json.loads(later.out)["counts"]["already_unscheduled"] == 1
    assert json.loads(passed.out)["counts"]["unknown"] == 1
    assert "--one-off-bots delete" in left.out


async def test_an_event_that_may_have_joined_meanwhile_is_not_called_done(tmp_path: Path) -> None:
    """Retried hours later, "not scheduled" of a bot whose time has passed is unknown, and not success."""
    joins = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    async with Simulator([SimulatedBot("bot-a", "evt_a"), SimulatedBot("bot-b", "evt_b")]) as sim:
        await command("unschedule", "evt_a", "--yes", sim=sim)
        path = written(
            tmp_path / "r", run_line(base_url=sim.base_url),
            outcome("not_attempted", "evt_a", "bot-a", joins=joins),
        )  # fmt: skip
        ended = await command("unschedule", "--yes", "--retry-from", path, sim=sim)
    assert ended.code == 1
    assert "check the meeting: the bot may have joined" in ended.out


async def test_what_a_run_left_alone_is_taken_up_as_well(tmp_path: Path) -> None:
    """One-off bots and shared events make the run 1, and its retry, until it is told to take them."""
    bots = [
        SimulatedBot("bot-1", "evt_zoom", platform="zoom"),
        SimulatedBot("bot-2", "evt_both", platform="zoom"),
        SimulatedBot("bot-3", "evt_both", platform="google_meet"),
        SimulatedBot("bot-4", platform="zoom"),
        SimulatedBot("bot-5"),
    ]
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    async with Simulator(bots) as sim:
        run = await command("unschedule-all", "--platform", "zoom", "--yes", "--report", first, sim=sim)
        again = await command(
            "unschedule-all", "--yes", "--retry-from", first, "--report", second, sim=sim
        )  # fmt: skip
        assert sim.ledger.scheduled_bots == {"bot-2", "bot-3", "bot-4", "bot-5"}
        last = await command(
            "unschedule-all", "--yes", "--retry-from", second, "--one-off-bots", "delete", "--whole-events",
            sim=sim,
        )  # fmt: skip
        assert sim.ledger.scheduled_bots == {"bot-5"}
    assert (run.code, again.code, last.code) == (1, 1, 0)
    assert "1 event with bots outside the filter of that run (see --whole-events)" in again.err
    assert "1 one-off bot: no calendar event, will join (--one-off-bots delete)" in again.err
    assert "to do       nothing" in again.err


async def test_skipped_on_request_is_not_taken_up(tmp_path: Path) -> None:
    """--one-off-bots skip made the run 0, and there is nothing to retry."""
    first = tmp_path / "first.jsonl"
    async with Simulator([SimulatedBot("bot-1")]) as sim:
        run = await command("unschedule-all", "--one-off-bots", "skip", "--yes", "--report", first, sim=sim)
        again = await command("unschedule-all", "--yes", "--retry-from", first, sim=sim)
    assert (run.code, again.code) == (0, 0)


async def test_a_run_that_was_not_ok_for_another_reason_has_no_green_retry(tmp_path: Path) -> None:
    """A filter that selected nothing left nothing to retry: 1, with the reason of that run."""
    first = tmp_path / "first.jsonl"
    async with Simulator([SimulatedBot("bot-1", "evt_1", platform="zoom")]) as sim:
        run = await command("unschedule-all", "--platform", "zom", "--yes", "--report", first, sim=sim)
        again = await command("unschedule-all", "--yes", "--retry-from", first, sim=sim)
    assert (run.code, again.code) == (1, 1)
    assert "nothing that can be retried: nothing to do: the filter selects none of 1 listed bots" in again.out


async def test_a_run_that_failed_before_its_first_outcome_leaves_all_to_retry(tmp_path: Path) -> None:
    """A listing that fails after the consent does not make the account count as done."""
    report = tmp_path / "run.jsonl"
    async with Simulator([SimulatedBot(f"bot-{n}", f"evt_{n}") for n in range(6)]) as sim:
        sim.add_trouble(Trouble("list", 404, skip=1, body='{"message": "User not found"}', times=1))
        failed = await command("unschedule-all", "--yes", "--report", report, sim=sim)
        assert (failed.code, deletes(sim)) == (1, [])
        again = await command("unschedule-all", "--yes", "--retry-from", report, sim=sim)
        assert again.code == 0
        assert not sim.ledger.scheduled_bots


async def test_what_was_never_verified_is_looked_at_by_the_retry(tmp_path: Path) -> None:
    """A run whose last listing failed calls bots done that may be there still: the retry names them."""
    report = tmp_path / "run.jsonl"
    bots = [SimulatedBot(f"bot-{n}", f"evt_{n}") for n in range(4)]
    async with Simulator(bots, removes="nothing") as sim:
        sim.add_trouble(Trouble("list", 404, skip=2, body='{"message": "User not found"}', times=1))
        failed = await command("unschedule-all", "--yes", "--report", report, sim=sim)
        assert (failed.code, lines_of(report)[-1]["complete"]) == (1, False)
        again = await command(
            "unschedule-all", "--yes", "--retry-from", report, sim=sim, before=waiting_for_bots(0.2)
        )
    assert again.code == 1
    assert "still listed" in again.out
    assert "evt_0" in again.out
