"""`unschedule`: given events, from arguments, a file, standard input; and the options that bound a run."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meetstream_async import BulkOptions, MeetStreamClient, UnscheduleOptions
from meetstream_async.cli.exit_codes import Refused
from meetstream_async.cli.inputs.options import Filter, Scope
from meetstream_async.cli.runs.bulk_run import BulkChoices
from meetstream_async.cli.runs.request import Unscheduling, read
from meetstream_async.cli.terminal.prompt import check_most
from meetstream_async.preview import NamedEvents
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.before import waiting_for_bots
from tests.helpers.command_line import CANARY, Terminal, command, deletes, lines_of, said_in, surroundings
from tests.helpers.scripted_api import Api, row, rows, serving

ZOOM = Filter(platform="zoom")
ABC = [SimulatedBot(f"bot-{name}", f"evt_{name}") for name in "abc"]


async def test_the_named_events_are_unscheduled_and_no_other(tmp_path: Path) -> None:
    """Exactly the events given as arguments are unscheduled, each with one DELETE, and the report says so."""
    report = tmp_path / "run.jsonl"
    async with Simulator(ABC) as sim:
        ended = await command("unschedule", "evt_a", "evt_c", "evt_a", "--yes", "--report", report, sim=sim)
        assert sim.ledger.unscheduled_events == {"evt_a", "evt_c"}
        assert [record.event_id for record in deletes(sim)] == ["evt_a", "evt_c"]
    assert ended.code == 0
    assert "unscheduled      2\n" in ended.out
    assert "unschedule 2 events" in ended.err
    assert said_in(report) == {"evt_a": "unscheduled", "evt_c": "unscheduled"}


async def test_ids_come_from_a_file_or_standard_input(tmp_path: Path) -> None:
    """--events reads a file with a byte-order mark and CRLF, and `-` with --yes; --json is one document."""
    file = tmp_path / "ids.txt"
    file.write_bytes(b"\xef\xbb\xbf# flooded\r\nevt_a\r\n\r\n")
    async with Simulator(ABC) as sim:
        from_file, from_stdin, dry = await asyncio.gather(
            command("unschedule", "--events", file, "--yes", "--json", sim=sim),
            command("unschedule-all", "--events", "-", "--yes", "--json", sim=sim, given="evt_b\n"),
            command("unschedule", "--events", "-", "--dry-run", "--json", sim=sim, given="evt_c\n"),
        )
        assert sim.ledger.scheduled_events == {"evt_c"}
    for ended, event_id, status in (
        (from_file, "evt_a", "unscheduled"),
        (from_stdin, "evt_b", "unscheduled"),
        (dry, "evt_c", "would_unschedule"),
    ):
        assert ended.code == 0
        (outcome,) = json.loads(ended.out)["outcomes"]
        assert (outcome["event_id"], outcome["status"]) == (event_id, status)


async def test_nothing_is_sent_without_consent(tmp_path: Path) -> None:
    """Without a terminal, or with ids on standard input, and without --yes: 2, and no request at all."""
    async with Simulator(ABC) as sim:
        runs = await asyncio.gather(
            command("unschedule", "evt_a", sim=sim),
            command("unschedule", "--events", "-", sim=sim, given="evt_a\n"),
            command("unschedule", "evt_a", "--max", "0", "--yes", sim=sim),
            command("unschedule", "evt_a", "evt_b/\x07", "--yes", sim=sim),
            command("unschedule", "--yes", sim=sim),
            command("unschedule", "--events", tmp_path / "none", "--yes", sim=sim),
        )
        assert not sim.requests
    assert {(ended.code, ended.out) for ended in runs} == {(2, "")}
    says = [ended.err for ended in runs]
    assert "cannot ask for confirmation without a terminal: add --yes" in says[0]
    assert "standard input holds the ids, so it can't confirm: add --yes" in says[1]
    assert "1 would be cancelled, more than --max 0" in says[2]
    assert "event id 2: 'evt_b/\\x07' is not a valid event id" in says[3]
    assert "give event ids, --events FILE or --retry-from REPORT" in says[4]
    assert "can't be read: No such file" in says[5]


async def test_the_words_to_type_count_the_events() -> None:
    """On a terminal the number of the given events is consent, and nothing else is."""
    async with Simulator(ABC) as sim:
        environment = surroundings(sim)
        async with Terminal("unschedule", "evt_a", "evt_b", environment=environment) as no:
            await no.shows("Type unschedule 2 to continue")
            no.type("unschedule 3")
            assert (await no.ended()).code == 2
        assert not sim.requests
        async with Terminal("unschedule", "evt_a", "evt_b", environment=environment) as yes:
            await yes.shows("Type unschedule 2 to continue")
            yes.type("unschedule 2")
            assert (await yes.ended()).code == 0
            await yes.shows("2/2")
        assert sim.ledger.scheduled_events == {"evt_c"}


async def test_what_goes_wrong_with_given_events_is_said() -> None:
    """An unknown id and a wrong key each end with a message that says what to do."""
    async with Simulator(ABC) as sim:
        unknown, wrong = await asyncio.gather(
            command("unschedule", "evt_a", "evt_zzz", "--yes", sim=sim),
            command("unschedule", "evt_b", "--yes", sim=sim, MEETSTREAM_API_KEY=CANARY),
        )
        assert sim.ledger.scheduled_events == {"evt_b", "evt_c"}
    assert unknown.code == 1
    assert "evt_zzz" in unknown.out
    assert "compare it with the listing" in unknown.out
    assert "evt_a " not in unknown.out
    assert wrong.code == 3
    assert "the key from MEETSTREAM_API_KEY was rejected by" in wrong.err


async def test_bots_that_are_still_listed_are_found() -> None:
    """After events were unscheduled by their ids, a bot that the listing still shows makes the run not ok."""
    bots = [SimulatedBot("bot-1", "evt_a"), SimulatedBot("bot-2", "evt_a"), SimulatedBot("bot-3", "evt_b")]
    said: list[str] = []
    async with (
        Simulator(bots, removes="occurrence") as sim,
        MeetStreamClient(sim.api_key, base_url=sim.base_url) as client,
    ):
        named = NamedEvents(["evt_a", "evt_b"], UnscheduleOptions())
        looked = await named.carry_out(client, BulkOptions(), settle=0.1, note=said.append)
        left = [bot.bot_id for bot in looked.still_listed]
        assert left == list(sim.ledger.scheduled_bots)
    assert (looked.ok, looked.complete) == (False, True)
    assert looked.reason == "1 still listed although unscheduled"
    assert said == ["1 still listed; checking again for up to 0 s"]


async def test_what_joins_before_a_series_is_cut_off_may_stay_listed() -> None:
    """With --from, only bots that join later should be gone."""
    later = datetime.now(UTC) + timedelta(days=30)
    options = UnscheduleOptions(cancel_all_occurrences=True, from_date=later)
    api = Api(lambda _: rows(row("bot-1", "evt_a")))
    async with serving(api) as client:
        report = await NamedEvents(["evt_a"], options).carry_out(client, BulkOptions(), settle=0.1)
    assert (report.ok, report.still_listed, api.listings > 0) == (True, (), True)


async def test_a_listing_that_fails_verifies_nothing() -> None:
    """It could not verify that the bots are gone: neither complete nor ok."""
    trouble = Trouble("list", 404, body='{"message": "User not found"}')
    async with (
        Simulator(ABC, troubles=[trouble]) as sim,
        MeetStreamClient(sim.api_key, base_url=sim.base_url) as client,
    ):
        unseen = await NamedEvents(["evt_a"], UnscheduleOptions()).carry_out(client, BulkOptions())
    assert (unseen.ok, unseen.complete) == (False, False)
    assert "could not verify that they are gone" in str(unseen.reason)


@pytest.mark.slow
async def test_a_listing_that_lags_is_waited_for() -> None:
    """A listing that keeps showing a removed bot for a while is not a failure."""
    async with Simulator(ABC, listing_lag=0.4) as sim:
        ended = await command("unschedule", "evt_a", "--yes", sim=sim)
    assert ended.code == 0
    assert "1 still listed; checking again for up to 15 s" in ended.err


async def test_series_are_unscheduled_as_a_whole() -> None:
    """--all-occurrences takes every occurrence of the series, with --from those from then on."""
    now = datetime.now(UTC).replace(microsecond=0)
    bots = [
        SimulatedBot(
            f"bot-{day}", f"evt_{day}", series="master", join_time=now + timedelta(days=day, hours=1)
        )
        for day in range(1, 5)
    ]
    async with Simulator(bots) as sim:
        part = await command(
            "unschedule", "evt_3", "--all-occurrences", "--from", "+3d", "--yes", sim=sim
        )  # fmt: skip
        assert sim.ledger.scheduled_events == {"evt_1", "evt_2"}
        rest = await command("unschedule-all", "--all-occurrences", "--yes", sim=sim)
        assert not sim.ledger.scheduled_bots
    assert (part.code, rest.code) == (0, 0)
    assert "--from +3d is 20" in part.err
    assert "with all occurrences of their series from 20" in part.err
    assert "with all occurrences of their series" in rest.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ids": ("a",), "events": "f"}, "event ids and --events can't be combined"),
        ({"events": "f", "retry_from": Path("r")}, "--events and --retry-from can't be combined"),
        (
            {"ids": ("a",), "filter": ZOOM},
            "a filter selects from the listing, but with event ids nothing is listed",
        ),
        ({"scope": Scope(series_from="now")}, "--from needs --all-occurrences"),
        ({"filter": ZOOM, "scope": Scope(all_occurrences=True)}, "add --whole-events to accept that"),
        ({"scope": Scope(all_occurrences=True, series_from="noon")}, "--from 'noon' is not a time"),
        (
            {"scope": Scope(cancel_by="bot", all_occurrences=True)},
            "--all-occurrences unschedules a series by its event",
        ),
        ({"ids": ("a",), "scope": Scope(cancel_by="bot")}, "--cancel-by bot needs bots, but event ids name"),
        ({"command": "unschedule"}, "nothing to unschedule"),
        ({"events": "-"}, "standard input holds the ids"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], words: str) -> None:
    """Options that contradict each other are refused with the command's own option names."""
    with pytest.raises(Refused, match=words):
        read(Unscheduling(**options))


