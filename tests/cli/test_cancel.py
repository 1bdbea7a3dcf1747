"""`cancel-event`, `cancel-events` and `cancel-meeting`: calendar events of MeetBit, and their bots."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from meetstream_async.cli.exit_codes import Refused
from meetstream_async.cli.runs.calendar import Cancelling, cancel
from meetstream_async.simulator import SimulatedBot, SimulatedEvent, Simulator, Trouble
from tests.helpers.command_line import CANARY, Terminal, command, finish, lines_of, surroundings, until
from tests.helpers.program import start

NOTE = "The room is flooded."


def cancels(sim: Simulator) -> list[tuple[int | None, int | None]]:
    return [
        (record.calendar_id, record.calendar_event_id) for record in sim.requests if record.method == "POST"
    ]


def events(count: int) -> list[SimulatedEvent]:
    return [SimulatedEvent(event_id=100 + n, calendar_id=7) for n in range(count)]


async def test_one_event_is_cancelled(tmp_path: Path) -> None:
    """cancel-event cancels that event with that note, and the report and the books agree."""
    report = tmp_path / "run.jsonl"
    async with Simulator(0, events=events(3)) as sim:
        refused, dry = await asyncio.gather(
            command("cancel-event", "7", "101", "--note", NOTE, sim=sim),
            command("cancel-event", "7", "101", "--note", NOTE, "--dry-run", sim=sim),
        )
        assert not sim.requests
        ended = await command(
            "cancel-event", "7", "101", "--note", NOTE, "--yes", "--report", report, sim=sim
        )
        assert sim.ledger.cancelled_events == {101}
        assert sim.ledger.calendar_events[101].cancel_note == NOTE
        for secret in (sim.access_key_id, sim.access_key_secret):
            assert secret not in report.read_text()
    assert (refused.code, dry.code, ended.code) == (2, 0, 0)
    assert (
        "cannot ask for confirmation without a terminal: add --yes to proceed; nothing was cancelled"
        in refused.err
    )
    assert "would cancel      1" in dry.out
    assert "cancelled      1\n" in ended.out
    assert (
        f"{sim.meetbit_base_url} (keys from MEETBIT_ACCESS_KEY_ID and MEETBIT_ACCESS_KEY_SECRET)" in ended.err
    )
    first, outcome, last = lines_of(report)
    assert (first["api"], first["base_url"]) == ("meetbit", sim.meetbit_base_url)
    assert (outcome["calendar_id"], outcome["event_id"], outcome["status"]) == (7, 101, "cancelled")
    assert last["ok"] is True


async def test_a_file_of_events_is_cancelled(tmp_path: Path) -> None:
    """A CSV with a byte-order mark and CRLF: each row once, its own note or --note; - is standard input."""
    file = tmp_path / "events.csv"
    file.write_bytes(
        b'\xef\xbb\xbfcalendar_id,event_id,cancel_note\r\n7,100,\r\n7,101,"moved, sorry"\r\n7,100,\r\n'
    )
    async with Simulator(0, events=events(4)) as sim:
        from_file, from_stdin = await asyncio.gather(
            command("cancel-events", file, "--note", NOTE, "--yes", "--json", sim=sim),
            command("cancel-events", "-", "--yes", "--json", sim=sim, given="7,102,own\n"),
        )
        assert sorted(cancels(sim)) == [(7, 100), (7, 101), (7, 102)]
        notes = {n: sim.ledger.calendar_events[n].cancel_note for n in (100, 101, 102)}
    assert notes == {100: NOTE, 101: "moved, sorry", 102: "own"}
    assert (from_file.code, from_stdin.code) == (0, 0)
    assert json.loads(from_file.out)["counts"]["cancelled"] == 2


async def test_nothing_is_cancelled_when_something_is_wrong(tmp_path: Path) -> None:
    """A bad row, --max, standard input without --yes, no key: 2, and no request."""
    file, fine = tmp_path / "bad.csv", tmp_path / "fine.csv"
    file.write_text("calendar_id,event_id\n7,100\n7,x\n")
    fine.write_text("7,100\n7,101\n")
    async with Simulator(0, events=events(3)) as sim:
        note = ("--note", NOTE, "--yes")
        runs = await asyncio.gather(
            command("cancel-events", file, *note, sim=sim),
            command("cancel-events", fine, *note, "--max", "1", sim=sim),
            command("cancel-events", "-", "--note", NOTE, sim=sim, given="7,100\n"),
            command("cancel-event", "7", "100", *note, MEETBIT_API_URL=sim.meetbit_base_url),
        )
        assert not sim.requests
    assert {(ended.code, ended.out) for ended in runs} == {(2, "")}
    says = [ended.err for ended in runs]
    assert "line 3: event_id 'x' is not a positive whole number; nothing was sent" in says[0]
    assert "2 would be cancelled, more than --max 1" in says[1]
    assert "standard input holds the rows, so it can't confirm: add --yes" in says[2]
    assert "MEETBIT_ACCESS_KEY_ID is not set" in says[3]


def test_what_was_typed_is_checked_first(tmp_path: Path) -> None:
    """No rows, a row without a note, invalid ids, a long note: refused before anything else."""
    file = tmp_path / "fine.csv"
    file.write_text("7,100\n")
    for typed, words in (
        (Cancelling(note=NOTE), "give a CSV file, or --retry-from REPORT"),
        (Cancelling(file=str(file)), "line 1: cancel_note is empty, and --note"),
        (Cancelling(pair=("7", "nine"), note=NOTE), "EVENT 'nine' is not a positive whole number"),
        (Cancelling(pair=("-7", "9"), note=NOTE), "CALENDAR '-7' is not a positive whole number"),
        (Cancelling(pair=("7", "9"), note="x" * 256), "--note has 256 characters"),
    ):
        with pytest.raises(Refused, match=words):
            cancel(typed)


async def test_what_the_api_refuses_is_said() -> None:
    """An unknown event and wrong keys each end with a message that says what to do."""
    arguments = ("cancel-event", "7", "999", "--note", NOTE, "--yes")
    async with Simulator(0, events=events(1)) as sim:
        unknown, wrong = await asyncio.gather(
            command(*arguments, sim=sim), command(*arguments, sim=sim, MEETBIT_ACCESS_KEY_SECRET=CANARY)
        )
    assert (unknown.code, wrong.code) == (1, 3)
    assert "7/999" in unknown.out
    assert "it was already cancelled, or its id is wrong" in unknown.out
    assert "the key from MEETBIT_ACCESS_KEY_ID and MEETBIT_ACCESS_KEY_SECRET was rejected by" in wrong.err


async def test_a_meeting_that_is_not_there_is_not_ok_anywhere(tmp_path: Path) -> None:
    """The exit code, the JSON and the report's summary say the same, though its bot is gone."""
    report = tmp_path / "meeting.jsonl"
    async with Simulator([SimulatedBot("b-1", "evt_1")], events=events(1)) as sim:
        ended = await command(
            "cancel-meeting", "7", "999", "--note", NOTE, "--yes", "--json", "--bot-event-id", "evt_1",
            "--report", report, sim=sim,
        )  # fmt: skip
        assert not sim.ledger.scheduled_bots
    assert (ended.code, json.loads(ended.out)["ok"], lines_of(report)[-1]["ok"]) == (1, False, False)


