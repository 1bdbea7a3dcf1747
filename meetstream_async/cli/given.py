"""Unscheduling events that were named: preview, consent, run, a look whether they are gone, report."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from meetstream_async import (
    BulkReport,
    MeetStreamClient,
    NotFoundError,
    OutcomeStatus,
    ScheduledBot,
    UnscheduleOutcome,
    bulk_unschedule,
)

from .conduct import Hear, conclude, conduct
from .consent import ask, check_most
from .journal import Journal
from .keys import Account
from .output import clean, facts, plural, show
from .preview import line
from .progress import Board
from .retry import Leftovers
from .run import ExitCode
from .unscheduling import Asked
from .verify import verify

_SHOWN = 3


class _Given:
    """The targets of a run, as its preview and its report see them."""

    def __init__(
        self, asked: Asked, targets: Sequence[ScheduledBot | str], leftovers: Leftovers | None
    ) -> None:
        self.targets = list(targets)
        self._asked = asked
        self._leftovers = leftovers
        self.events: dict[str, list[ScheduledBot]] = {}
        self.one_off: list[ScheduledBot] = []
        for target in targets:
            if isinstance(target, str):
                self.events.setdefault(target, [])
            elif target.event_id is not None:
                self.events.setdefault(target.event_id, []).append(target)
            else:
                self.one_off.append(target)
        self._joins = {
            bot.bot_id: bot.scheduled_join_time for bot in targets if isinstance(bot, ScheduledBot)
        }

    @property
    def deleted(self) -> list[ScheduledBot]:
        """The one-off bots that a run deletes."""
        return self.one_off if self._asked.typed.one_off_bots == "delete" else []

    @property
    def to_do(self) -> int:
        return len(self.events) + len(self.deleted)

    def joins(self, bot_ids: Sequence[str]) -> datetime | None:
        times = [self._joins.get(bot_id) for bot_id in bot_ids]
        return min((time for time in times if time is not None), default=None)

    def show(self, account: Account[Any]) -> None:
        """Say on stderr what a run would do."""
        typed = self._asked.typed
        source = "given" if typed.events is None else f"from {clean(typed.events)}"
        if self._leftovers is not None:
            source = f"left undone according to {clean(self._leftovers.path)}"
        known = [min(bots, key=_moment) for bots in self.events.values() if bots]
        first = [line(bot) for bot in sorted(known, key=_moment)] or list(map(clean, self.events))
        more = [f"and {len(self.events) - _SHOWN} more"] if len(self.events) > _SHOWN else []
        left = []
        if self.one_off and not self.deleted:
            bots = plural(len(self.one_off), "one-off bot")
            left.append(f"{bots}: without an event, they will join (--one-off-bots delete)")
        if self._leftovers is not None and self._leftovers.unseen:
            left.append("what that run had not seen of the account: unschedule-all finds it")
        deleted = f" and delete {plural(len(self.deleted), 'one-off bot')}" if self.deleted else ""
        events = plural(len(self.events), "event")
        to_do = f"unschedule {events}{self._asked.series}{deleted}" if self.to_do else "nothing"
        show(
            facts(
                ("account", [f"{clean(account.base_url)} (key from {clean(account.key_source)})"]),
                ("events", [f"{events}, {source}"]),
                ("soonest" if known else "ids", [*first[:_SHOWN], *more]),
                ("left alone", left),
                ("to do", [to_do]),
            )
        )

    def complete(self, report: BulkReport[UnscheduleOutcome]) -> BulkReport[UnscheduleOutcome]:
        """The report with what this run knows better than the API's answers say."""
        outcomes = tuple(map(self._settled, report.outcomes))
        if outcomes != report.outcomes:
            counts = Counter(one.status for one in outcomes)
            still_bad = [
                status
                for status in (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.NOT_ATTEMPTED)
                if counts[status]
            ]
            words = "; ".join(f"{counts[status]} {status.value.replace('_', ' ')}" for status in still_bad)
            fine = report.complete and not still_bad and not report.still_listed
            report = attrs.evolve(
                report,
                outcomes=outcomes,
                counts={status: counts[OutcomeStatus(status)] for status in report.counts},
                ok=fine,
                reason=None if fine else (words or report.reason),
            )
        if self._leftovers is None or not self._leftovers.unseen:
            return report
        reason = "the run of that report had not seen the whole account: run unschedule-all as well"
        reasons = [report.reason, reason] if report.reason else [reason]
        return attrs.evolve(report, ok=False, complete=False, reason="; ".join(reasons))

    def _settled(self, outcome: UnscheduleOutcome) -> UnscheduleOutcome:
        """A one-off bot that the earlier run may have deleted is not found any more."""
        if (
            outcome.event_id is not None
            or outcome.status is not OutcomeStatus.FAILED
            or not isinstance(outcome.error, NotFoundError)
        ):
            return outcome
        joins = self.joins(outcome.bot_ids)
        if joins is not None and joins > datetime.now(UTC):
            status, reason = OutcomeStatus.ALREADY_UNSCHEDULED, "not found: it was deleted before"
        else:
            status, reason = OutcomeStatus.UNKNOWN, "not found: deleted before, or it may have joined"
        return attrs.evolve(outcome, status=status, reason=reason)


