"""What ends a bulk run early: refusals, stop, cancellation, errors of the caller."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from meetstream_async import AuthenticationError, PermissionDeniedError, RetryPolicy, bulk_unschedule
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
from tests.helpers.tasks import ours_running


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
    assert "the run was stopped" in report.reason
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


PAGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Wait</body></html>"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"message": "Your API key has been revoked"}', "rejects the key"),
        ('{"message": "Forbidden: bot creation disabled for owner"}', "something before the API refuses"),
        ('{"message": "Forbidden"}', "something before the API refuses"),
        ('{"message": "Missing Authentication Token"}', "something before the API refuses"),
        ('{"error": {"code": 403, "message": "Rate Limit Exceeded"}}', "something before the API refuses"),
        ('{"message": "Not allowed"}', "something before the API refuses"),
        (PAGE, "something before the API refuses"),
    ],
)
async def test_a_403_to_the_delete_of_an_event_stops_the_run_and_says_what_it_is(body, why):
    """Unless it says that this one is not yours, it is not about this one."""
    async with plain_account(60) as sim, connect(sim) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", 403, body=body))
        report = await bulk_unschedule(client, ids, max_concurrency=3)
    assert len(deletes(sim)) <= 3
    assert why in report.reason


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"message": "Your API key may not delete bots"}', "the API rejects the key"),
        ('{"message": "Automated bot traffic is not allowed"}', "something before the API refuses"),
        ("<h1>Verify that you are not a bot</h1>", "something before the API refuses"),
        ("<p>If you are the owner of this site, log in.</p>", "something before the API refuses"),
    ],
)
async def test_a_403_about_whoever_asks_stops_deleting_bots_too(body, why):
    """Its text distinguishes it from a 403 about a single bot, although firewalls speak of bots as well."""
    async with Simulator([bot(n, None) for n in range(30)]) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("delete_bot", 403, body=body))
        report = await bulk_unschedule(
            client, client.iter_scheduled_bots(), one_off_bots="delete", max_concurrency=2
        )
    assert report.counts["not_attempted"] >= 28
    assert why in report.reason


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
