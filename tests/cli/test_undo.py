"""The command `undo`: what a run has cancelled comes back once, from its report and its snapshot."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from meetstream_async.preview import leftovers_of
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.accounts import bot
from tests.helpers.command_line import Ended, Terminal, command, finish, lines_of, surroundings, until
from tests.helpers.program import start
from tests.helpers.report_files import run_line, written

LINK = "https://zoom.us/j/77?pwd=open-sesame"


def account() -> list[SimulatedBot]:
    """Two events, and a one-off bot with a passcode in its link."""
    secret = {"title": "open-sesame"}
    return [
        bot(1, meeting_link=LINK, attributes=secret, config={"bot_message": "hello"}),
        bot(2),
        bot(3, None, meeting_link=LINK, attributes=secret),
    ]


async def cancelled(sim: Simulator, folder: Path, *more: str) -> Path:
    """A run that has cancelled all, and its report."""
    report = folder / "run.jsonl"
    ended = await command(
        "unschedule-all", "--one-off-bots", "delete", "--yes", "--report", report, *more, sim=sim
    )
    assert ended.code == 0, ended
    assert "sesame" not in ended.out + ended.err + report.read_text()
    return report


def live(sim: Simulator) -> Counter[str | None]:
    return Counter(record.event_id for record in sim.ledger.bots.values() if record.scheduled)


def posts(sim: Simulator) -> int:
    return sum(request.method == "POST" for request in sim.requests)


async def test_a_run_with_a_report_keeps_a_snapshot_that_only_its_owner_can_read(tmp_path: Path) -> None:
    """Beside the report, with what the way back needs, and without the key; a dry run keeps none."""
    async with Simulator(account()) as sim:
        dry = await command("unschedule-all", "--dry-run", "--report", tmp_path / "dry.jsonl", sim=sim)
        assert dry.code in (0, 1)
        assert not (tmp_path / "dry.jsonl.snapshot").exists()
        report = await cancelled(sim, tmp_path)
        kept = tmp_path / "run.jsonl.snapshot"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        head, *bots = map(json.loads, kept.read_text().splitlines())
        assert lines_of(report)[0]["snapshot"] == head["id"]
        assert {one["bot_id"] for one in bots} == {"bot-0001", "bot-0002", "bot-0003"}
        assert LINK in {one.get("meeting_link") for one in bots}
        assert sim.api_key not in kept.read_text() + report.read_text()
        assert all("config" not in one for one in bots)


async def test_a_snapshot_is_never_overwritten(tmp_path: Path) -> None:
    """A file of its name ends the command before anything is sent, and stays; no report is left behind."""
    kept = tmp_path / "run.jsonl.snapshot"
    kept.write_text("mine")
    async with Simulator(account()) as sim:
        ended = await command("unschedule-all", "--yes", "--report", tmp_path / "run.jsonl", sim=sim)
        assert (ended.code, len(sim.requests)) == (2, 0)
    assert "already exists and is not overwritten" in ended.err
    assert kept.read_text() == "mine"
    assert not (tmp_path / "run.jsonl").exists()


async def test_what_a_run_has_cancelled_comes_back(tmp_path: Path) -> None:
    """The preview says what is lost, new ids are beside the old ones, and a second undo creates nothing."""
    async with Simulator(account()) as sim:
        report = await cancelled(sim, tmp_path)
        assert not live(sim)
        before = posts(sim)
        dry = await command("undo", report, "--dry-run", sim=sim)
        assert (dry.code, posts(sim)) == (0, before)
        assert "schedule 3 bots again" in dry.err
        assert "any configuration beyond its name and attributes" in dry.err
        first = await command("undo", report, "--yes", "--report", tmp_path / "undo.jsonl", sim=sim)
        assert first.code == 0
        assert live(sim) == {"evt_0001": 1, "evt_0002": 1, None: 1}
        for line in lines_of(tmp_path / "undo.jsonl"):
            if line["type"] == "outcome":
                assert line["bot_id"] in first.out
                assert line["new_bot_id"] in first.out
        made = posts(sim)
        again = await command("undo", report, "--yes", "--json", sim=sim)
        assert (again.code, posts(sim)) == (0, made)
        assert json.loads(again.out)["counts"]["already_scheduled"] == 3
        said = "".join(one.out + one.err for one in (dry, first, again))
        assert "sesame" not in said + (tmp_path / "undo.jsonl").read_text()


async def test_the_whole_configuration_comes_back_on_request(tmp_path: Path) -> None:
    """--keep-for-undo reads each bot's detail before the cancel."""
    async with Simulator(account()) as sim:
        report = await cancelled(sim, tmp_path, "--keep-for-undo")
        routes = [request.route for request in sim.requests]
        assert routes.count("bot_detail") == 3
        assert routes.index("unschedule") > max(n for n, one in enumerate(routes) if one == "bot_detail")
        ended = await command("undo", report, "--yes", sim=sim)
        assert ended.code == 0
        bodies = [request.body for request in sim.requests if request.route == "schedule"]
        assert "hello" in json.dumps(bodies)
        assert "any configuration" not in ended.err


