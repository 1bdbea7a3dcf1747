"""Unschedule named events: preview, confirmation, run, verification, report."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ... import BulkReport, MeetStreamClient, ScheduledBot, UnscheduleOutcome
from ...preview import Leftovers, NamedEvents
from ..exit_codes import ExitCode
from ..inputs.accounts import Account
from ..terminal.display import DISPLAY
from ..terminal.output import clean, facts, plural, show
from ..terminal.preview import line
from ..terminal.progress import Board
from ..terminal.prompt import ask, check_most
from .bulk_run import OnOutcome, conclude, run_bulk
from .report_file import Journal
from .request import Asked
from .snapshot_file import SnapshotFile
from .snapshots import Kept

_SHOWN = 3


def run_given(
    asked: Asked,
    account: Account[MeetStreamClient],
    journal: Journal | None,
    snapshots: SnapshotFile | None,
    targets: Sequence[ScheduledBot | str],
    leftovers: Leftovers | None = None,
) -> ExitCode:
    """Preview, confirm, run, verify, report."""
    typed, choices = asked.typed, asked.choices
    options = asked.unschedule_options()
    if leftovers is not None:
        options = leftovers.limited(options)
    named = NamedEvents(targets, options, leftovers)
    kept = Kept(snapshots, choices)
    if snapshots is not None and named.to_do:
        kept.take_named(account, targets, series=typed.scope.all_occurrences)
    with DISPLAY.loud(choices.consent.asks):
        _show(named, asked, account, typed.retry_from, kept.lines)
    series = "a series has more occurrences than can be counted here" if typed.scope.all_occurrences else None
    check_most(named.to_do, choices.most, unbounded=series)
    if named.to_do and not (choices.consent.yes or choices.consent.dry_run):
        ask(f"unschedule {named.to_do}")
    if journal is not None:
        journal.begin(
            command=typed.command,
            api="meetstream",
            base_url=account.base_url,
            options=asked.options() | (leftovers.filter_options if leftovers is not None else {}),
            listing=named.listing,
            targets=named.targets(),
            snapshot=kept.id,
        )
    kept.begin()

    async def run(
        stop: asyncio.Event, on_outcome: OnOutcome[UnscheduleOutcome], board: Board
    ) -> BulkReport[UnscheduleOutcome]:
        async with account.client() as client:
            return await named.carry_out(
                client,
                choices.bulk(on_outcome, stop),
                note=board.note,
                dry_run=choices.consent.dry_run,
            )

    with account.explaining():
        report, stopped = run_bulk(
            run,
            total=named.total,
            verb="looking" if choices.consent.dry_run else "unscheduling",
            journal=journal,
            describe=named.describe,
        )
    return conclude(
        report,
        stopped=stopped,
        choices=choices,
        journal=journal,
        account=account,
        one_off_bots=typed.scope.one_off_bots,
        again=asked.again,
    )


def _show(
    named: NamedEvents, asked: Asked, account: Account[Any], path: Path | None, undo: Sequence[str]
) -> None:
    """Show on stderr what a run would do."""
    typed = asked.typed
    source = "given" if typed.events is None else f"from {clean(typed.events)}"
    if named.leftovers is not None:
        how = "brought back" if named.leftovers.of_undo else "left undone"
        source = f"{how} according to {clean(path)}"
    soonest = [min(bots, key=_moment) for bots in named.events.values() if bots]
    first = [line(bot) for bot in sorted(soonest, key=_moment)] or list(map(clean, named.events))
    more = [f"and {len(named.events) - _SHOWN} more"] if len(named.events) > _SHOWN else []
    left = []
    if len(named.one_off) > len(named.deleted):
        bots = plural(len(named.one_off) - len(named.deleted), "one-off bot")
        left.append(f"{bots}: no calendar event, will join (--one-off-bots delete)")
    if named.shared:
        shared = plural(len(named.shared), "event")
        left.append(f"{shared} with bots outside the filter of that run (see --whole-events)")
    if named.leftovers is not None and named.leftovers.unseen:
        left.append("bots that the earlier run did not see: unschedule-all finds them")
    elif named.why_incomplete is not None:
        left.append(named.why_incomplete)
    deleted = f" and delete {plural(len(named.deleted), 'one-off bot')}" if named.deleted else ""
    events = plural(len(named.events), "event")
    to_do = f"unschedule {events}{asked.series}{deleted}" if named.to_do else "nothing"
    show(
        facts(
            ("account", [f"{clean(account.base_url)} (key from {clean(account.key_source)})"]),
            ("events", [f"{events}, {source}"]),
            ("soonest" if soonest else "ids", [*first[:_SHOWN], *more]),
            ("left alone", left),
            ("for undo", undo),
            ("to do", [to_do]),
        )
    )


def _moment(bot: ScheduledBot) -> datetime:
    return bot.scheduled_join_time or datetime.max.replace(tzinfo=UTC)
