"""bulk_unschedule: one DELETE an event, never above the cap, and a report that is true."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from accounts import (
    assert_true_to_the_ledger,
    bot,
    connect,
    deletes,
    event_ids,
    ours_running,
    plain_account,
    statuses,
)

from meetstream_async import (
    AuthenticationError,
    BotFilter,
    BulkError,
    ConfigurationError,
    OutcomeStatus,
    PermissionDeniedError,
    RetryPolicy,
    ScheduledBot,
    bulk_unschedule,
)
from meetstream_async.simulator import Simulator, Trouble


@pytest.mark.parametrize("cap", [1, 3, 20])
async def test_requests_in_flight_never_exceed_max_concurrency(cap):
    """The server's own gauge never shows more than the cap, and reaches it."""
    async with plain_account(60, latency=0.01) as sim, connect(sim) as client:
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


def async_ids(ids):
    async def generate():
        for event_id in ids:
            yield event_id

    return generate()


@pytest.mark.parametrize(
    "kind", [list, tuple, set, iter, async_ids, lambda ids: (i for i in ids)], ids=lambda kind: kind.__name__
)
async def test_any_iterable_or_async_iterable_will_do(kind):
    """Lists, sets, generators and async generators of event ids give the same result."""
    async with plain_account(12) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, kind(await event_ids(client)))
    assert report.ok
    assert_true_to_the_ledger(report, sim)


@pytest.mark.parametrize("kind", [list, async_ids])
async def test_the_same_id_given_twice_is_one_delete_and_one_outcome(kind):
    """Targets are deduplicated by event."""
    async with plain_account(3) as sim, connect(sim) as client:
        ids = await event_ids(client)
        report = await bulk_unschedule(client, kind(ids * 3))
    assert statuses(report) == {"unscheduled": 3}
    assert sorted(deletes(sim)) == sorted(ids)


async def test_without_dedupe_one_event_still_has_one_delete_at_a_time():
    """dedupe=False remembers nothing, yet two DELETEs of one event never overlap."""
    together = []

    async with plain_account(1, latency=0.01) as sim, connect(sim) as client:
        (event_id,) = await event_ids(client)
        sim.add_trouble(
            Trouble("unschedule", latency=0.001, when=lambda r: together.append(r.in_flight) or True)
        )
        report = await bulk_unschedule(client, async_ids([event_id] * 5), dedupe=False)
    assert statuses(report) == {"unscheduled": 1, "already_unscheduled": 4}
    assert together == [1] * 5


async def test_rows_of_one_event_share_one_delete_and_one_outcome():
    """Five listed bots of an event: one DELETE, one outcome that names all five."""
    rows = [bot(number, "evt_shared") for number in range(5)]
    async with Simulator(rows) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, client.iter_scheduled_bots())
    assert deletes(sim) == ["evt_shared"]
    (outcome,) = report.outcomes
    assert sorted(outcome.bot_ids) == [row.bot_id for row in rows]


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


async def test_deleting_one_off_bots_also_covers_events_that_the_api_cannot_find():
    """A 404 "Event not found" falls back to the bots' own ids, only where that was chosen."""
    unknown_event = ScheduledBot("bot-0001", custom_attributes={"event_id": "google_id_of_the_event"})
    async with Simulator([bot(1, None)]) as sim, connect(sim) as client:
        refused = await bulk_unschedule(client, [unknown_event])
        report = await bulk_unschedule(client, [unknown_event], one_off_bots="delete")
    assert statuses(refused) == {"failed": 1}
    assert "google_id_of_the_event" in refused.outcomes[0].reason
    assert statuses(report) == {"unscheduled": 1}
    assert report.outcomes[0].attempts == 2
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


