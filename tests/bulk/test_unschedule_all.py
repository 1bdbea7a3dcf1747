"""unschedule_all: beyond the first hundred bots, verified, and always ends."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock, patch

import pytest
from attrs import evolve

from meetstream_async import (
    AccountState,
    AuthenticationError,
    BotFilter,
    ConfigurationError,
    OutcomeStatus,
    RetryPolicy,
    run_account,
    unschedule_all,
)
from meetstream_async._http.call import FIRST
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import (
    assert_true_to_the_ledger,
    bot,
    connect,
    deletes,
    listings,
    plain_account,
    statuses,
)
from tests.helpers.proof import sized

pytestmark = pytest.mark.usefixtures("quick_checks")


async def test_437_bots_are_one_delete_an_event_and_none_is_missed():
    """Draining goes past the hundred that a listing shows."""
    async with plain_account(437) as sim, connect(sim) as client:
        report = await unschedule_all(client, max_concurrency=10)
    assert statuses(report) == {"unscheduled": 437}
    assert len(deletes(sim)) == len(set(deletes(sim))) == 437
    assert sim.ledger.scheduled_events == frozenset()
    assert report.ok
    assert report.complete
    assert report.reason is None
    assert report.still_listed == ()
    # The next page is fetched while half of the last is at work; the last listing is the verification.
    assert listings(sim) <= 10
    assert sim.max_in_flight <= 10


async def test_an_empty_account_takes_one_listing():
    """Nothing to do is complete and ok."""
    async with plain_account(0) as sim, connect(sim) as client:
        report = await unschedule_all(client)
    assert report.ok
    assert report.outcomes == ()
    assert listings(sim) == 1


@pytest.mark.soak
async def test_everything_goes_wrong_and_the_report_equals_the_ledger():
    """Up to 1,000 bots, 20 ms latency, every kind of trouble on 10 % of requests, a lagging listing."""
    trouble = Trouble.every_kind(0.10, retry_after=0.05, slow=0.1)
    account = Simulator(
        sized(150, 1000, 1000), seed=7, one_off=0, latency=0.02, listing_lag=0.3, troubles=trouble
    )
    heard = []
    async with account as sim, connect(sim, retry=RetryPolicy(initial_wait=0.02)) as client:
        report = await unschedule_all(client, max_concurrency=20, on_outcome=heard.append)
    assert report.ok, report.reason
    assert {o.event_id for o in report.outcomes} == set(sim.ledger.events)
    assert len(report.outcomes) == len(sim.ledger.events) == len(heard)
    assert_true_to_the_ledger(report, sim)
    assert sim.ledger.scheduled_events == frozenset()
    assert sim.max_in_flight <= 20
    assert any(outcome.result is not None and outcome.result.inferred for outcome in report.outcomes)


@pytest.mark.parametrize("removes", ["event", "occurrence"])
async def test_an_event_with_five_rows_gets_another_delete_only_while_rows_remain(removes):
    """One DELETE where it takes all rows; five where each takes one."""
    rows = [bot(n, "evt_five") for n in range(5)] + [bot(9)]
    async with Simulator(rows, removes=removes) as sim, connect(sim) as client:
        report = await unschedule_all(client)
    assert deletes(sim).count("evt_five") == (1 if removes == "event" else 5)
    assert deletes(sim).count("evt_0009") == 1
    assert report.ok, report.reason
    assert statuses(report) == {"unscheduled": 2}
    assert sim.ledger.scheduled_bots == frozenset()


async def test_a_server_that_never_removes_anything_is_given_up_after_settle():
    """Its bots are still_listed, the report is not ok, and no second DELETE was sent."""
    async with plain_account(3, removes="nothing") as sim, connect(sim) as client:
        started = time.monotonic()
        report = await unschedule_all(client, settle=0.6)
        took = time.monotonic() - started
    assert 0.6 <= took < 5
    assert len(deletes(sim)) == 3
    assert len(report.still_listed) == 3
    assert not report.ok
    assert report.complete
    assert "3 still listed" in report.reason


@pytest.mark.parametrize(("connected", "seen"), [(False, 100), (True, 150)])
async def test_a_full_page_that_is_never_removed_ends_incomplete(connected, seen):
    """Bots beyond it can only be seen through the calendars' events, and the report says so."""
    async with (
        plain_account(150, removes="nothing", calendar_connected=connected) as sim,
        connect(sim) as client,
    ):
        report = await unschedule_all(client, settle=0, max_concurrency=20)
    assert not report.complete
    assert "full" in report.reason
    assert statuses(report) == {"unscheduled": seen}
    assert len(report.still_listed) == seen


