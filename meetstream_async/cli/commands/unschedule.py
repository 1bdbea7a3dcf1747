"""The options of the commands that unschedule bots."""

from __future__ import annotations

from typing import Annotated

import typer

from ..exit_codes import ExitCode, Refused
from ..inputs.accounts import meetstream_account
from ..inputs.files import check_ids, read_ids
from ..inputs.groups import grouped
from ..inputs.options import (
    ApiKeyFile,
    Consent,
    Events,
    Filter,
    KeepForUndo,
    Most,
    Patience,
    Report,
    RetryFrom,
    Scope,
    Speed,
    WholeEvents,
)
from ..inputs.plain import AllowEmpty, Json
from ..runs.account import run_listed
from ..runs.bulk_run import BulkChoices
from ..runs.events import run_given
from ..runs.process import execute
from ..runs.report_file import opened
from ..runs.report_reader import read_leftovers
from ..runs.request import Unscheduling, read
from ..runs.snapshot_file import keeping


@grouped
def unschedule(
    event_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[EVENT_ID]...", show_default=False)
    ] = None,
    events: Events = None,
    retry_from: RetryFrom = None,
    consent: Consent = Consent(),
    most: Most = None,
    report: Report = None,
    keep_for_undo: KeepForUndo = False,
    scope: Scope = Scope(),
    speed: Speed = Speed(),
    patience: Patience = Patience(),
    api_key_file: ApiKeyFile = None,
    as_json: Json = False,
) -> None:
    """Unschedule the bots of given events.

    The ids are used as given; afterwards the listing is checked, and bots that it still shows are
    named. Blank lines and lines starting with # in --events are ignored.

    \b
    Examples:
      meetstream-async unschedule evt_1f2e3d evt_4c5b6a
      meetstream-async unschedule --events ids.txt --max 50 --report run.jsonl
      meetstream-async unschedule --retry-from run.jsonl --report again.jsonl
      psql -At -c 'select event_id from offboarded' | meetstream-async unschedule --events - --yes
    """
    choices = BulkChoices(
        consent=consent,
        speed=speed,
        patience=patience,
        as_json=as_json,
        most=most,
        report=report,
        keep_for_undo=keep_for_undo,
    )
    typed = Unscheduling(
        command="unschedule",
        ids=tuple(event_ids or ()),
        events=events,
        retry_from=retry_from,
        scope=scope,
        api_key_file=api_key_file,
        choices=choices,
    )
    execute(lambda: run_unschedule(typed))


@grouped
def unschedule_all(
    consent: Consent = Consent(),
    filter: Filter = Filter(),
    whole_events: WholeEvents = False,
    allow_empty: AllowEmpty = False,
    scope: Scope = Scope(),
    most: Most = None,
    report: Report = None,
    keep_for_undo: KeepForUndo = False,
    retry_from: RetryFrom = None,
    events: Events = None,
    speed: Speed = Speed(),
    patience: Patience = Patience(),
    api_key_file: ApiKeyFile = None,
    as_json: Json = False,
) -> None:
    """Unschedule all scheduled bots, or those that match a filter, and verify it.

    Goes beyond the 100 bots of one listing. First shows a preview and asks for confirmation: only what
    was shown is unscheduled; if the listing was full, that means everything. Ctrl-C starts nothing new
    and reports; a second one stops immediately.

    \b
    Examples:
      meetstream-async unschedule-all --dry-run
      meetstream-async unschedule-all --platform zoom --after now --before tomorrow
      meetstream-async unschedule-all --attr customer=acme --max 40 --report run.jsonl
      meetstream-async unschedule-all --yes --concurrency 10 --json > report.json
    """
    choices = BulkChoices(
        consent=consent,
        speed=speed,
        patience=patience,
        as_json=as_json,
        most=most,
        report=report,
        keep_for_undo=keep_for_undo,
    )
    typed = Unscheduling(
        events=events,
        retry_from=retry_from,
        filter=filter,
        scope=scope,
        whole_events=whole_events,
        allow_empty=allow_empty,
        api_key_file=api_key_file,
        choices=choices,
    )
    execute(lambda: run_unschedule(typed))


def run_unschedule(typed: Unscheduling) -> ExitCode:
    """Parse the arguments and carry out the command."""
    asked = read(typed)
    choices = typed.choices
    ids: tuple[str, ...] = check_ids((f"event id {n}", text) for n, text in enumerate(typed.ids, 1))
    if typed.events is not None:
        ids = read_ids(typed.events)
    account = meetstream_account(
        typed.api_key_file, timeout=choices.patience.timeout, rate=choices.speed.rate
    )
    leftovers = None
    if typed.retry_from is not None:
        leftovers = read_leftovers(typed.retry_from, api="meetstream", base_url=account.base_url)
        if bool(leftovers.options.get("all_occurrences")) != typed.scope.all_occurrences:
            has = "with" if leftovers.options.get("all_occurrences") else "without"
            raise Refused(f"that run was made {has} --all-occurrences; retry it {has}; nothing was sent")
    kept = None if choices.consent.dry_run else choices.report
    with opened(choices.report) as journal, keeping(kept) as snapshots:
        if leftovers is not None:
            return run_given(asked, account, journal, snapshots, leftovers.targets, leftovers)
        if ids:
            return run_given(asked, account, journal, snapshots, list(ids))
        return run_listed(asked, account, journal, snapshots)
