"""bulk_cancel_events: what ends a run, and the arguments that it refuses."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from meetstream_async import AuthenticationError, ConfigurationError, MeetStreamClient, bulk_cancel_events
from meetstream_async.simulator import Trouble
from tests.helpers.accounts import statuses
from tests.helpers.iterables import async_pairs
from tests.helpers.meetbit import ONCE, assert_true_to_the_ledger, free, meetbit, pairs
from tests.helpers.tasks import ours_running

# --- what ends a run -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
async def test_a_rejected_key_stops_the_run(status):
    """At most max_concurrency requests go out after the first refusal; the rest is not_attempted."""
    async with free(100, troubles=[Trouble("cancel_event", status, skip=10)]) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=4)
    seen = len(sim.requests)
    assert 11 <= seen <= 14
    assert statuses(report) == {"cancelled": 10, "failed": seen - 10, "not_attempted": 100 - seen}
    assert (report.ok, report.complete) == (False, False)
    assert "key" in report.reason


async def test_a_missing_permission_stops_the_run_and_is_named():
    """401 "Access Denied." is the same for every event."""
    async with free(30, meetbit_permissions=[]) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=1)
    assert statuses(report) == {"failed": 1, "not_attempted": 29}
    assert isinstance(report.outcomes[0].error, AuthenticationError)
    assert "events.delete.*" in report.reason
    assert len(sim.requests) == 1


async def test_a_dead_server_is_not_hammered():
    """The run stops after that many failed targets in a row, and says so."""
    async with free(100, troubles=[Trouble("cancel_event", 503)]) as sim, meetbit(sim, retry=ONCE) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=1, stop_after_failures=3)
    assert statuses(report) == {"unknown": 3, "not_attempted": 97}
    assert len(sim.requests) == 3
    assert "3 targets in a row failed" in report.reason


@pytest.mark.parametrize("kind", [list, async_pairs])
async def test_setting_stop_ends_the_run_and_returns_the_report(kind):
    """Requests in flight finish; the rest of a list is not_attempted, a stream is not pulled further."""
    stop = asyncio.Event()
    finished = itertools.count(1)
    async with free(50, latency=0.005) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(
            c,
            kind(pairs(sim)),
            "Off",
            max_concurrency=3,
            stop=stop,
            on_outcome=lambda _: next(finished) == 6 and stop.set(),
        )
    seen = len(sim.requests)
    assert 6 <= seen < 20
    assert report.counts["cancelled"] == seen
    assert (
        report.counts["not_attempted"] == 50 - seen if kind is list else report.counts["not_attempted"] <= 1
    )
    assert not report.complete
    assert "the run was stopped" in report.reason
    assert_true_to_the_ledger(report, sim)


async def test_on_outcome_hears_each_outcome_once_in_order():
    """on_outcome gets the same outcomes as the report."""
    heard = []
    async with free(9) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", on_outcome=heard.append)
    assert tuple(heard) == report.outcomes


async def test_what_on_outcome_raises_stops_the_run_gracefully():
    """Requests in flight finish, and the error is raised with the outcomes so far."""

    def full_disk(outcome):
        raise OSError("disk full")

    async with free(50, latency=0.005) as sim, meetbit(sim) as c:
        with pytest.raises(OSError, match="disk full") as caught:
            await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=2, on_outcome=full_disk)
        assert sim.in_flight == 0
        assert len(sim.requests) <= 3
    assert f"{len(sim.ledger.cancelled_events)} cancelled" in caught.value.__notes__[0]


async def test_an_endless_stream_is_not_pulled_beyond_the_end():
    """After the run has stopped no further target is taken."""
    pulled = itertools.count(1)
    async with free(1, meetbit_permissions=[]) as sim, meetbit(sim) as c:
        endless = ((1, number) for number in pulled)
        report = await bulk_cancel_events(c, endless, "Off", max_concurrency=2)
    assert next(pulled) <= 6
    assert "key" in report.reason


# --- arguments -----------------------------------------------------------------------------------------

BAD_ARGUMENTS = [
    ({"max_concurrency": 0}, "max_concurrency"),
    ({"max_concurrency": True}, "max_concurrency"),
    ({"max_concurrency": 2.5}, "max_concurrency"),
    ({"max_concurrency": None}, "max_concurrency"),
    ({"max_pause": -1}, "max_pause"),
    ({"max_pause": float("nan")}, "max_pause"),
    ({"max_pause": "60"}, "max_pause"),
    ({"max_pause": None}, "max_pause"),
    ({"stop_after_failures": 0}, "stop_after_failures"),
    ({"stop_after_failures": "20"}, "stop_after_failures"),
    ({"dry_run": None}, "dry_run"),
    ({"dry_run": 1}, "dry_run"),
    ({"on_outcome": asyncio.sleep}, "plain function"),
    ({"on_outcome": 7}, "on_outcome"),
    ({"stop": True}, "stop"),
    ({"cancel_note": ""}, "cancel_note"),
    ({"cancel_note": None}, "cancel_note"),
    ({"cancel_note": "x" * 256}, "cancel_note"),
    ({"client": None}, "MeetBitClient"),
    ({"client": MeetStreamClient("ms_another-key-1234")}, "MeetBitClient"),
    ({"targets": "12"}, "targets"),
    ({"targets": b"12"}, "targets"),
    ({"targets": 7}, "targets"),
    ({"targets": None}, "targets"),
    ({"targets": (1, 2)}, r"targets\[0\]"),
    ({"targets": [(1, 2), (1,)]}, r"targets\[1\]"),
    ({"targets": [(1, 2), (1, 2, "x", 4)]}, r"targets\[1\]"),
    ({"targets": [(1, 2), "34"]}, r"targets\[1\]"),
    ({"targets": [(1, 2), b"34"]}, r"targets\[1\]"),
    ({"targets": [(1, 2), bytearray(b"34")]}, r"targets\[1\]"),
    ({"targets": [(1, 2), None]}, r"targets\[1\]"),
    ({"targets": [(1, 2), {1: 2, 3: 4}]}, r"targets\[1\]"),
    ({"targets": [(1, 2), {3, 4}]}, r"targets\[1\]"),
    ({"targets": [(1, 2), (True, 4)]}, "calendar_id"),
    ({"targets": [(1, 2), (3, False)]}, "event_id"),
    ({"targets": [(1, 2), (0, 4)]}, "calendar_id"),
    ({"targets": [(1, 2), (3, "4.0")]}, "event_id"),
    ({"targets": [(1, 2), (3, None)]}, "event_id"),
    ({"targets": [(1, 2), (3, 4, "")]}, "cancel_note"),
    ({"targets": [(1, 2), (3, 4, 5)]}, "cancel_note"),
    ({"targets": [(1, 2), (3, 4, "x" * 256)]}, "cancel_note"),
]


@pytest.mark.parametrize("dry_run", [False, True], ids=["run", "dry run"])
@pytest.mark.parametrize(
    ("arguments", "says"), BAD_ARGUMENTS, ids=[next(iter(bad)) for bad, _ in BAD_ARGUMENTS]
)
async def test_bad_arguments_are_told_before_any_request(arguments, says, dry_run):
    """Each is a ConfigurationError that names the argument, and the server sees nothing."""
    async with free(2) as sim, meetbit(sim) as c:
        call = {"client": c, "targets": pairs(sim), "cancel_note": "Off", "dry_run": dry_run, **arguments}
        with pytest.raises(ConfigurationError, match=says):
            await bulk_cancel_events(**call)
    assert sim.requests == []


async def test_a_bad_target_of_a_stream_ends_the_run_with_what_had_happened():
    """It is raised when reached; earlier requests finish, and their outcomes are on the error."""
    async with free(2, latency=0.02) as sim, meetbit(sim) as c:
        with pytest.raises(ConfigurationError, match="target 2") as caught:
            await bulk_cancel_events(c, async_pairs([*pairs(sim), (1, None)]), "Off")
        assert sim.in_flight == 0
        assert ours_running() == []
    assert "2 cancelled" in caught.value.__notes__[0]
    assert len(sim.ledger.cancelled_events) == 2


async def test_what_a_source_raises_comes_out_after_the_requests_in_flight():
    """Nothing is left running, and the error carries what had happened."""

    async def broken(targets):
        yield targets[0]
        raise LookupError("the queue is gone")

    async with free(2, latency=0.02) as sim, meetbit(sim) as c:
        with pytest.raises(LookupError, match="queue") as caught:
            await bulk_cancel_events(c, broken(pairs(sim)), "Off")
        assert sim.in_flight == 0
    assert "1 cancelled" in caught.value.__notes__[0]


async def test_a_closed_client_is_told_by_the_run():
    """Using a client after its end is a mistake that says so, once and not per event."""
    async with free(1) as sim:
        c = meetbit(sim)
        await c.close()
        with pytest.raises(ConfigurationError, match="closed"):
            await bulk_cancel_events(c, pairs(sim), "Off")
    assert sim.requests == []