def test_options_that_go_together_are_taken() -> None:
    """The same options with what they need are accepted, and shown in a report's options."""
    asked = read(
        Unscheduling(
            filter=ZOOM, scope=Scope(all_occurrences=True, series_from="+1d"), whole_events=True,
            choices=BulkChoices(most=5),
        )
    )  # fmt: skip
    options = asked.options()
    assert options["filter"] == {"platform": "zoom"}
    assert (options["all_occurrences"], options["whole_events"], options["max"]) == (True, True, 5)
    assert options["from"].endswith("+00:00")
    assert asked.again == f"meetstream-async unschedule-all --all-occurrences --from {options['from']}"
    delete = read(Unscheduling(command="unschedule", ids=("a",), scope=Scope(one_off_bots="delete")))
    assert delete.again == "meetstream-async unschedule --one-off-bots delete"


def test_the_most_is_heeded() -> None:
    """--max refuses more, and what nobody can count; as many are fine."""
    check_most(5, None, unbounded="x")
    check_most(5, 5)
    with pytest.raises(Refused, match=r"^6 would be cancelled, more than --max 5"):
        check_most(6, 5)
    with pytest.raises(Refused, match="at least 100 would be cancelled"):
        check_most(100, 50, unbounded="the listing is full")
    with pytest.raises(Refused, match="--max 500 can't be guaranteed: the listing is full"):
        check_most(100, 500, unbounded="the listing is full")


