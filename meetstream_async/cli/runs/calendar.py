"""The commands `cancel-event` and `cancel-events`: cancel calendar events in MeetBit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from attrs import field, frozen

from ... import BulkReport, CancelOutcome, MeetBitClient, bulk_cancel_events
from ..exit_codes import ExitCode, Refused
from ..inputs.accounts import Account, meetbit_account
from ..inputs.files import STDIN, Row, check_note, check_number, read_rows
from ..terminal.display import DISPLAY
from ..terminal.output import clean, facts, plural, show
from ..terminal.progress import Board
from ..terminal.prompt import ask, check_most
from .bulk_run import BulkChoices, OnOutcome, conclude, run_bulk
from .report_file import Journal, opened
from .report_reader import read_leftovers

NO_WAY_BACK = "none: a calendar event that is cancelled in MeetBit stays cancelled"
_SHOWN = 3
UNDONE = "nothing was cancelled"


@frozen(kw_only=True)
class Cancelling:
    """The arguments of the command."""

    command: str = "cancel-events"
    pair: tuple[str, str] | None = None
    """Calendar id and event id, as typed."""
    file: str | None = None
    note: str | None = None
    retry_from: Path | None = None
    access_keys_file: Path | None = None
    choices: BulkChoices = field(factory=BulkChoices)


def cancel(typed: Cancelling) -> ExitCode:
    """Parse the arguments and carry out the command."""
    choices = typed.choices
    note = None if typed.note is None else check_note(typed.note)
    if typed.pair is None and typed.file is None and typed.retry_from is None:
        raise Refused("nothing to cancel: give a CSV file, or --retry-from REPORT")
    if typed.file == STDIN and not (choices.consent.yes or choices.consent.dry_run):
        raise Refused("standard input holds the rows, so it can't confirm: add --yes; nothing was sent")
    rows: Sequence[Row] = ()
    if typed.pair is not None:
        calendar, event = typed.pair
        rows = [Row(1, check_number(calendar, "CALENDAR"), check_number(event, "EVENT"), note)]
    elif typed.file is not None:
        rows = read_rows(typed.file, note=note)
    account = meetbit_account(
        typed.access_keys_file, timeout=choices.patience.timeout, rate=choices.speed.rate
    )
    if typed.retry_from is not None:
        leftovers = read_leftovers(typed.retry_from, api="meetbit", base_url=account.base_url)
        wanted = leftovers.pairs
        if typed.file is None:
            rows = [Row(0, calendar_id, event_id, note) for calendar_id, event_id in sorted(wanted)]
        else:
            rows = [row for row in rows if (row.calendar_id, row.event_id) in wanted]
            if missing := wanted - {(row.calendar_id, row.event_id) for row in rows}:
                calendar_id, event_id = min(missing)
                raise Refused(
                    f"{clean(typed.file)} has no row for {calendar_id}/{event_id}, which that report leaves "
                    f"undone ({len(missing)} in all); nothing was sent"
                )
    if any(row.note is None for row in rows):
        raise Refused("--note TEXT is missing: the API requires a note; nothing was sent")
    with opened(choices.report) as journal:
        return _run(typed, account, journal, rows)


def _run(
    typed: Cancelling, account: Account[MeetBitClient], journal: Journal | None, rows: Sequence[Row]
) -> ExitCode:
    """Preview, confirm, run, report."""
    choices = typed.choices
    with DISPLAY.loud(choices.consent.asks):
        _show(typed, account, rows)
    check_most(len(rows), choices.most)
    if rows and not (choices.consent.yes or choices.consent.dry_run):
        ask(f"cancel {len(rows)}", UNDONE)
    if journal is not None:
        retried = None if typed.retry_from is None else str(typed.retry_from)
        journal.begin(
            command=typed.command,
            api="meetbit",
            base_url=account.base_url,
            options={**choices.to_dict(), "file": typed.file, "note": typed.note, "retry_from": retried},
            listing=None,
            targets=[{"calendar_id": row.calendar_id, "event_id": row.event_id} for row in rows],
        )

    async def run(
        stop: asyncio.Event, on_outcome: OnOutcome[CancelOutcome], _: Board
    ) -> BulkReport[CancelOutcome]:
        async with account.client() as client:
            return await bulk_cancel_events(
                client,
                [(row.calendar_id, row.event_id, row.note) for row in rows],
                # Each row has its own note.
                typed.note or "cancelled",
                dry_run=choices.consent.dry_run,
                **choices.bulk(on_outcome, stop).keywords(),
            )

    with account.explaining():
        report, stopped = run_bulk(
            run, total=len(rows), verb="looking" if choices.consent.dry_run else "cancelling", journal=journal
        )
    return conclude(
        report,
        stopped=stopped,
        choices=choices,
        journal=journal,
        account=account,
        again=_again(typed),
    )


def _show(typed: Cancelling, account: Account[MeetBitClient], rows: Sequence[Row]) -> None:
    calendars = len({row.calendar_id for row in rows})
    notes = list(dict.fromkeys(row.note or "" for row in rows))
    source = "given" if typed.file is None else f"from {clean(typed.file)}"
    if typed.retry_from is not None:
        source = f"left undone according to {clean(typed.retry_from)}"
    events = plural(len(rows), "event")
    first = [f"{row.calendar_id}/{row.event_id}" for row in rows[:_SHOWN]]
    more = [f"and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
    show(
        facts(
            ("account", [f"{clean(account.base_url)} (keys from {clean(account.key_source)})"]),
            ("events", [f"{events} of {plural(calendars, 'calendar')}, {source}"] if rows else []),
            ("ids", [*first, *more] if rows else []),
            (
                "note",
                [clean(note, 300) for note in notes[:1]]
                + ([f"and {plural(len(notes) - 1, 'other note')}"] if notes[1:] else []),
            ),
            ("way back", [NO_WAY_BACK] if rows else []),
            ("to do", [f"cancel {events}" if rows else "nothing"]),
        )
    )


def _again(typed: Cancelling) -> str:
    """The command for what is left, without its notes."""
    file = "" if typed.file in (None, STDIN) else f" {clean(quote(typed.file))}"
    return f"meetstream-async cancel-events{file}" + ("" if typed.note is None else " --note TEXT")
