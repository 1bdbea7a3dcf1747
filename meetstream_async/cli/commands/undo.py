"""The options of the command that schedules again what was cancelled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..inputs.groups import grouped
from ..inputs.options import ApiKeyFile, Consent, Patience, Report, Speed
from ..inputs.plain import Json
from ..runs.bulk_run import BulkChoices
from ..runs.process import execute
from ..runs.undo import Undoing, run_undo


@grouped
def undo(
    of: Annotated[
        Path | None,
        typer.Argument(
            metavar="[REPORT]",
            help="Report of the run to undo; its snapshot lies beside it.",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="EVENT", help="Only the bots of this event. May be repeated."),
    ] = None,
    restore_times: Annotated[
        bool,
        typer.Option(
            "--restore-times", help="Move bots that would join at another time than before to that time."
        ),
    ] = False,
    retry_from: Annotated[
        Path | None,
        typer.Option(
            "--retry-from",
            metavar="REPORT",
            help="Only what this report of an undo lists as failed, unknown or not attempted.",
        ),
    ] = None,
    consent: Consent = Consent(),
    most: Annotated[
        int | None,
        typer.Option("--max", min=0, metavar="N", help="Refuse to run if more than N would be scheduled."),
    ] = None,
    report: Report = None,
    speed: Speed = Speed(),
    patience: Patience = Patience(),
    api_key_file: ApiKeyFile = None,
    as_json: Json = False,
) -> None:
    """Schedule again what an earlier run has cancelled, as far as the API allows.

    Needs the report of that run (--report FILE) and the snapshot beside it. Shows for each bot what comes
    back, what is lost and what can't come back, and asks for confirmation. What is scheduled already is left
    alone, so it may be repeated. Calendar events of MeetBit have no way back.

    \b
    Examples:
      meetstream-async undo run.jsonl --dry-run
      meetstream-async undo run.jsonl --only evt_1f2e3d --report undo.jsonl
      meetstream-async undo --retry-from undo.jsonl --report again.jsonl
      meetstream-async unschedule --retry-from undo.jsonl
    """
    choices = BulkChoices(
        consent=consent, speed=speed, patience=patience, as_json=as_json, most=most, report=report
    )
    typed = Undoing(
        of=of,
        retry_from=retry_from,
        only=tuple(only or ()),
        restore_times=restore_times,
        api_key_file=api_key_file,
        choices=choices,
    )
    execute(lambda: run_undo(typed))