async def test_an_undo_is_confirmed_by_typing(tmp_path: Path) -> None:
    """As a cancel is: with the number of bots; anything else sends nothing. At 80 columns ids stay whole."""
    uuids = [f"276169f9-c507-4539-a816-5d34060d777{n}" for n in range(3)]
    bots = [evolve(one, bot_id=bot_id) for one, bot_id in zip(account(), uuids, strict=True)]
    async with Simulator(bots) as sim:
        report = await cancelled(sim, tmp_path)
        before = posts(sim)
        async with Terminal("undo", str(report), environment=surroundings(sim)) as terminal:
            await terminal.shows("reschedule 3")
            terminal.type("yes")
            assert (await terminal.ended()).code == 2
            assert all(bot_id in terminal.text for bot_id in uuids)
        assert posts(sim) == before
        async with Terminal("undo", str(report), environment=surroundings(sim)) as terminal:
            await terminal.shows("reschedule 3")
            terminal.type("reschedule 3")
            assert (await terminal.ended()).code == 0
            shown = terminal.text.partition("CANCELLED BOT")[2]
            assert all(bot_id in shown for bot_id in sim.ledger.bots)
        assert sum(live(sim).values()) == 3


async def test_only_some_events_come_back(tmp_path: Path) -> None:
    """--only names events, or bots; a name that the run has not cancelled is refused, as is an empty one."""
    async with Simulator(account()) as sim:
        report = await cancelled(sim, tmp_path)
        before = len(sim.requests)
        for wrong in ("evt_0009", ""):
            ended = await command("undo", report, "--only", "evt_0001", "--only", wrong, "--yes", sim=sim)
            assert ended.code == 2
        assert len(sim.requests) == before
        ended = await command("undo", report, "--only", "evt_0001", "--only", "bot-0003", "--yes", sim=sim)
        assert ended.code == 0
        assert live(sim) == {"evt_0001": 1, None: 1}


async def test_more_than_max_is_refused(tmp_path: Path) -> None:
    """Before anything is scheduled."""
    async with Simulator(account()) as sim:
        report = await cancelled(sim, tmp_path)
        before = posts(sim)
        ended = await command("undo", report, "--max", "2", "--yes", "--report", tmp_path / "u", sim=sim)
        assert (ended.code, posts(sim)) == (2, before)
    assert "3 would be scheduled, more than --max 2" in ended.err
    assert not (tmp_path / "u").exists()
    assert not (tmp_path / "u.snapshot").exists()


