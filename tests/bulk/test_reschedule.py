"""The way back: what was cancelled is scheduled again once, or it is said why it can't be."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from meetstream_async import (
    AuthenticationError,
    ConfigurationError,
    MeetStreamClient,
    PermissionDeniedError,
    RescheduleOutcome,
    ScheduledBot,
    Snapshot,
    SnapshotBot,
    bulk_reschedule,
    bulk_unschedule,
    take_snapshot,
)
from meetstream_async.simulator import SimulatedBot, SimulatedMeetStreamEvent, Simulator, Trouble
from tests.helpers.accounts import bot, connect, statuses

LINK = "https://meet.google.com/abc-defg-hij"


async def cancelled(client: MeetStreamClient, *, detail: bool = False) -> Snapshot:
    """A snapshot of all that is listed, which is cancelled then."""
    page = await client.list_scheduled_bots()
    snapshot = await take_snapshot(client, page, detail=detail)
    report = await bulk_unschedule(client, page.bots, one_off_bots="delete")
    assert report.ok
    return snapshot


def live(sim: Simulator) -> Counter[str | None]:
    """How many scheduled bots each event has."""
    return Counter(record.event_id for record in sim.ledger.bots.values() if record.scheduled)


def sent(sim: Simulator, route: str = "schedule") -> int:
    return sum(request.route == route for request in sim.requests)


def by_bot(report: Any) -> dict[str, RescheduleOutcome]:
    return {one.bot_id: one for one in report.outcomes}


@pytest.mark.parametrize("ids", ["event", "provider", "none", "mixed"])
async def test_what_was_cancelled_is_listed_again(ids: str) -> None:
    """Each event has its bot again, each outcome names old and new, and the listing was asked afterwards."""
    async with Simulator([bot(n) for n in range(8)], ids=ids) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        report = await bulk_reschedule(client, snapshot)
        assert report.ok
        assert statuses(report) == {"rescheduled": 8}
        assert set(live(sim).values()) == {1}
        assert len(live(sim)) == 8
        for outcome in report.outcomes:
            assert outcome.new_bot_id is not None
            assert sim.ledger.bots[outcome.new_bot_id].scheduled
            assert sim.ledger.bots[outcome.new_bot_id].event_id == outcome.event_id
            assert not sim.ledger.bots[outcome.bot_id].scheduled
        assert sim.requests[-1].route in ("list", "events")


async def test_a_one_off_bot_is_created_as_it_was() -> None:
    """With its link, name, time and attributes, under a key of this undo."""
    one = bot(1, None, meeting_link=LINK, bot_username="Notes", attributes={"customer": "acme"})
    async with Simulator([one]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        report = await bulk_reschedule(client, snapshot)
        assert statuses(report) == {"rescheduled": 1}
        assert report.ok
        (row,) = (await client.list_scheduled_bots()).bots
        assert (row.bot_username, row.meeting_link) == ("Notes", LINK)
        assert (row.scheduled_join_time, row.custom_attributes) == (one.join_time, {"customer": "acme"})
        (request,) = [request for request in sim.requests if request.route == "create_bot"]
        assert request.idempotency_key is not None
        assert one.bot_id not in request.idempotency_key


async def test_a_configuration_comes_back_where_it_was_kept() -> None:
    """Less its join time and deduplication key, and less what the API gives to a calendar's bot by itself."""
    config = {
        "video_required": False,
        "bot_message": "hello",
        "join_at": "2031-01-01T00:00:00Z",
        "deduplication_key": "old",
    }
    attributes = {"customer": "acme", "event_summary": "Secret", "occurrence_number": 3}
    one = bot(1, config=config, attributes=attributes, deduplication_key="old", bot_username="Acme notes")
    async with Simulator([one]) as sim, connect(sim) as client:
        snapshot = await cancelled(client, detail=True)
        report = await bulk_reschedule(client, snapshot)
        (request,) = [request for request in sim.requests if request.route == "schedule"]
    assert request.body == {
        "bot_config": {
            "video_required": False,
            "bot_message": "hello",
            "bot_name": "Acme notes",
            "custom_attributes": {"customer": "acme"},
        }
    }
    (outcome,) = report.outcomes
    assert "its configuration" in outcome.restores
    assert "its deduplication key" in outcome.lost
    assert "its place in the chain of a recurring event" in outcome.lost


