"""The main job whatever ids an account shows: exactly the selected bots go, and never one beside them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meetstream_async import (
    AccountState,
    BotFilter,
    BulkReport,
    ScheduledBot,
    UnscheduleOptions,
    UnscheduleOutcome,
    bulk_unschedule,
    cancel_waiting,
    list_account,
    unschedule_all,
)
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.accounts import bot, connect, deletes, statuses

pytestmark = pytest.mark.usefixtures("quick_checks")

IDS = ("event", "provider", "none", "mixed")
FOREIGN = ("event_not_found", "bot_not_found", "not_found", "bad_request")
WORLDS = pytest.mark.parametrize(
    ("ids", "foreign_id"),
    [("event", FOREIGN[0]), ("none", FOREIGN[0]), ("mixed", FOREIGN[0])]
    + [("provider", how) for how in FOREIGN]
    # Between those of one kind of ids.
    + [pytest.param("mixed", how, marks=pytest.mark.slow) for how in FOREIGN[1:]],
)
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
ZOOM = BotFilter(platform="zoom")

ENDPOINTS: dict[str, dict[str, Any]] = {
    "404": {"calendar_connected": False},
    "403": {"troubles": [Trouble("events", 403)]},
    "500": {"troubles": [Trouble("events", 500)]},
    "empty pages": {"troubles": [Trouble("events", paging="empty")]},
    "endless": {"troubles": [Trouble("events", paging="endless")]},
    "repeated": {"troubles": [Trouble("events", paging="repeated")]},
    "no answer": {"troubles": [Trouble("events", hang=True)]},
    "no bots": {"event_bots": "never"},
}
"""What may be wrong with the events."""
IMPATIENT = {"no answer": {"timeout": 0.3}}


def platforms(count: int, events: int = 1) -> list[SimulatedBot]:
    """Every third bot is on zoom, the others are not; each event has that many bots."""
    return [
        bot(n, f"evt_{n // events:04x}", platform="zoom" if n // events % 3 == 0 else "google_meet")
        for n in range(count)
    ]


def on_zoom(bots: list[SimulatedBot]) -> set[str]:
    return {one.bot_id for one in bots if one.platform == "zoom"}


def ways(report: BulkReport[UnscheduleOutcome]) -> Counter[str | None]:
    return Counter(outcome.method for outcome in report.outcomes)


@WORLDS
async def test_the_whole_account_goes_in_every_world(ids: Any, foreign_id: Any) -> None:
    """By their events, with one DELETE each, since the index knows these by their bots."""
    bots = platforms(104, events=2)
    async with Simulator(bots, ids=ids, foreign_id=foreign_id) as sim, connect(sim) as client:
        report = await unschedule_all(client, max_concurrency=10)
        assert sim.ledger.scheduled_bots == frozenset()
        assert sim.ledger.syncs == ()
        assert sim.max_in_flight <= 10
    assert statuses(report) == {"unscheduled": 52}
    assert (report.ok, report.reason) == (True, None)
    assert ways(report) == {"event": 52}
    assert len(deletes(sim)) == 52


@WORLDS
async def test_a_filter_takes_its_bots_and_no_other(ids: Any, foreign_id: Any) -> None:
    """Whichever id the rows show; also of an event that has bots on both sides of the filter."""
    bots = [
        *platforms(60),
        bot(900, "evt_aaaa", platform="zoom"),
        bot(901, "evt_aaaa", platform="google_meet"),
    ]
    async with Simulator(bots, ids=ids, foreign_id=foreign_id) as sim, connect(sim) as client:
        report = await unschedule_all(client, where=ZOOM)
        left = sim.ledger.scheduled_bots
        assert left & on_zoom(bots) <= {"bot-0900"}
        assert left >= sim.ledger.bots.keys() - on_zoom(bots)
    assert report.counts["unscheduled"] >= 20
    assert report.counts["failed"] == report.counts["unknown"] == 0


@pytest.mark.parametrize(
    "ids", ["event", "none", *(pytest.param(ids, marks=pytest.mark.slow) for ids in ("provider", "mixed"))]
)
async def test_bots_behind_a_full_listing_are_found(ids: Any) -> None:
    """230 bots, of which a filter selects a third: the listing never ends, and none is missed."""
    bots = platforms(230)
    async with Simulator(bots, ids=ids) as sim, connect(sim) as client:
        report = await unschedule_all(client, where=ZOOM, max_concurrency=10, one_off_bots="skip")
        assert sim.ledger.scheduled_bots == sim.ledger.bots.keys() - on_zoom(bots)
    assert statuses(report) == {"unscheduled": 77}
    assert (report.ok, report.reason) == (True, None)


async def test_a_bot_without_an_event_may_hide_behind_a_full_listing() -> None:
    """No index shows it, so the report is not ok unless such bots don't matter."""
    bots = platforms(300)
    async with Simulator(bots) as sim, connect(sim) as client:
        report = await unschedule_all(client, where=ZOOM, max_concurrency=10)
        assert sim.ledger.scheduled_bots.isdisjoint(on_zoom(bots))
    assert statuses(report) == {"unscheduled": 100}
    assert not report.complete
    assert "no calendar event" in (report.reason or "")


