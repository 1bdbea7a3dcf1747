"""`--report`: a file that holds the truth, also of a run that was cut short."""

import asyncio
import errno
import json
import os
import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from meetstream_async.cli.runs.report_file import Journal, opened
from meetstream_async.cli.runs.report_reader import read_leftovers
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.before import small_files
from tests.helpers.command_line import CANARY, command, deletes, finish, lines_of, said_in, surroundings
from tests.helpers.program import start

SAMPLE = (Path(__file__).parents[2] / "docs/cli.md").read_text("utf-8").split("```json\n")[1].split("```")[0]
"""The report that the page of the command line shows."""
LINK = "https://meet.google.com/secret-link"


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
    shown = [list(json.loads(line)) for line in SAMPLE.splitlines()]
    assert shown == [list(first), list(outcomes[0]), list(last)]
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


async def test_a_run_that_was_not_started_leaves_no_snapshot(tmp_path: Path) -> None:
    """It holds meeting links, and would be in the way of the next attempt under the same name."""
    report = tmp_path / "run.jsonl"
    async with Simulator(3) as sim:
        environment = surroundings(sim)
        process = await start(
            "unschedule", "--yes", "--report", str(report), *(f"evt_{n:04}" for n in range(100)),
            environment=environment, before=small_files(4_000),
        )  # fmt: skip
        ended = await finish(process, environment)
        assert (ended.code, deletes(sim)) == (2, [])
    assert f"the report {report} can't be written: File too large; nothing was started" in ended.err
    assert not any(path.exists() for path in (report, tmp_path / "run.jsonl.snapshot"))


async def test_a_snapshot_that_does_not_fit_is_told(tmp_path: Path) -> None:
    """The run goes on without a way back; with --keep-for-undo nothing is started."""
    bots = [SimulatedBot(f"bot-{n}", f"evt_{n:02}", attributes={"note": "x" * 4_000}) for n in range(3)]
    async with Simulator(bots) as sim:
        environment = surroundings(sim)
        for more, code in ((("--keep-for-undo",), 2), ((), 0)):
            process = await start(
                "unschedule-all", "--yes", "--report", str(tmp_path / "run.jsonl"), *more,
                environment=environment, before=small_files(6_000),
            )  # fmt: skip
            ended = await finish(process, environment)
            assert ended.code == code, ended
            assert "run.jsonl.snapshot can't be written: File too large" in ended.err
            assert not (tmp_path / "run.jsonl.snapshot").exists()
        assert not sim.ledger.scheduled_bots


async def test_a_next_step_names_the_report(tmp_path: Path) -> None:
    """A run that left something names the command that takes it up, to be copied into a shell as it is."""
    report = tmp_path / "run of today.jsonl"
    trouble = Trouble(
        "unschedule", 409, body='{"error": "no"}', when=lambda record: record.event_id == "evt_b"
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
    echo = Trouble("unschedule", 409, body=json.dumps({"error": f"bad key {CANARY}"}))
    async with Simulator([SimulatedBot("bot-a", "evt_a")], api_key=CANARY, troubles=[echo]) as sim:
        ended = await command("unschedule-all", "--yes", "--report", report, sim=sim)
    assert ended.code == 1
    assert said_in(report) == {"evt_a": "failed"}
    assert CANARY not in report.read_text()


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
