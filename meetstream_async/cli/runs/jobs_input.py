"""Turn command arguments into a job's options, and ask for confirmation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs

from ... import BotFilter
from ...jobs import AccountPreview, JobAccount, JobEngine, JobOptions
from ..exit_codes import ExitCode, Failed
from ..inputs.filters import words
from ..terminal.jobs import preview_table
from ..terminal.output import clean, facts, plural, say, show
from ..terminal.prompt import ask, check_most
from .request import Asked

_SHOWN = 20
"""Accounts shown at most; the others are counted."""


def job_options(asked: Asked) -> JobOptions:
    """The options of a job. Warns on stderr where a job behaves differently from a run of one account."""
    typed, choices = asked.typed, asked.choices
    return JobOptions(
        where=_filter(asked),
        cancel_all_occurrences=True if typed.scope.all_occurrences else None,
        from_date=asked.series_from,
        one_off_bots=typed.scope.one_off_bots,
        cancel_by=typed.scope.cancel_by,
        whole_events=typed.whole_events,
        dry_run=choices.consent.dry_run,
        max_concurrency=choices.speed.concurrency,
        rate_limit=choices.speed.rate,
        max_pause=choices.patience.max_pause,
        timeout=choices.patience.timeout,
        max_events=choices.most,
    )


def _filter(asked: Asked) -> BotFilter | None:
    if asked.selection is None:
        return None
    for key, text in asked.selection.attributes.items():
        if _reads_as_another(text):
            say(
                ("note:", "yellow"),
                f" --attr {clean(key, 60)}={clean(text, 60)}: a job compares the value as text, not as the "
                "number, true or false that it may stand for",
            )
    attributes = dict(asked.selection.attributes) or None
    if asked.selection.filter is None:
        return BotFilter(attributes=attributes)
    return attrs.evolve(asked.selection.filter, attributes=attributes)


def _reads_as_another(text: str) -> bool:
    try:
        return isinstance(json.loads(text), bool | int | float)
    except (ValueError, RecursionError):
        return False


def at_its_times(options: JobOptions, stored: Any) -> JobOptions:
    """The options with the stored times: +2h means two hours from when the job was first submitted."""
    values = options.to_dict()
    where, before = values["where"], stored.get("where")
    if where is not None and before is not None:
        values["where"] = {
            name: before.get(name, value) if name in ("before", "after") else value
            for name, value in where.items()
        }
    if values["from_date"] is not None and stored.get("from_date") is not None:
        values["from_date"] = stored["from_date"]
    return JobOptions.from_dict(values)


def _select_nothing(previews: Sequence[AccountPreview]) -> bool:
    """All accounts were seen, and the filter selects none of their bots: most likely it is misspelt."""
    seen = not any(one.failed or one.full or one.to_do or one.left_alone for one in previews)
    return seen and any(one.reason for one in previews)


def consent_to(
    accounts: Sequence[JobAccount],
    asked: Asked,
    client: JobEngine,
    job_id: str,
    previews: Sequence[AccountPreview] | None = None,
) -> None:
    """Show what a job is going to do, and have the user confirm it.

    Raises Refused beyond ``--max``, and Failed if a filter selects nothing, unless that is allowed.
    """
    lines = [
        f"{clean(account.name, 60)}  key from {clean(account.reference, 200)}"
        + (f"  at {clean(account.base_url)}" if account.base_url else "")
        for account in accounts[:_SHOWN]
    ]
    if len(accounts) > _SHOWN:
        lines.append(f"and {len(accounts) - _SHOWN} more")
    if previews is not None:
        show(preview_table(previews, _SHOWN))
        say("")
        lines = []
    choices = asked.choices
    verb = (
        "show what would be unscheduled"
        if choices.consent.dry_run
        else f"unschedule all events{asked.series}"
    )
    where = " inside the filter" if asked.selection is not None else ""
    one_off = " and delete one-off bots" if asked.typed.scope.one_off_bots == "delete" else ""
    total = plural(len(accounts), "account")
    count = None if previews is None else sum(one.to_do for one in previews)
    if count is not None and not choices.consent.dry_run:
        least = "at least " if any(one.full or one.failed for one in previews or ()) else ""
        verb = f"unschedule {least}{plural(count, 'event')}{asked.series}"
    show(
        facts(
            ("job", [f"{job_id} in {clean(client.database)}"]),
            ("accounts", lines),
            ("filter", [] if asked.selection is None else words(asked.selection)),
            ("to do", [f"{verb}{where}{one_off} of {total}"]),
        )
    )
    if previews is not None and not asked.typed.allow_empty and _select_nothing(previews):
        text = "the filter selects nothing in any account; nothing was stored (--allow-empty stores it)"
        raise Failed(text, ExitCode.NOT_OK)
    if count is not None:
        # Accounts that can't be counted are bounded by the workers: see JobOptions.max_events.
        check_most(count, choices.most)
    if not (choices.consent.yes or choices.consent.dry_run):
        unknown = any(one.full or one.failed for one in previews or ())
        size = total if count is None else "all" if unknown else str(count)
        ask(f"unschedule {size}")
