"""What a report says beside its verdict, and that encoders of all kinds take its counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from meetstream_async import (
    AccountState,
    BulkReport,
    MeetBitClient,
    OutcomeStatus,
    UnscheduleOptions,
    bulk_cancel_events,
    bulk_unschedule,
    run_account,
    unschedule_all,
)
from meetstream_async.simulator import Simulator
from tests.helpers.accounts import bot, connect
from tests.helpers.command_line import command

NOT_LOOKED_UP = "not looked up, and may not exist"


def meetbit(sim: Simulator) -> MeetBitClient:
    return MeetBitClient("acme", "id", "secret", base_url=sim.meetbit_base_url)


def assert_plain(counts: Mapping[Any, int]) -> None:
    assert counts
    assert {type(status) for status in counts} == {str}
    assert "OutcomeStatus" not in repr(counts)


async def test_counts_have_plain_strings_for_keys() -> None:
    """Encoders such as orjson's refuse members of an enum, and a print of the counts is readable."""
    async with Simulator([bot(1), bot(2, event=None)]) as sim, connect(sim) as client:
        reports = [
            await bulk_unschedule(client, ["evt_0001"], dry_run=True),
            await unschedule_all(client, one_off_bots="skip"),
            await unschedule_all(client),
        ]
    async with Simulator(0) as sim, meetbit(sim) as calendars:
        reports.append(await bulk_cancel_events(calendars, [(1, 2)], "note", dry_run=True))  # type: ignore[arg-type]
    for report in reports:
        assert_plain(report.counts)
        assert_plain(report.to_dict()["counts"])
        assert report.counts[OutcomeStatus.FAILED] == report.counts["failed"] == 0


def test_counts_of_members_become_plain() -> None:
    """Also where somebody else makes a report."""
    report: BulkReport[Any] = BulkReport({OutcomeStatus.FAILED: 1}, (), True, False, None, 0.0)
    assert_plain(report.counts)


async def test_a_dry_run_of_given_ids_says_that_they_were_not_looked_up() -> None:
    """It stays ok, since nothing is known against them."""
    async with Simulator([bot(1)]) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, ["evt_0001", "never was"], dry_run=True)
        state = AccountState(UnscheduleOptions(dry_run=True), only_given=True)
        state.take_targets(["never was"])
        judged = await run_account(client, state)
        assert sim.requests == []
    for one in (report, judged):
        assert one.ok
        assert NOT_LOOKED_UP in str(one.reason)
    async with Simulator(0) as sim, meetbit(sim) as calendars:
        cancelled = await bulk_cancel_events(calendars, [(1, 2)], "note", dry_run=True)
    assert cancelled.ok
    assert NOT_LOOKED_UP in str(cancelled.reason)


async def test_what_was_listed_is_not_called_into_question() -> None:
    """A dry run of listed bots or of an account has nothing to add, nor has a run that sends requests."""
    async with Simulator([bot(1), bot(2)]) as sim, connect(sim) as client:
        listed = await bulk_unschedule(client, client.iter_scheduled_bots(), dry_run=True)
        whole = await unschedule_all(client, dry_run=True)
        sent = await bulk_unschedule(client, ["evt_0001"])
    assert [listed.reason, whole.reason, sent.reason] == [None] * 3


@pytest.mark.parametrize(
    ("arguments", "as_json"),
    [
        (("unschedule", "never-was", "--dry-run"), False),
        (("unschedule", "never-was", "--dry-run", "--json"), True),
        (("cancel-event", "1", "2", "--note", "off", "--dry-run"), False),
        (("cancel-meeting", "1", "2", "--note", "off", "--dry-run"), False),
        (("cancel-meeting", "1", "2", "--note", "off", "--dry-run", "--json"), True),
    ],
)
async def test_the_command_line_says_so_as_well(arguments: tuple[str, ...], as_json: bool) -> None:
    """In the last line, in the document, and without another exit code."""
    async with Simulator(0) as sim:
        ended = await command(*arguments, sim=sim)
    assert ended.code == 0, ended.err
    if as_json:
        assert NOT_LOOKED_UP in json.loads(ended.out)["reason"]
    else:
        assert NOT_LOOKED_UP in " ".join((ended.out + ended.err).split())
