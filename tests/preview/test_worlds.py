"""The preview, and the run that was agreed to, whatever ids an account shows."""

from __future__ import annotations

from typing import Any

import pytest

from meetstream_async import BotFilter, BulkOptions
from meetstream_async.preview import Consent, Selection, make_preview
from meetstream_async.simulator import Simulator
from tests.helpers.accounts import connect, on_zoom, two_an_event

IDS = ("event", "provider", "none", "mixed")


@pytest.mark.parametrize("ids", IDS)
async def test_the_preview_counts_the_same_events_in_every_world(ids: Any) -> None:
    """What is agreed to is what goes: events, not bots that are called one-off."""
    account = two_an_event(40)
    async with Simulator(account, ids=ids) as sim, connect(sim) as client:
        preview = await make_preview(client, "a test", "report", Selection(BotFilter(platform="zoom")))
        assert (preview.to_do, preview.total, preview.deleted) == (10, 10, {})
        consent = Consent(preview)
        report = await consent.carry_out(client, BulkOptions())
        assert sim.ledger.scheduled_bots == {one.bot_id for one in account} - on_zoom(account)
    assert (report.ok, report.reason, consent.newcomers) == (True, None, 0)
    assert {outcome.method for outcome in report.outcomes} == {"event"}


@pytest.mark.parametrize("ids", ["provider", "none"])
async def test_the_preview_knows_which_series_can_go(ids: Any) -> None:
    """Through the calendars' events; without them, none is left to agree to, and nothing is sent."""
    account = two_an_event(6, series="evt_5e11e5")
    for connected, to_do in ((True, 3), (False, 0)):
        async with Simulator(account, ids=ids, calendar_connected=connected) as sim, connect(sim) as client:
            preview = await make_preview(client, "a test", "report", cancel_all_occurrences=True)
            assert preview.to_do == to_do
            report = await Consent(preview).carry_out(client, BulkOptions())
            assert (not sim.ledger.scheduled_bots) is connected
            assert report.ok is connected
            assert connected or {request.method for request in sim.requests} == {"GET"}


@pytest.mark.parametrize(
    "ids", ["event", "none", *(pytest.param(ids, marks=pytest.mark.slow) for ids in ("provider", "mixed"))]
)
async def test_the_preview_sees_behind_a_full_listing_as_the_run_does(ids: Any) -> None:
    """It counts what the run then does, and the events are read for it in every world of ids."""
    account = two_an_event(260)
    async with Simulator(account, ids=ids) as sim, connect(sim) as client:
        preview = await make_preview(client, "a test", "skip", Selection(BotFilter(platform="zoom")))
        assert (preview.truncated, preview.to_do, preview.undecided) == (True, 65, 0)
        assert preview.to_do_listed < preview.to_do
        assert len(preview.hidden) == len(on_zoom(account)) - len(preview.bots)
        report = await Consent(preview).carry_out(client, BulkOptions())
        assert sim.ledger.scheduled_bots == {one.bot_id for one in account} - on_zoom(account)
    assert (report.ok, report.counts["unscheduled"]) == (True, 65)
