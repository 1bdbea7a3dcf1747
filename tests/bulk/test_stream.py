"""stream_unschedule: outcomes as they finish, and a clean end whenever it comes."""

from __future__ import annotations

import asyncio
import random

import pytest

from meetstream_async import ConfigurationError, OutcomeStatus, stream_unschedule
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers import loops
from tests.helpers.accounts import bot, connect, deletes, event_ids, plain_account
from tests.helpers.tasks import ours_running


async def no_more_requests(sim: Simulator) -> None:
    seen = len(sim.requests)
    await asyncio.sleep(0.05)
    assert len(sim.requests) == seen
    assert sim.in_flight == 0


def endless(ids):
    pulled = []

    async def generate():
        for event_id in ids:
            pulled.append(event_id)
            yield event_id

    return generate(), pulled


async def test_outcomes_come_in_the_order_in_which_they_finish():
    """A slow event does not hold back a quick one."""
    async with plain_account(2) as sim, connect(sim) as client:
        slow, quick = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", latency=0.1, when=lambda request: request.event_id == slow))
        async with stream_unschedule(client, [slow, quick]) as run:
            finished = [outcome.event_id async for outcome in run]
    assert finished == [quick, slow]


async def test_the_report_of_a_stream_counts_all_and_keeps_none():
    """Outcomes that were handed out are not kept; the counts are."""
    async with plain_account(20) as sim, connect(sim) as client:
        async with stream_unschedule(client, client.iter_scheduled_bots()) as run:
            assert not run.report.complete
            assert run.report.reason == "the run is not over"
            outcomes = [outcome async for outcome in run]
            assert run.report.complete
        assert run.report.ok
        assert run.report.counts[OutcomeStatus.UNSCHEDULED] == len(outcomes) == 20
        assert run.report.outcomes == ()


async def test_nothing_is_started_that_a_slow_consumer_has_no_room_for():
    """With a limit of 3, at most three outcomes are started but not yet consumed."""
    async with plain_account(30) as sim, connect(sim) as client:
        ids, pulled = endless(await event_ids(client))
        taken = 0
        async with stream_unschedule(client, ids, max_concurrency=3) as run:
            async for _ in run:
                await asyncio.sleep(0.002)
                taken += 1
                assert len(deletes(sim)) <= taken + 3
                assert len(pulled) <= taken + 4
    assert taken == 30


async def test_breaking_out_starts_nothing_new_and_leaves_a_true_report():
    """Requests in flight finish and are counted; the rest of the list is not_attempted."""
    async with plain_account(40, latency=0.01) as sim, connect(sim) as client:
        ids = await event_ids(client)
        async with stream_unschedule(client, ids, max_concurrency=4) as run:
            async for _ in run:
                break
        await no_more_requests(sim)
        counts = run.report.counts
    assert counts["unscheduled"] == len(sim.ledger.unscheduled_events)
    assert counts["unscheduled"] + counts["not_attempted"] == 40
    assert not run.report.complete
    assert len(run.report.outcomes) == 39
    assert ours_running() == []


async def test_breaking_out_does_not_pull_an_unsized_source_further():
    """An endless source is not read further."""
    async with plain_account(40) as sim, connect(sim) as client:
        ids, pulled = endless(await event_ids(client))
        async with stream_unschedule(client, ids, max_concurrency=2) as run:
            async for _ in run:
                break
        assert len(pulled) <= 5
        assert sum(run.report.counts.values()) == len(pulled)
        assert not run.report.complete


async def test_leaving_right_away_accounts_for_the_whole_list():
    """What was not sent by then is not attempted: all of it, unless the loop's tasks are eager."""
    async with plain_account(0) as sim, connect(sim) as client:
        async with stream_unschedule(client, ["a", "b"]) as run:
            pass
        assert sum(run.report.counts.values()) == 2
        assert run.report.counts["not_attempted"] == 2 - len(sim.requests)
        assert sim.requests == [] or loops.chosen == "eager"


async def test_stop_lets_requests_in_flight_finish_and_iteration_goes_on_to_the_end():
    """After stop() the consumer still gets every outcome of the list."""
    async with plain_account(40, latency=0.01) as sim, connect(sim) as client:
        ids = await event_ids(client)
        outcomes = []
        async with stream_unschedule(client, ids, max_concurrency=4) as run:
            async for outcome in run:
                outcomes.append(outcome)
                if len(outcomes) == 5:
                    await run.stop()
                    seen = len(deletes(sim))
        assert len(deletes(sim)) == seen
    assert {outcome.event_id for outcome in outcomes} == set(ids)
    unscheduled = {o.event_id for o in outcomes if o.status == OutcomeStatus.UNSCHEDULED}
    assert unscheduled == sim.ledger.unscheduled_events
    assert all(o.reason == "the run was stopped" for o in outcomes if o.status == OutcomeStatus.NOT_ATTEMPTED)


async def test_stop_ends_a_run_whose_source_is_waiting():
    """An idle queue as a source does not keep stop() from returning."""
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def from_queue():
        while True:
            yield await queue.get()

    async with plain_account(1) as sim, connect(sim) as client:
        queue.put_nowait((await event_ids(client))[0])
        async with stream_unschedule(client, from_queue()) as run:
            async for outcome in run:
                assert outcome.status == OutcomeStatus.UNSCHEDULED
                await asyncio.wait_for(run.stop(), 1)
    assert run.report.counts["unscheduled"] == 1


