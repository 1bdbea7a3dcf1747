"""A run from the shell, whatever ids an account shows."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import on_zoom, two_an_event
from tests.helpers.command_line import command


@pytest.mark.parametrize("ids", ["event", "none"])
async def test_a_filter_reaches_behind_a_full_listing(ids: Any) -> None:
    """From the shell: exactly the selected bots are gone."""
    account = two_an_event(260)
    async with Simulator(account, ids=ids) as sim:
        ended = await command(
            "unschedule-all", "--yes", "--platform", "zoom", "--one-off-bots", "skip", "--json", sim=sim
        )
        assert sim.ledger.scheduled_bots == {one.bot_id for one in account} - on_zoom(account)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["counts"]["unscheduled"] == 65


async def test_the_run_says_once_why_it_went_by_bot() -> None:
    """Without the calendars' events, in a world without event ids."""
    async with Simulator(two_an_event(6), ids="none", troubles=[Trouble("events", 403)]) as sim:
        ended = await command("unschedule-all", "--yes", sim=sim)
        assert not sim.ledger.scheduled_bots
    assert ended.code == 0
    assert ended.out.count("went by their bots' own ids") == 1
    assert "6 of a calendar whose event the listing does not name" in ended.err


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
    account = two_an_event(260, attributes={"customer": "globex"})
    async with Simulator(account) as sim:
        ended = await command("unschedule-all", *options, "--dry-run", "--allow-empty", sim=sim)
    # More may hide, so a run would not be complete.
    assert ended.code == 1
    said = re.findall(r"(\d+) bots behind the full listing, unless", ended.err)
    told = re.findall(r"(\d+) bots behind it are known by calendar events alone", ended.out)
    assert said == told
    assert bool(said) is bool(most)
    assert all(0 < int(count) <= most for count in said)