@pytest.mark.parametrize(
    ("ids", "trouble"),
    # The two worlds that lie between those of one kind of ids share what may be wrong.
    [
        pytest.param(ids, trouble, marks=[] if trouble == usual else pytest.mark.slow)
        for ids, usual in (("event", "403"), ("none", "404"))
        for trouble in ENDPOINTS
    ]
    + [
        pytest.param(("provider", "mixed")[n % 2], trouble, marks=[] if n % 3 == 0 else pytest.mark.slow)
        for n, trouble in enumerate(ENDPOINTS)
    ],
)
async def test_without_the_events_a_run_goes_on_by_bot(
    ids: Any, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Bounded, with one log line and one reason in the report that says so; nothing is missed."""
    async with Simulator(platforms(103), ids=ids, **ENDPOINTS[trouble]) as sim:
        async with connect(sim, **IMPATIENT.get(trouble, {})) as client:
            report = await unschedule_all(client, max_concurrency=10)
        assert sim.ledger.scheduled_bots == frozenset()
    assert statuses(report) == {"unscheduled": 103}
    assert report.ok
    lines = [line for line in caplog.records if getattr(line, "meetstream_event", None) == "no_events"]
    # Where nothing waits for the events, the run may be over before they turn out to be missing.
    assert len(lines) <= 1
    assert lines or ids in ("event", "mixed") or trouble == "no bots"
    if ids == "none" and trouble not in ("endless", "repeated", "no bots"):
        assert ways(report) == {"bot": 103}
        assert (report.reason or "").startswith("all went by their bots' own ids: ")
    if ids == "event" and trouble not in IMPATIENT:
        assert ways(report) == {"event": 103}, [one for one in report.outcomes if one.method == "bot"]
        assert report.reason is None


@pytest.mark.parametrize(
    "trouble",
    # A run without a filter meets all of them by default.
    ["404", "endless", "no bots"]
    + [
        pytest.param(trouble, marks=pytest.mark.slow)
        for trouble in ENDPOINTS
        if trouble not in ("404", "endless", "no bots")
    ],
)
async def test_a_filter_without_the_events_takes_no_bot_beside_it(trouble: str) -> None:
    """Whatever is wrong with the index."""
    bots = platforms(90, events=2)
    async with Simulator(bots, ids="provider", **ENDPOINTS[trouble]) as sim:
        async with connect(sim, **IMPATIENT.get(trouble, {})) as client:
            report = await unschedule_all(client, where=ZOOM, max_concurrency=10)
        assert sim.ledger.scheduled_bots == sim.ledger.bots.keys() - on_zoom(bots)
    assert report.ok


async def test_the_events_are_read_only_where_they_can_matter() -> None:
    """Not for a listing that is whole and names every event by MeetStream's own id."""
    async with Simulator(platforms(50)) as sim, connect(sim) as client:
        await unschedule_all(client, where=ZOOM)
        assert not [request for request in sim.requests if request.route == "events"]


@pytest.mark.parametrize("ids", ["provider", "none"])
async def test_series_options_need_the_events_own_id(ids: Any) -> None:
    """With the index the series goes; without, that is said before anything is sent."""
    bots = [bot(n, series="evt_5e11e5") for n in range(3)]
    options: dict[str, Any] = {"cancel_all_occurrences": True}
    async with Simulator(bots, ids=ids) as sim, connect(sim) as client:
        report = await unschedule_all(client, **options)
        assert sim.ledger.scheduled_bots == frozenset()
    assert (report.ok, ways(report)) == (True, {"event": 3})
    async with Simulator(bots, ids=ids, calendar_connected=False) as sim, connect(sim) as client:
        report = await unschedule_all(client, **options)
        assert {request.method for request in sim.requests} == {"GET"}
    assert statuses(report) == {"skipped": 3}
    assert not report.ok
    assert "event id" in (report.reason or "")


async def test_the_first_five_refused_alike_are_one_diagnosis() -> None:
    """Where only events may be named, and the listing's ids are foreign: not a hundred failures."""
    async with Simulator(platforms(100), ids="provider", calendar_connected=False) as sim:
        async with connect(sim) as client:
            report = await unschedule_all(client, cancel_by="event", max_concurrency=2)
        assert len(deletes(sim)) <= 7
        assert len(sim.ledger.scheduled_bots) == 100
    assert not report.ok
    assert report.counts["not_attempted"] >= 93
    assert "are not MeetStream's own" in (report.reason or "")


async def test_one_that_succeeds_shows_that_the_ids_are_right() -> None:
    """Later refusals speak of their own events only."""
    bots = [bot(0), *(bot(n, f"evt_{n:04x}") for n in range(1, 12))]
    async with Simulator(bots) as sim, connect(sim) as client:
        rows = [ScheduledBot("bot-0000", custom_attributes={"event_id": "evt_0000"})]
        rows += [ScheduledBot(f"x{n}", custom_attributes={"event_id": f"evt_x{n}"}) for n in range(9)]
        report = await bulk_unschedule(client, rows, cancel_by="event", max_concurrency=1)
    assert statuses(report) == {"unscheduled": 1, "failed": 9}


@WORLDS
async def test_a_stored_state_comes_to_the_same(ids: Any, foreign_id: Any) -> None:
    """Step by step, with the state put together anew from what each step has changed."""
    bots = platforms(60)
    async with Simulator(bots, ids=ids, foreign_id=foreign_id) as sim, connect(sim) as client:
        options = UnscheduleOptions(where=ZOOM)
        state = AccountState(options, settle=2.0)
        parts = []
        for _ in range(200):
            if state.is_over:
                break
            if state.busy:
                await cancel_waiting(client, state, most=8)
            else:
                await list_account(client, state)
            parts.append(json.loads(json.dumps(state.changes(0.0))))
            state = AccountState.from_dict(parts, now=0.0, where=ZOOM)
            state.changes(0.0)
        report = state.report()
        assert sim.ledger.scheduled_bots == sim.ledger.bots.keys() - on_zoom(bots)
    assert statuses(report) == {"unscheduled": 20}
    assert report.ok


async def test_bots_that_share_a_listed_id_go_by_their_own_events() -> None:
    """A series' id for the bots of several events is no event's own."""
    bots = [bot(n, f"evt_{n:04x}", provider_event_id="series") for n in range(3)]
    async with Simulator([*bots, bot(9)], ids="provider") as sim, connect(sim) as client:
        report = await unschedule_all(client, where=lambda one: one.bot_id != "bot-0009")
        assert sim.ledger.scheduled_bots == {"bot-0009"}
        assert sorted(map(str, deletes(sim))) == ["evt_0000", "evt_0001", "evt_0002"]
    assert report.ok
    assert statuses(report) == {"unscheduled": 3}


@pytest.mark.parametrize("cancel_by", ["auto", "bot"])
async def test_a_bot_outside_the_filter_stays_under_an_id_that_it_shares(cancel_by: Any) -> None:
    """A listed id for the bots of several events, on both sides of the filter."""
    bots = [
        bot(n, f"evt_{n:04x}", provider_event_id="series", platform=("zoom", "google_meet")[n % 2])
        for n in range(6)
    ]
    async with Simulator([*bots, bot(9, None)], ids="provider") as sim, connect(sim) as client:
        report = await unschedule_all(client, where=ZOOM, cancel_by=cancel_by)
        assert sim.ledger.removed_bots <= on_zoom(bots)
    assert report.counts["failed"] == report.counts["unknown"] == 0


async def test_a_series_that_is_one_event_is_not_taken_whole_for_a_part() -> None:
    """Its master holds the bots of all occurrences; only those that were agreed to go, by their own ids."""
    bots = [bot(n, "evt_aaaa", join_time=SOON + timedelta(days=7 * n)) for n in range(4)]
    where = BotFilter(before=SOON + timedelta(days=8))
    for ids in IDS:
        async with Simulator(bots, ids=ids, series_as="master") as sim, connect(sim) as client:
            report = await unschedule_all(client, where=where)
            assert sim.ledger.scheduled_bots in ({"bot-0002", "bot-0003"}, set(sim.ledger.bots))
        assert all(outcome.method in (None, "bot") for outcome in report.outcomes)


async def test_a_stop_ends_the_reading_of_the_events_at_once() -> None:
    """A step that is stopped meanwhile can be repeated from what was stored."""
    async with Simulator(platforms(10), ids="none", troubles=[Trouble("events", hang=True, times=1)]) as sim:
        async with connect(sim) as client:
            state, stop = AccountState(), asyncio.Event()
            step = asyncio.create_task(list_account(client, state, stop=stop))
            while not any(request.route == "events" for request in sim.requests):
                await asyncio.sleep(0.001)
            stop.set()
            await asyncio.wait_for(step, 5)
            again = AccountState.from_dict(json.loads(json.dumps(state.to_dict(0.0))), now=0.0)
            assert again.wants_events
            assert not state.wants_events
            while not again.is_over:
                await (cancel_waiting if again.busy else list_account)(client, again)
            assert sim.ledger.scheduled_bots == frozenset()
    assert ways(again.report()) == {"event": 10}


async def test_what_the_events_still_show_is_still_listed() -> None:
    """A success is no proof where the full listing can't tell, and the events show the bot."""
    bots = platforms(200)
    async with Simulator(bots, removes="nothing") as sim, connect(sim) as client:
        report = await unschedule_all(client, where=ZOOM, settle=0.6, max_concurrency=20)
    assert {one.bot_id for one in report.still_listed} == on_zoom(bots)
    assert not report.ok


@pytest.mark.parametrize(
    ("ids", "one_off_bots"),
    [*((ids, "report") for ids in IDS), ("none", "skip")]
    + [pytest.param(ids, "skip", marks=pytest.mark.slow) for ids in IDS if ids != "none"],
)
async def test_an_attribute_cannot_be_asked_of_bots_out_of_sight(ids: Any, one_off_bots: Any) -> None:
    """The events don't tell attributes: such bots stay, and the report says how many, and is not complete."""
    customers = [
        bot(n, f"evt_{n:04x}", attributes={"customer": "acme" if n % 10 == 0 else "globex"})
        for n in range(150)
    ]
    acme = {one.bot_id for one in customers if one.attributes["customer"] == "acme"}
    async with Simulator(customers, ids=ids) as sim, connect(sim) as client:
        report = await unschedule_all(
            client, where=BotFilter(attributes={"customer": "acme"}), one_off_bots=one_off_bots
        )
        gone = sim.ledger.bots.keys() - sim.ledger.scheduled_bots
    assert gone < acme
    assert statuses(report) == {"unscheduled": len(gone)}
    assert not report.complete
    left = 150 - len(gone) - 100
    assert f"{left} bots behind it are known by calendar events alone" in (report.reason or "")