async def test_a_lagging_listing_is_waited_for_and_not_called_a_failure():
    """Rows that go within settle seconds leave a report that is ok."""
    async with plain_account(5, listing_lag=0.3) as sim, connect(sim) as client:
        report = await unschedule_all(client)
    assert report.ok
    assert len(deletes(sim)) == 5


async def test_a_hundred_one_off_bots_that_fill_the_listing_end_incomplete():
    """Events behind them can't be seen; deleting the one-off bots brings them to light."""
    rows = [bot(n, None) for n in range(100)] + [bot(n) for n in range(100, 130)]
    async with Simulator(rows) as sim, connect(sim) as client:
        report = await unschedule_all(client, settle=0.1, max_concurrency=20)
        assert not report.complete
        assert "one-off" in report.reason
        assert report.counts["skipped"] >= 70
        cleared = await unschedule_all(client, one_off_bots="delete", max_concurrency=20)
    assert cleared.ok, cleared.reason
    assert sim.ledger.scheduled_bots == frozenset()


async def test_a_filter_that_leaves_a_full_page_standing_ends_incomplete():
    """A hundred rows outside the filter hide the rest for good."""
    rows = [bot(n, platform="zoom") for n in range(120)] + [bot(n) for n in range(120, 140)]
    async with Simulator(rows) as sim, connect(sim) as client:
        report = await unschedule_all(client, where=BotFilter(platform="google_meet"), settle=0.1)
    assert not report.complete
    assert set(deletes(sim)) <= {row.event_id for row in rows if row.platform == "google_meet"}


async def test_a_filter_that_leaves_some_rows_standing_is_complete():
    """Rows outside the filter are not a failure, and are not waited for."""
    rows = [bot(n, platform="zoom" if n % 3 else "google_meet") for n in range(30)]
    async with Simulator(rows) as sim, connect(sim) as client:
        report = await unschedule_all(client, where=BotFilter(platform="google_meet"))
    assert report.ok
    assert statuses(report) == {"unscheduled": 10}
    assert len(sim.ledger.scheduled_events) == 20


@pytest.mark.parametrize(("connected", "seen"), [(False, 100), (True, 130)])
async def test_a_dry_run_lists_once_and_sends_no_delete(connected, seen):
    """It names what the first listing and the events show, and is incomplete where the listing is full."""
    async with plain_account(130, calendar_connected=connected) as sim, connect(sim) as client:
        report = await unschedule_all(client, dry_run=True)
    assert statuses(report) == {"would_unschedule": seen}
    assert not report.complete
    assert listings(sim) == 1
    assert {request.method for request in sim.requests} == {"GET"}


async def test_the_first_listing_failing_raises_its_error():
    """No report is made up for an account that was never seen."""
    async with plain_account(3, troubles=[Trouble("list", 401)]) as sim, connect(sim) as client:
        with pytest.raises(AuthenticationError):
            await unschedule_all(client)
    assert len(sim.requests) == 1


async def test_a_later_listing_failing_leaves_an_incomplete_report():
    """The outcomes so far are kept, with the reason."""
    async with plain_account(130) as sim, connect(sim, retry=RetryPolicy(max_attempts=1)) as client:
        sim.add_trouble(Trouble("list", 500, skip=1))
        report = await unschedule_all(client)
    assert statuses(report) == {"unscheduled": 130}
    assert not report.complete
    assert "a later listing failed: ServerError" in report.reason
    assert_true_to_the_ledger(report, sim)


async def test_a_rejected_key_in_mid_run_counts_the_rest_of_the_listing():
    """Nothing is listed or verified with a key that is refused."""
    async with plain_account(80) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 403, skip=20))
        report = await unschedule_all(client, max_concurrency=4)
    assert sum(report.counts.values()) == 80
    assert report.counts["not_attempted"] >= 56
    assert listings(sim) == 1
    assert not report.complete