def run_given(
    asked: Asked,
    account: Account[MeetStreamClient],
    journal: Journal | None,
    targets: Sequence[ScheduledBot | str],
    leftovers: Leftovers | None = None,
) -> ExitCode:
    """Do it."""
    typed, choices = asked.typed, asked.choices
    given = _Given(asked, targets, leftovers)
    given.show(account)
    series = "a series has more occurrences than can be counted here" if typed.all_occurrences else None
    check_most(given.to_do, choices.most, unbounded=series)
    if given.to_do and not (choices.yes or choices.dry_run):
        ask(f"unschedule {given.to_do}")

    def target(event_id: str | None, bot_ids: Sequence[str]) -> dict[str, Any]:
        joins = given.joins(bot_ids)
        return {"event_id": event_id, "bot_ids": list(bot_ids), "joins": joins and joins.isoformat()}

    if journal is not None:
        named = [target(event_id, [bot.bot_id for bot in bots]) for event_id, bots in given.events.items()]
        journal.begin(
            command=typed.command,
            api="meetstream",
            base_url=account.base_url,
            options=asked.options(),
            # What an earlier run left unseen is unseen by this one, too.
            listing="full" if leftovers is not None and leftovers.unseen else None,
            targets=[*named, *(target(None, [bot.bot_id]) for bot in given.deleted)],
        )

    async def run(
        stop: asyncio.Event, hear: Hear[UnscheduleOutcome], board: Board
    ) -> BulkReport[UnscheduleOutcome]:
        async with account.client() as client:
            report = await bulk_unschedule(
                client,
                given.targets,
                max_concurrency=choices.concurrency,
                cancel_all_occurrences=True if typed.all_occurrences else None,
                from_date=asked.series_from,
                one_off_bots=typed.one_off_bots,
                dry_run=choices.dry_run,
                max_pause=choices.max_pause,
                on_outcome=hear,
                stop=stop,
            )
            unverified = leftovers.unverified if leftovers is not None and not choices.dry_run else ()
            return await verify(
                client, report, stop, series_from=asked.series_from, also=unverified, note=board.note
            )

    def describe(outcome: UnscheduleOutcome) -> dict[str, Any]:
        return {**outcome.to_dict(), "joins": target(None, outcome.bot_ids)["joins"]}

    with account.explaining():
        report, stopped = conduct(
            run,
            total=len(given.events) + len(given.one_off),
            verb="looking" if choices.dry_run else "unscheduling",
            journal=journal,
            describe=describe,
            complete=given.complete,
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


def _moment(bot: ScheduledBot) -> datetime:
    return bot.scheduled_join_time or datetime.max.replace(tzinfo=UTC)
