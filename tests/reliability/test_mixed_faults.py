"""Bulk runs through every fault at once: one outcome an event, and a report that equals the ledger."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from meetstream_async import (
    BulkReport,
    MeetBitClient,
    MeetStreamClient,
    MeetStreamError,
    OutcomeStatus,
    RetryPolicy,
    bulk_cancel_events,
    bulk_unschedule,
    unschedule_all,
)
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import connect, deletes, plain_account
from tests.helpers.fault_proxy import FAULTS, FaultProxy
from tests.helpers.proof import all_event_ids, figure, note_worst, sized

S = OutcomeStatus
IN_HASTE = RetryPolicy(initial_wait=0.002, max_wait=0.005)


def assert_equals_the_ledger(report: BulkReport[Any], sim: Simulator, given: set[str]) -> None:
    """Each event that was given has one outcome, the counts add up, and no outcome says what is not so."""
    named = [outcome.event_id for outcome in report.outcomes]
    assert sorted(named) == sorted(given)
    assert Counter(outcome.status for outcome in report.outcomes) == +Counter(dict(report.counts))
    gone = sim.ledger.unscheduled_events
    said: dict[OutcomeStatus, set[str]] = {status: set() for status in S}
    for outcome in report.outcomes:
        said[outcome.status].add(outcome.event_id)
    assert said[S.UNSCHEDULED] | said[S.ALREADY_UNSCHEDULED] <= gone
    assert not (said[S.FAILED] | said[S.NOT_ATTEMPTED]) & gone
    assert gone <= said[S.UNSCHEDULED] | said[S.ALREADY_UNSCHEDULED] | said[S.UNKNOWN]
    if report.ok:
        assert gone == given


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(sized(2, 6, 20)))
async def test_every_fault_at_once_and_the_report_equals_the_ledger(seed):
    """10 % of requests meet one of ten faults on the wire, 10 % one of ten answers of a server in trouble."""
    events = sized(60, 1000, 10_000)
    wire = dict.fromkeys(FAULTS, 0.01)
    troubles = Trouble.every_kind(0.10, retry_after=0.02, slow=0.05)
    # Given targets get few attempts, so that some do end in failure; a drain lists often, and gets more.
    policy = RetryPolicy(max_attempts=3 if seed % 2 else 6, initial_wait=0.01, max_wait=0.05)
    options: dict[str, Any] = {"max_concurrency": 20, "stop_after_failures": 1000}
    started = time.monotonic()
    async with (
        plain_account(events, seed=seed, troubles=troubles) as sim,
        FaultProxy(sim.base_url, wire, seed=seed, slow=0.02) as proxy,
        MeetStreamClient(sim.api_key, base_url=proxy.base_url, retry=policy, timeout=0.5) as client,
    ):
        given = set(all_event_ids(sim))
        if seed % 2:
            report = await bulk_unschedule(client, sorted(given), **options)
        else:
            sim.add_trouble(Trouble("list", bad_rows=3, rate=0.05))
            while True:
                try:
                    report = await unschedule_all(client, settle=5, **options)
                    break
                except MeetStreamError:
                    # The first listing failed for good: then nothing else was sent.
                    assert deletes(sim) == []
        if not report.complete:
            # A drain whose later listing fails for good ends there, and speaks of what it has seen.
            assert report.reason
            assert not report.ok
            given = {outcome.event_id for outcome in report.outcomes}
        assert_equals_the_ledger(report, sim, given)
    assert len(proxy.hit) == len(FAULTS) or events < 1000
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items() if count)
    figure(
        6,
        f"seed {seed}: {events} events, {proxy.requests} requests, {proxy.hit.total()} wire faults, "
        f"{'bulk' if seed % 2 else 'all'}, {counts}, ok={report.ok}, {time.monotonic() - started:.0f} s",
    )


# --- a dead server -------------------------------------------------------------------------------------


CAPS = (1, 20)
SLOW = pytest.mark.slow
OUTAGE = sized(230, 1000, 1000)
"""Targets; far more than the requests that may be spent on them."""


@pytest.mark.soak
@pytest.mark.parametrize(
    ("cap", "kind"),
    # By default one kind that is answered, one that is not, and one that nobody hears.
    [*((cap, "503") for cap in CAPS), (20, "truncation"), (20, "refused"), pytest.param(5, "503", marks=SLOW)]
    + [pytest.param(cap, kind, marks=SLOW) for kind in ("reset_before", "reset_after") for cap in CAPS]
    + [pytest.param(1, kind, marks=SLOW) for kind in ("truncation", "refused")],
)
async def test_a_total_outage_of_any_kind_costs_at_most_200_requests(cap, kind):
    """Targets that were not sent are not_attempted, and the reason says why."""
    async with plain_account(OUTAGE) as sim, FaultProxy(sim.base_url) as proxy:
        if kind == "503":
            sim.add_trouble(Trouble("unschedule", 503))
        elif kind == "refused":
            await proxy.refuse()
        else:
            proxy.fault = kind
        async with MeetStreamClient(sim.api_key, base_url=proxy.base_url, retry=IN_HASTE) as client:
            report = await bulk_unschedule(client, all_event_ids(sim), max_concurrency=cap)
    sent = proxy.requests if kind != "refused" else sum(outcome.attempts for outcome in report.outcomes)
    assert sent <= 200
    note_worst(4, f"requests of {OUTAGE:,} targets in a total outage, max_concurrency={cap}", sent)
    tried = report.counts["failed"] + report.counts["unknown"] + report.counts["unscheduled"]
    assert report.counts["unscheduled"] == 0
    assert report.counts["not_attempted"] == OUTAGE - tried
    assert not report.complete
    assert "in a row failed" in report.reason


@pytest.mark.parametrize(
    ("cap", "kind"),
    [*((cap, "503") for cap in CAPS), (20, "reset_after"), pytest.param(5, "503", marks=SLOW)]
    + [pytest.param(1, "reset_after", marks=SLOW)]
    + [pytest.param(cap, "reset_before", marks=SLOW) for cap in CAPS],
)
async def test_an_outage_right_after_the_listing_costs_a_drain_at_most_200_requests(cap, kind):
    """Listed but unsent targets are not_attempted; listings that fail during the outage count, too."""
    async with plain_account(OUTAGE) as sim, FaultProxy(sim.base_url) as proxy:
        if kind == "503":
            sim.add_trouble(Trouble("*", 503, skip=1))
        else:
            sim.add_trouble(Trouble("*", drop=kind.removeprefix("reset_"), skip=1))
        async with MeetStreamClient(sim.api_key, base_url=proxy.base_url, retry=IN_HASTE) as client:
            report = await unschedule_all(client, max_concurrency=cap)
    assert proxy.requests <= 200
    assert report.counts["unscheduled"] == 0
    assert sum(report.counts.values()) == 100
    assert report.counts["not_attempted"] >= 20
    assert not report.complete
    assert "in a row failed" in report.reason


# --- a rejected credential -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "cap", "status"),
    [(kind, 100, 401) for kind in ("bulk", "all", "cancel")]
    + [(kind, 5, 403) for kind in ("bulk", "all", "cancel")]
    + [
        pytest.param(kind, cap, 401, marks=pytest.mark.slow)
        for kind in ("bulk", "all", "cancel")
        for cap in (1, 5)
    ],
)
async def test_a_rejected_key_costs_at_most_max_concurrency_requests(kind, cap, status):
    """The run stops at the first refusal, even if further requests are refused with it."""
    refused_from = 30
    trouble = Trouble("*", status, skip=refused_from)
    async with plain_account(200, events=200, meetbit_rate=None, meetbit_tenant_rate=None) as sim:
        sim.add_trouble(trouble)
        if kind == "cancel":
            async with MeetBitClient(
                "acme.example.com",
                sim.access_key_id,
                sim.access_key_secret,
                base_url=sim.meetbit_base_url,
                rate_limit=None,
            ) as meetbit:
                targets = [(event.calendar_id, event.event_id) for event in sim.calendar_events]
                report: BulkReport[Any] = await bulk_cancel_events(
                    meetbit, targets, "note", max_concurrency=cap
                )
        else:
            async with connect(sim) as client:
                if kind == "bulk":
                    report = await bulk_unschedule(client, all_event_ids(sim), max_concurrency=cap)
                else:
                    report = await unschedule_all(client, max_concurrency=cap)
    refused = [request for request in sim.requests if request.status == status]
    assert 1 <= len(refused) <= cap
    assert len(sim.requests) == refused_from + len(refused)
    note_worst(5, f"refused requests with max_concurrency={cap}", len(refused))
    assert not report.ok
    assert "key" in report.reason
    assert len(deletes(sim)) <= 200
