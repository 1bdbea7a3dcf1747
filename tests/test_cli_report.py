"""`--report` and `--retry-from`: a file that holds the truth, also of a run that was cut short."""

import asyncio
import errno
import json
import os
import resource
import signal
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cli_support import (
    CANARY,
    command,
    deletes,
    finish,
    lines_of,
    said_in,
    surroundings,
    until,
)
from program import start

from meetstream_async.cli.exit_codes import Refused
from meetstream_async.cli.runs.report_file import Journal, opened
from meetstream_async.cli.runs.report_reader import read_leftovers
from meetstream_async.preview import verify
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble

LINK = "https://meet.google.com/secret-link"
URL = "http://127.0.0.1:1/api/v1"


async def test_a_report_holds_what_happened(tmp_path: Path) -> None:
    """First who was asked for what, then each outcome of the books, then the summary; 0600, no secrets."""
    report = tmp_path / "run.jsonl"
    bots = [
        SimulatedBot(f"bot-{n}", f"evt_{n}", meeting_link=LINK, attributes={"hush": "attribute"})
        for n in range(6)
    ]
    async with Simulator([*bots, SimulatedBot("bot-alone")], error_rate=0.2) as sim:
        ended = await command(
            "unschedule-all", "--yes", "--json", "--name", "*", "--one-off-bots", "delete",
            "--report", report, sim=sim,
        )  # fmt: skip
        key, url = sim.api_key, sim.base_url
        assert not sim.ledger.scheduled_bots
    assert ended.code == 0
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    first, *outcomes, last = lines_of(report)
    assert (first["type"], first["base_url"], first["command"]) == ("run", url, "unschedule-all")
    assert datetime.fromisoformat(first["started"]).utcoffset() == timedelta(0)
    assert first["options"]["filter"] == {"name": "*"}
    assert len(first["targets"]) == 7
    assert {line["event_id"] or line["bot_ids"][0] for line in outcomes} == {
        *(f"evt_{n}" for n in range(6)), "bot-alone",
    }  # fmt: skip
    assert last["type"] == "summary"
    document = json.loads(ended.out)
    for name in ("ok", "complete", "reason", "counts", "still_listed"):
        assert last[name] == document[name]
    text = report.read_text()
    for secret in (key, LINK, "hush", "attribute"):
        assert secret not in text


async def test_a_report_is_never_overwritten(tmp_path: Path) -> None:
    """If the file exists or can't be created, nothing is started: exit code 2, one line, no request."""
    existing, closed = tmp_path / "run.jsonl", tmp_path / "none" / "run.jsonl"
    existing.write_text("precious")
    dangling = tmp_path / "link"
    dangling.symlink_to(tmp_path / "elsewhere")
    async with Simulator(3) as sim:
        paths = (existing, closed, dangling, tmp_path, Path("/dev/full"))
        runs = await asyncio.gather(
            *(command("unschedule-all", "--yes", "--report", path, sim=sim) for path in paths),
            command("unschedule", "evt_a", "--yes", "--report", existing, sim=sim),
            command("cancel-event", "1", "2", "--note", "n", "--yes", "--report", existing, sim=sim),
            command("cancel-meeting", "1", "2", "--note", "n", "--yes", "--report", existing, sim=sim),
        )
        assert not sim.requests
    for ended in runs:
        assert (ended.code, ended.out) == (2, "")
        assert "nothing was started" in ended.err
        assert ended.err.count("\n") == 1
    assert "already exists and is not overwritten: choose another name" in runs[0].err
    assert "can't be created: No such file or directory" in runs[1].err
    assert existing.read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()


async def test_a_run_that_did_not_begin_leaves_no_report(tmp_path: Path) -> None:
    """Consent refused: the file is gone again, so that the same command can be repeated."""
    report = tmp_path / "run.jsonl"
    async with Simulator(3) as sim:
        refused = await command("unschedule-all", "--report", report, sim=sim)
    assert refused.code == 2
    assert not report.exists()


def small_files(most: int) -> Callable[[], None]:
    """A limit on the file size that acts like a full disk."""
    return partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))


