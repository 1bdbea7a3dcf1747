"""The commands for an account: list, and unschedule all."""

from __future__ import annotations

import asyncio

from attrs import frozen

from meetstream_async import (
    AuthenticationError,
    BulkReport,
    MeetStreamClient,
    OutcomeStatus,
    PermissionDeniedError,
    RejectedRow,
    ScheduledBot,
    UnscheduleOutcome,
    unschedule_all,
)

from .output import clean, print_json, say, show
from .preview import Consent, OneOffBots, ask, look, show_preview
from .progress import Board
from .render import attention_table, bot_to_dict, bots_table, counts_table, verdict
from .run import KEY_VARIABLE, ExitCode, Interrupted, make_client, run_async


@frozen
class UnscheduleAll:
    """The options of ``unschedule-all``."""

    dry_run: bool
    yes: bool
    concurrency: int
    as_json: bool
    one_off_bots: OneOffBots
    timeout: float


def list_bots(limit: int, as_json: bool, timeout: float) -> ExitCode:
    """Print one listing, soonest first."""

    async def read(_: asyncio.Event) -> tuple[list[ScheduledBot], bool, tuple[RejectedRow, ...]]:
        async with make_client(timeout) as client:
            stream = client.iter_scheduled_bots(limit)
            bots = [bot async for bot in stream]
            return bots, bool(stream.truncated), stream.rejected

    bots, truncated, rejected = run_async(read)
    if as_json:
        print_json(
            {
                "bots": [bot_to_dict(bot) for bot in bots],
                "limit": limit,
                "truncated": truncated,
                "rejected": [
                    {"index": row.index, "path": row.path, "reason": row.reason} for row in rejected
                ],
            }
        )
    elif bots:
        show(bots_table(bots), results=True)
    say(f"{len(bots)} scheduled bot{'' if len(bots) == 1 else 's'}")
    if truncated:
        say(
            ("warning:", "yellow"),
            f" the listing is full ({limit} rows): there may be more bots, sooner ones among them",
        )
    for row in rejected:
        say(("warning:", "yellow"), f" a row can't be read: {clean(row.path)} {clean(row.reason)}")
    return ExitCode.OK


def unschedule_everything(options: UnscheduleAll) -> ExitCode:
    """Preview, consent, run, report."""

    async def preview_account(_: asyncio.Event) -> Consent:
        async with make_client(options.timeout) as client:
            preview = await look(client, KEY_VARIABLE, options.one_off_bots)
        show_preview(preview)
        return Consent(preview)

    consent = run_async(preview_account)
    if not (options.yes or options.dry_run):
        ask(consent.preview)
    board = Board(consent.preview.total, "looking" if options.dry_run else "unscheduling")
    stopped = False

    def on_stop() -> None:
        nonlocal stopped
        stopped = True
        board.note("stopping: nothing new is sent, what is in flight finishes; once more leaves at once")

    async def run(stop: asyncio.Event) -> BulkReport[UnscheduleOutcome]:
        async with make_client(options.timeout) as client:
            return await run_with_board(client, options, consent, board, stop)

    try:
        report = consent.complete(run_async(run, on_stop=on_stop))
    except Interrupted:
        say(f"left at once, without looking again: {board.tally()}; the rest was not attempted")
        return ExitCode.INTERRUPTED
    if options.as_json:
        print_json(report.to_dict())
    else:
        show_report(report, options)
    if consent.newcomers:
        say(
            ("note:", "yellow"),
            f" {_were(consent.newcomers)} scheduled after the preview and left alone; run this again",
        )
    return ExitCode.INTERRUPTED if stopped else report_code(report)


async def run_with_board(
    client: MeetStreamClient,
    options: UnscheduleAll,
    consent: Consent,
    board: Board,
    stop: asyncio.Event | None = None,
) -> BulkReport[UnscheduleOutcome]:
    """Unschedule what was agreed to, and show how far it is."""
    async with board:
        return await unschedule_all(
            client,
            max_concurrency=options.concurrency,
            where=consent.admits,
            one_off_bots=options.one_off_bots,
            dry_run=options.dry_run,
            on_outcome=board.hear,
            stop=stop,
        )


def show_report(report: BulkReport[UnscheduleOutcome], options: UnscheduleAll) -> None:
    """The result: what needs attention, the counts, and the verdict last, where it is not scrolled away."""
    attention = attention_table(report, one_off_bots=options.one_off_bots)
    if attention is not None:
        show(attention, results=True)
        show("", results=True)
    if report.outcomes:
        show(counts_table(report), results=True)
        show("", results=True)
    show(verdict(report, dry_run=options.dry_run), results=True)


def report_code(report: BulkReport[UnscheduleOutcome]) -> ExitCode:
    """The exit code of a run: DENIED where the key was all that stood in its way."""
    if report.ok:
        return ExitCode.OK
    errors = [outcome.error for outcome in report.outcomes if outcome.status is OutcomeStatus.FAILED]
    if any(isinstance(error, AuthenticationError) for error in errors):
        return ExitCode.DENIED
    if errors and all(isinstance(error, PermissionDeniedError) for error in errors):
        return ExitCode.DENIED
    return ExitCode.NOT_OK


def _were(bots: int) -> str:
    return "1 bot was" if bots == 1 else f"{bots} bots were"
