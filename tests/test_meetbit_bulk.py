"""bulk_cancel_events: one request an event, the stop conditions of a bulk run, and a report that is true."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
from accounts import statuses
from support import hang
from test_bulk import ours_running
from test_meetbit import ONCE, UNREADABLE, client, free, meetbit, pairs

from meetstream_async import (
    AuthenticationError,
    BulkError,
    BulkReport,
    CancelOutcome,
    ConfigurationError,
    InvalidResponseError,
    MeetStreamClient,
    NotFoundError,
    OutcomeStatus,
    RequestTimeoutError,
    ServerError,
    bulk_cancel_events,
)
from meetstream_async.simulator import Trouble

STATUSES = {"cancelled", "would_cancel", "failed", "unknown", "not_attempted"}


def sent(sim):
    """The events that the simulator was asked to cancel, in order of arrival."""
    return [(request.calendar_id, request.calendar_event_id) for request in sim.requests]


def assert_true_to_the_ledger(report, sim):
    """Each event has one outcome; what is called cancelled is cancelled, and nothing certain is left out."""
    ids = {status: set() for status in OutcomeStatus}
    for outcome in report.outcomes:
        ids[outcome.status].add(outcome.event_id)
    assert len(report.outcomes) == sum(map(len, ids.values()))
    assert ids["cancelled"] <= sim.ledger.cancelled_events <= ids["cancelled"] | ids["unknown"]


async def async_pairs(targets):
    for target in targets:
        yield target


KINDS = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "dict keys": dict.fromkeys,
    "generator": lambda targets: (target for target in targets),
    "async generator": async_pairs,
    "lists": lambda targets: [list(target) for target in targets],
    "strings": lambda targets: [(str(calendar), str(event)) for calendar, event in targets],
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_iterable_of_pairs_is_cancelled_whole(kind):
    """Lists, sets, generators and async generators of pairs; ids as ints or as strings."""
    async with free(12) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, KINDS[kind](pairs(sim)), "Off")
        assert sorted(sent(sim)) == sorted(pairs(sim))
    assert isinstance(report, BulkReport)
    assert statuses(report) == {"cancelled": 12}
    assert (report.ok, report.complete, report.reason) == (True, True, None)
    assert sim.ledger.live_events == frozenset()
    assert_true_to_the_ledger(report, sim)


async def test_an_outcome_holds_the_answer():
    """Which event, what became of it, what the API said, how many requests, how long."""
    async with free(1) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off")
    (outcome,) = report.outcomes
    (event,) = sim.calendar_events
    assert isinstance(outcome, CancelOutcome)
    assert (outcome.calendar_id, outcome.event_id) == (event.calendar_id, event.event_id)
    assert (outcome.status, outcome.attempts) == (OutcomeStatus.CANCELLED, 1)
    assert (outcome.error, outcome.reason) == (None, None)
    assert outcome.result.event.provider_event_id == event.provider_event_id
    assert 0 < outcome.elapsed < 5


async def test_a_target_may_have_a_note_of_its_own():
    """Its third part takes the place of the run's note; None does not."""
    async with free(3) as sim, meetbit(sim) as c:
        first, second, third = pairs(sim)
        await bulk_cancel_events(c, [(*first, "own"), (*second, None), third], "common")
    notes = [sim.ledger.calendar_events[event].cancel_note for _, event in (first, second, third)]
    assert notes == ["own", "common", "common"]


@pytest.mark.parametrize("cap", [1, 3, 20])
async def test_requests_in_flight_never_exceed_max_concurrency(cap):
    """The server's own gauge never shows more than the cap, and reaches it."""
    async with free(60, latency=0.01) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=cap)
    assert sim.max_in_flight == cap
    assert statuses(report) == {"cancelled": 60}


@pytest.mark.parametrize("kind", [list, async_pairs])
async def test_an_event_that_is_given_again_later_is_cancelled_once(kind):
    """One request and one outcome, also where the ids are spelt otherwise; the first note stays."""
    async with free(3) as sim, meetbit(sim) as c:
        events = pairs(sim)
        again = [(str(calendar), str(event), "later") for calendar, event in events]
        report = await bulk_cancel_events(c, kind([*events, *again, *events]), "first", max_concurrency=1)
        assert sent(sim) == events
    assert statuses(report) == {"cancelled": 3}
    assert report.ok
    assert {record.cancel_note for record in sim.ledger.calendar_events.values()} == {"first"}


