"""The command `undo`: schedule again what an earlier run has cancelled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from ... import (
    BulkReport,
    MeetStreamClient,
    OutcomeStatus,
    RescheduleOutcome,
    Snapshot,
    bulk_reschedule,
)
from ...preview import UNDO, Undoable, left_of_undo, undoable_of
from ..exit_codes import ExitCode, Refused
from ..inputs.accounts import Account, meetstream_account
from ..inputs.files import check_ids
from ..terminal.display import DISPLAY
from ..terminal.output import clean, plural, show
from ..terminal.progress import Board
from ..terminal.prompt import ask, check_most
from ..terminal.undo import ANOTHER_KEY, came_back_table, show_undo
from ..terminal.waiting import Waiting
from .bulk_run import BulkChoices, OnOutcome, conclude, run_bulk
from .process import run_async
from .report_file import Journal, opened
from .report_reader import check_host, damaged, read_report
from .snapshot_file import SnapshotFile, keeping, read_snapshot

_NOTHING = "nothing was scheduled"
_TO_DO = OutcomeStatus.WOULD_RESCHEDULE


@frozen(kw_only=True)
class Undoing:
    """What was typed."""

    of: Path | None = None
    retry_from: Path | None = None
    only: tuple[str, ...] = ()
    restore_times: bool = False
    api_key_file: Path | None = None
    choices: BulkChoices = field(factory=BulkChoices)


def run_undo(typed: Undoing) -> ExitCode:
    """Read the report and its snapshot, preview, confirm, schedule, verify, report."""
    choices = typed.choices
    if (typed.of is None) == (typed.retry_from is None):
        raise Refused("give the REPORT of the run to undo, or --retry-from with the report of an undo")
    only = check_ids((f"--only {number}", text) for number, text in enumerate(typed.only, 1))
    account = meetstream_account(
        typed.api_key_file, timeout=choices.patience.timeout, rate=choices.speed.rate
    )
    found = _read(typed, account.base_url)
    snapshot, undoable = (_picked(found.snapshot, only), None) if only else (found.snapshot, found)
    kept = None if choices.consent.dry_run else choices.report
    with opened(choices.report) as journal, keeping(kept) as file:
        return _undo(typed, account, snapshot, undoable, journal, file)


def _read(typed: Undoing, base_url: str) -> Undoable:
    """What is to come back, checked. Raises Refused before anything is sent."""
    path = typed.of or typed.retry_from
    assert path is not None
    documents = read_report(path)
    first = documents[0]
    try:
        command, api = str(first["command"]), first["api"]
        if api != "meetstream":
            raise Refused(
                f"{clean(path)} is the report of {clean(command)}: "
                "calendar events of MeetBit have no way back"
            )
        check_host(path, first, base_url)
        if command == UNDO and typed.retry_from is None:
            raise Refused(
                f"{clean(path)} is the report of an undo: `undo --retry-from` takes up what it left undone, "
                "`unschedule --retry-from` cancels what it has brought back"
            )
        if command != UNDO and typed.retry_from is not None:
            raise Refused(f"{clean(path)} is not the report of an undo: give it without --retry-from")
        if first["options"].get("dry_run"):
            raise Refused(f"{clean(path)} is the report of a dry run, which has changed nothing")
        snapshot = read_snapshot(path)
        if first.get("snapshot") != snapshot.id or snapshot.base_url != base_url:
            raise Refused(
                f"the snapshot beside {clean(path)} is not that of this run: keep the files together as they "
                "were written; nothing was sent"
            )
        if command == UNDO:
            return left_of_undo(documents, snapshot)
        return undoable_of(documents, snapshot)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise damaged(path) from None


def _picked(snapshot: Snapshot, only: tuple[str, ...]) -> Snapshot:
    """The bots of these events, and those with these ids. Raises Refused for one that is not there."""
    names = {
        bot.bot_id: frozenset(filter(None, (bot.bot_id, bot.event_id, bot.listed_event_id)))
        for bot in snapshot
    }
    unknown = [name for name in only if not any(name in known for known in names.values())]
    if unknown:
        shown = ", ".join(clean(name, 100) for name in unknown[:5])
        raise Refused(f"--only names what that run has not cancelled: {shown}; nothing was sent")
    return snapshot.only([bot_id for bot_id, known in names.items() if known & {*only}])


def _undo(
    typed: Undoing,
    account: Account[MeetStreamClient],
    snapshot: Snapshot,
    undoable: Undoable | None,
    journal: Journal | None,
    file: SnapshotFile | None,
) -> ExitCode:
    choices = typed.choices
    dry_run = choices.consent.dry_run

    uncertain = undoable.uncertain if undoable is not None else frozenset()
    has_its_key = True

    async def read(_: asyncio.Event) -> BulkReport[RescheduleOutcome]:
        nonlocal has_its_key
        async with Waiting("the listing"), account.client() as client:
            has_its_key = snapshot.is_of(client)
            forecast = await bulk_reschedule(
                client, snapshot, dry_run=True, max_concurrency=choices.speed.concurrency
            )
            if not uncertain:
                return forecast
            listed = {bot.bot_id for bot in (await client.list_scheduled_bots()).bots}
            return _without_what_stayed(forecast, uncertain, listed)

    with account.explaining():
        forecast = run_async(read)
    if uncertain:
        snapshot = snapshot.only([one.bot_id for one in forecast.outcomes])
    to_do = forecast.counts[OutcomeStatus.WOULD_RESCHEDULE.value]
    source = clean(typed.of if typed.of is not None else f"{typed.retry_from}, what it left undone")
    who = f"{clean(account.base_url)} (key from {clean(account.key_source)})"
    with DISPLAY.loud(choices.consent.asks):
        show_undo(forecast, snapshot, undoable, who, source, typed.restore_times, has_its_key)
    to_create = sum(one.method == "bot" and one.status is _TO_DO for one in forecast.outcomes)
    if to_create and choices.consent.yes and not has_its_key:
        # Events tell by themselves whether they are of this account; a bot is created in any.
        raise Refused(
            f"{ANOTHER_KEY}, and {plural(to_create, 'one-off bot')} would be created in its account: "
            f"confirm it without --yes, or name events with --only; {_NOTHING}"
        )
    check_most(to_do, choices.most, done="scheduled")
    if to_do and choices.consent.asks:
        ask(f"reschedule {to_do}", _NOTHING)
    if file is not None and not file.write(snapshot):
        raise Refused(
            f"the snapshot {clean(file.path)} can't be written: {file.problem}; nothing was started"
        )
    if journal is not None:
        journal.begin(
            command=UNDO,
            api="meetstream",
            base_url=account.base_url,
            options={**choices.to_dict(), **_options(typed)},
            listing=None,
            targets=[
                {"bot_id": bot.bot_id, "event_id": bot.event_id, "new_bot_id": None} for bot in snapshot
            ],
            snapshot=snapshot.id,
        )
    if file is not None:
        file.keep()

    async def run(
        stop: asyncio.Event, on_outcome: OnOutcome[RescheduleOutcome], board: Board
    ) -> BulkReport[RescheduleOutcome]:
        async with account.client() as client:
            return await bulk_reschedule(
                client,
                snapshot,
                dry_run=dry_run,
                restore_times=typed.restore_times,
                **choices.bulk(on_outcome, stop).keywords(),
            )

    with account.explaining():
        report, stopped = run_bulk(
            run, total=len(snapshot), verb="looking" if dry_run else "scheduling", journal=journal
        )
    if undoable is not None and (reason := undoable.why_not_all) is not None:
        reasons = [report.reason, reason] if report.reason else [reason]
        report = attrs.evolve(report, ok=False, reason="; ".join(reasons))
    if not (choices.as_json or dry_run) and (grid := came_back_table(report)) is not None:
        show(grid, results=True)
        show("", results=True)
    return conclude(
        report,
        stopped=stopped,
        choices=choices,
        journal=journal,
        account=account,
        again="meetstream-async undo" + (" --restore-times" if typed.restore_times else ""),
    )


def _without_what_stayed(
    forecast: BulkReport[RescheduleOutcome], uncertain: Collection[str], listed: Collection[str]
) -> BulkReport[RescheduleOutcome]:
    """The forecast without bots that the report does not name, unless they are seen to be gone."""

    def is_gone(one: RescheduleOutcome) -> bool:
        if one.status is OutcomeStatus.NOT_RESTORABLE:
            # One whose time has passed has joined.
            ahead = one.join_time is None or one.join_time > datetime.now(UTC)
            return ahead and one.bot_id not in listed
        return one.status is OutcomeStatus.WOULD_RESCHEDULE or one.new_bot_id not in (None, one.bot_id)

    gone = tuple(one for one in forecast.outcomes if one.bot_id not in uncertain or is_gone(one))
    counts = Counter(one.status.value for one in gone)
    return attrs.evolve(
        forecast, outcomes=gone, counts={status: counts[status] for status in forecast.counts}
    )


def _options(typed: Undoing) -> dict[str, Any]:
    return {
        "of": None if typed.of is None else str(typed.of),
        "retry_from": None if typed.retry_from is None else str(typed.retry_from),
        "only": list(typed.only),
        "restore_times": typed.restore_times,
    }