async def test_what_is_no_report_of_bots_is_refused(tmp_path: Path) -> None:
    """A missing or cut-off file, another command's, another host's, a dry run's, and one without a snapshot:
    2, nothing is sent, and the message says what to do.
    """
    async with Simulator(account()) as sim:
        report = await cancelled(sim, tmp_path)
        snapshot = (tmp_path / "run.jsonl.snapshot").read_text()
        here: dict[str, Any] = {"base_url": sim.base_url}
        cases = {
            "can't be read": tmp_path / "nowhere.jsonl",
            "is not a report": written(tmp_path / "a", {"type": "other"}),
            "or was cut off": written(tmp_path / "b", tail=report.read_text()[:50]),
            "no way back": written(tmp_path / "c", run_line(api="meetbit", command="cancel-events", **here)),
            "report of a run at": written(tmp_path / "d", run_line()),
            "dry run": written(tmp_path / "e", run_line(options={"dry_run": True}, **here)),
            "there is no snapshot": written(tmp_path / "f", run_line(**here)),
            "not that of this run": written(tmp_path / "g", run_line(snapshot="another", **here)),
            "this is not a snapshot": written(tmp_path / "h", run_line(**here)),
            "not a line of a snapshot": written(tmp_path / "i", run_line(**here)),
            "is not a snapshot": written(tmp_path / "j", run_line(**here)),
            "--retry-from": written(tmp_path / "k", run_line(command="undo", **here)),
        }
        for name, text in {
            "g": snapshot,
            "h": snapshot[:20],
            "i": "half\n",
            "j": '{"a": 1}\n',
            "k": "",
        }.items():
            (tmp_path / f"{name}.snapshot").write_text(text)
        before = len(sim.requests)
        runs = await asyncio.gather(*(command("undo", path, "--yes", sim=sim) for path in cases.values()))
        for words, ended in zip(cases, runs, strict=True):
            assert ended.code == 2, (words, ended)
            assert words in ended.err
            assert "sesame" not in ended.err
        neither = await command("undo", sim=sim)
        both = await command("undo", report, "--retry-from", report, sim=sim)
        no_undo = await command("undo", "--retry-from", report, "--yes", sim=sim)
        assert (neither.code, both.code, no_undo.code) == (2, 2, 2)
        assert "is not the report of an undo" in no_undo.err
        assert len(sim.requests) == before
        wrong = await command("undo", report, "--yes", sim=sim, MEETSTREAM_API_KEY="ms_wrong_0123456789")
        assert wrong.code == 3


async def test_another_key_creates_no_bots_unasked(tmp_path: Path) -> None:
    """It may be of another account, which does not know the events but would get the one-off bots."""
    async with Simulator(account()) as sim:
        report = await cancelled(sim, tmp_path)
        kept = tmp_path / "run.jsonl.snapshot"
        lines = kept.read_text().splitlines(keepends=True)
        head = {**json.loads(lines[0]), "key_mark": "0" * 16}
        kept.write_text("".join([json.dumps(head) + "\n", *lines[1:]]))
        refused = await command("undo", report, "--yes", sim=sim)
        assert (refused.code, posts(sim)) == (2, 0)
        looked = await command("undo", report, "--dry-run", sim=sim)
        assert looked.code == 0
        named = await command("undo", report, "--only", "evt_0001", "--yes", sim=sim)
        assert (named.code, live(sim)) == (0, {"evt_0001": 1})
        async with Terminal("undo", str(report), environment=surroundings(sim)) as terminal:
            await terminal.shows("reschedule 2")
            terminal.type("reschedule 2")
            assert (await terminal.ended()).code == 0
        assert sum(live(sim).values()) == 3
    words = "the key is not the one that the run was made with"
    assert f"error: {words}, and 1 one-off bot would be created in its account" in refused.err
    for said in (looked, named):
        assert f"{words}: is it the same account?" in said.err


async def test_a_snapshot_that_was_cut_off_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    """The rest is named, and the exit code is 1."""
    async with Simulator(account()) as sim:
        report = await cancelled(sim, tmp_path)
        kept = tmp_path / "run.jsonl.snapshot"
        kept.write_text("".join(line + "\n" for line in kept.read_text().splitlines()[:2]))
        ended = await command("undo", report, "--yes", sim=sim)
        assert ended.code == 1
        assert sum(live(sim).values()) == 1
    assert "2 are not in the snapshot" in ended.err
    assert "2 are not in the snapshot" in ended.out


