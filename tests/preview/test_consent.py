"""What was agreed to is what is done, although the account changes meanwhile."""

from __future__ import annotations

import attrs

from meetstream_async import (
    BotFilter,
    BulkOptions,
    MeetStreamClient,
    OutcomeStatus,
    SkipReason,
    unschedule_all,
)
from meetstream_async.preview import Consent, Selection, make_preview
from meetstream_async.simulator import SimulatedBot, Simulator

MIXED = [
    SimulatedBot("bot-1", "evt_zoom", platform="zoom"),
    SimulatedBot("bot-2", "evt_both", platform="zoom"),
    SimulatedBot("bot-3", "evt_both", platform="google_meet"),
    SimulatedBot("bot-4", "evt_meet"),
    SimulatedBot("bot-5", platform="zoom"),
    SimulatedBot("bot-6"),
]


async def agree(sim: Simulator, client: MeetStreamClient, **options: bool) -> Consent:
    return Consent(
        await make_preview(client, "a test", "skip", Selection(BotFilter(platform="zoom")), **options)
    )  # fmt: skip


async def test_an_event_that_left_the_filter_is_not_called_done() -> None:
    """A previewed event whose bot is outside the filter when the run begins is skipped, and not ok."""
    async with (
        Simulator([SimulatedBot("bot-1", "evt_a", platform="zoom")]) as sim,
        MeetStreamClient(sim.api_key, base_url=sim.base_url) as client,
    ):
        consent = await agree(sim, client)
        # The account changes while the human reads.
        await client.unschedule_event("evt_a")
        sim.add_bot(SimulatedBot("bot-2", "evt_a", platform="google_meet"))
        report = await consent.carry_out(client, BulkOptions())
        assert sim.ledger.scheduled_bots == {"bot-2"}
    (outcome,) = report.outcomes
    assert (outcome.event_id, outcome.status, report.ok) == ("evt_a", OutcomeStatus.SKIPPED, False)
    assert outcome.reason == SkipReason.SHARED
    assert "shared with bots outside the filter" in str(report.reason)


async def test_an_event_that_was_shared_in_the_preview_stays_left_alone() -> None:
    """An event that the consent did not include is left alone, although it is no longer shared."""
    bots = [SimulatedBot("bot-1", "evt_a", platform="zoom"), SimulatedBot("bot-2", "evt_a")]
    async with (
        Simulator(bots) as sim,
        MeetStreamClient(sim.api_key, base_url=sim.base_url) as client,
    ):
        consent = await agree(sim, client)
        assert (consent.preview.to_do, list(consent.preview.shared)) == (0, ["evt_a"])
        await client.delete_scheduled_bot("bot-2")
        report = await consent.carry_out(client, BulkOptions())
        assert sim.ledger.scheduled_bots == {"bot-1"}
    assert [one.status for one in report.outcomes] == [OutcomeStatus.SKIPPED]
    assert report.counts[OutcomeStatus.SKIPPED] == 1
    assert not report.ok
    assert consent.newcomers == 0


async def test_newcomers_outside_the_filter_are_none() -> None:
    """Only a newcomer that the filter selects is mentioned."""
    async with (
        Simulator(MIXED) as sim,
        MeetStreamClient(sim.api_key, base_url=sim.base_url) as client,
    ):
        consent = await agree(sim, client, whole_events=True)
        sim.add_bot(SimulatedBot("bot-7", "evt_new"))
        sim.add_bot(SimulatedBot("bot-8", "evt_newer", platform="zoom"))
        await unschedule_all(client, where=consent.admits, one_off_bots="skip", whole_events=True)
        assert "bot-8" in sim.ledger.scheduled_bots
    assert consent.newcomers == 1
    assert attrs.asdict(consent.preview, recurse=False)["whole_events"] is True
