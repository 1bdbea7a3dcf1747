"""The way back under trouble: every bot that can come back is there once, and nothing else was touched."""

from __future__ import annotations

from collections import Counter

import pytest

from meetstream_async import (
    BulkReport,
    MeetStreamClient,
    MeetStreamEvent,
    RescheduleOutcome,
    RetryPolicy,
    ScheduledBot,
    Snapshot,
    bulk_reschedule,
    bulk_unschedule,
    take_snapshot,
)
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.proof import figure, sized

BOTS = sized(80, 400, 400)
POLICY = RetryPolicy(max_attempts=6, initial_wait=0.002, max_wait=0.01)
MOST_UNDOS = 8


def _trouble(sim: Simulator, rate: float) -> None:
    """So many of the requests fail, half of them after they took effect."""
    for trouble in (
        Trouble("*", 503, rate=rate / 4),
        Trouble("*", 503, apply="before", rate=rate / 4),
        Trouble("*", drop="before", rate=rate / 4),
        Trouble("*", drop="after", rate=rate / 4),
    ):
        sim.add_trouble(trouble)


async def _rows(client: MeetStreamClient) -> tuple[list[ScheduledBot], list[MeetStreamEvent]]:
    """Every bot of the account, and the events: of bots behind the listing, these tell."""
    rows = {bot.bot_id: bot for bot in (await client.list_scheduled_bots()).bots}
    events = [event async for event in client.iter_calendar_events()]
    for event in events:
        for bot in event.bots:
            rows.setdefault(bot.id, bot.as_row(event.id))
    return list(rows.values()), events


async def _undone(client: MeetStreamClient, snapshot: Snapshot) -> list[BulkReport[RescheduleOutcome]]:
    """Undo until it is ok, as an operator would."""
    reports = []
    for _ in range(MOST_UNDOS):
        reports.append(await bulk_reschedule(client, snapshot, settle=0.5, max_concurrency=10))
        if reports[-1].ok:
            break
    return reports


@pytest.mark.slow
@pytest.mark.parametrize("ids", ["mixed", "event", "provider", "none"])
async def test_what_was_cancelled_under_trouble_comes_back_once(ids: str) -> None:
    """Half of an account is cancelled and undone while a tenth of the requests fails: each restorable bot is
    there once, none twice, the others are untouched, and what can't come back is what the preview said.
    """
    async with (
        Simulator(BOTS, seed=5, ids=ids, one_off=0.05) as sim,
        MeetStreamClient(sim.api_key, base_url=sim.base_url, retry=POLICY, timeout=5) as client,
    ):
        rows, events = await _rows(client)
        first_half = {bot.bot_id for bot in sorted(rows, key=lambda bot: bot.bot_id)[: BOTS // 2]}
        _trouble(sim, 0.10)
        chosen = [bot for bot in rows if bot.bot_id in first_half]
        for _ in range(MOST_UNDOS):
            report = await bulk_unschedule(client, chosen, one_off_bots="delete", max_concurrency=10)
            if report.ok:
                break
        sim.clear_troubles()
        gone = {bot_id for bot_id, record in sim.ledger.bots.items() if not record.scheduled}
        assert len(gone) > len(first_half) * 0.9
        before = set(sim.ledger.bots)
        # A snapshot is taken before a cancel; what the rows say has not changed.
        snapshot = await take_snapshot(client, rows, where=lambda bot: bot.bot_id in gone, events=events)
        preview = await bulk_reschedule(client, snapshot, dry_run=True)
        lost = {one.bot_id for one in preview.outcomes if one.status == "not_restorable"}

        _trouble(sim, 0.10)
        reports = await _undone(client, snapshot)
        assert reports[-1].ok, reports[-1]

        final = {one.bot_id: one for one in reports[-1].outcomes}
        assert {one.bot_id for one in final.values() if one.status == "not_restorable"} == lost
        new = [one.new_bot_id for one in final.values() if one.bot_id not in lost]
        assert len(set(new)) == len(new) == len(gone) - len(lost)
        made = {bot_id for bot_id, record in sim.ledger.bots.items() if bot_id not in before}
        assert made == set(new)
        of_event = Counter(sim.ledger.bots[bot_id].event_id for bot_id in made)
        assert all(count == 1 for event, count in of_event.items() if event is not None)
        still = {bot_id for bot_id in before if sim.ledger.bots[bot_id].scheduled}
        assert still == before - gone
        figure(7, f"undo of {len(gone)} bots, ids {ids}: {len(reports)} runs, {len(lost)} not restorable")