async def test_what_an_undo_left_undone_is_retried_from_its_report(tmp_path: Path) -> None:
    """Only that, under the same keys; the hint names the command."""
    async with Simulator(account()) as sim:
        report = await cancelled(sim, tmp_path)
        sim.add_trouble(Trouble("schedule", 400, times=1))
        undo = tmp_path / "undo.jsonl"
        first = await command("undo", report, "--yes", "--report", undo, sim=sim)
        assert first.code == 1
        assert f"undo --retry-from {undo}" in first.err
        sim.clear_troubles()
        before = posts(sim)
        second = await command("undo", "--retry-from", undo, "--yes", sim=sim)
        assert (second.code, posts(sim)) == (0, before + 1)
        assert live(sim) == {"evt_0001": 1, "evt_0002": 1, None: 1}


async def test_a_retry_of_an_undo_names_what_its_snapshot_has_lost(tmp_path: Path) -> None:
    """What is to come back and is not in it any more makes the exit code 1."""
    undo = tmp_path / "undo.jsonl"
    async with Simulator(account()) as sim:
        report = await cancelled(sim, tmp_path)
        sim.add_trouble(Trouble("schedule", 400, times=2))
        assert (await command("undo", report, "--yes", "--report", undo, sim=sim)).code == 1
        sim.clear_troubles()
        kept = tmp_path / "undo.jsonl.snapshot"
        lines = kept.read_text().splitlines(keepends=True)
        kept.write_text("".join(line for line in lines if "evt_0002" not in line))
        again = await command("undo", "--retry-from", undo, "--yes", sim=sim)
        assert (again.code, live(sim)) == (1, {"evt_0001": 1, None: 1})
    assert "1 is not in the snapshot, and can't come back: bot-0002" in again.err
    assert "not ok: 1 is not in the snapshot" in again.out


async def test_the_undo_of_an_undo_tells_what_that_could_not(tmp_path: Path) -> None:
    """A bot whose comeback nobody saw may join all the same: the cancel of the others is not ok."""
    undo = tmp_path / "undo.jsonl"
    async with Simulator(account()) as sim:
        report = await cancelled(sim, tmp_path)
        assert (await command("undo", report, "--yes", "--report", undo, sim=sim)).code == 0
        text = undo.read_text().replace('"rescheduled"', '"unknown"', 1)
        undo.write_text(text)
        ended = await command(
            "unschedule", "--retry-from", undo, "--one-off-bots", "delete", "--yes", sim=sim
        )
        assert (ended.code, sum(live(sim).values())) == (1, 1)
        assert "not ok: 1 more bot may be back, by the report of that undo" in ended.out
        assert "1 more bot may be back" in ended.err


def test_what_an_undo_may_have_brought_back() -> None:
    """What is unknown; and what no line names of an undo that did not get to its end."""
    first = {
        **run_line(command="undo"),
        "targets": [{"bot_id": f"bot-{n}", "event_id": f"evt_{n}", "new_bot_id": None} for n in range(4)],
    }

    def said(number: int, status: str) -> dict[str, Any]:
        line = {"bot_id": f"bot-{number}", "event_id": f"evt_{number}", "status": status}
        return {"type": "outcome", **line, "new_bot_id": f"new-{number}", "new_join_time": None}

    lines = [first, said(0, "rescheduled"), said(1, "unknown"), said(2, "failed")]
    whole = {"type": "summary", "ok": False, "complete": True, "corrections": []}
    assert leftovers_of([*lines, whole]).perhaps_back == 1
    assert leftovers_of(lines).perhaps_back == 2
    assert leftovers_of([*lines, {"type": "summary", "ok": False, "interrupted": True}]).perhaps_back == 2
    settled = {**whole, "corrections": [said(1, "rescheduled")]}
    assert leftovers_of([*lines, settled]).perhaps_back == 0
    assert len(leftovers_of([*lines, settled]).targets) == 2


