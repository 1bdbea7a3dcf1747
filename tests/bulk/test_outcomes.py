"""Outcomes and report of a bulk run are true, also where an answer was lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from meetstream_async import BulkError, OutcomeStatus, RetryPolicy, ScheduledBot, bulk_unschedule
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import bot, connect, deletes, event_ids, plain_account, statuses


async def test_a_delete_that_took_effect_but_answered_503_is_success_inferred():
    """The repeat's 400 "Event not scheduled" shows that the goal is reached."""
    async with plain_account(1) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, apply="before", times=1))
        report = await bulk_unschedule(client, await event_ids(client))
    (outcome,) = report.outcomes
    assert outcome.status == OutcomeStatus.UNSCHEDULED
    assert outcome.result.inferred
    assert outcome.attempts == 2
    assert report.ok


async def test_the_same_with_series_options_is_unknown():
    """A partial success is not reported as success."""
    async with Simulator([bot(1, series="master")]) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, apply="before", times=1))
        report = await bulk_unschedule(client, ["evt_0001"], cancel_all_occurrences=True)
    (outcome,) = report.outcomes
    assert outcome.status == OutcomeStatus.UNKNOWN
    assert outcome.error.outcome_unknown


async def test_a_404_after_a_503_is_unknown():
    """The 503 may have hidden a wrong id."""
    async with plain_account(0) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, times=1))
        report = await bulk_unschedule(client, ["evt_wrong"])
    (outcome,) = report.outcomes
    assert outcome.status == OutcomeStatus.UNKNOWN
    assert outcome.error.outcome_unknown


@pytest.mark.parametrize("lost_answer", [False, True])
async def test_not_scheduled_after_the_join_time_may_mean_joined(lost_answer):
    """A bot in its meeting is "not scheduled", too: unknown, never a success."""
    past = datetime.now(UTC) - timedelta(minutes=1)
    joined = ScheduledBot("b", scheduled_join_time=past, custom_attributes={"event_id": "evt_0001"})
    async with Simulator([bot(1, join_time=past)]) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 400))
        if lost_answer:
            sim.clear_troubles()
            sim.add_trouble(Trouble("unschedule", 503, times=1))
            sim.add_trouble(Trouble("unschedule", 400))
        report = await bulk_unschedule(client, [joined])
    (outcome,) = report.outcomes
    assert outcome.status == OutcomeStatus.UNKNOWN
    assert outcome.reason == "may have joined"


async def test_what_was_not_scheduled_is_already_unscheduled():
    """400 "Event not scheduled" as the first response is not a failure."""
    async with plain_account(1) as sim, connect(sim) as client:
        ids = await event_ids(client)
        await bulk_unschedule(client, ids)
        report = await bulk_unschedule(client, ids)
    assert statuses(report) == {"already_unscheduled": 1}
    assert report.ok


async def test_raise_for_failures_carries_the_report():
    """A report that is not ok raises, one that is ok does not."""
    async with plain_account(1) as sim, connect(sim) as client:
        (await bulk_unschedule(client, await event_ids(client))).raise_for_failures()
        failed = await bulk_unschedule(client, ["evt_wrong"])
        with pytest.raises(BulkError, match="1 failed") as caught:
            failed.raise_for_failures()
    assert caught.value.report is failed


async def test_the_report_as_a_dict_is_json_without_links_and_attributes():
    """Counts by name, outcomes with their reason, errors as text."""
    async with Simulator([bot(1, meeting_link="https://meet.example/secret")]) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, client.iter_scheduled_bots(), dry_run=True)
    data = report.to_dict()
    assert data["counts"]["would_unschedule"] == 1
    assert data["outcomes"][0] == {
        "event_id": "evt_0001",
        "bot_ids": ["bot-0001"],
        "method": None,
        "status": "would_unschedule",
        "reason": None,
        "inferred": False,
        "attempts": 0,
        "elapsed": 0.0,
        "error": None,
        "request_id": None,
    }
    assert "secret" not in str(data)


async def test_a_lost_answer_stays_unknown_where_no_listing_tells():
    """503 that may have taken effect, then 404 for event and bot: the ids may simply be wrong."""
    event = ScheduledBot("bot-gone", custom_attributes={"event_id": "evt"})
    async with Simulator([]) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 503, times=1))
        report = await bulk_unschedule(client, [event], one_off_bots="delete")
    assert statuses(report) == {"unknown": 1}


async def test_elapsed_does_not_count_the_wait_for_a_turn():
    """A target that met a 429 and is cancelled while it waits has not been at work all that time."""
    heard = []
    async with plain_account(1) as sim, connect(sim, retry=RetryPolicy(max_retry_after=0.01)) as client:
        sim.add_trouble(Trouble("unschedule", 429, retry_after=30))
        ids = await event_ids(client)
        run = asyncio.create_task(bulk_unschedule(client, ids, on_outcome=heard.append))
        while not deletes(sim):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.3)
        run.cancel()
        await asyncio.wait({run})
    (outcome,) = heard
    assert outcome.elapsed < 0.25