async def test_a_disk_that_fills_up_stops_the_run(tmp_path: Path) -> None:
    """When the report takes no more, nothing new is sent, what is known is printed, and the code is 1."""
    report = tmp_path / "run.jsonl"
    bots = [SimulatedBot(f"bot-{n}", f"evt_{n:02}") for n in range(60)]
    async with Simulator(bots, latency=0.02) as sim:
        environment = surroundings(sim)
        process = await start(
            "unschedule-all", "--yes", "--json", "--report", str(report), environment=environment,
            before=small_files(8_000),
        )  # fmt: skip
        ended = await finish(process, environment)
        done = set(sim.ledger.unscheduled_events)
        assert 0 < len(done) < 60
        for event_id in sim.ledger.scheduled_events:
            assert sim.ledger.delete_requests(event_id) == 0
    assert ended.code == 1
    assert "the report can't be written (File too large): nothing new is sent" in ended.err
    assert f"error: the report {report} can't be written: File too large" in ended.err
    outcomes = json.loads(ended.out)["outcomes"]
    assert {one["event_id"] for one in outcomes if one["status"] == "unscheduled"} == done
    assert {one["event_id"] for one in outcomes if one["status"] == "not_attempted"} == (
        {bot.event_id for bot in bots} - done
    )
    # Whole lines only, and none that is not true.
    assert set(said_in(report)) <= done
    assert report.read_text().endswith("\n")


async def test_a_disk_that_is_full_from_the_start_starts_nothing(tmp_path: Path) -> None:
    """If not even the first line fits, nothing is started: exit code 2, no DELETE."""
    report = tmp_path / "run.jsonl"
    async with Simulator(3) as sim:
        environment = surroundings(sim)
        process = await start(
            "unschedule-all", "--yes", "--report", str(report), environment=environment,
            before=small_files(10),
        )  # fmt: skip
        ended = await finish(process, environment)
        assert not deletes(sim)
    assert ended.code == 2
    assert "can't be written: File too large; nothing was started" in ended.err
    assert not report.exists()


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
    assert set(requests) == everything
    summary = lines_of(second)[-1]
    assert (summary["ok"], summary["complete"]) == (True, True)
    if number == signal.SIGINT:
        assert len(requests) == len(everything)
        assert lines_of(first)[-1]["interrupted"] is True
        assert summary["counts"]["already_unscheduled"] == 0
    else:
        # In flight when it was killed, and therefore asked for again.
        assert len(requests) <= len(everything) + 5
    nothing = await command("unschedule", "--retry-from", second, **environment)
    assert nothing.code == 0
    assert nothing.err.endswith("nothing\n")


async def test_a_report_of_half_an_account_does_not_make_it_whole(tmp_path: Path) -> None:
    """A stopped run had not seen all of a full listing: its retry does what is known, says so, and is 1."""
    first = tmp_path / "first.jsonl"
    async with Simulator(150, one_off=0, several=0, latency=0.1) as sim:
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


async def test_a_next_step_names_the_report(tmp_path: Path) -> None:
    """A run that left something names the command that takes it up, to be copied into a shell as it is."""
    report = tmp_path / "run of today.jsonl"
    trouble = Trouble(
        "unschedule", 400, body='{"error": "no"}', when=lambda record: record.event_id == "evt_b"
    )
    async with Simulator([SimulatedBot(f"bot-{n}", f"evt_{n}") for n in "abc"], troubles=[trouble]) as sim:
        ended = await command("unschedule-all", "--yes", "--report", report, sim=sim)
        assert f"next: meetstream-async unschedule-all --retry-from '{report}'\n" in ended.err
        sim.clear_troubles()
        again = await command("unschedule-all", "--yes", "--retry-from", report, sim=sim)
        assert [sim.ledger.delete_requests(f"evt_{n}") for n in "abc"] == [1, 2, 1]
    assert (ended.code, again.code) == (1, 0)
    assert said_in(report)["evt_b"] == "failed"
    assert "1 event, left undone according to" in again.err


async def test_what_was_heard_otherwise_is_corrected(tmp_path: Path) -> None:
    """The summary is the final word: an unknown outcome that the listing settled is a correction in it."""
    report = tmp_path / "run.jsonl"
    troubles = [
        Trouble("unschedule", 503, apply="before", when=lambda record: record.event_id == "evt_a", times=1),
        Trouble("unschedule", 404, when=lambda record: record.event_id == "evt_a", times=1),
    ]
    async with Simulator([SimulatedBot("bot-a", "evt_a")], troubles=troubles) as sim:
        ended = await command("unschedule-all", "--yes", "--report", report, sim=sim)
        assert not sim.ledger.scheduled_bots
    assert ended.code == 0
    assert said_in(report) == {"evt_a": "unknown"}
    summary = lines_of(report)[-1]
    assert summary["ok"] is True
    assert [(one["event_id"], one["status"]) for one in summary["corrections"]] == [("evt_a", "unscheduled")]
    assert read_leftovers(report, api="meetstream", base_url=lines_of(report)[0]["base_url"]).targets == ()