async def test_unknown_outcomes_are_settled_by_a_listing_that_does_not_show_them():
    """Applied, but every answer was lost: gone from a whole listing is unscheduled, inferred."""
    async with plain_account(4) as sim, connect(sim, retry=RetryPolicy(max_attempts=1)) as client:
        sim.add_trouble(Trouble("unschedule", drop="after", times=2))
        heard = []
        report = await unschedule_all(client, on_outcome=heard.append, max_concurrency=1)
    assert [outcome.status for outcome in heard].count(OutcomeStatus.UNKNOWN) == 2
    assert report.ok, report.reason
    assert sum(o.result.inferred for o in report.outcomes) == 2
    assert len(deletes(sim)) == 4


async def test_unknown_outcomes_that_are_still_listed_get_one_more_try():
    """Lost before it was applied: tried again, and then unscheduled."""
    async with plain_account(4) as sim, connect(sim, retry=RetryPolicy(max_attempts=1)) as client:
        sim.add_trouble(Trouble("unschedule", drop="before", times=2))
        report = await unschedule_all(client)
    assert report.ok, report.reason
    assert sorted(outcome.attempts for outcome in report.outcomes) == [1, 1, 2, 2]
    assert len(deletes(sim)) == 6


async def test_one_more_try_is_only_one():
    """An event whose answer is always lost ends unknown."""
    async with plain_account(2) as sim, connect(sim, retry=RetryPolicy(max_attempts=1)) as client:
        sim.add_trouble(Trouble("unschedule", 503))
        report = await unschedule_all(client, settle=0.1)
    assert statuses(report) == {"unknown": 2}
    assert len(deletes(sim)) == 4
    assert not report.ok


async def test_an_unknown_bot_whose_time_has_come_stays_unknown():
    """Gone from the listing may mean that it has joined."""
    soon, seconds = datetime.now(UTC) + timedelta(seconds=30), [0.0]

    def time_passes(_):
        seconds[0] += 60
        return True

    async with Simulator([bot(1, join_time=soon)], clock=lambda: seconds[0]) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, when=time_passes))
        report = await unschedule_all(client, settle=0.1)
    assert statuses(report) == {"unknown": 1}
    assert not report.ok


async def test_on_outcome_hears_each_event_once():
    """Further DELETEs for remaining rows are not reported again."""
    rows = [bot(n, "evt_five") for n in range(5)]
    heard = []
    async with Simulator(rows, removes="occurrence") as sim, connect(sim) as client:
        await unschedule_all(client, on_outcome=heard.append)
    assert [outcome.event_id for outcome in heard] == ["evt_five"]


async def test_a_bot_scheduled_while_draining_is_cancelled_too():
    """The last listing is what counts, not the first."""
    async with plain_account(3) as sim, connect(sim) as client:
        late = bot(99)
        report = await unschedule_all(
            client, on_outcome=lambda _: sim.add_bot(late) if "bot-0099" not in sim.ledger.bots else None
        )
    assert statuses(report) == {"unscheduled": 4}
    assert sim.ledger.scheduled_events == frozenset()


@pytest.mark.parametrize("whole_events", [False, True])
async def test_a_further_delete_never_takes_a_bot_outside_the_filter(whole_events):
    """A bot that appears on an event already dealt with is the filter's to judge, too."""
    late = bot(2, "evt_0001", platform="zoom")
    async with Simulator([bot(1)]) as sim, connect(sim) as client:
        report = await unschedule_all(
            client,
            where=BotFilter(platform="google_meet"),
            whole_events=whole_events,
            on_outcome=lambda _: sim.add_bot(late),
        )
    assert report.ok
    assert len(deletes(sim)) == (2 if whole_events else 1)
    assert ("bot-0002" in sim.ledger.scheduled_bots) is not whole_events


async def test_the_cap_holds_for_listings_too():
    """Listing while cancelling takes a slot like everything else."""
    async with plain_account(150, latency=0.005) as sim, connect(sim) as client:
        report = await unschedule_all(client, max_concurrency=1)
    assert report.ok
    assert sim.max_in_flight == 1


