"""No target of a bulk run is lost by a pause."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from aioresponses import CallbackResult
from aioresponses import aioresponses as Mocked
from yarl import URL

from meetstream_async import (
    MeetBitClient,
    MeetStreamClient,
    RetryPolicy,
    ScheduledBot,
    ScheduledBotPage,
    bulk_cancel_events,
    bulk_unschedule,
    cancel_meeting,
)
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.accounts import connect, plain_account
from tests.helpers.clock import virtual_time


def row(bot_id: str, event_id: str) -> ScheduledBot:
    return ScheduledBot(bot_id, custom_attributes={"event_id": event_id})


async def test_a_pause_between_turn_and_request_leaves_the_target_not_attempted():
    """Nothing was sent for it, so it has not failed."""
    async with plain_account(0) as sim, connect(sim) as client:

        async def targets():
            yield "evt_1"
            # The next one has its turn already when the pause begins.
            asyncio.get_running_loop().call_soon(client.api.rate_limiter.pause, 1000)
            yield "evt_2"

        report = await bulk_unschedule(client, targets(), max_concurrency=2)
    assert report.counts["failed"] + report.counts["not_attempted"] == 2
    assert all(outcome.attempts for outcome in report.outcomes if outcome.status == "failed")


async def test_a_row_that_comes_during_the_second_turn_of_its_event_is_not_lost():
    """429, then "Event not found": the rows that arrived meanwhile are deleted as well."""
    bots = [row("bot-1", "evt"), row("bot-2", "evt"), row("bot-3", "evt")]

    async def rows():
        yield bots[0]
        await asyncio.sleep(0.05)
        yield bots[1]
        await asyncio.sleep(0.5)
        yield bots[2]
        yield bots[2]

    account = Simulator([SimulatedBot(one.bot_id) for one in bots])
    async with account as sim, connect(sim, retry=RetryPolicy(max_attempts=1)) as client:
        sim.add_trouble(Trouble("unschedule", 429, retry_after=0.2, times=1))
        report = await bulk_unschedule(client, rows(), one_off_bots="delete")
    assert report.ok, report.reason
    assert sim.ledger.scheduled_bots == frozenset()
    assert max(record.delete_requests for record in sim.ledger.bots.values()) == 1


@pytest.mark.parametrize("with_bots", [False, True])
async def test_a_client_closed_between_the_halves_of_a_meeting_loses_nothing(with_bots):
    """The result says that the event is cancelled, whatever happens to its bot."""
    async with plain_account(2, latency=0.05) as sim:
        event = sim.calendar_events[0]
        meetbit = MeetBitClient(
            access_key_id=sim.access_key_id,
            access_key_secret=sim.access_key_secret,
            base_url=sim.meetbit_base_url,
        )
        async with meetbit, connect(sim) as meetstream:
            bot_event_id = event.provider_event_id if with_bots else None
            task = asyncio.create_task(
                cancel_meeting(
                    meetbit, meetstream, event.calendar_id, event.event_id, "x", bot_event_id=bot_event_id
                )
            )
            while not sim.requests:
                await asyncio.sleep(0.001)
            await meetstream.close()
            result = await task
    assert result.event is not None
    assert not result.ok
    assert "closed" in result.reason


async def test_targets_of_a_cancel_are_those_that_were_given():
    """A list that is changed while the run goes on cancels what it said at the start."""
    async with plain_account(6) as sim:
        meetbit = MeetBitClient(
            access_key_id=sim.access_key_id,
            access_key_secret=sim.access_key_secret,
            base_url=sim.meetbit_base_url,
            rate_limit=None,
        )
        targets = [[event.calendar_id, event.event_id] for event in sim.calendar_events[:3]]
        wanted = {event_id for _, event_id in targets}
        other = sim.calendar_events[5]

        def change(outcome):
            targets[2][:] = [other.calendar_id, other.event_id]

        async with meetbit:
            await bulk_cancel_events(meetbit, targets, "x", max_concurrency=1, on_outcome=change)
    assert sim.ledger.cancelled_events == wanted


@virtual_time
async def test_the_further_requests_of_an_event_wait_for_the_rate_and_not_in_vain(mocked: Mocked) -> None:
    """An event needs several DELETEs, and a call may take less than the rate makes it wait: the run ends."""
    asked: Counter[str] = Counter()

    def answer(url: URL, **_: Any) -> CallbackResult:
        asked[url.name] += 1
        if asked[url.name] == 1:
            return CallbackResult(status=503)
        if asked[url.name] == 2:
            # It says nothing of how many bots it took.
            return CallbackResult(payload={"message": "Bot unscheduled"})
        return CallbackResult(status=400, payload={"message": "Event not scheduled"})

    mocked.delete(re.compile(""), callback=answer, repeat=True)
    rows = [row(f"bot-{n}", f"evt_{n % 3}") for n in range(6)]
    later = datetime.now(UTC) + timedelta(days=1)
    rows = [attrs.evolve(one, scheduled_join_time=later) for one in rows]
    policy = RetryPolicy(max_elapsed=1.0)
    async with MeetStreamClient(
        "ms_key-of-no-account", base_url="http://127.0.0.1", retry=policy, rate_limit=2
    ) as client:
        report = await bulk_unschedule(client, ScheduledBotPage(tuple(rows), limit=100, truncated=False))
    assert report.counts["unscheduled"] == 3, report
    assert max(asked.values()) <= 4


@virtual_time
async def test_a_refusal_that_is_over_is_not_gone_back_to(mocked: Mocked) -> None:
    """One bot of an event stays in doubt, another was refused once and deleted then: the run ends."""
    asked: Counter[str] = Counter()

    def answer(url: URL, **_: Any) -> CallbackResult:
        asked[url.name] += 1
        first = asked[url.name] == 1
        if url.name == "bot-0":
            return CallbackResult(status=504 if first else 404, payload={"message": "Bot not found"})
        return CallbackResult(status=429 if first else 200, headers={"Retry-After": "45"}, payload={})

    mocked.delete(re.compile(""), callback=answer, repeat=True)
    later = datetime.now(UTC) + timedelta(days=1)
    rows = [attrs.evolve(row(f"bot-{n}", "p1google"), scheduled_join_time=later) for n in range(2)]
    async with MeetStreamClient(
        "ms_key-of-no-account", base_url="http://127.0.0.1", retry=RetryPolicy(max_elapsed=20.0)
    ) as client:
        page = ScheduledBotPage(tuple(rows), limit=100, truncated=False)
        report = await bulk_unschedule(client, page, cancel_by="bot")
    assert max(asked.values()) <= 3
    assert [outcome.status for outcome in report.outcomes] == ["unknown"]
