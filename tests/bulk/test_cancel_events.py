"""bulk_cancel_events: one request an event, and a report that is true."""

from __future__ import annotations

import json

import pytest

from meetstream_async import (
    BulkError,
    BulkReport,
    CancelOutcome,
    InvalidResponseError,
    NotFoundError,
    OutcomeStatus,
    RequestTimeoutError,
    ServerError,
    bulk_cancel_events,
)
from meetstream_async.simulator import Trouble
from tests.helpers.accounts import statuses
from tests.helpers.iterables import async_pairs
from tests.helpers.meetbit import ONCE, UNREADABLE, assert_true_to_the_ledger, client, free, meetbit, pairs
from tests.helpers.raw_server import hang

pytestmark = pytest.mark.usefixtures("quick_checks")

STATUSES = {"cancelled", "would_cancel", "failed", "unknown", "not_attempted"}


def sent(sim):
    """The events that the simulator was asked to cancel, in order of arrival."""
    return [(request.calendar_id, request.calendar_event_id) for request in sim.requests]


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
    events = max(12, 2 * cap)
    async with free(events, latency=0.05) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=cap)
    assert sim.max_in_flight == cap
    assert statuses(report) == {"cancelled": events}


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


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
async def test_under_every_kind_of_trouble_the_report_is_true(seed):
    """Nothing is lost, nothing is called cancelled that is not, nothing failed that may be cancelled."""
    troubles = Trouble.every_kind(0.4, "cancel_event", retry_after=0, slow=0.02)
    async with free(60, troubles=troubles, seed=seed) as sim, meetbit(sim) as c:
        report = await bulk_cancel_events(c, pairs(sim), "Off", max_concurrency=8)
    assert sum(statuses(report).values()) == 60
    assert report.counts["not_attempted"] == 0
    assert_true_to_the_ledger(report, sim)


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
