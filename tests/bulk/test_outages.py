"""A bulk run in an outage: what goes back, and when the run gives up."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from meetstream_async import BulkReport, MeetStreamClient, RetryPolicy, bulk_unschedule
from meetstream_async.simulator import Trouble
from tests.helpers.accounts import connect, deletes, event_ids, plain_account, statuses
from tests.helpers.far_api import FarApi
from tests.helpers.tasks import ours_running


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


def test_riding_out_an_outage_keeps_the_pace():
    """Those that go back when the server is back are spaced like all others. In virtual time."""
    api = FarApi(40, 0.005, outage=(0.2, 0.6))

    async def main(client: MeetStreamClient) -> BulkReport:
        return await bulk_unschedule(client, api.ids(), max_concurrency=10)

    report, _ = api.run(main, retry=RetryPolicy(initial_wait=0.1, max_wait=0.1), rate_limit=50)
    assert report.counts["unscheduled"] == 40
    starts = [at for at, _ in api.arrivals]
    assert len(starts) > 40
    assert min(late - early for early, late in pairwise(starts)) >= 1 / 50