async def test_the_undo_of_an_undo_is_a_cancel_of_the_new_bots(tmp_path: Path) -> None:
    """`unschedule --retry-from` takes its report; bots that were there before it stay."""
    async with Simulator(account()) as sim:
        report = await cancelled(sim, tmp_path)
        first = await command("undo", report, "--only", "evt_0001", "--yes", sim=sim)
        undo = tmp_path / "undo.jsonl"
        second = await command("undo", report, "--yes", "--report", undo, sim=sim)
        assert (first.code, second.code) == (0, 0)
        refused = await command("undo", undo, "--yes", sim=sim)
        assert (refused.code, "`unschedule --retry-from`" in refused.err) == (2, True)
        ended = await command(
            "unschedule", "--retry-from", undo, "--one-off-bots", "delete", "--yes", sim=sim
        )
        assert ended.code == 0
        assert "brought back according to" in ended.err
        assert live(sim) == {"evt_0001": 1}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_an_undo_that_ends_in_the_middle_is_repeated(number: signal.Signals, tmp_path: Path) -> None:
    """By Ctrl-C or killed: what is there is left alone the second time, so that each bot is there once."""
    async with Simulator(24, seed=8, one_off=0.2, several=0, series=0) as sim:
        report = await cancelled(sim, tmp_path)
        sim.latency = 0.1
        undo = tmp_path / "undo.jsonl"
        environment = surroundings(sim)
        # Few at once: it is not to be done before the signal arrives.
        process = await start(
            "undo", str(report), "--yes", "--concurrency", "2", "--report", str(undo), environment=environment
        )
        done = posts(sim)
        await until(lambda: posts(sim) >= done + 5)
        process.send_signal(number)
        ended = await finish(process, environment)
        assert ended.code == (130 if number == signal.SIGINT else -number)
        assert 0 < sum(live(sim).values()) < 24
        sim.latency = 0.0
        way = ("--retry-from", undo) if number == signal.SIGKILL else (report,)
        again = await command("undo", *way, "--yes", "--concurrency", "20", sim=sim)
        assert again.code == 0, again
        old = [record for record in sim.ledger.bots.values() if not record.scheduled]
        assert live(sim) == Counter(record.event_id for record in old)


async def test_a_run_that_was_killed_can_be_undone(tmp_path: Path) -> None:
    """Its report names no outcome for what was in flight: the listing tells whether that is gone."""
    report = tmp_path / "run.jsonl"
    async with Simulator(24, seed=8, one_off=0.2, several=0, series=0, latency=0.1) as sim:
        events = Counter(record.event_id for record in sim.ledger.bots.values())
        environment = surroundings(sim)
        process = await start(
            "unschedule-all", "--one-off-bots", "delete", "--yes", "--report", str(report),
            environment=environment,
        )  # fmt: skip
        await until(lambda: sum(request.method == "DELETE" for request in sim.requests) >= 8)
        process.send_signal(signal.SIGKILL)
        await finish(process, environment)
        sim.latency = 0.0
        ended: Ended = await command("undo", report, "--yes", "--concurrency", "20", sim=sim)
        assert ended.code == 0, ended
        assert live(sim) == events


async def test_bots_behind_a_full_listing_are_kept_before_they_are_cancelled(tmp_path: Path) -> None:
    """However many there are, and whatever ids the listing shows."""
    async with Simulator(130, seed=2, ids="none", one_off=0.1, several=0, series=0) as sim:
        events = Counter(record.event_id for record in sim.ledger.bots.values())
        report = await cancelled(sim, tmp_path, "--concurrency", "20")
        assert not live(sim)
        ended = await command("undo", report, "--yes", "--concurrency", "20", sim=sim)
        assert ended.code == 0, ended
        assert live(sim) == events


@pytest.mark.parametrize("more", [0, 100])
async def test_bots_outside_the_filter_that_go_with_their_event_are_kept_as_well(
    tmp_path: Path, more: int
) -> None:
    """Under --whole-events, also behind a full listing: the undo says of each what becomes of it."""
    bots = [bot(1, "evt_a", platform="zoom"), bot(2, "evt_a", platform="teams")]
    bots += [bot(number, platform="zoom") for number in range(10, 10 + more)]
    async with Simulator(bots) as sim:
        report = await cancelled(sim, tmp_path, "--platform", "zoom", "--whole-events", "--concurrency", "20")
        kept = lines_of(tmp_path / "run.jsonl.snapshot")[1:]
        assert {"bot-0001", "bot-0002"} <= {line["bot_id"] for line in kept}
        ended = await command("undo", report, "--yes", "--concurrency", "20", sim=sim)
        assert ended.code == 0, ended
        assert "1 of " in ended.out
        assert live(sim)["evt_a"] == 1