async def test_an_undo_that_is_repeated_schedules_nothing() -> None:
    """What is there already is named with its bot, and the report is ok."""
    bots = [bot(1), bot(2), bot(3, None, meeting_link=LINK)]
    async with Simulator(bots) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        first = await bulk_reschedule(client, snapshot)
        before = len(sim.ledger.bots)
        second = await bulk_reschedule(client, snapshot)
        assert statuses(second) == {"already_scheduled": 3}
        assert second.ok
        assert len(sim.ledger.bots) == before
        assert {key: one.new_bot_id for key, one in by_bot(first).items()} == {
            key: one.new_bot_id for key, one in by_bot(second).items()
        }


async def test_a_dry_run_sends_gets_only_and_foretells_the_run() -> None:
    """For each bot what comes back, what is lost, and what can't come back."""
    bots = [bot(1), bot(2, None, meeting_link=LINK), bot(3, "evt_a"), bot(4, "evt_a"), bot(5, None)]
    async with Simulator(bots) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        before = len(sim.requests)
        dry = await bulk_reschedule(client, snapshot, dry_run=True)
        assert {request.method for request in list(sim.requests)[before:]} == {"GET"}
        real = await bulk_reschedule(client, snapshot)
    assert statuses(dry) == {"would_reschedule": 3, "not_restorable": 2}
    assert statuses(real) == {"rescheduled": 3, "not_restorable": 2}
    for bot_id, outcome in by_bot(dry).items():
        assert (outcome.lost, outcome.restores) == (
            by_bot(real)[bot_id].lost,
            by_bot(real)[bot_id].restores,
        )
    assert "no link" in (by_bot(dry)["bot-0005"].reason or "")
    assert "one bot for an event" in (by_bot(dry)["bot-0004"].reason or "")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"join_time": datetime(2020, 1, 1, tzinfo=UTC)}, "has passed"),
        ({"event_id": None}, "not known for certain"),
        ({"event_id": None, "is_one_off": True}, "no link"),
        ({"event_id": None, "is_one_off": True, "meeting_link": "http://a"}, "no link"),
        ({"event_id": None, "is_one_off": True, "meeting_link": LINK, "join_time": None}, "no join time"),
        ({"event_id": None, "is_one_off": True, "meeting_link": LINK, "bot_username": None}, "no name"),
    ],
)
async def test_what_can_t_come_back_is_not_tried(entry: dict[str, Any], words: str) -> None:
    """The reason is told, nothing is sent, and a report of nothing else is not ok."""
    ahead = datetime.now(UTC) + timedelta(days=1)
    known = {"bot_id": "bot-1", "event_id": "evt_1", "join_time": ahead, "bot_username": "Notes"}
    async with Simulator([]) as sim, connect(sim) as client:
        snapshot = await take_snapshot(client, [])
        snapshot = attrs.evolve(snapshot, bots=(SnapshotBot(**{**known, **entry}),))
        report = await bulk_reschedule(client, snapshot)
        assert {request.method for request in sim.requests} == {"GET"}
    (outcome,) = report.outcomes
    assert outcome.status == "not_restorable"
    assert words in (outcome.reason or "")
    assert (outcome.restores, outcome.lost, outcome.method) == ((), (), None)
    assert not report.ok
    assert "nothing of it can come back" in (report.reason or "")