BAD_ARGUMENTS = [
    ({"max_concurrency": 0}, "max_concurrency"),
    ({"max_concurrency": True}, "max_concurrency"),
    ({"max_concurrency": 2.5}, "max_concurrency"),
    ({"max_pause": -1}, "max_pause"),
    ({"max_pause": float("nan")}, "max_pause"),
    ({"stop_after_failures": 0}, "stop_after_failures"),
    ({"one_off_bots": "ignore"}, "one_off_bots"),
    ({"where": "zoom"}, "where"),
    ({"where": BotFilter(platform="zoom")}, "event id"),
    ({"whole_events": 1}, "whole_events"),
    ({"dry_run": None}, "dry_run"),
    ({"from_date": datetime.now(UTC)}, "cancel_all_occurrences"),
    ({"from_date": datetime(2030, 1, 1), "cancel_all_occurrences": True}, "time zone"),
    ({"cancel_all_occurrences": "yes"}, "cancel_all_occurrences"),
    ({"where": BotFilter(), "cancel_all_occurrences": True}, "whole_events"),
    ({"on_outcome": asyncio.sleep}, "plain function"),
    ({"stop": True}, "stop"),
    ({"targets": "evt_1"}, "not one str"),
    ({"targets": 7}, "targets"),
    ({"targets": ["evt_1", ""]}, r"targets\[1\]"),
    ({"targets": ["evt_1", ".."]}, r"targets\[1\]"),
    ({"targets": ["evt_1", None]}, r"targets\[1\]"),
    ({"targets": ["evt_1", "a\nb"]}, "control character"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD_ARGUMENTS)
async def test_bad_arguments_are_told_before_any_request(arguments, says):
    """Each is a ConfigurationError that names the argument, and the server sees nothing."""
    async with plain_account(2) as sim, connect(sim) as client:
        with pytest.raises(ConfigurationError, match=says):
            await bulk_unschedule(client, **{"targets": ["evt_1"], **arguments})
    assert sim.requests == []


async def test_a_bad_id_in_a_stream_fails_alone():
    """Later targets are still unscheduled."""
    async with plain_account(2) as sim, connect(sim) as client:
        first, second = await event_ids(client)
        report = await bulk_unschedule(client, async_ids([first, "..", second]))
    assert statuses(report) == {"unscheduled": 2, "failed": 1}
    assert sim.ledger.scheduled_events == frozenset()


async def test_what_a_source_raises_comes_out_after_the_requests_in_flight():
    """Nothing is left running, and the error carries what had happened."""

    async def broken(ids):
        yield ids[0]
        raise LookupError("the queue is gone")

    async with plain_account(2, latency=0.02) as sim, connect(sim) as client:
        with pytest.raises(LookupError, match="queue") as caught:
            await bulk_unschedule(client, broken(await event_ids(client)))
        assert sim.in_flight == 0
    assert "1 unscheduled" in caught.value.__notes__[0]


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError)])
async def test_a_rejected_key_stops_the_run(status, kind):
    """At most max_concurrency requests go out after the first refusal; the rest is not_attempted."""
    async with plain_account(100) as sim, connect(sim) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", status, skip=10))
        report = await bulk_unschedule(client, ids, max_concurrency=4)
    sent = len(deletes(sim))
    assert 11 <= sent <= 14
    assert statuses(report) == {"unscheduled": 10, "failed": sent - 10, "not_attempted": 100 - sent}
    assert not report.complete
    assert not report.ok
    assert "key" in report.reason
    assert any(isinstance(outcome.error, kind) for outcome in report.outcomes)


async def test_a_403_about_one_bot_does_not_stop_the_run():
    """A bot that is not yours fails alone."""
    rows = [bot(n, None) for n in range(4)]
    async with Simulator(rows, foreign_bots=["bot-0000"]) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, client.iter_scheduled_bots(), one_off_bots="delete")
    assert statuses(report) == {"unscheduled": 3, "failed": 1}


async def test_a_dead_server_is_not_hammered():
    """1,000 targets in a total outage: the run stops after 20 failures in a row and says why."""
    async with plain_account(0, troubles=[Trouble("unschedule", 503)]) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, [f"evt_{n}" for n in range(1000)])
    assert len(sim.requests) <= 200
    assert report.counts["unknown"] + report.counts["not_attempted"] == 1000
    assert "20 targets in a row failed" in report.reason


async def test_failures_that_are_not_in_a_row_do_not_stop_the_run():
    """An answered target in between starts the count anew."""
    async with plain_account(60) as sim, connect(sim, retry=RetryPolicy(max_attempts=1)) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", 500, when=lambda request: ids.index(request.event_id) % 2 == 0))
        report = await bulk_unschedule(client, ids, max_concurrency=1, stop_after_failures=2)
    assert statuses(report) == {"unscheduled": 30, "unknown": 30}
    assert report.complete
    assert not report.ok