async def test_an_account_larger_than_the_most_is_left_alone() -> None:
    """--max refuses with 2 before any DELETE; a small enough run goes on."""
    async with Simulator(150, one_off=0) as large, Simulator(ABC) as small:
        full, series, bounded, fine = await asyncio.gather(
            command("unschedule-all", "--yes", "--max", "50", sim=large),
            command("unschedule-all", "--yes", "--max", "500", "--all-occurrences", sim=large),
            command("unschedule-all", "--dry-run", "--max", "2", sim=small),
            command("unschedule-all", "--dry-run", "--max", "3", sim=small),
        )
        assert not deletes(large)
        assert not deletes(small)
    assert (full.code, series.code, bounded.code, fine.code) == (2, 2, 2, 0)
    assert "would be cancelled, more than --max 50; nothing was sent" in full.err
    assert "--max 500 can't be guaranteed: the listing is full" in series.err
    assert "3 would be cancelled, more than --max 2" in bounded.err


@pytest.mark.parametrize(("most", "left", "code"), [(120, 30, 1), (150, 0, 0), (500, 0, 0)])
async def test_behind_a_full_listing_a_run_ends_at_the_most(most: int, left: int, code: int) -> None:
    """Nobody can count such an account, so the run stops at N, says so, and is 1 if there is more."""
    async with Simulator(150, one_off=0, several=0, series=0) as sim:
        ended = await command(
            "unschedule-all",
            "--yes",
            "--max",
            most,
            "--concurrency",
            "20",
            sim=sim,
            before=waiting_for_bots(0.2),
        )
        assert len(sim.ledger.scheduled_events) == left
    assert ended.code == code
    assert f"unschedule all, {most} at most: at least 150 events" in ended.err
    assert (f"stopped at {most}: there is more that the run would have taken" in ended.out) == bool(left)


async def test_a_state_directory_that_can_not_be_used_is_told_once(tmp_path: Path) -> None:
    """The commands of this user share their pace there; the run goes on, and --quiet says it, too."""
    (tmp_path / "file").touch()
    async with Simulator(ABC) as sim:
        ended = await command(
            "unschedule", "evt_a", "evt_b", "--yes", "--quiet", sim=sim, XDG_STATE_HOME=str(tmp_path / "file")
        )
    assert ended.code == 0
    assert ended.err.count("warning: the pace store can't be used (NotADirectoryError)") == 1
    assert str(tmp_path) not in ended.err


async def test_the_rate_spaces_requests(tmp_path: Path) -> None:
    """--rate bounds requests per second; --max-pause and --timeout are in the report's options, too."""
    report = tmp_path / "run.jsonl"
    async with Simulator(ABC) as sim:
        ended = await command(
            "unschedule", "evt_a", "evt_b", "evt_c", "--yes", "--rate", "5", "--max-pause", "7",
            "--timeout", "9", "--report", report, sim=sim,
        )  # fmt: skip
        times = [record.at for record in deletes(sim)]
    assert ended.code == 0
    assert times[-1] - times[0] > 0.3
    options = lines_of(report)[0]["options"]
    assert (options["rate"], options["max_pause"], options["timeout"]) == (5.0, 7.0, 9.0)