def written(path: Path, *lines: Any, tail: str = "") -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
    return path


def run_line(**more: Any) -> dict[str, Any]:
    return {
        "type": "run", "format": 1, "command": "unschedule-all", "api": "meetstream", "base_url": URL,
        "options": {}, "listing": "whole", "targets": [], **more,
    }  # fmt: skip


def target(event_id: str | None, *bot_ids: str, **more: Any) -> dict[str, Any]:
    return {"event_id": event_id, "bot_ids": list(bot_ids), "joins": None, **more}


def outcome(status: str, event_id: str | None, *bot_ids: str, **more: Any) -> dict[str, Any]:
    return {"type": "outcome", "status": status, **target(event_id, *bot_ids, **more)}


def names(path: Path) -> list[str]:
    found = read_leftovers(path, api="meetstream", base_url=URL).targets
    return [one if isinstance(one, str) else one.event_id or one.bot_id for one in found]


def test_only_what_is_not_done_is_left_over(tmp_path: Path) -> None:
    """Failed, unknown, not attempted and still listed; not what is done, skipped, or only would be done."""
    statuses = [
        "unscheduled", "already_unscheduled", "would_unschedule", "failed", "unknown", "skipped",
        "not_attempted",
    ]  # fmt: skip
    still = {"bot_id": "bot-x", "event_id": "e_unscheduled", "scheduled_join_time": None, "platform": None}
    corrected = outcome("unscheduled", "e_unknown")
    path = written(
        tmp_path / "r", run_line(), *(outcome(status, f"e_{status}") for status in statuses),
        {"type": "summary", "complete": True, "corrections": [], "still_listed": []},
    )  # fmt: skip
    assert names(path) == ["e_failed", "e_unknown", "e_not_attempted"]
    path = written(
        tmp_path / "r", run_line(), *(outcome(status, f"e_{status}") for status in statuses),
        {"type": "summary", "complete": True, "corrections": [corrected], "still_listed": [still]},
    )  # fmt: skip
    assert names(path) == ["e_failed", "e_not_attempted", "e_unscheduled"]


@pytest.mark.parametrize("tail", ["", '{"type": "outcome", "event_id": "e2", "sta', '{"type": "outc\x00'])
def test_a_report_that_was_cut_short_is_read(tmp_path: Path, tail: str) -> None:
    """Without a complete last line, announced targets that no line mentions are left over."""
    targets = [target("e1", "b1"), target("e2", "b2"), target(None, "b3")]
    path = written(
        tmp_path / "r", run_line(targets=targets), outcome("unscheduled", "e1", "b1"), tail=tail
    )  # fmt: skip
    assert names(path) == ["e2", "b3"]


def test_leftovers_know_when_their_bots_join(tmp_path: Path) -> None:
    """Targets are bots with their join times, where known: "not scheduled" may then mean "has joined"."""
    joins = datetime.now(UTC).isoformat()
    path = written(
        tmp_path / "r",
        run_line(),
        outcome("unknown", "e1", "b1", joins=joins),
        outcome("failed", "e2"),
        outcome("failed", None, "b3", joins=joins),
    )
    first, second, third = read_leftovers(path, api="meetstream", base_url=URL).targets
    assert not isinstance(first, str)
    assert (first.event_id, first.bot_id, first.scheduled_join_time) == (
        "e1", "b1", datetime.fromisoformat(joins),
    )  # fmt: skip
    assert second == "e2"
    assert not isinstance(third, str)
    assert (third.event_id, third.bot_id) == (None, "b3")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not a report"),
        ("precious\n", "line 1: not JSON"),
        ("[]\n", "line 1: not an object"),
        ('{"type": "outcome"}\n', "not a report"),
        (json.dumps(run_line(format=2)) + "\n", "is not a report written by this version"),
        (json.dumps(run_line()) + "\n{\n{}\n", "line 2: not JSON"),
        (json.dumps(run_line()) + "\n{}\n", "damaged"),
        (json.dumps(run_line(targets=[1])) + "\n", "damaged"),
        (json.dumps(run_line(targets=[target(5, "b")])) + "\n", "damaged"),  # type: ignore[arg-type]
        (json.dumps(run_line(targets=[target(None)])) + "\n", "damaged"),
        (json.dumps(run_line(targets=[target("e", "b", joins="soon")])) + "\n", "damaged"),
        (json.dumps(run_line(targets=[target("e", "b", joins="2026-01-01")])) + "\n", "damaged"),
        (json.dumps(run_line(base_url="https://other")) + "\n", "a run at https://other, but this one would"),
        (json.dumps(run_line(api="meetbit", command="cancel-events")) + "\n", "report of cancel-events"),
    ],
)
def test_what_is_no_report_of_this_account_is_refused(tmp_path: Path, content: str, words: str) -> None:
    """Another file, a damaged one, and a report of another host or command are refused."""
    path = tmp_path / "r"
    path.write_text(content)
    with pytest.raises(Refused, match=words):
        read_leftovers(path, api="meetstream", base_url=URL)


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