async def test_a_pause_longer_than_max_pause_stops_the_run():
    """The rest is not_attempted, and the reason names both figures."""
    async with plain_account(50) as sim, connect(sim) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", 429, retry_after=3600, skip=5, times=1))
        report = await bulk_unschedule(client, ids, max_concurrency=2, max_pause=10)
    assert report.counts["not_attempted"] >= 42
    assert "3600 s" in report.reason
    assert "max_pause (10 s)" in report.reason
    assert len(deletes(sim)) <= 8


async def test_a_429_that_a_call_cannot_wait_for_sends_its_target_back_once():
    """The pause is waited for outside of the call's clock, and the target succeeds."""
    policy = RetryPolicy(max_elapsed=0.2)
    async with plain_account(6) as sim, connect(sim, retry=policy) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", 429, retry_after=0.5, times=1))
        report = await bulk_unschedule(client, ids, max_concurrency=2)
    assert report.ok
    refused = next(request for request in sim.requests if request.status == 429)
    later = [r for r in sim.requests if r.route == "unschedule" and r.at > refused.at + 0.05]
    assert later
    assert all(request.at >= refused.at + 0.5 for request in later)
    assert max(outcome.attempts for outcome in report.outcomes) == 2


async def test_a_delete_that_took_effect_but_answered_503_is_success_inferred():
    """The repeat's 400 "Event not scheduled" shows that the goal is reached."""
    async with plain_account(1) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, apply="before", times=1))
        report = await bulk_unschedule(client, await event_ids(client))
    (outcome,) = report.outcomes
    assert outcome.status == OutcomeStatus.UNSCHEDULED
    assert outcome.result.inferred
    assert outcome.attempts == 2
    assert report.ok


async def test_the_same_with_series_options_is_unknown():
    """A partial success is not reported as success."""
    async with Simulator([bot(1, series="master")]) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, apply="before", times=1))
        report = await bulk_unschedule(client, ["evt_0001"], cancel_all_occurrences=True)
    (outcome,) = report.outcomes
    assert outcome.status == OutcomeStatus.UNKNOWN
    assert outcome.error.outcome_unknown


async def test_a_404_after_a_503_is_unknown():
    """The 503 may have hidden a wrong id."""
    async with plain_account(0) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, times=1))
        report = await bulk_unschedule(client, ["evt_wrong"])
    (outcome,) = report.outcomes
    assert outcome.status == OutcomeStatus.UNKNOWN
    assert outcome.error.outcome_unknown


@pytest.mark.parametrize("lost_answer", [False, True])
async def test_not_scheduled_after_the_join_time_may_mean_joined(lost_answer):
    """A bot in its meeting is "not scheduled", too: unknown, never a success."""
    past = datetime.now(UTC) - timedelta(minutes=1)
    joined = ScheduledBot("b", scheduled_join_time=past, custom_attributes={"event_id": "evt_0001"})
    async with Simulator([bot(1, join_time=past)]) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 400))
        if lost_answer:
            sim.clear_troubles()
            sim.add_trouble(Trouble("unschedule", 503, times=1))
            sim.add_trouble(Trouble("unschedule", 400))
        report = await bulk_unschedule(client, [joined])
    (outcome,) = report.outcomes
    assert outcome.status == OutcomeStatus.UNKNOWN
    assert outcome.reason == "may have joined"


async def test_what_was_not_scheduled_is_already_unscheduled():
    """400 "Event not scheduled" as the first response is not a failure."""
    async with plain_account(1) as sim, connect(sim) as client:
        ids = await event_ids(client)
        await bulk_unschedule(client, ids)
        report = await bulk_unschedule(client, ids)
    assert statuses(report) == {"already_unscheduled": 1}
    assert report.ok


async def test_on_outcome_hears_each_outcome_once():
    """In the order in which they finish."""
    heard = []
    async with plain_account(9) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, await event_ids(client), on_outcome=heard.append)
    assert tuple(heard) == report.outcomes


async def test_what_on_outcome_raises_stops_the_run_gracefully():
    """Requests in flight finish, nothing more is sent, and the error is raised at the end."""
    heard = []

    def full_disk(outcome):
        heard.append(outcome)
        if len(heard) == 3:
            raise OSError("disk full")

    async with plain_account(50, latency=0.005) as sim, connect(sim) as client:
        with pytest.raises(OSError, match="disk full") as caught:
            await bulk_unschedule(client, await event_ids(client), max_concurrency=2, on_outcome=full_disk)
        assert len(deletes(sim)) <= 5
        assert sim.in_flight == 0
    # A function that has raised is broken, and hears no more.
    assert len(heard) == 3
    assert f"{len(sim.ledger.unscheduled_events)} unscheduled" in caught.value.__notes__[0]


