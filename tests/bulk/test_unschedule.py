"""bulk_unschedule: one DELETE an event, never above the cap, and only what was selected."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from meetstream_async import BotFilter, ScheduledBot, bulk_unschedule
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import (
    assert_true_to_the_ledger,
    bot,
    connect,
    deletes,
    event_ids,
    plain_account,
    statuses,
)
from tests.helpers.iterables import async_ids


@pytest.mark.parametrize("cap", [1, 3, 20])
async def test_requests_in_flight_never_exceed_max_concurrency(cap):
    """The server's own gauge never shows more than the cap, and reaches it."""
    async with plain_account(60, latency=0.01 * cap) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, await event_ids(client), max_concurrency=cap)
    assert sim.max_in_flight == cap
    assert statuses(report) == {"unscheduled": 60}
    assert_true_to_the_ledger(report, sim)


async def test_a_stream_of_listed_bots_feeds_the_bulk_run():
    """The async iterator of scheduled bots is a target list as it is."""
    async with plain_account(40) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, client.iter_scheduled_bots())
    assert report.ok
    assert report.complete
    assert report.reason is None
    assert sorted(deletes(sim)) == sorted(sim.ledger.unscheduled_events)
    assert all(len(outcome.bot_ids) == 1 and outcome.attempts == 1 for outcome in report.outcomes)


async def test_a_full_listing_makes_the_report_incomplete():
    """More bots may hide behind a listing of 100, and the report says so."""
    async with plain_account(101) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, client.iter_scheduled_bots(), max_concurrency=20)
    assert not report.complete
    assert not report.ok
    assert "full" in report.reason
    assert statuses(report) == {"unscheduled": 100}


async def test_rejected_rows_make_the_report_incomplete():
    """Rows that cannot be read are never acted on, and never forgotten."""
    trouble = Trouble("list", bad_rows=3)
    async with plain_account(5, troubles=[trouble]) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, client.iter_scheduled_bots())
    assert not report.complete
    assert "3 rows" in report.reason
    assert set(deletes(sim)) == sim.ledger.unscheduled_events


@pytest.mark.parametrize(
    ("choice", "status", "ok"),
    [("report", "skipped", False), ("skip", "skipped", True), ("delete", "unscheduled", True)],
)
async def test_bots_without_an_event_are_reported_skipped_or_deleted(choice, status, ok):
    """Each choice for one-off bots has its status and its say in `ok`."""
    async with Simulator([bot(1, None), bot(2)]) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, client.iter_scheduled_bots(), one_off_bots=choice)
    one_off = next(outcome for outcome in report.outcomes if outcome.event_id is None)
    assert one_off.status == status
    assert one_off.bot_ids == ("bot-0001",)
    assert report.ok is ok
    assert ("one-off" in (report.reason or "")) is not ok
    assert ("bot-0001" in sim.ledger.removed_bots) is (choice == "delete")


async def test_a_listed_event_that_the_api_cannot_find_is_cancelled_by_its_bots():
    """A 404 "Event not found" falls back to the bots' own ids, unless only the event's id may be used.

    An id that does not look like MeetStream's own is not tried.
    """
    unknown_event = ScheduledBot("bot-0001", custom_attributes={"event_id": "google_id_of_the_event"})
    async with Simulator([bot(1, None), bot(2, None)]) as sim, connect(sim) as client:
        refused = await bulk_unschedule(client, [unknown_event], cancel_by="event")
        report = await bulk_unschedule(client, [unknown_event])
        looks_right = ScheduledBot("bot-0002", custom_attributes={"event_id": "evt_9"})
        tried = await bulk_unschedule(client, [looks_right])
    assert statuses(refused) == {"failed": 1}
    assert "google_id_of_the_event" in refused.outcomes[0].reason
    assert statuses(report) == {"unscheduled": 1}
    assert (refused.outcomes[0].method, report.outcomes[0].method) == ("event", "bot")
    assert (report.outcomes[0].attempts, tried.outcomes[0].attempts) == (1, 2)
    assert statuses(tried) == {"unscheduled": 1}
    assert "bot-0001" in sim.ledger.removed_bots


