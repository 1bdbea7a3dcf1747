"""Unscheduling events that were named: preview, consent, run, a look whether they are gone, report."""

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
from ..terminal.output import clean, facts, plural, show
from ..terminal.preview import line
from ..terminal.progress import Board
from ..terminal.prompt import ask, check_most
from .bulk_run import Hear, conclude, conduct
from .report_file import Journal
from .request import Asked

_SHOWN = 3


def run_given(
    asked: Asked,
    account: Account[MeetStreamClient],
    journal: Journal | None,
    targets: Sequence[ScheduledBot | str],
    leftovers: Leftovers | None = None,
) -> ExitCode:
    """Do it."""
    typed, choices = asked.typed, asked.choices
    given = NamedEvents(targets, typed.one_off_bots, leftovers)
    _show(given, asked, account, typed.retry_from)
    series = "a series has more occurrences than can be counted here" if typed.all_occurrences else None
    check_most(given.to_do, choices.most, unbounded=series)
    if given.to_do and not (choices.yes or choices.dry_run):
        ask(f"unschedule {given.to_do}")

    if journal is not None:
        journal.begin(
            command=typed.command,
            api="meetstream",
            base_url=account.base_url,
            options=asked.options(),
            listing=given.listing,
            targets=given.targets(),
        )

    async def run(
        stop: asyncio.Event, hear: Hear[UnscheduleOutcome], board: Board
    ) -> BulkReport[UnscheduleOutcome]:
        async with account.client() as client:
            return await given.carry_out(
                client,
                on_outcome=hear,
                stop=stop,
                note=board.note,
                dry_run=choices.dry_run,
                max_concurrency=choices.concurrency,
                cancel_all_occurrences=True if typed.all_occurrences else None,
                from_date=asked.series_from,
                max_pause=choices.max_pause,
            )

    with account.explaining():
        report, stopped = conduct(
            run,
            total=given.total,
            verb="looking" if choices.dry_run else "unscheduling",
            journal=journal,
            describe=given.describe,
        )
    return conclude(
        report,
        stopped=stopped,
        choices=choices,
        journal=journal,
        account=account,
        one_off_bots=typed.one_off_bots,
        again=asked.again,
    )


def _show(given: NamedEvents, asked: Asked, account: Account[Any], path: Path | None) -> None:
    """Say on stderr what a run would do."""
    typed = asked.typed
    source = "given" if typed.events is None else f"from {clean(typed.events)}"
    if given.leftovers is not None:
        source = f"left undone according to {clean(path)}"
    known = [min(bots, key=_moment) for bots in given.events.values() if bots]
    first = [line(bot) for bot in sorted(known, key=_moment)] or list(map(clean, given.events))
    more = [f"and {len(given.events) - _SHOWN} more"] if len(given.events) > _SHOWN else []
    left = []
    if given.one_off and not given.deleted:
        bots = plural(len(given.one_off), "one-off bot")
        left.append(f"{bots}: without an event, they will join (--one-off-bots delete)")
    if given.leftovers is not None and given.leftovers.unseen:
        left.append("what that run had not seen of the account: unschedule-all finds it")
    deleted = f" and delete {plural(len(given.deleted), 'one-off bot')}" if given.deleted else ""
    events = plural(len(given.events), "event")
    to_do = f"unschedule {events}{asked.series}{deleted}" if given.to_do else "nothing"
    show(
        facts(
            ("account", [f"{clean(account.base_url)} (key from {clean(account.key_source)})"]),
            ("events", [f"{events}, {source}"]),
            ("soonest" if known else "ids", [*first[:_SHOWN], *more]),
            ("left alone", left),
            ("to do", [to_do]),
        )
    )


def _moment(bot: ScheduledBot) -> datetime:
    return bot.scheduled_join_time or datetime.max.replace(tzinfo=UTC)