async def test_setting_stop_ends_the_run_and_returns_the_report():
    """Requests in flight finish; the rest of the list is not_attempted."""
    stop = asyncio.Event()
    async with plain_account(50, latency=0.005) as sim, connect(sim) as client:
        ids = await event_ids(client)
        finished = itertools.count(1)
        report = await bulk_unschedule(
            client, ids, max_concurrency=3, stop=stop, on_outcome=lambda _: next(finished) == 6 and stop.set()
        )
    sent = len(deletes(sim))
    assert sent < 50
    assert statuses(report) == {"unscheduled": sent, "not_attempted": 50 - sent}
    assert "stopped by the caller" in report.reason
    assert_true_to_the_ledger(report, sim)


async def test_a_stop_that_is_set_before_the_run_sends_nothing():
    """Every target of the list is not_attempted."""
    stop = asyncio.Event()
    stop.set()
    async with plain_account(3) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, ["a", "b", "c"], stop=stop)
    assert statuses(report) == {"not_attempted": 3}
    assert sim.requests == []


async def test_a_cancelled_bulk_run_leaves_nothing_running():
    """CancelledError comes out, no request follows, no task stays."""
    async with plain_account(100, latency=0.05) as sim, connect(sim) as client:
        ids = await event_ids(client)
        task = asyncio.create_task(bulk_unschedule(client, ids))
        while len(deletes(sim)) < 7:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        seen = len(deletes(sim))
        assert ours_running() == []
        await asyncio.sleep(0.05)
        assert len(deletes(sim)) == seen


async def test_raise_for_failures_carries_the_report():
    """A report that is not ok raises, one that is ok does not."""
    async with plain_account(1) as sim, connect(sim) as client:
        (await bulk_unschedule(client, await event_ids(client))).raise_for_failures()
        failed = await bulk_unschedule(client, ["evt_wrong"])
        with pytest.raises(BulkError, match="1 failed") as caught:
            failed.raise_for_failures()
    assert caught.value.report is failed


async def test_the_report_as_a_dict_is_json_without_links_and_attributes():
    """Counts by name, outcomes with their reason, errors as text."""
    async with Simulator([bot(1, meeting_link="https://meet.example/secret")]) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, client.iter_scheduled_bots(), dry_run=True)
    data = report.to_dict()
    assert data["counts"]["would_unschedule"] == 1
    assert data["outcomes"][0] == {
        "event_id": "evt_0001",
        "bot_ids": ["bot-0001"],
        "status": "would_unschedule",
        "reason": None,
        "inferred": False,
        "attempts": 0,
        "elapsed": 0.0,
        "error": None,
    }
    assert "secret" not in str(data)


async def test_a_closed_client_is_told_by_the_run():
    """Using a client after its end is a mistake that says so, once and not per event."""
    async with plain_account(1) as sim:
        client = connect(sim)
        await client.close()
        with pytest.raises(ConfigurationError, match="closed"):
            await bulk_unschedule(client, ["evt_1"])


class AsyncFunction:
    """An object whose call has to be awaited."""

    async def __call__(self, bot):
        return False


async def only_zoom(bot):
    return bot.platform == "zoom"


@pytest.mark.parametrize(
    "where", [only_zoom, AsyncFunction(), lambda bot: only_zoom(bot)], ids=["function", "object", "lambda"]
)
async def test_an_async_filter_is_refused(where):
    """A coroutine function is refused: its result is truthy for every bot, so it would select them all."""
    async with plain_account(3) as sim, connect(sim) as client:
        with pytest.raises(ConfigurationError, match="plain function"):
            await bulk_unschedule(client, client.iter_scheduled_bots(), where=where)
    assert deletes(sim) == []


async def test_a_list_that_changes_during_the_run_loses_no_target():
    """The targets are those that were given."""
    async with plain_account(20) as sim, connect(sim) as client:
        pending = await event_ids(client)
        report = await bulk_unschedule(
            client, pending, max_concurrency=2, on_outcome=lambda outcome: pending.remove(outcome.event_id)
        )
    assert statuses(report) == {"unscheduled": 20}
    assert pending == []


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