async def test_a_dry_run_sends_nothing():
    """Every distinct target would be cancelled, and the report is ok."""
    async with free(5) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim) * 2, "Off", dry_run=True)
    assert statuses(report) == {"would_cancel": 5}
    assert report.ok
    assert sim.requests == []


@pytest.mark.parametrize("targets", [[], (), iter([])])
async def test_no_targets_are_a_report_of_nothing(targets):
    """All counts are zero, and the report is ok."""
    async with free(0) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, targets, "Off")
    assert report.ok
    assert dict(report.counts) == dict.fromkeys(STATUSES, 0)


@pytest.mark.parametrize("dry_run", [False, True])
async def test_the_counts_are_of_the_five_statuses_that_can_occur(dry_run):
    """Zeros included, and no others."""
    async with free(2) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", dry_run=dry_run)
    assert set(report.counts) == STATUSES
    assert sum(report.counts.values()) == 2


# --- what fails, and what stays open -------------------------------------------------------------------


async def test_an_unknown_event_fails_alone():
    """A first 404 is certain: failed; the others are cancelled."""
    async with free(3) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, [(1, 999_999), *pairs(sim)], "Off")
    assert statuses(report) == {"cancelled": 3, "failed": 1}
    assert (report.ok, report.complete) == (False, True)
    failed = next(outcome for outcome in report.outcomes if outcome.status == "failed")
    assert isinstance(failed.error, NotFoundError)
    assert "Resource object does not exist." in failed.reason
    assert report.reason == "1 failed"


UNCERTAIN = {
    "503 that took effect": {"status": 503, "apply": "before"},
    "503 that did not": {"status": 503},
    "503 that uses up the limit": {
        "status": 503,
        "apply": "before",
        "headers": {"RateLimit-Remaining": "0", "RateLimit-Reset": "0.05"},
    },
    "a drop after": {"drop": "after"},
    "half a body": {"half_body": True},
}


@pytest.mark.parametrize("kind", UNCERTAIN)
async def test_a_404_after_a_lost_answer_is_unknown(kind):
    """The event may be cancelled, or its id may be wrong: never reported as done, never as failed."""
    async with (
        free(1, troubles=[Trouble("cancel_event", times=1, **UNCERTAIN[kind])]) as sim,
        meetbit(sim) as c,
    ):
        target = (1, 999_999) if "did not" in kind else pairs(sim)[0]
        report = await bulk_cancel_events(c, [target], "Off")
    assert statuses(report) == {"unknown": 1}
    (outcome,) = report.outcomes
    assert isinstance(outcome.error, NotFoundError)
    assert (outcome.error.outcome_unknown, outcome.attempts) == (True, 2)
    assert not report.ok
    assert_true_to_the_ledger(report, sim)


async def test_attempts_used_up_are_unknown():
    """If the server keeps failing, the outcome is unknown: the event may have been cancelled."""
    async with free(2, troubles=[Trouble("cancel_event", 503, apply="before")]) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off")
    assert statuses(report) == {"unknown": 2}
    assert all(isinstance(outcome.error, ServerError) for outcome in report.outcomes)
    assert [outcome.attempts for outcome in report.outcomes] == [4, 4]
    assert_true_to_the_ledger(report, sim)


@pytest.mark.parametrize("body", [body for body, _ in UNREADABLE[:4]])
async def test_a_2xx_that_cannot_be_read_is_unknown(body):
    """It is sent once, and the error names the place."""
    async with free(1, troubles=[Trouble("cancel_event", body=body, apply="before")]) as sim:
        async with meetbit(sim) as c:
            report = await bulk_cancel_events(c, pairs(sim), "Off")
    assert statuses(report) == {"unknown": 1}
    assert isinstance(report.outcomes[0].error, InvalidResponseError)
    assert len(sim.requests) == 1