async def test_setting_stop_ends_draining_with_a_true_report():
    """Nothing new, what is in flight finishes, the rest of the listing is not_attempted."""
    stop = asyncio.Event()
    async with plain_account(300, latency=0.01) as sim, connect(sim) as client:
        heard = []

        def listen(outcome):
            heard.append(outcome)
            if len(heard) == 120:
                stop.set()

        report = await unschedule_all(client, max_concurrency=5, on_outcome=listen, stop=stop)
    assert 120 <= report.counts["unscheduled"] <= 125
    assert report.counts["not_attempted"] > 0
    assert not report.complete
    assert_true_to_the_ledger(report, sim)


async def test_a_cancelled_drain_leaves_nothing_running():
    """CancelledError comes out at once, and the server sees nothing more."""
    async with plain_account(300, latency=0.01) as sim, connect(sim) as client:
        task = asyncio.create_task(unschedule_all(client, max_concurrency=10))
        while len(deletes(sim)) < 60:
            await asyncio.sleep(0.001)
        seen = len(sim.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(sim.requests) <= seen + 10
        assert [t for t in asyncio.all_tasks() if "meetstream_async" in t.get_name()] == []
        seen = len(sim.requests)
        await asyncio.sleep(0.05)
        assert len(sim.requests) == seen


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"settle": -1}, "settle"),
        ({"settle": True}, "settle"),
        ({"settle": float("inf")}, "settle"),
        ({"dedupe": False}, "dedupe"),
        ({"max_concurrency": 0}, "max_concurrency"),
    ],
)
async def test_bad_arguments_are_told_before_any_request(arguments, says):
    """Each is a ConfigurationError, and the server sees nothing."""
    async with plain_account(1) as sim, connect(sim) as client:
        with pytest.raises(ConfigurationError, match=says):
            await unschedule_all(client, **arguments)
    assert sim.requests == []


async def test_the_log_tells_of_retries_truncation_rejections_and_stops(caplog):
    """One structured line each, without the key."""
    caplog.set_level(logging.DEBUG, "meetstream_async")
    async with plain_account(120) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("list", bad_rows=1, times=1))
        sim.add_trouble(Trouble("unschedule", 503, times=1))
        sim.add_trouble(Trouble("unschedule", 429, times=1, retry_after=0.05))
        sim.add_trouble(Trouble("unschedule", 401, skip=30))
        await unschedule_all(client)
        assert sim.api_key not in caplog.text
    records = [
        r for r in caplog.records if r.name.startswith("meetstream_async") and hasattr(r, "meetstream_event")
    ]
    events = [record.meetstream_event for record in records]
    assert events.count("truncated") == 1
    assert events.count("rejected_row") == 1
    assert events.count("pause") == 1
    assert events.count("retry") == 2
    assert events.count("stop") == 1
    rejected = next(record for record in records if record.meetstream_event == "rejected_row")
    assert rejected.meetstream_path.startswith("$.scheduled_bots[")


async def test_a_listing_that_flickers_is_no_progress(monkeypatch):
    """Rows that come and go do not keep the verification alive."""
    rows = [bot(1), bot(2)]
    looks = []
    account = Simulator(rows, removes="nothing")
    async with account as sim, connect(sim) as client:
        page = await client.list_scheduled_bots()
        real = client.api.call

        async def flickering(request, context=FIRST):
            answer = await real(request, context)
            if request.route.method != "GET":
                return answer
            looks.append(request)
            shown = page.bots[: 1 + len(looks) % 2]
            return evolve(answer, value=evolve(page, bots=shown))

        monkeypatch.setattr(client.api, "call", flickering)
        report = await asyncio.wait_for(unschedule_all(client, settle=0.7), 10)
    assert not report.ok
    assert len(looks) < 12


async def test_an_unknown_event_is_waited_for_while_the_listing_lags():
    """Every answer was lost, and the listing shows the truth late: it is settled, not left unknown."""
    async with plain_account(1, listing_lag=0.3) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, apply="before"))
        report = await unschedule_all(client)
    assert report.ok, report.reason
    assert report.outcomes[0].result.inferred


async def test_a_rejected_key_at_a_later_listing_stops_the_run():
    """At most max_concurrency requests go out after it."""
    async with plain_account(250) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("list", 401, skip=1))
        report = await unschedule_all(client, max_concurrency=4)
    refused = next(request.index for request in sim.requests if request.status == 401)
    assert len(sim.requests) - refused - 1 <= 4
    assert report.counts["not_attempted"] > 0
    assert "rejects the key" in report.reason