async def test_a_client_that_is_closed_in_mid_run_leaves_true_outcomes():
    """Targets that may have taken effect are unknown, and the rest is not attempted."""
    policy = RetryPolicy(initial_wait=0.3, max_wait=0.3)
    async with plain_account(30) as sim, connect(sim, retry=policy) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", 503, apply="before"))
        task = asyncio.create_task(bulk_unschedule(client, ids))
        while len(deletes(sim)) < 5:
            await asyncio.sleep(0.001)
        await client.close()
        report = await task
    assert report.counts["failed"] == 0
    assert report.counts["unknown"] >= len(sim.ledger.unscheduled_events)
    assert report.counts["not_attempted"] == 25
    assert "closed" in report.reason


@pytest.mark.parametrize(
    "says", ["Your API key has been revoked", "Forbidden: bot creation disabled for owner"]
)
async def test_a_403_to_the_delete_of_an_event_stops_the_run_whatever_it_says(says):
    """Only the DELETE of a bot can be about a bot that is not yours."""
    async with plain_account(60) as sim, connect(sim) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", 403, body=f'{{"message": "{says}"}}'))
        report = await bulk_unschedule(client, ids, max_concurrency=3)
    assert len(deletes(sim)) <= 3
    assert "rejects the key" in report.reason


async def test_a_403_about_the_key_stops_deleting_bots_too():
    """Its text distinguishes it from a 403 about a single bot."""
    async with Simulator([bot(n, None) for n in range(30)]) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("delete_bot", 403, body='{"message": "Your API key may not delete bots"}'))
        report = await bulk_unschedule(
            client, client.iter_scheduled_bots(), one_off_bots="delete", max_concurrency=2
        )
    assert report.counts["not_attempted"] >= 28


async def test_a_lost_answer_to_the_event_counts_when_its_bots_are_gone():
    """503 that took effect, then "Event not found", then 404 for the bot: the goal is reached."""
    event = ScheduledBot("bot-gone", custom_attributes={"event_id": "evt"})
    async with Simulator([]) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, times=1))
        report = await bulk_unschedule(client, [event], one_off_bots="delete")
    assert statuses(report) == {"unscheduled": 1}


async def test_an_endless_iterable_leaves_the_loop_free():
    """A source that never awaits can still be cancelled."""
    async with Simulator([]) as sim, connect(sim) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await bulk_unschedule(client, itertools.repeat("evt_1"), dry_run=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await bulk_unschedule(client, (f"evt_{n}" for n in itertools.count()), dry_run=True)


async def test_a_source_that_is_cancelled_itself_leaves_a_reason():
    """A CancelledError out of the iterable ends the run like a stop."""

    async def broken():
        yield "evt_1"
        raise asyncio.CancelledError

    async with plain_account(0) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, broken(), dry_run=True)
    assert not report.complete
    assert "source of targets was cancelled" in report.reason


async def test_a_second_cancellation_changes_nothing():
    """CancelledError comes out once the source has ended, and nothing runs on."""
    closed = []

    async def slow_to_close():
        try:
            yield "evt_1"
            await asyncio.sleep(9)
        finally:
            await asyncio.sleep(0.05)
            closed.append(True)

    async with plain_account(0) as sim, connect(sim) as client:
        task = asyncio.create_task(bulk_unschedule(client, slow_to_close(), dry_run=True))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert closed == [True]
        assert ours_running() == []


async def test_a_page_will_do_as_targets():
    """A listing that was fetched before, with its truncation."""
    async with plain_account(101) as sim, connect(sim) as client:
        page = await client.list_scheduled_bots()
        report = await bulk_unschedule(client, page, dry_run=True)
    assert statuses(report) == {"would_unschedule": 100}
    assert "full" in report.reason


@pytest.mark.parametrize("cap", [1, 5])
async def test_a_target_that_fails_alone_is_no_outage(cap):
    """Among others that are answered it costs its own attempts and no more."""
    async with plain_account(40) as sim, connect(sim) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", 503, when=lambda request: request.event_id == ids[17]))
        report = await bulk_unschedule(client, ids, max_concurrency=cap)
    assert statuses(report) == {"unscheduled": 39, "unknown": 1}
    assert sim.ledger.delete_requests(ids[17]) == 4