async def test_a_request_that_is_not_answered_in_time_is_unknown(raw_server):
    """The timeout bounds each attempt."""
    server = await raw_server(hang)
    async with client(server, timeout=0.1, retry=ONCE) as c:
        report = await bulk_cancel_events(c, [(1, 2)], "Off")
    assert statuses(report) == {"unknown": 1}
    assert isinstance(report.outcomes[0].error, RequestTimeoutError)


async def test_complaints_by_field_are_in_the_reason():
    """A 400 fails its target alone, and the report says what is wrong."""
    async with free(2, troubles=[Trouble("cancel_event", 400, times=1)]) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=1)
    assert statuses(report) == {"cancelled": 1, "failed": 1}
    assert "cancel note field is required" in report.outcomes[0].reason
    assert report.outcomes[0].error.errors == {"cancel_note": ("The cancel note field is required.",)}


@pytest.mark.parametrize("seed", range(3))
async def test_under_every_kind_of_trouble_the_report_is_true(seed):
    """Nothing is lost, nothing is called cancelled that is not, nothing failed that may be cancelled."""
    troubles = Trouble.every_kind(0.4, "cancel_event", retry_after=0, slow=0.02)
    async with free(60, troubles=troubles, seed=seed) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=8)
    assert sum(statuses(report).values()) == 60
    assert report.counts["not_attempted"] == 0
    assert_true_to_the_ledger(report, sim)


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
    assert "stopped by the caller" in report.reason
    assert_true_to_the_ledger(report, sim)


async def test_a_stop_that_is_set_before_the_run_sends_nothing():
    """Every target of the list is not_attempted."""
    stop = asyncio.Event()
    stop.set()
    async with free(3) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", stop=stop)
    assert statuses(report) == {"not_attempted": 3}
    assert sim.requests == []


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


async def test_a_cancelled_bulk_run_leaves_nothing_running():
    """CancelledError comes out, no request follows, no task stays."""
    async with free(100, latency=0.05) as sim, meetbit(sim) as c:
        task = asyncio.create_task(bulk_cancel_events(c, pairs(sim), "Off"))
        while len(sim.requests) < 7:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        seen = len(sim.requests)
        assert ours_running() == []
        await asyncio.sleep(0.1)
        assert len(sim.requests) == seen


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
    ("arguments", "says"), BAD_ARGUMENTS, ids=[str(bad)[:50] for bad, _ in BAD_ARGUMENTS]
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


async def test_a_list_that_changes_during_the_run_loses_no_target():
    """The targets are those that were given."""
    async with free(20) as sim, meetbit(sim) as c:
        pending = pairs(sim)
        report = await bulk_cancel_events(
            c,
            pending,
            "Off",
            max_concurrency=2,
            on_outcome=lambda outcome: pending.remove((outcome.calendar_id, outcome.event_id)),
        )
    assert statuses(report) == {"cancelled": 20}


# --- the report ----------------------------------------------------------------------------------------


async def test_the_report_as_a_dict_is_json():
    """Counts by name, outcomes with their ids, the error as its class and text; no answer's content."""
    async with free(1) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, [*pairs(sim), (7, 8)], "Off", max_concurrency=1)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["counts"] == {
        "cancelled": 1,
        "would_cancel": 0,
        "failed": 1,
        "unknown": 0,
        "not_attempted": 0,
    }
    assert (data["ok"], data["complete"], data["reason"]) == (False, True, "1 failed")
    done, failed = data["outcomes"]
    assert {name: done[name] for name in ("status", "reason", "attempts", "error")} == {
        "status": "cancelled",
        "reason": None,
        "attempts": 1,
        "error": None,
    }
    assert (done["calendar_id"], done["event_id"]) == pairs(sim)[0]
    assert (failed["calendar_id"], failed["event_id"], failed["status"]) == (7, 8, "failed")
    assert failed["error"].startswith("NotFoundError: 404")
    assert "example.com" not in str(data)


async def test_raise_for_failures_carries_the_report():
    """A report that is not ok raises, one that is ok does not."""
    async with free(1) as sim, meetbit(sim) as c:
        (await bulk_cancel_events(c, pairs(sim), "Off")).raise_for_failures()
        failed = await bulk_cancel_events(c, [(7, 8)], "Off")
        with pytest.raises(BulkError, match="1 failed") as caught:
            failed.raise_for_failures()
    assert caught.value.report is failed