async def test_an_interrupted_file_is_taken_up_again(tmp_path: Path) -> None:
    """Ctrl-C in a run of many events, then --retry-from with the same file: each event exactly once."""
    file, report = tmp_path / "events.csv", tmp_path / "run.jsonl"
    file.write_text("".join(f"7,{100 + n},note {n}\n" for n in range(6)))
    async with Simulator(0, events=events(6), latency=0.1) as sim:
        environment = surroundings(sim)
        process = await start(
            "cancel-events", str(file), "--yes", "--report", str(report), environment=environment
        )
        await until(lambda: len(cancels(sim)) >= 3)
        process.send_signal(signal.SIGINT)
        assert (await finish(process, environment)).code == 130
        assert 3 <= len(sim.ledger.cancelled_events) < 6
        # Its notes are in the file only; without it, one is needed for all.
        other = tmp_path / "other.csv"
        other.write_text("7,105,note\n")
        no_note, no_row = await asyncio.gather(
            command("cancel-events", "--retry-from", report, "--yes", sim=sim),
            command("cancel-events", other, "--retry-from", report, "--yes", sim=sim),
        )
        ended = await command("cancel-events", file, "--retry-from", report, "--yes", sim=sim)
        assert len(sim.ledger.cancelled_events) == len(cancels(sim)) == 6
        assert {sim.ledger.calendar_events[100 + n].cancel_note for n in range(6)} == {
            f"note {n}" for n in range(6)
        }
    assert (no_note.code, no_row.code, ended.code) == (2, 2, 0)
    assert "--note TEXT is missing" in no_note.err
    assert "other.csv has no row for 7/10" in no_row.err


async def test_the_words_to_type_count_the_cancellations() -> None:
    """On a terminal `cancel N` is consent."""
    async with (
        Simulator(0, events=events(1)) as sim,
        Terminal("cancel-event", "7", "100", "--note", NOTE, environment=surroundings(sim)) as terminal,
    ):
        await terminal.shows("Type cancel 1 to continue")
        terminal.type("cancel 1")
        assert (await terminal.ended()).code == 0
        assert sim.ledger.cancelled_events == {100}


