"""What is left over according to a report file, and which files are refused."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meetstream_async import ScheduledBot, UnscheduleOptions
from meetstream_async.cli.exit_codes import Refused
from meetstream_async.cli.runs.report_reader import read_leftovers
from meetstream_async.simulator import Simulator
from tests.helpers.command_line import command
from tests.helpers.report_files import URL, outcome, run_line, target, written


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


async def test_a_line_that_is_nested_too_deeply_is_no_report(tmp_path: Path) -> None:
    """--retry-from says so on one line, with exit code 2, and sends nothing."""
    path = tmp_path / "r"
    path.write_text(json.dumps(run_line()) + "\n" + "[" * 100_000 + "\n")
    async with Simulator(1) as sim:
        ended = await command("unschedule", "--retry-from", path, "--yes", sim=sim)
        assert sim.requests == []
    assert ended.code == 2
    assert f"{path}, line 2: nested too deeply, so this is not a report" in " ".join(ended.err.split())


def test_a_file_that_is_too_large_is_no_report(tmp_path: Path) -> None:
    """Its size is checked before it is read."""
    path = tmp_path / "r"
    with open(path, "wb") as file:
        file.truncate(2**40)
    with pytest.raises(Refused, match="larger than 256 MiB: this is not a report"):
        read_leftovers(path, api="meetstream", base_url=URL)


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


def test_what_no_listing_has_confirmed_is_left_over(tmp_path: Path) -> None:
    """Without a summary, "already unscheduled" is the API's word alone; "unscheduled" is to be looked at."""
    lines = [
        run_line(options={"one_off_bots": "report"}),
        outcome("already_unscheduled", "e1", "b1"),
        outcome("already_unscheduled", "e2"),
        outcome("unscheduled", "e3", "b3"),
        outcome("unscheduled", "e4", "b4", "b5", method="bot"),
        outcome("failed", None, "b6"),
    ]
    found = read_leftovers(written(tmp_path / "r", *lines), api="meetstream", base_url=URL)
    # A bot without an event that was tried although one-off bots are reported belongs to a calendar.
    (first, second) = found.targets
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert (first.event_id, second.bot_id, second.source) == ("e1", "b6", "calendar")
    looked_at = [one if isinstance(one, str) else (one.event_id, one.bot_id) for one in found.unverified]
    assert looked_at == [("e3", "b3"), (None, "b4"), (None, "b5")]


def test_a_bot_that_is_still_listed_is_taken_up_with_its_event(tmp_path: Path) -> None:
    """Once, with all bots of the event that the report knows."""
    still = [
        {"bot_id": name, "event_id": "e1", "scheduled_join_time": None, "platform": None}
        for name in ("b2", "b3")
    ]
    path = written(
        tmp_path / "r", run_line(), outcome("unscheduled", "e1", "b1", "b2"),
        {"type": "summary", "complete": True, "corrections": [], "still_listed": still},
    )  # fmt: skip
    found = read_leftovers(path, api="meetstream", base_url=URL)
    assert [one.bot_id for one in found.targets if not isinstance(one, str)] == ["b1", "b2", "b3"]
    assert len({one.event_id for one in found.targets}) == 1


def test_a_retry_keeps_to_the_bots_that_its_run_was_limited_to(tmp_path: Path) -> None:
    """A filter, or ticked bots, bind the retry as well; without them, or with whole events, nothing does."""
    options = UnscheduleOptions()
    for given, limited in (
        ({"filter": {"platform": "zoom"}}, True),
        ({"picked": ["b1"], "filter": {}}, True),
        ({"filter": {"platform": "zoom"}, "whole_events": True}, False),
        ({"filter": None}, False),
    ):
        path = written(tmp_path / "r", run_line(options=given), outcome("failed", "e1", "b1"))
        found = read_leftovers(path, api="meetstream", base_url=URL)
        where = found.limited(options).where
        assert (where is not None, bool(found.filter_options)) == (limited, limited)
        if where is not None:
            assert (where(ScheduledBot("b1")), where(ScheduledBot("b2"))) == (True, False)


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
