"""Signals on a terminal: Ctrl-C once and twice, a broken connection, and what the report says then."""

import asyncio
import itertools
import json
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.command_line import Terminal, deletes, finish, lines_of, said_in, surroundings, until
from tests.helpers.program import start


async def test_a_signal_ends_a_run_gracefully(tmp_path: Path) -> None:
    """Ctrl-C or a hangup: nothing new is sent and the report is true; under nohup, hangups are ignored."""
    await asyncio.gather(
        ctrl_c_ends_a_run_gracefully(tmp_path),
        a_hangup_ends_a_run_gracefully(tmp_path),
        what_nohup_has_made_deaf_stays_deaf(),
    )


async def ctrl_c_ends_a_run_gracefully(tmp_path: Path) -> None:
    """Once: nothing new is sent, what is in flight finishes, table and report are true, and 130."""
    report = tmp_path / "run.jsonl"
    async with (
        Simulator(40, seed=8, one_off=0, several=0, latency=0.25) as sim,
        Terminal("unschedule-all", "--report", str(report), environment=surroundings(sim)) as terminal,
    ):
        await terminal.shows("Type unschedule 40 to continue")
        terminal.type("unschedule 40")
        await until(lambda: len(deletes(sim)) >= 10)
        terminal.interrupt()
        await terminal.shows("stopping: nothing new is sent")
        ended = await terminal.ended()
        assert ended.code == 130
        done = sim.ledger.unscheduled_events
        assert 5 <= len(done) < 40
        assert len(deletes(sim)) == len(done)
        await terminal.shows(f"not attempted     {40 - len(done)}")
        await terminal.shows("/40")
        status = said_in(report)
        assert {name for name, word in status.items() if word == "unscheduled"} == done
        assert {
            name for name, word in status.items() if word == "not_attempted"
        } == sim.ledger.scheduled_events
        await terminal.shows("next: meetstream-async unschedule-all --retry-from")
    summary = lines_of(report)[-1]
    assert (summary["interrupted"], summary["ok"], summary["complete"]) == (True, False, False)
    assert summary["counts"]["unscheduled"] == len(done)


async def test_ctrl_c_twice_on_a_terminal_leaves_at_once(tmp_path: Path) -> None:
    """Twice: what hangs is not waited for, it is unknown in the report, and 130."""
    report = tmp_path / "run.jsonl"
    troubles = [Trouble("unschedule", hang=True, skip=2)]
    async with (
        Simulator(20, one_off=0, several=0, troubles=troubles) as sim,
        Terminal(
            "unschedule-all", "--yes", "--report", str(report), environment=surroundings(sim)
        ) as terminal,
    ):
        await until(lambda: sim.in_flight == 5)
        terminal.interrupt()
        await terminal.shows("stopping: nothing new is sent")
        terminal.interrupt()
        async with asyncio.timeout(5):
            ended = await terminal.ended()
        assert ended.code == 130
        await terminal.shows("stopped without checking")
        in_flight = {record.event_id for record in deletes(sim)} - sim.ledger.unscheduled_events
    status = said_in(report)
    assert {name for name, word in status.items() if word == "unknown"} == in_flight
    assert len(status) == 20
    summary = lines_of(report)[-1]
    assert (summary["interrupted"], summary["ok"]) == (True, False)
    assert summary["reason"] == "interrupted twice: stopped immediately"


def signalled_at_the_end_of_loop(number: int, code: signal.Signals) -> None:
    """In the program: the signal comes when its loop of this number has been closed."""
    close, closed = asyncio.SelectorEventLoop.close, itertools.count(1)

    def close_and_be_signalled(loop: asyncio.SelectorEventLoop) -> None:
        close(loop)
        if next(closed) == number:
            os.kill(os.getpid(), code)

    setattr(asyncio.SelectorEventLoop, "close", close_and_be_signalled)  # noqa: B010 - mypy's opinion


@pytest.mark.parametrize("code", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_between_the_run_and_its_report_costs_neither(
    code: signal.Signals, tmp_path: Path
) -> None:
    """After the preview it ends the command; after the run, that is reported as it was."""
    async with Simulator(3, one_off=0) as sim:
        environment = surroundings(sim)
        for number, expected, sent in ((1, 130, False), (2, 0, True)):
            report = tmp_path / f"{number}.jsonl"
            process = await start(
                "unschedule-all", "--yes", "--json", "--report", str(report), environment=environment,
                before=partial(signalled_at_the_end_of_loop, number, code),
            )  # fmt: skip
            ended = await finish(process, environment)
            assert (ended.code, bool(deletes(sim)), report.exists()) == (expected, sent, sent), ended
    assert lines_of(report)[-1]["ok"] is True
    assert json.loads(ended.out)["counts"]["unscheduled"] == len(deletes(sim))


async def a_hangup_ends_a_run_gracefully(tmp_path: Path) -> None:
    """When the connection breaks, nothing new is sent, and the report is true although nobody reads on."""
    report = tmp_path / "hangup.jsonl"
    async with (
        Simulator(40, seed=8, one_off=0, several=0, latency=0.25) as sim,
        Terminal(
            "unschedule-all", "--yes", "--report", str(report), environment=surroundings(sim)
        ) as terminal,
    ):
        await until(lambda: len(deletes(sim)) >= 6)
        terminal.hang_up()
        assert (await terminal.ended()).code == 130
        done = sim.ledger.unscheduled_events
        assert len(deletes(sim)) == len(done) < 40
    assert {name for name, word in said_in(report).items() if word == "unscheduled"} == done
    assert lines_of(report)[-1]["interrupted"] is True


async def what_nohup_has_made_deaf_stays_deaf() -> None:
    """Under nohup a run goes on when the terminal hangs up."""
    async with Simulator(12, seed=8, one_off=0, several=0, latency=0.1) as sim:
        environment = surroundings(sim)
        process = await start(
            "unschedule-all", "--yes", environment=environment,
            before=partial(signal.signal, signal.SIGHUP, signal.SIG_IGN),
        )  # fmt: skip
        await until(lambda: deletes(sim))
        process.send_signal(signal.SIGHUP)
        assert (await finish(process, environment)).code == 0
        assert not sim.ledger.scheduled_bots


async def test_given_events_are_interrupted_alike(tmp_path: Path) -> None:
    """A run over given events stops in the same way, and sends no last listing."""
    await asyncio.gather(*(interrupt(number, tmp_path) for number in (signal.SIGINT, signal.SIGTERM)))


async def interrupt(number: signal.Signals, tmp_path: Path) -> None:
    ids = [f"evt_{n:02}" for n in range(20)]
    file = tmp_path / "ids.txt"
    file.write_text("\n".join(ids))
    async with Simulator([SimulatedBot(f"bot-{name}", name) for name in ids], latency=0.25) as sim:
        environment = surroundings(sim)
        process = await start("unschedule", "--events", str(file), "--yes", environment=environment)
        await until(lambda: len(deletes(sim)) >= 5)
        process.send_signal(number)
        ended = await finish(process, environment)
        assert {record.method for record in sim.requests} == {"DELETE"}
        done = len(sim.ledger.unscheduled_events)
    assert ended.code == 130
    assert f"unscheduled        {done}\n" in ended.out
    assert f"not attempted     {20 - done}\n" in ended.out