async def test_an_outage_that_does_not_end_stops_the_run():
    """After others were answered it is waited for, given up, and then it is a dead server."""
    async with plain_account(60) as sim, connect(sim) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", 503, skip=20))
        report = await asyncio.wait_for(bulk_unschedule(client, ids), 20)
    assert report.counts["unscheduled"] == 20
    assert report.counts["not_attempted"] > 0
    assert "20 targets in a row failed" in report.reason
    assert len(deletes(sim)) < 200


async def test_an_outage_ends_with_stop_and_with_cancellation():
    """Waiting for the server keeps neither from coming through at once."""
    slow = RetryPolicy(initial_wait=0.2, max_wait=0.2)
    async with plain_account(60) as sim, connect(sim, retry=slow) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", 503, skip=20))
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.6, stop.set)
        began = asyncio.get_running_loop().time()
        report = await bulk_unschedule(client, ids, stop=stop)
        assert asyncio.get_running_loop().time() - began < 3
        assert report.counts["unscheduled"] == 20
        assert sum(report.counts.values()) == 60
        task = asyncio.create_task(bulk_unschedule(client, ids))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ours_running() == []


async def test_riding_out_an_outage_keeps_the_pace():
    """Those that go back when the server is back are spaced like all others."""
    down = asyncio.Event()
    slow = RetryPolicy(initial_wait=0.1, max_wait=0.1)
    async with plain_account(40) as sim, connect(sim, retry=slow, rate_limit=50) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", 503, when=lambda _: down.is_set()))
        loop = asyncio.get_running_loop()
        loop.call_later(0.2, down.set)
        loop.call_later(0.6, down.clear)
        report = await bulk_unschedule(client, ids, max_concurrency=10)
    assert report.counts["unscheduled"] >= 38
    starts = [request.at for request in sim.requests]
    # Arrival is not departure: over ten requests what one took longer on its way does not count.
    assert min(late - early for early, late in zip(starts, starts[10:], strict=False)) >= 10 / 50 * 0.8


@pytest.mark.parametrize("cap", [1, 3])
async def test_a_target_ends_once_even_where_on_outcome_cancels(cap):
    """A CancelledError out of on_outcome neither repeats an outcome nor lets more requests be in flight."""
    together = []
    heard = []

    def cancels(outcome):
        heard.append(outcome.event_id)
        asyncio.current_task().cancel()

    async with plain_account(6) as sim, connect(sim) as client:
        ids = await event_ids(client)
        sim.add_trouble(
            Trouble("unschedule", latency=0.002, when=lambda r: together.append(r.in_flight) or True)
        )
        report = await bulk_unschedule(client, ids, max_concurrency=cap, on_outcome=cancels)
    assert sorted(heard) == sorted(ids)
    assert len(report.outcomes) == len(ids)
    assert max(together) <= cap


async def test_elapsed_does_not_count_the_wait_for_a_turn():
    """A target that met a 429 and is cancelled while it waits has not been at work all that time."""
    heard = []
    async with plain_account(1) as sim, connect(sim, retry=RetryPolicy(max_retry_after=0.01)) as client:
        sim.add_trouble(Trouble("unschedule", 429, retry_after=30))
        ids = await event_ids(client)
        run = asyncio.create_task(bulk_unschedule(client, ids, on_outcome=heard.append))
        while not deletes(sim):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.3)
        run.cancel()
        await asyncio.wait({run})
    (outcome,) = heard
    assert outcome.elapsed < 0.25


class _Progress:
    """Like a progress bar around a generator: it has a length, and can be read once."""

    def __init__(self, *targets):
        self._targets = iter(targets)
        self._total = len(targets)

    def __len__(self):
        return self._total

    def __contains__(self, target):
        return any(target == each for each in self._targets)

    def __iter__(self):
        yield from self._targets


async def test_targets_that_can_be_read_once_are_read_once():
    """A bad one is named by its place and none is sent; good ones are all done."""
    async with plain_account(5) as sim, connect(sim) as client:
        ids = sorted(sim.ledger.scheduled_events)
        with pytest.raises(ConfigurationError, match=r"targets\[2\]") as caught:
            await bulk_unschedule(client, _Progress(*ids[:2], None, *ids[2:]))
        assert caught.value.__context__ is None
        assert deletes(sim) == []
        report = await bulk_unschedule(client, _Progress(*ids))
    assert statuses(report) == {"unscheduled": 5}
