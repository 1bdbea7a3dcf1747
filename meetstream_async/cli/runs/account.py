"""Unschedule what the listing of an account shows: preview, confirmation, run, report."""

from __future__ import annotations

import asyncio

from ... import BulkReport, MeetStreamClient, SkipReason, UnscheduleOutcome
from ...preview import Consent, make_preview, words_for
from ..exit_codes import ExitCode
from ..inputs.accounts import Account
from ..terminal.display import DISPLAY
from ..terminal.output import say
from ..terminal.preview import show_preview
from ..terminal.progress import Board
from ..terminal.prompt import ask, check_most
from ..terminal.waiting import Waiting
from .bulk_run import OnOutcome, conclude, run_bulk
from .process import run_async
from .report_file import Journal
from .request import Asked
from .snapshot_file import SnapshotFile
from .snapshots import Kept


def run_listed(
    asked: Asked,
    account: Account[MeetStreamClient],
    journal: Journal | None,
    snapshots: SnapshotFile | None,
) -> ExitCode:
    """Preview, confirm, run, report."""
    typed, choices = asked.typed, asked.choices

    async def preview_account(_: asyncio.Event) -> tuple[Consent, Kept]:
        async with Waiting("the listing"), account.client() as client:
            consent = Consent(
                await make_preview(
                    client,
                    account.key_source,
                    typed.scope.one_off_bots,
                    asked.selection,
                    typed.whole_events,
                    cancel_by=typed.scope.cancel_by,
                    cancel_all_occurrences=True if typed.scope.all_occurrences else None,
                    from_date=asked.series_from,
                ),
                choices.most,
            )
            preview = consent.preview
            kept = Kept(snapshots, choices)
            await kept.take(
                client,
                preview.page,
                preview.selects,
                preview.index,
                whole_events=preview.whole_events,
                series=typed.scope.all_occurrences,
            )
            return consent, kept

    with account.explaining():
        consent, kept = run_async(preview_account)
    preview = consent.preview
    with DISPLAY.loud(choices.consent.asks):
        show_preview(preview, asked.series, choices.most, kept.lines)
    series = None
    if preview.truncated and typed.scope.all_occurrences:
        series = "the listing is full, and the series beyond it can't be counted"
    # Behind a full listing the run stops by itself at the most.
    check_most(preview.to_do_listed, choices.most, unbounded=series)
    if not (choices.consent.yes or choices.consent.dry_run):
        ask(words_for(preview))
    consent.on_admitted = kept.add
    if journal is not None:
        journal.begin(
            command=typed.command,
            api="meetstream",
            base_url=account.base_url,
            options=asked.options(),
            listing=consent.listing,
            targets=consent.targets(),
            snapshot=kept.id,
        )
    kept.begin()

    async def run(
        stop: asyncio.Event, on_outcome: OnOutcome[UnscheduleOutcome], board: Board
    ) -> BulkReport[UnscheduleOutcome]:
        async with account.client() as client:
            return await consent.carry_out(
                client,
                choices.bulk(on_outcome, stop),
                dry_run=choices.consent.dry_run,
                allow_empty=typed.allow_empty,
            )

    with account.explaining():
        report, stopped = run_bulk(
            run,
            total=consent.total,
            verb="looking" if choices.consent.dry_run else "unscheduling",
            journal=journal,
            describe=consent.describe,
        )
    code = conclude(
        report,
        stopped=stopped,
        choices=choices,
        journal=journal,
        account=account,
        one_off_bots=typed.scope.one_off_bots,
        again=asked.again,
    )
    if preview.truncated and not (report.complete or stopped or choices.consent.dry_run):
        alone = any(one.reason == SkipReason.ONE_OFF for one in report.outcomes)
        if alone:
            text = "one-off bots fill the listing and hide other bots: --one-off-bots delete makes room"
            say(("hint:", "yellow"), f" {text}")
        elif asked.selection is not None:
            text = "bots outside the filter fill the listing and hide other bots"
            say(("hint:", "yellow"), f" {text}: name the events instead (unschedule --events)")
    if consent.newcomers:
        were = "bot was" if consent.newcomers == 1 else "bots were"
        text = f" {consent.newcomers} {were} scheduled after the preview and left alone; run this again"
        say(("note:", "yellow"), text)
    return code
