"""An outage of a few seconds in mid-run is ridden out."""

from __future__ import annotations

import asyncio

import pytest

from meetstream_async import MeetStreamClient, RetryPolicy, bulk_unschedule, unschedule_all
from meetstream_async.simulator import Trouble
from tests.helpers.accounts import assert_true_to_the_ledger, plain_account, statuses
from tests.helpers.fault_proxy import FaultProxy
from tests.helpers.proof import all_event_ids, figure, note_worst, sized

RUNS = [("bulk", "503"), ("bulk", "refused"), ("all", "503"), ("all", "refused")]


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("cap", sized([5], [5, 20], [5, 20]))
async def test_an_outage_of_a_few_seconds_in_mid_run_is_ridden_out(cap):
    """With the default policy every event is unscheduled; none is left failed, unknown or not attempted."""
    await asyncio.gather(*(ride_out(run, kind, cap) for run, kind in RUNS))


async def ride_out(run: str, kind: str, cap: int) -> None:
    """One run through an outage, on an account and behind a proxy of its own."""
    seconds = sized(1.5, 3.0, 3.0)
    down = asyncio.Event()
    async with plain_account(150, latency=0.02) as sim, FaultProxy(sim.base_url) as proxy:
        if kind == "503":
            sim.add_trouble(Trouble("*", 503, when=lambda _: down.is_set()))

        async def outage() -> None:
            # In mid-run, however slow the machine: a run that never had an answer is another case.
            while proxy.requests < 40:
                await asyncio.sleep(0.005)
            down.set()
            if kind == "refused":
                await proxy.refuse()
            await asyncio.sleep(seconds)
            down.clear()
            if kind == "refused":
                await proxy.listen()

        async with MeetStreamClient(sim.api_key, base_url=proxy.base_url) as client:
            going = asyncio.create_task(outage())
            if run == "bulk":
                report = await bulk_unschedule(client, all_event_ids(sim), max_concurrency=cap)
            else:
                report = await unschedule_all(client, max_concurrency=cap)
            await going
    assert statuses(report) == {"unscheduled": 150}, [
        (one.reason, one.attempts, one.elapsed) for one in report.outcomes if one.status != "unscheduled"
    ]
    assert report.ok
    assert_true_to_the_ledger(report, sim)
    figure(4, f"{seconds:g} s of {kind}, {run}, max_concurrency={cap}: ridden out in {report.elapsed:.1f} s")


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("cap", [50, 100])
async def test_a_total_outage_costs_at_most_200_requests_at_high_concurrency(cap):
    """The first round alone must not go beyond it."""
    policy = sized(RetryPolicy(initial_wait=0.05), RetryPolicy(), RetryPolicy())
    async with plain_account(1000) as sim, FaultProxy(sim.base_url) as proxy:
        sim.add_trouble(Trouble("unschedule", 503))
        async with MeetStreamClient(sim.api_key, base_url=proxy.base_url, retry=policy) as client:
            report = await bulk_unschedule(client, all_event_ids(sim), max_concurrency=cap)
    note_worst(4, f"requests of 1,000 targets in a total outage, max_concurrency={cap}", proxy.requests)
    assert proxy.requests <= 200
    assert not report.complete