async def test_a_filter_selects_bots_and_leaves_the_others_alone():
    """Only events of selected bots are touched, and only they have outcomes."""
    rows = [bot(n, platform="zoom" if n % 2 else "google_meet") for n in range(10)]
    async with Simulator(rows) as sim, connect(sim) as client:
        report = await bulk_unschedule(
            client, client.iter_scheduled_bots(), where=BotFilter(platform="GMeet")
        )
    assert report.ok
    assert set(deletes(sim)) == {row.event_id for row in rows if row.platform == "google_meet"}
    assert statuses(report) == {"unscheduled": 5}


async def test_an_event_half_inside_a_filter_is_untouched_unless_whole_events():
    """A DELETE takes the whole event, so a shared one is skipped and reported."""
    rows = [bot(1, "evt_both", platform="zoom"), bot(2, "evt_both"), bot(3, platform="zoom")]
    async with Simulator(rows) as sim, connect(sim) as client:
        zoom = BotFilter(platform="zoom")
        report = await bulk_unschedule(client, client.iter_scheduled_bots(), where=zoom)
        assert deletes(sim) == ["evt_0003"]
        assert statuses(report) == {"unscheduled": 1, "skipped": 1}
        assert "shared" in next(o.reason for o in report.outcomes if o.event_id == "evt_both")
        # The selected bot of that event will join all the same.
        assert not report.ok
        whole = await bulk_unschedule(client, client.iter_scheduled_bots(), where=zoom, whole_events=True)
    assert whole.ok
    assert sim.ledger.scheduled_events == frozenset()


async def test_with_a_filter_a_later_row_of_an_event_is_seen_before_anything_is_sent():
    """An async stream with `where` is read to its end first."""
    rows = [
        ScheduledBot("b1", platform="zoom", custom_attributes={"event_id": "evt"}),
        ScheduledBot("b2", platform="teams", custom_attributes={"event_id": "evt"}),
    ]
    async with Simulator([]) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, async_ids(rows), where=BotFilter(platform="zoom"))
    assert statuses(report) == {"skipped": 1}
    assert sim.requests == []


async def test_a_dry_run_sends_no_delete():
    """Every event that would be unscheduled is named, and none is."""
    async with plain_account(7) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, client.iter_scheduled_bots(), dry_run=True)
    assert statuses(report) == {"would_unschedule": 7}
    assert report.ok
    assert deletes(sim) == []


async def test_series_options_reach_the_api_in_utc():
    """The body is exactly the two documented fields."""
    async with Simulator([bot(1, series="master")]) as sim, connect(sim) as client:
        since = datetime(2020, 1, 1, 2, tzinfo=UTC).astimezone()
        report = await bulk_unschedule(client, ["evt_0001"], cancel_all_occurrences=True, from_date=since)
    assert sim.requests[-1].body == {"cancel_all_occurrences": True, "from_date": "2020-01-01T02:00:00Z"}
    assert report.outcomes[0].result.master_event_id == "master"


@pytest.mark.parametrize("latency", [0.0, 0.02])
async def test_a_streamed_row_of_an_event_that_was_not_found_is_deleted_by_its_own_id(latency):
    """Whether the row comes while the first one is being dealt with, or after that."""
    rows = [ScheduledBot(f"bot-000{n}", custom_attributes={"event_id": "not_ours"}) for n in (1, 2)]

    async def stream():
        yield rows[0]
        await asyncio.sleep(0.01)
        yield rows[1]

    async with Simulator([bot(1, None), bot(2, None)], latency=latency) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, stream(), one_off_bots="delete")
    assert report.ok
    assert sim.ledger.scheduled_bots == frozenset()
    assert sorted(bot_id for outcome in report.outcomes for bot_id in outcome.bot_ids) == [
        "bot-0001",
        "bot-0002",
    ]