async def test_a_meeting_is_cancelled_with_its_bot(tmp_path: Path) -> None:
    """cancel-meeting cancels the event, then takes its bot off; the other meetings stand."""
    report = tmp_path / "run.jsonl"
    async with Simulator(6, seed=3, series=0, one_off=0, several=0, ids="provider") as sim:
        first, second, *_ = sim.calendar_events
        own = {event.platform_id: event.event_id for event in sim.meetstream_events}
        place = (first.calendar_id, first.event_id)
        note = ("--note", NOTE)
        dry, refused = await asyncio.gather(
            command("cancel-meeting", *place, *note, "--dry-run", sim=sim),
            command("cancel-meeting", *place, *note, sim=sim),
        )
        assert not sim.requests
        found, named = await asyncio.gather(
            command("cancel-meeting", *place, *note, "--yes", "--report", report, sim=sim),
            command(
                "cancel-meeting", second.calendar_id, second.event_id, *note, "--yes", "--json",
                "--bot-event-id", own[second.provider_event_id], sim=sim,
            ),
        )  # fmt: skip
        assert sim.ledger.cancelled_events == {first.event_id, second.event_id}
        assert sim.ledger.unscheduled_events == {own[first.provider_event_id], own[second.provider_event_id]}
    assert (dry.code, refused.code, found.code, named.code) == (0, 2, 0, 0)
    assert "dry run: nothing was changed" in dry.err
    assert found.out.splitlines()[-1] == "ok: everything you asked for was done"
    document = json.loads(named.out)
    assert (document["ok"], document["status"]) == (True, "cancelled")
    assert [bot["status"] for bot in document["bots"]] == ["unscheduled"]
    assert [line["type"] for line in lines_of(report)] == ["run", "outcome", "summary"]
    assert lines_of(report)[1]["bots"][0]["status"] == "unscheduled"


async def test_half_a_meeting_is_not_called_done() -> None:
    """A bot that could not be unscheduled, a missing event, a wrong key: not ok, with what to do next."""
    async with Simulator(6, seed=3, series=0, one_off=0, several=0) as sim:
        first, second, *_ = sim.calendar_events
        sim.add_trouble(Trouble("unschedule", 409, body='{"error": "no"}'))
        note = ("--note", NOTE, "--yes")
        half, unknown, wrong = await asyncio.gather(
            command("cancel-meeting", first.calendar_id, first.event_id, *note, sim=sim),
            command("cancel-meeting", second.calendar_id, 99, *note, sim=sim),
            command(
                "cancel-meeting", second.calendar_id, second.event_id, *note, sim=sim,
                MEETBIT_ACCESS_KEY_ID=CANARY,
            ),
        )  # fmt: skip
        assert sim.ledger.cancelled_events == {first.event_id}
        assert not sim.ledger.unscheduled_events
    assert (half.code, unknown.code, wrong.code) == (1, 1, 3)
    assert "not ok: the event is cancelled, but its bot may join" in half.out
    assert "remove it with unschedule" in half.err
    assert "not ok: the event is not cancelled" in unknown.out
    assert "add --bot-event-id" in unknown.err
    assert "was rejected by" in wrong.err


async def test_ctrl_c_finishes_a_meeting_that_was_begun() -> None:
    """The first Ctrl-C lets both halves of the meeting finish, and exits with 130."""
    async with Simulator(6, seed=3, series=0, one_off=0, several=0, latency=0.2, ids="provider") as sim:
        first = sim.calendar_events[0]
        own = {event.platform_id: event.event_id for event in sim.meetstream_events}
        environment = surroundings(sim)
        process = await start(
            "cancel-meeting", str(first.calendar_id), str(first.event_id), "--note", NOTE, "--yes",
            environment=environment,
        )  # fmt: skip
        await until(lambda: cancels(sim))
        process.send_signal(signal.SIGINT)
        ended = await finish(process, environment)
        assert sim.ledger.cancelled_events == {first.event_id}
        assert sim.ledger.unscheduled_events == {own[first.provider_event_id]}
    assert ended.code == 130
    assert "finishing the current meeting" in ended.err
    assert "ok: everything you asked for was done" in ended.out


async def test_a_wrong_event_number_is_never_a_success() -> None:
    """Its bot goes where it was named, but nobody can say that the meeting is cancelled."""
    async with Simulator(3, series=0, one_off=0, several=0) as sim:
        event_id = next(iter(sim.ledger.scheduled_events))
        ended = await command(
            "cancel-meeting", "333", "424242", "--note", "x", "--yes", "--bot-event-id", event_id, sim=sim
        )
    assert ended.code == 1
    assert "not ok" in ended.out
    assert "its id is wrong" in ended.out
