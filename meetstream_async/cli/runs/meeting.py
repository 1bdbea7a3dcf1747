"""The command `cancel-meeting`: cancel a calendar event in MeetBit, and its bot in MeetStream."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from attrs import field, frozen
from rich.text import Text

from ... import (
    ApiError,
    MeetingCancellation,
    MeetStreamError,
    OutcomeStatus,
    cancel_meetings,
)
from ..exit_codes import ExitCode, Interrupted
from ..inputs.accounts import meetbit_account, meetstream_account
from ..inputs.files import check_ids, check_note, check_number
from ..terminal.display import DISPLAY
from ..terminal.output import clean, facts, print_json, say, show
from ..terminal.prompt import ask
from ..terminal.tables import meetings_table
from ..terminal.waiting import Waiting
from .bulk_run import BulkChoices
from .calendar import NO_WAY_BACK
from .process import complain, run_async, until_told
from .report_file import Journal, opened

_UNDONE = "nothing was cancelled"


@frozen(kw_only=True)
class Meeting:
    """The arguments of the command."""

    calendar: str
    event: str
    note: str
    bot_event_id: str | None = None
    api_key_file: Path | None = None
    access_keys_file: Path | None = None
    choices: BulkChoices = field(factory=BulkChoices)


def cancel_one_meeting(typed: Meeting) -> ExitCode:
    """Preview, confirm, cancel, report."""
    choices = typed.choices
    pair = check_number(typed.calendar, "CALENDAR"), check_number(typed.event, "EVENT")
    note = check_note(typed.note)
    if typed.bot_event_id is not None:
        check_ids([("--bot-event-id", typed.bot_event_id)])
    meetbit = meetbit_account(
        typed.access_keys_file, timeout=choices.patience.timeout, rate=choices.speed.rate
    )
    meetstream = meetstream_account(typed.api_key_file, timeout=choices.patience.timeout)
    with opened(choices.report) as journal:
        bot = "found by the event's id at the calendar provider"
        if typed.bot_event_id is not None:
            bot = f"that of the event {clean(typed.bot_event_id)}"
        with DISPLAY.loud(choices.consent.asks):
            show(
                facts(
                    ("calendar", [f"{clean(meetbit.base_url)} (keys from {clean(meetbit.key_source)})"]),
                    ("bots", [f"{clean(meetstream.base_url)} (key from {clean(meetstream.key_source)})"]),
                    ("note", [clean(note, 300)]),
                    ("way back", [f"{NO_WAY_BACK}, and its bot with it"]),
                    ("to do", [f"cancel the event {pair[0]}/{pair[1]}, then unschedule its bot: {bot}"]),
                )
            )
        if not (choices.consent.yes or choices.consent.dry_run):
            ask("cancel 1", _UNDONE)
        if journal is not None:
            journal.begin(
                command="cancel-meeting",
                api="both",
                base_url=meetbit.base_url,
                options={**choices.to_dict(), "note": note, "bot_event_id": typed.bot_event_id},
                listing=None,
                targets=[{"calendar_id": pair[0], "event_id": pair[1]}],
            )
        stopped = False

        def on_stop() -> None:
            nonlocal stopped
            stopped = True
            say("stopping: finishing the current meeting; interrupt again to stop immediately")

        async def run(stop: asyncio.Event) -> MeetingCancellation:
            waiting = Waiting("the calendar and the listing")
            async with waiting, meetbit.client() as calendars, meetstream.client() as bots:
                (meeting,) = await cancel_meetings(
                    calendars,
                    bots,
                    [(*pair, typed.bot_event_id)],
                    note,
                    max_pause=choices.patience.max_pause,
                    dry_run=choices.consent.dry_run,
                    stop=stop,
                )
                return meeting

        with until_told():
            try:
                meeting = run_async(run, on_stop=on_stop)
            except Interrupted:
                say(f"stopped immediately: the outcome of {pair[0]}/{pair[1]} is unknown; check the calendar")
                _write(journal, None, interrupted=True)
                raise
            if not choices.consent.dry_run:
                _write(journal, meeting, interrupted=stopped)
        if choices.consent.dry_run:
            return _conclude_dry(meeting, journal, as_json=choices.as_json)
        if choices.as_json:
            print_json(_to_dict(meeting))
        else:
            show(meetings_table([meeting]), results=True)
            show("", results=True)
            show(_verdict(meeting), results=True)
        errors: list[MeetStreamError] = [meeting.error] if meeting.error is not None else []
        hints = [meetbit.hint(errors), meetstream.hint([one.error for one in meeting.bots if one.error])]
        if not _is_done(meeting):
            for hint in filter(None, hints):
                say(("hint:", "yellow"), f" {hint}")
            say(f"next: {_advice(meeting)}")
        if journal is not None and journal.problem is not None:
            complain(f"the report {clean(journal.path)} can't be written: {journal.problem}")
            return ExitCode.INTERRUPTED if stopped else ExitCode.NOT_OK
        return ExitCode.INTERRUPTED if stopped else _code(meeting)


def _conclude_dry(meeting: MeetingCancellation, journal: Journal | None, *, as_json: bool) -> ExitCode:
    document = {**_to_dict(meeting), "status": OutcomeStatus.WOULD_CANCEL.value, "ok": meeting.ok}
    if journal is not None:
        journal.record(document)
        journal.end(None, ok=True, complete=True, interrupted=False, reason=meeting.reason)
    if as_json:
        print_json({"dry_run": True, **document})
    say(f"dry run: nothing was changed; {meeting.reason}")
    return ExitCode.OK


def _write(journal: Journal | None, meeting: MeetingCancellation | None, *, interrupted: bool) -> None:
    if journal is None:
        return
    if meeting is not None:
        journal.record(_to_dict(meeting))
    ok = meeting is not None and _is_done(meeting)
    reason = "interrupted twice: stopped immediately" if meeting is None else meeting.reason
    journal.end(None, ok=ok, complete=meeting is not None, interrupted=interrupted, reason=reason)


def _to_dict(meeting: MeetingCancellation) -> dict[str, Any]:
    error = meeting.error
    status = "cancelled"
    if meeting.event is None:
        status = "unknown" if error is not None and error.outcome_unknown else "failed"
    return {
        "calendar_id": meeting.calendar_id,
        "event_id": meeting.event_id,
        "status": status,
        "ok": _is_done(meeting),
        "reason": meeting.reason,
        "error": None if error is None else f"{type(error).__name__}: {error}",
        "bots": [outcome.to_dict() for outcome in meeting.bots],
    }


def _is_done(meeting: MeetingCancellation) -> bool:
    """False for a missing event: it may have been cancelled earlier, or its id may be wrong."""
    return meeting.ok and meeting.event is not None


def _code(meeting: MeetingCancellation) -> ExitCode:
    if _is_done(meeting):
        return ExitCode.OK
    errors = [meeting.error, *(outcome.error for outcome in meeting.bots)]
    denied = any(isinstance(error, ApiError) and error.key_rejected for error in errors)
    return ExitCode.DENIED if denied else ExitCode.NOT_OK


def _verdict(meeting: MeetingCancellation) -> Text:
    if _is_done(meeting):
        return Text("ok: everything you asked for was done", "bold green")
    if meeting.ok:
        why = "MeetBit has no such event: it was already cancelled, or its id is wrong"
        return Text(f"not ok: {why}; the bot is unscheduled", "bold red")
    done = "the event is cancelled, but its bot may join" if meeting.event else "the event is not cancelled"
    return Text(f"not ok: {done}", "bold red")


def _advice(meeting: MeetingCancellation) -> str:
    if meeting.ok:
        return "check the calendar: if the meeting is gone, there is nothing left to do"
    if meeting.event is None and not meeting.bots:
        return "fix that, then run this again; if the event was already cancelled, add --bot-event-id"
    return "the event is cancelled; find its bot with meetstream-async list, and remove it with unschedule"
