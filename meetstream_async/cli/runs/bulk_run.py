"""Run a bulk operation from the CLI: progress, report file, signals, exit code."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from shlex import quote
from typing import Any, TypeAlias, TypeVar

from attrs import field, frozen

from ... import (
    ApiError,
    BulkOptions,
    BulkReport,
    CancelOutcome,
    MeetStreamError,
    OutcomeStatus,
    RescheduleOutcome,
    UnscheduleOutcome,
)
from ..exit_codes import ExitCode, Interrupted
from ..inputs.accounts import Account
from ..inputs.options import Consent, Patience, Speed
from ..terminal.attention import attention_table
from ..terminal.output import clean, print_json, say, show
from ..terminal.progress import Board
from ..terminal.tables import counts_table, verdict
from .process import complain, run_async, until_told
from .report_file import Journal

O = TypeVar("O", UnscheduleOutcome, CancelOutcome, RescheduleOutcome)  # noqa: E741 - the outcome
OnOutcome: TypeAlias = Callable[[O], None]
Work: TypeAlias = Callable[[asyncio.Event, OnOutcome[O], Board], Awaitable[BulkReport[O]]]


@frozen(kw_only=True)
class BulkChoices:
    """The options common to all bulk commands."""

    consent: Consent = field(factory=Consent)
    speed: Speed = field(factory=Speed)
    patience: Patience = field(factory=Patience)
    as_json: bool = False
    most: int | None = None
    report: Path | None = None
    keep_for_undo: bool = False

    def bulk(self, on_outcome: OnOutcome[O], stop: asyncio.Event) -> BulkOptions[O]:
        """How the run goes, for the library."""
        return BulkOptions(
            max_concurrency=self.speed.concurrency,
            max_pause=self.patience.max_pause,
            on_outcome=on_outcome,
            stop=stop,
        )

    def to_dict(self) -> dict[str, Any]:
        """The options for the first line of a report."""
        return {
            "dry_run": self.consent.dry_run,
            "yes": self.consent.yes,
            "concurrency": self.speed.concurrency,
            "rate": self.speed.rate,
            "timeout": self.patience.timeout,
            "max_pause": self.patience.max_pause,
            "max": self.most,
        }


def run_bulk(
    work: Work[O],
    *,
    total: int | None,
    verb: str,
    journal: Journal | None,
    describe: Callable[[O], dict[str, Any]] = lambda outcome: outcome.to_dict(),
) -> tuple[BulkReport[O], bool]:
    """Run ``work`` with signal handling. Returns the report, and whether the run was stopped.

    ``work`` gets an event that stops the run gracefully when set, and the function to call with each outcome.
    ``describe`` turns an outcome into a line of the report file.
    Raises Interrupted if the run was stopped immediately.
    """
    board = Board(total, verb)
    stopped = False

    def on_stop() -> None:
        nonlocal stopped
        stopped = True
        board.note("stopping: nothing new is sent, requests in flight finish; interrupt again to stop now")

    async def run(stop: asyncio.Event) -> BulkReport[O]:
        def on_outcome(outcome: O) -> None:
            board.record(outcome)
            if journal is None or journal.problem is not None:
                return
            if not journal.record(describe(outcome)):
                board.note(f"the report can't be written ({journal.problem}): nothing new is sent")
                stop.set()

        async with board:
            return await work(stop, on_outcome, board)

    with until_told():
        try:
            report = run_async(run, on_stop=on_stop)
        except Interrupted:
            say(f"stopped without checking the listing again: {board.tally()}; the rest was not attempted")
            if journal is not None:
                counts = {str(status): count for status, count in board.counts.items()}
                reason = "interrupted twice: stopped immediately"
                journal.end(None, ok=False, complete=False, interrupted=True, reason=reason, counts=counts)
            raise
        except MeetStreamError as error:
            if journal is not None:
                reason = clean(error, 1000)
                journal.end(None, ok=False, complete=False, interrupted=stopped, reason=reason, counts={})
            raise
        if journal is not None:
            journal.end(report, interrupted=stopped)
    return report, stopped


def conclude(
    report: BulkReport[O],
    *,
    stopped: bool,
    choices: BulkChoices,
    journal: Journal | None,
    account: Account[Any],
    one_off_bots: str = "report",
    again: str | None = None,
) -> ExitCode:
    """Print the result of a run and what to do next, and return the exit code."""
    if choices.as_json:
        print_json(report.to_dict())
    else:
        show_report(report, one_off_bots=one_off_bots, dry_run=choices.consent.dry_run)
    code = ExitCode.INTERRUPTED if stopped else report_code(report)
    hint = account.hint([one.error for one in report.outcomes if one.error is not None])
    if hint is not None and code is not ExitCode.OK:
        say(("hint:", "yellow"), f" {hint}")
    if journal is not None:
        if journal.problem is not None:
            if not choices.as_json:
                for line in journal.missing(report):
                    show(clean(line), results=True)
            complain(
                f"the report {clean(journal.path)} can't be written: {journal.problem}; nothing new was sent "
                "after that, and what is missing there is printed here"
            )
            code = max(code, ExitCode.NOT_OK)
        if again is not None and not report.ok and not choices.consent.dry_run and _left(report):
            say(f"next: {again} --retry-from {clean(quote(str(journal.path)))}")
    return code


def show_report(report: BulkReport[Any], *, one_off_bots: str = "report", dry_run: bool = False) -> None:
    """Print the result: what needs attention, the counts, and the verdict last, where it stays visible."""
    attention = attention_table(report, one_off_bots=one_off_bots)
    if attention is not None:
        show(attention, results=True)
        show("", results=True)
    if report.outcomes:
        show(counts_table(report), results=True)
        show("", results=True)
    show(verdict(report, dry_run=dry_run), results=True)


def report_code(report: BulkReport[Any]) -> ExitCode:
    """The exit code of a run: DENIED if a rejected key was the only problem."""
    if report.ok:
        return ExitCode.OK
    errors: list[MeetStreamError | None] = [
        outcome.error for outcome in report.outcomes if outcome.status is OutcomeStatus.FAILED
    ]
    if any(isinstance(error, ApiError) and error.key_rejected for error in errors):
        return ExitCode.DENIED
    return ExitCode.NOT_OK


def _left(report: BulkReport[Any]) -> bool:
    return bool(report.still_listed) or any(outcome.status.is_undone for outcome in report.outcomes)