async def test_what_is_past_by_its_turn_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot that is created too late would join at once."""
    bots = [bot(n, None, meeting_link=LINK, bot_username=f"Notes {n}") for n in (1, 2)]
    async with Simulator(bots) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        later = datetime.now(UTC) + timedelta(days=1)

        def on_outcome(_: RescheduleOutcome) -> None:
            monkeypatch.setattr(client.api, "server_time", lambda: later)

        report = await bulk_reschedule(client, snapshot, max_concurrency=1, on_outcome=on_outcome)
        assert sent(sim, "create_bot") == 1
    assert statuses(report) == {"rescheduled": 1, "not_restorable": 1}
    assert report.outcomes[1].reason == "its join time has passed"


async def test_an_event_that_somebody_else_scheduled_is_left_alone() -> None:
    """Its bot is named: nothing is sent for it."""
    async with Simulator([bot(1), bot(2)]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        other = await client.schedule_event("evt_0001")
        before = sent(sim)
        report = await bulk_reschedule(client, snapshot)
        assert sent(sim) == before + 1
    assert by_bot(report)["bot-0001"].status == "already_scheduled"
    assert by_bot(report)["bot-0001"].new_bot_id == other.bot_id
    assert report.ok


async def test_a_conflict_says_which_bot_is_there() -> None:
    """A listing that can't tell leaves it to the API's 409."""
    async with Simulator([bot(1)], event_bots="never", ids="none") as sim, connect(sim) as client:
        other = SnapshotBot(bot_id="bot-9", event_id="evt_0001", join_time=bot(1).join_time)
        snapshot = attrs.evolve(await take_snapshot(client, []), bots=(other,))
        report = await bulk_reschedule(client, snapshot, settle=0)
        assert live(sim) == {"evt_0001": 1}
    assert statuses(report) == {"already_scheduled": 1}
    assert report.outcomes[0].new_bot_id == "bot-0001"


async def test_a_bot_beside_one_that_stayed_can_t_come_back() -> None:
    """The API schedules one bot for an event; the one that stayed is not called its replacement."""
    async with Simulator([bot(1, "evt_a"), bot(2, "evt_a")]) as sim, connect(sim) as client:
        page = await client.list_scheduled_bots()
        snapshot = await take_snapshot(client, page, where=lambda row: row.bot_id == "bot-0001")
        await client.delete_scheduled_bot("bot-0001")
        report = await bulk_reschedule(client, snapshot)
        assert live(sim) == {"evt_a": 1}
        assert sent(sim) == 0
    assert statuses(report) == {"not_restorable": 1}


async def test_a_bot_that_was_never_cancelled_is_not_doubled() -> None:
    """It is still listed after a while: nothing is sent for it."""
    bots = [bot(1), bot(2, None, meeting_link=LINK)]
    async with Simulator(bots) as sim, connect(sim) as client:
        snapshot = await take_snapshot(client, client.iter_scheduled_bots())
        report = await bulk_reschedule(client, snapshot, settle=0.1)
        assert len(sim.ledger.bots) == 2
    assert statuses(report) == {"already_scheduled": 2}
    assert {one.new_bot_id for one in report.outcomes} == {"bot-0001", "bot-0002"}


async def test_a_late_listing_of_what_is_gone_does_not_keep_it_from_coming_back() -> None:
    """It is looked at again until it is gone from the listing, too."""
    bots = [bot(1), bot(2, None, meeting_link=LINK)]
    async with Simulator(bots, listing_lag=0.3) as sim, connect(sim) as client:
        page = await client.list_scheduled_bots()
        snapshot = await take_snapshot(client, page)
        for row in page.bots:
            await client.delete_scheduled_bot(row.bot_id)
        report = await bulk_reschedule(client, snapshot)
        assert len(live(sim)) == 2
    assert statuses(report) == {"rescheduled": 2}


# --- what is lost on the wire -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble("schedule", 503, apply="before", times=1),
        Trouble("schedule", drop="after", times=1),
        Trouble("schedule", hang=True, apply="before", times=1),
    ],
)
async def test_a_lost_answer_is_settled_by_the_listing(trouble: Trouble) -> None:
    """Its request is not sent again, and the bot that it made is found."""
    async with Simulator([bot(1)]) as sim, connect(sim, timeout=0.3) as client:
        snapshot = await cancelled(client)
        sim.add_trouble(trouble)
        report = await bulk_reschedule(client, snapshot)
        assert (sent(sim), live(sim)) == (1, {"evt_0001": 1})
    (outcome,) = report.outcomes
    assert (outcome.status, outcome.inferred, report.ok) == ("rescheduled", True, True)
    assert outcome.new_bot_id is not None


async def test_a_lost_request_that_nothing_shows_is_unknown_and_not_sent_again() -> None:
    """A later undo asks the listing first, and then brings it back."""
    async with Simulator([bot(1), bot(2)]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        sim.add_trouble(Trouble("schedule", 503, times=1))
        report = await bulk_reschedule(client, snapshot, settle=0.1, max_concurrency=1)
        assert sent(sim) == 2
        assert statuses(report) == {"rescheduled": 1, "unknown": 1}
        assert not report.ok
        again = await bulk_reschedule(client, snapshot, settle=0.1)
        assert statuses(again) == {"rescheduled": 1, "already_scheduled": 1}
        assert again.ok
        assert set(live(sim).values()) == {1}


async def test_a_lost_creation_is_sent_again_under_its_key() -> None:
    """So it is settled at once, and there is one bot."""
    async with Simulator([bot(1, None, meeting_link=LINK)]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        sim.add_trouble(Trouble("create_bot", drop="after", times=1))
        report = await bulk_reschedule(client, snapshot)
        assert live(sim) == {None: 1}
        assert (
            len({request.idempotency_key for request in sim.requests if request.route == "create_bot"}) == 1
        )
    assert statuses(report) == {"rescheduled": 1}
    assert report.outcomes[0].inferred


async def test_a_key_that_was_used_for_a_bot_which_is_gone_is_told() -> None:
    """The API repeats the answer of an earlier undo, whose bot was cancelled since: that is no success."""
    async with Simulator([bot(1, None, meeting_link=LINK)]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        first = await bulk_reschedule(client, snapshot)
        await client.delete_scheduled_bot(first.outcomes[0].new_bot_id or "")
        report = await bulk_reschedule(client, snapshot, settle=0.1)
        assert live(sim) == {}
    assert statuses(report) == {"failed": 1}
    assert "an earlier undo" in (report.outcomes[0].reason or "")


async def test_an_answer_that_nothing_confirms_is_unknown() -> None:
    """The API says scheduled, and neither listing nor events show it."""
    async with Simulator([bot(1)]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        sim.add_trouble(Trouble("schedule", 200, times=1))
        report = await bulk_reschedule(client, snapshot, settle=0.1)
    assert statuses(report) == {"unknown": 1}
    assert not report.ok


async def test_a_listing_that_can_t_be_had_leaves_the_report_incomplete() -> None:
    """The API's answers stand, and it is said that nothing was verified."""
    async with Simulator([bot(1)]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        sim.add_trouble(Trouble("list", 400, skip=1))
        report = await bulk_reschedule(client, snapshot)
    assert statuses(report) == {"rescheduled": 1}
    assert not report.complete
    assert not report.ok
    assert "could not verify" in (report.reason or "")


async def test_beyond_a_full_listing_the_events_and_the_details_tell() -> None:
    """Everything that came back is seen, however many bots the account has."""
    bots = [bot(n) for n in range(130)] + [bot(n, None, meeting_link=LINK) for n in range(130, 160)]
    async with Simulator(bots) as sim, connect(sim) as client:
        page = await client.list_scheduled_bots()
        snapshot = await take_snapshot(client, page.bots)
        await bulk_unschedule(client, page.bots, one_off_bots="delete")
        report = await bulk_reschedule(client, snapshot)
        assert report.ok
        assert statuses(report) == {"rescheduled": 100}
        assert sum(live(sim).values()) == 160


# --- times ----------------------------------------------------------------------------------------------


async def test_another_join_time_is_told_and_moved_back_on_request() -> None:
    """The API decides when a bot joins an event; a PATCH moves it."""
    joins = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    event = SimulatedMeetStreamEvent(event_id="evt_a", start=joins + timedelta(minutes=30))
    one = SimulatedBot("bot-1", "evt_a", join_time=joins)
    async with Simulator([one], meetstream_events=[event]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        report = await bulk_reschedule(client, snapshot)
        (outcome,) = report.outcomes
        assert outcome.differs
        assert report.ok
        assert "1 joins at another time" in (report.reason or "")
        assert sent(sim, "reschedule") == 0
        await client.delete_scheduled_bot(outcome.new_bot_id or "")

        report = await bulk_reschedule(client, snapshot, restore_times=True)
        (outcome,) = report.outcomes
        assert (outcome.moved, outcome.new_join_time, report.reason) == (True, joins, None)
        assert sim.ledger.bots[outcome.new_bot_id or ""].join_time == joins


async def test_a_time_that_can_t_be_restored_is_told() -> None:
    """The bot is there; the report is not ok."""
    joins = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    event = SimulatedMeetStreamEvent(event_id="evt_a", start=joins + timedelta(minutes=30))
    async with (
        Simulator([SimulatedBot("bot-1", "evt_a", join_time=joins)], meetstream_events=[event]) as sim,
        connect(sim) as client,
    ):
        snapshot = await cancelled(client)
        sim.add_trouble(Trouble("reschedule", 400))
        report = await bulk_reschedule(client, snapshot, restore_times=True)
    assert statuses(report) == {"rescheduled": 1}
    assert not report.ok
    assert "1 join time could not be restored" in (report.reason or "")


# --- how it ends ----------------------------------------------------------------------------------------


async def test_a_stopped_undo_names_what_it_did_not_try() -> None:
    """Nothing new is sent; what was not sent is not attempted, and is heard of."""
    heard: list[RescheduleOutcome] = []
    stop = asyncio.Event()

    def on_outcome(outcome: RescheduleOutcome) -> None:
        heard.append(outcome)
        stop.set()

    async with Simulator([bot(n) for n in range(20)]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        report = await bulk_reschedule(client, snapshot, max_concurrency=2, on_outcome=on_outcome, stop=stop)
        assert sum(live(sim).values()) == sent(sim) <= 3
    assert report.counts["not_attempted"] >= 17
    assert not report.ok
    assert not report.complete
    assert len(heard) == len(report.outcomes) == 20


async def test_a_rejected_key_ends_the_undo() -> None:
    """The rest is not attempted, and the reason says why."""
    async with Simulator([bot(n) for n in range(10)]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        sim.add_trouble(Trouble("schedule", 401))
        report = await bulk_reschedule(client, snapshot, max_concurrency=1)
        assert sent(sim) == 1
    assert statuses(report) == {"failed": 1, "not_attempted": 9}


async def test_an_error_of_the_first_listing_is_raised() -> None:
    """Nothing can be said of an account that can't be listed, and nothing is sent."""
    async with Simulator([bot(1)]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        sim.add_trouble(Trouble("list", 401))
        with pytest.raises((AuthenticationError, PermissionDeniedError)):
            await bulk_reschedule(client, snapshot)
        assert sent(sim) == 0


async def test_an_empty_snapshot_brings_nothing_back() -> None:
    """And never all there is."""
    async with Simulator([bot(1)]) as sim, connect(sim) as client:
        snapshot = (await cancelled(client)).only([])
        report = await bulk_reschedule(client, snapshot)
        assert report.ok
        assert report.outcomes == ()
        assert live(sim) == {}


@pytest.mark.parametrize(
    "options",
    [
        {"dry_run": "yes"},
        {"restore_times": 1},
        {"max_concurrency": 0},
        {"settle": -1},
        {"settle": float("nan")},
        {"on_outcome": 5},
        {"stop": True},
    ],
)
async def test_bad_arguments_are_refused_before_any_request(options: dict[str, Any]) -> None:
    """As is a snapshot of another address, and what is no snapshot."""
    async with Simulator([]) as sim, connect(sim) as client:
        snapshot = await take_snapshot(client, [])
        with pytest.raises(ConfigurationError):
            await bulk_reschedule(client, snapshot, **options)
        with pytest.raises(ConfigurationError, match="taken at"):
            await bulk_reschedule(client, attrs.evolve(snapshot, base_url="https://other.example"))
        with pytest.raises(ConfigurationError, match="must be a Snapshot"):
            await bulk_reschedule(client, [ScheduledBot("a")])  # type: ignore[arg-type]
        assert not sim.requests


async def test_a_report_of_an_undo_holds_no_link_and_no_attribute(caplog: pytest.LogCaptureFixture) -> None:
    """Its JSON, its repr, its outcomes and all log lines can be shown."""
    caplog.set_level(logging.DEBUG)
    one = bot(1, None, meeting_link=f"{LINK}?pwd=open-sesame", attributes={"title": "open-sesame"})
    async with Simulator([one]) as sim, connect(sim) as client:
        snapshot = await cancelled(client)
        report = await bulk_reschedule(client, snapshot)
    assert "sesame" not in str(report.to_dict()) + repr(report) + str(report) + repr(report.outcomes)
    assert "sesame" in str(snapshot.to_dict())
    assert "sesame" not in caplog.text
    assert sim.api_key not in str(snapshot.to_dict())