@pytest.mark.parametrize(
    "words", [("unschedule-all", "--platform", "zoom", "--whole-events"), ("unschedule", "evt_1")]
)
async def test_occurrences_that_a_series_took_along_come_back_as_well(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """They are in no line of the report; what was seen before and is gone comes back, and the rest stays."""
    bots = [bot(1, "evt_1", series="evt_1", platform="zoom")]
    bots += [bot(number, f"evt_{number}", series="evt_1", platform="teams") for number in (2, 3)]
    bots += [bot(4, "evt_4", platform="teams"), bot(5, None, platform="teams")]
    report, undo = tmp_path / "run.jsonl", tmp_path / "undo.jsonl"
    async with Simulator(bots) as sim:
        before = live(sim)
        ran = await command(*words, "--all-occurrences", "--yes", "--report", report, sim=sim)
        assert live(sim) == {"evt_4": 1, None: 1}, ran
        ended = await command("undo", report, "--yes", "--report", undo, sim=sim)
        assert ended.code == 0, ended
        assert live(sim) == before
        assert {"bot-0004", "bot-0005"} <= sim.ledger.scheduled_bots
    assert [line["status"] for line in lines_of(undo) if line["type"] == "outcome"] == ["rescheduled"] * 3


async def test_named_events_are_kept_as_well(tmp_path: Path) -> None:
    """`unschedule` lists before it cancels, where it writes a report."""
    report = tmp_path / "run.jsonl"
    async with Simulator(account(), ids="provider") as sim:
        ended = await command("unschedule", "evt_0001", "--yes", "--report", report, sim=sim)
        assert ended.code == 0
        assert len((tmp_path / "run.jsonl.snapshot").read_text().splitlines()) == 2
        undone = await command("undo", report, "--yes", sim=sim)
        assert undone.code == 0, undone
        assert live(sim)["evt_0001"] == 1


async def test_a_snapshot_that_can_t_be_taken_does_not_keep_a_run_from_cancelling(tmp_path: Path) -> None:
    """It is told; with --keep-for-undo it ends the command before anything is sent."""
    async with Simulator(account()) as sim:
        sim.add_trouble(Trouble("list", 400, times=1))
        ended = await command("unschedule", "evt_0001", "--yes", "--report", tmp_path / "a", sim=sim)
        assert ended.code == 0
        assert "nothing can be kept" in ended.err
        assert not (tmp_path / "a.snapshot").exists()
        sim.add_trouble(Trouble("list", 400, times=1))
        ended = await command(
            "unschedule", "evt_0002", "--yes", "--report", tmp_path / "b", "--keep-for-undo", sim=sim
        )
        assert ended.code == 1
        assert live(sim)["evt_0002"] == 1


async def test_join_times_are_moved_back_on_request(tmp_path: Path) -> None:
    """--restore-times; without it the difference is told."""
    moved = bot(1)
    async with Simulator([moved]) as sim:
        # Somebody had moved the bot: its event would have it join at another time.
        await command("list", sim=sim)
        report = await cancelled(sim, tmp_path)
        kept = tmp_path / "run.jsonl.snapshot"
        hour = moved.join_time.replace(microsecond=0).isoformat()
        later = moved.join_time.replace(second=(moved.join_time.second + 30) % 60).isoformat()
        kept.write_text(kept.read_text().replace(hour, later))
        ended = await command("undo", report, "--restore-times", "--yes", sim=sim)
        assert ended.code == 0
        assert "moved back to its join time" in ended.out
        assert sum(request.method == "PATCH" for request in sim.requests) == 1