async def test_a_later_listing_goes_back_once_after_a_429():
    """A pause that a call cannot wait for is waited for by the run."""
    policy = RetryPolicy(max_retry_after=0.1, initial_wait=0.01)
    async with plain_account(130) as sim, connect(sim, retry=policy) as client:
        sim.add_trouble(Trouble("list", 429, retry_after=0.5, skip=1, times=1))
        report = await unschedule_all(client, max_concurrency=10)
    assert report.ok, report.reason
    assert statuses(report) == {"unscheduled": 130}


async def test_bots_that_were_deleted_by_id_are_not_deleted_again():
    """Event not found, one bot deleted, the other's answer lost: the repeat finishes the rest only."""
    rows = [bot(1, "evt_x"), bot(2, "evt_x")]
    async with Simulator(rows) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 404))
        sim.add_trouble(
            Trouble("delete_bot", 503, apply="before", times=4, when=lambda r: r.bot_id == "bot-0002")
        )
        report = await unschedule_all(client, one_off_bots="delete")
    assert report.ok, report.reason
    assert sim.ledger.bot_delete_requests("bot-0001") == 1


async def test_what_joins_before_a_series_is_cut_is_meant_to_stay():
    """With from_date, earlier occurrences stay listed, and the report is still ok."""
    rows = [bot(number, series="master_1") for number in range(6)]
    start = rows[3].join_time
    async with Simulator(rows) as sim, connect(sim) as client:
        report = await unschedule_all(client, cancel_all_occurrences=True, from_date=start, settle=0.5)
    assert sim.ledger.scheduled_events == {row.event_id for row in rows[:3]}
    assert report.still_listed == ()
    assert report.ok, report.reason


async def test_an_occurrence_in_the_second_of_from_date_is_reported_as_left() -> None:
    """It is not cancelled, since requests carry whole seconds, and the report is not ok for it."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1, seconds=0.5)
    rows = [bot(1, series="master_1", join_time=start), bot(2, series="master_1")]
    async with Simulator(rows) as sim, connect(sim) as client:
        report = await unschedule_all(client, cancel_all_occurrences=True, from_date=start, settle=0)
    assert sim.ledger.scheduled_events == {"evt_0001"}
    assert [bot.event_id for bot in report.still_listed] == ["evt_0001"]
    assert not report.ok


async def test_verification_waits_although_a_test_has_patched_the_sleep() -> None:
    """Rows that stay are looked at after a pause that doubles, not as often as the machine can."""
    async with plain_account(1, removes="nothing") as sim, connect(sim) as client:
        with patch("asyncio.sleep", AsyncMock()):
            report = await unschedule_all(client, settle=0.6)
    assert len(report.still_listed) == 1
    assert listings(sim) <= 8


async def test_a_state_of_ones_own_is_carried_out() -> None:
    """It brings what it knows: given events need no listing first, and what stays listed is told of once."""
    told: list[int] = []
    bots = [bot(1, "evt_1"), bot(2, "evt_1")]
    async with Simulator(bots, removes="occurrence") as sim, connect(sim) as client:
        state = AccountState(settle=0.1, only_given=True)
        state.take_targets(["evt_1"])
        report = await run_account(client, state, on_still_listed=told.append)
    assert next(iter(sim.requests)).route == "unschedule"
    assert (len(report.still_listed), report.ok, told) == (1, False, [1])


async def test_what_is_no_state_is_refused() -> None:
    """Before any request."""
    async with Simulator([]) as sim, connect(sim) as client:
        with pytest.raises(ConfigurationError, match="AccountState"):
            await run_account(client, None)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="settle"):
            AccountState(settle=-1)
    assert not sim.requests


@pytest.mark.slow
async def test_elapsed_counts_the_verification() -> None:
    """A run's time ends when its report is final: rows that linger in the listing are waited for."""
    async with plain_account(3, listing_lag=0.4) as sim, connect(sim) as client:
        report = await unschedule_all(client)
    assert report.ok
    assert report.elapsed > 0.4
    assert report.elapsed > max(outcome.elapsed for outcome in report.outcomes) + 0.3
