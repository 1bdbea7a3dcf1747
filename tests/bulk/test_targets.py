"""Targets of a bulk run: any iterable, rows and ids, each event once."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from meetstream_async import ConfigurationError, bulk_unschedule
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


async def test_a_list_that_changes_during_the_run_loses_no_target():
    """The targets are those that were given."""
    async with plain_account(20) as sim, connect(sim) as client:
        pending = await event_ids(client)
        report = await bulk_unschedule(
            client, pending, max_concurrency=2, on_outcome=lambda outcome: pending.remove(outcome.event_id)
        )
    assert statuses(report) == {"unscheduled": 20}
    assert pending == []


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


async def test_a_page_will_do_as_targets():
    """A listing that was fetched before, with its truncation."""
    async with plain_account(101) as sim, connect(sim) as client:
        page = await client.list_scheduled_bots()
        report = await bulk_unschedule(client, page, dry_run=True)
    assert statuses(report) == {"would_unschedule": 100}
    assert "full" in report.reason


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