def test_a_journal_keeps_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line that did not fit is taken back; the summary follows once there is room again."""
    full = False
    really_write = os.write

    def write(file: int, data: memoryview) -> int:
        if full and len(data) > 5:
            return really_write(file, data[:5])
        if full:
            raise OSError(errno.ENOSPC, "full")
        return really_write(file, data)

    with opened(tmp_path / "r") as journal:
        assert isinstance(journal, Journal)
        journal.begin(targets=[])
        monkeypatch.setattr(os, "write", write)
        full = True
        assert not journal.record({"event_id": "e1", "bot_ids": [], "status": "failed"})
        assert journal.problem == "No space left on device"
        assert not journal.record({"event_id": "e2", "bot_ids": [], "status": "failed"})
        full = False
        journal.end(None, ok=False)
        assert journal.problem == "No space left on device"
    first, last = lines_of(tmp_path / "r")
    assert (first["type"], last["type"], last["lost"]) == ("run", "summary", "No space left on device")


def test_without_a_report_there_is_no_journal() -> None:
    """Nothing is written where nothing was asked for."""
    with opened(None) as journal:
        assert journal is None


async def test_the_key_is_in_no_report(tmp_path: Path) -> None:
    """Even where the server sends the key back, the report does not hold it."""
    report = tmp_path / "run.jsonl"
    echo = Trouble("unschedule", 400, body=json.dumps({"error": f"bad key {CANARY}"}))
    async with Simulator([SimulatedBot("bot-a", "evt_a")], api_key=CANARY, troubles=[echo]) as sim:
        ended = await command("unschedule-all", "--yes", "--report", report, sim=sim)
    assert ended.code == 1
    assert said_in(report) == {"evt_a": "failed"}
    assert CANARY not in report.read_text()


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


def impatient() -> None:
    """Bots that stay are waited for a moment, in place of the program's 15 s."""
    verify.__kwdefaults__["settle"] = 0.2


async def test_what_was_never_verified_is_looked_at_by_the_retry(tmp_path: Path) -> None:
    """A run whose last listing failed calls bots done that may be there still: the retry names them."""
    report = tmp_path / "run.jsonl"
    bots = [SimulatedBot(f"bot-{n}", f"evt_{n}") for n in range(4)]
    async with Simulator(bots, removes="nothing") as sim:
        sim.add_trouble(Trouble("list", 404, skip=2, body='{"message": "User not found"}', times=1))
        failed = await command("unschedule-all", "--yes", "--report", report, sim=sim)
        assert (failed.code, lines_of(report)[-1]["complete"]) == (1, False)
        again = await command("unschedule-all", "--yes", "--retry-from", report, sim=sim, before=impatient)
    assert again.code == 1
    assert "still listed" in again.out
    assert "evt_0" in again.out


async def test_what_a_full_disk_kept_out_of_the_report_is_printed(tmp_path: Path) -> None:
    """Each outcome is in the file or on stdout, and the retry is offered."""
    report = tmp_path / "run.jsonl"

    bots = [SimulatedBot(f"bot-{n}", f"evt_{n:04d}") for n in range(30)]
    async with Simulator(bots, latency=0.01) as sim:
        environment = surroundings(sim)
        process = await start(
            *("unschedule-all", "--yes", "--report", str(report)),
            environment=environment,
            before=small_files(6_000),
        )
        ended = await finish(process, environment)
        gone = sim.ledger.unscheduled_events
    assert ended.code == 1
    written = {line.get("event_id") for line in lines_of(report) if line["type"] == "outcome"}
    assert gone - written
    for event_id in gone - written:
        assert f"unscheduled event {event_id}" in ended.out
    assert "--retry-from" in ended.err