async def test_stop_ends_a_run_that_waits_for_a_pause():
    """A pause of a minute does not keep stop() waiting."""
    async with plain_account(10) as sim, connect(sim) as client:
        ids = await event_ids(client)
        sim.add_trouble(Trouble("unschedule", 429, retry_after=61))
        async with stream_unschedule(client, ids, max_concurrency=1) as run:
            while not any(request.status == 429 for request in sim.requests):
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.02)
            await asyncio.wait_for(run.stop(), 1)
            outcomes = [outcome async for outcome in run]
    assert sorted(outcome.status for outcome in outcomes) == ["failed"] + 9 * ["not_attempted"]


async def test_a_consumer_that_raises_gets_its_own_error_and_a_true_report():
    """Requests in flight finish before the error propagates."""
    async with plain_account(40, latency=0.01) as sim, connect(sim) as client:
        ids = await event_ids(client)
        with pytest.raises(ZeroDivisionError):
            async with stream_unschedule(client, ids) as run:
                async for _ in run:
                    raise ZeroDivisionError
        await no_more_requests(sim)
    assert run.report.counts["unscheduled"] == len(sim.ledger.unscheduled_events)
    assert sum(run.report.counts.values()) == 40


@pytest.mark.parametrize("seed", range(12))
async def test_a_cancelled_task_takes_its_requests_with_it(seed):
    """Whenever it comes: requests in flight are unknown, unsent ones not_attempted, nothing keeps running."""
    moment = random.Random(seed).randint(1, 60)
    async with plain_account(60, latency=0.002) as sim, connect(sim) as client:
        ids = await event_ids(client)
        holder = []

        async def consume():
            async with stream_unschedule(client, ids, max_concurrency=5) as run:
                holder.append(run)
                async for _ in run:
                    pass

        task = asyncio.create_task(consume())
        while len(deletes(sim)) < moment:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ours_running() == []
        seen = len(deletes(sim))
        (run,) = holder
        counts = run.report.counts
        assert sum(counts.values()) == 60
        assert counts["unknown"] <= 5
        assert counts["unscheduled"] + counts["unknown"] >= seen
        assert counts["unscheduled"] <= len(sim.ledger.unscheduled_events)
        assert not run.report.ok
        assert "cancelled" in run.report.reason
        await asyncio.sleep(0.01)
        assert len(deletes(sim)) == seen


async def test_what_on_outcome_raises_comes_out_of_the_iteration():
    """At the end, after every outcome has been handed out."""

    def fail(outcome):
        raise OSError("disk full")

    async with plain_account(10) as sim, connect(sim) as client:
        ids = await event_ids(client)
        seen = []
        with pytest.raises(OSError, match="disk full"):
            async with stream_unschedule(client, ids, max_concurrency=2, on_outcome=fail) as run:
                async for outcome in run:
                    seen.append(outcome)
    assert len(seen) == 10
    assert run.report.counts["unscheduled"] == len(sim.ledger.unscheduled_events)


async def test_an_error_of_the_listing_comes_out_of_the_iteration():
    """A failed listing does not count as an empty account."""
    from meetstream_async import ServerError

    async with plain_account(3, troubles=[Trouble("list", 500)]) as sim, connect(sim) as client:
        with pytest.raises(ServerError):
            async with stream_unschedule(client, client.iter_scheduled_bots()) as run:
                async for _ in run:
                    pass
    assert not run.report.complete


async def test_a_run_has_to_be_entered_and_runs_once():
    """Misuse raises an error."""
    async with plain_account(0) as sim, connect(sim) as client:
        run = stream_unschedule(client, ["a"], dry_run=True)
        assert run.report.reason == "not started"
        with pytest.raises(ConfigurationError, match="async with"):
            await anext(run)
        with pytest.raises(ConfigurationError, match="async with"):
            await run.stop()
        async with run:
            pass
        with pytest.raises(ConfigurationError, match="once"):
            await run.__aenter__()


async def test_skipped_bots_take_no_request_and_still_wait_for_the_consumer():
    """A listing of one-off bots streams through without a DELETE."""
    async with Simulator([bot(n, None) for n in range(20)]) as sim, connect(sim) as client:
        async with stream_unschedule(client, client.iter_scheduled_bots(), max_concurrency=2) as run:
            statuses = [outcome.status async for outcome in run]
    assert statuses == [OutcomeStatus.SKIPPED] * 20
    assert not run.report.ok
    assert deletes(sim) == []


async def test_closing_a_generator_around_a_run_is_leaving_it_early():
    """Requests in flight finish, as with any break."""
    async with plain_account(30, latency=0.01) as sim, connect(sim) as client:
        ids = await event_ids(client)
        holder = []

        async def wrapped():
            async with stream_unschedule(client, ids, max_concurrency=4) as run:
                holder.append(run)
                async for outcome in run:
                    yield outcome

        outcomes = wrapped()
        await anext(outcomes)
        await outcomes.aclose()
        (run,) = holder
    assert run.report.counts["unknown"] == 0
    assert run.report.counts["unscheduled"] == len(sim.ledger.unscheduled_events)
