"""The preview and the run of it, whatever ids an account shows."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meetstream_async import BotFilter, BulkOptions
from meetstream_async.preview import Consent, Selection, make_preview
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.accounts import connect
from tests.helpers.command_line import command

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
IDS = ("event", "provider", "none", "mixed")


def bots(count: int, **fields: Any) -> list[SimulatedBot]:
    """Two bots an event, every other event on zoom."""
    return [
        SimulatedBot(
            f"bot-{n}",
            f"evt_{n // 2:04x}",
            platform=("zoom", "google_meet")[n // 2 % 2],
            join_time=SOON,
            **fields,
        )
        for n in range(count)
    ]


def on_zoom(account: list[SimulatedBot]) -> set[str]:
    return {one.bot_id for one in account if one.platform == "zoom"}


@pytest.mark.parametrize("ids", IDS)
async def test_the_preview_counts_the_same_events_in_every_world(ids: Any) -> None:
    """What is agreed to is what goes: events, not bots that are called one-off."""
    account = bots(40)
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
    account = bots(6, series="evt_5e11e5")
    for connected, to_do in ((True, 3), (False, 0)):
        async with Simulator(account, ids=ids, calendar_connected=connected) as sim, connect(sim) as client:
            preview = await make_preview(client, "a test", "report", cancel_all_occurrences=True)
            assert preview.to_do == to_do
            report = await Consent(preview).carry_out(client, BulkOptions())
            assert (not sim.ledger.scheduled_bots) is connected
            assert report.ok is connected
            assert connected or {request.method for request in sim.requests} == {"GET"}


@pytest.mark.parametrize("ids", ["event", "none"])
async def test_a_filter_reaches_behind_a_full_listing(ids: Any) -> None:
    """From the shell: exactly the selected bots are gone."""
    account = bots(260)
    async with Simulator(account, ids=ids) as sim:
        ended = await command(
            "unschedule-all", "--yes", "--platform", "zoom", "--one-off-bots", "skip", "--json", sim=sim
        )
        assert sim.ledger.scheduled_bots == {one.bot_id for one in account} - on_zoom(account)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["counts"]["unscheduled"] == 65


async def test_the_run_says_once_why_it_went_by_bot() -> None:
    """Without the calendars' events, in a world without event ids."""
    async with Simulator(bots(6), ids="none", troubles=[Trouble("events", 403)]) as sim:
        ended = await command("unschedule-all", "--yes", sim=sim)
        assert not sim.ledger.scheduled_bots
    assert ended.code == 0
    assert ended.out.count("went by their bots' own ids") == 1
    assert "6 of a calendar whose event the listing does not name" in ended.err


@pytest.mark.parametrize(
    "ids", ["event", "none", *(pytest.param(ids, marks=pytest.mark.slow) for ids in ("provider", "mixed"))]
)
async def test_the_preview_sees_behind_a_full_listing_as_the_run_does(ids: Any) -> None:
    """It counts what the run then does, and the events are read for it in every world of ids."""
    account = bots(260)
    async with Simulator(account, ids=ids) as sim, connect(sim) as client:
        preview = await make_preview(client, "a test", "skip", Selection(BotFilter(platform="zoom")))
        assert (preview.truncated, preview.to_do, preview.undecided) == (True, 65, 0)
        assert preview.to_do_listed < preview.to_do
        assert len(preview.hidden) == len(on_zoom(account)) - len(preview.bots)
        report = await Consent(preview).carry_out(client, BulkOptions())
        assert sim.ledger.scheduled_bots == {one.bot_id for one in account} - on_zoom(account)
    assert (report.ok, report.counts["unscheduled"]) == (True, 65)


@pytest.mark.parametrize(
    ("options", "most"),
    [
        (("--attr", "customer=acme"), 160),
        (("--attr", "customer=acme", "--platform", "zoom"), 130),
        (("--platform", "zoom"), 0),
    ],
    ids=str,
)
async def test_what_the_filter_cannot_judge_is_in_preview_and_verdict(
    options: tuple[str, ...], most: int
) -> None:
    """Bots that only the events show, where these don't tell what the filter asks for."""
    account = bots(260, attributes={"customer": "globex"})
    async with Simulator(account) as sim:
        ended = await command("unschedule-all", *options, "--dry-run", "--allow-empty", sim=sim)
    # More may hide, so a run would not be complete.
    assert ended.code == 1
    said = re.findall(r"(\d+) bots behind the full listing, unless", ended.err)
    told = re.findall(r"(\d+) bots behind it are known by calendar events alone", ended.out)
    assert said == told
    assert bool(said) is bool(most)
    assert all(0 < int(count) <= most for count in said)
