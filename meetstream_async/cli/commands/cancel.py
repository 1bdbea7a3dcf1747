"""The options of the commands that cancel calendar events."""

from __future__ import annotations

from typing import Annotated

import typer

from ..inputs.groups import grouped
from ..inputs.options import (
    AccessKeysFile,
    ApiKeyFile,
    Consent,
    MeetBitSpeed,
    Most,
    Note,
    Patience,
    Report,
    RetryFrom,
)
from ..inputs.plain import Json
from ..runs.bulk_run import BulkChoices
from ..runs.calendar import Cancelling, cancel
from ..runs.meeting import Meeting, cancel_one_meeting
from ..runs.process import execute

Calendar = Annotated[str, typer.Argument(metavar="CALENDAR", help="Calendar id in MeetBit.")]
Event = Annotated[str, typer.Argument(metavar="EVENT", help="Event id in MeetBit.")]
TheNote = Annotated[
    str, typer.Option("--note", metavar="TEXT", help="Reason, shown to attendees; at most 255 characters.")
]


@grouped
def cancel_event(
    calendar: Calendar,
    event: Event,
    note: TheNote,
    consent: Consent = Consent(),
    report: Report = None,
    patience: Patience = Patience(),
    access_keys_file: AccessKeysFile = None,
    as_json: Json = False,
) -> None:
    """Cancel one calendar event in MeetBit. Its bot stays: see cancel-meeting.

    \b
    Example:
      meetstream-async cancel-event 12 345 --note "The room is flooded."
    """
    choices = BulkChoices(consent=consent, patience=patience, as_json=as_json, report=report)
    typed = Cancelling(
        command="cancel-event",
        pair=(calendar, event),
        note=note,
        access_keys_file=access_keys_file,
        choices=choices,
    )
    execute(lambda: cancel(typed))


@grouped
def cancel_events(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE.csv|-",
            help="Rows of calendar_id,event_id[,cancel_note], with or without a header line; - reads "
            "standard input.",
            show_default=False,
        ),
    ] = None,
    note: Note = None,
    consent: Consent = Consent(),
    most: Most = None,
    report: Report = None,
    retry_from: RetryFrom = None,
    speed: MeetBitSpeed = MeetBitSpeed(),
    patience: Patience = Patience(),
    access_keys_file: AccessKeysFile = None,
    as_json: Json = False,
) -> None:
    """Cancel many calendar events in MeetBit.

    A row's own cancel_note overrides --note. All rows are read and checked before anything is sent; a
    bad one is named with its line.

    \b
    Examples:
      meetstream-async cancel-events flooded.csv --note "The room is flooded." --report run.jsonl
      meetstream-async cancel-events flooded.csv --note "The room is flooded." --retry-from run.jsonl
      grep '^12,' all.csv | meetstream-async cancel-events - --note "Moved to May." --yes
    """
    choices = BulkChoices(
        consent=consent, speed=speed, patience=patience, as_json=as_json, most=most, report=report
    )
    typed = Cancelling(
        file=file, note=note, retry_from=retry_from, access_keys_file=access_keys_file, choices=choices
    )
    execute(lambda: cancel(typed))


@grouped
def cancel_meeting(
    calendar: Calendar,
    event: Event,
    note: TheNote,
    bot_event_id: Annotated[
        str | None,
        typer.Option(
            "--bot-event-id",
            metavar="ID",
            help="Event id in MeetStream; by default the bot is looked up in the listing. With it, an event "
            "that was already cancelled is accepted.",
        ),
    ] = None,
    consent: Consent = Consent(),
    report: Report = None,
    patience: Patience = Patience(),
    api_key_file: ApiKeyFile = None,
    access_keys_file: AccessKeysFile = None,
    as_json: Json = False,
) -> None:
    """Cancel a calendar event in MeetBit, then unschedule its bot in MeetStream.

    If the event can't be cancelled, no bot is touched.

    \b
    Examples:
      meetstream-async cancel-meeting 12 345 --note "The room is flooded."
      meetstream-async cancel-meeting 12 345 --note "The room is flooded." --bot-event-id evt_1f2e3d
    """
    choices = BulkChoices(consent=consent, patience=patience, as_json=as_json, report=report)
    typed = Meeting(
        calendar=calendar,
        event=event,
        note=note,
        bot_event_id=bot_event_id,
        api_key_file=api_key_file,
        access_keys_file=access_keys_file,
        choices=choices,
    )
    execute(lambda: cancel_one_meeting(typed))
