"""Events and bots named by the caller or left over by an earlier run: targets of a run without a listing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from .. import (
    BulkOptions,
    BulkReport,
    MeetStreamClient,
    NotFoundError,
    OutcomeStatus,
    ScheduledBot,
    UnscheduleOptions,
    UnscheduleOutcome,
    bulk_unschedule,
)
from ._report_edit import SHARED, extended, left_alone
from .leftovers import Leftovers
from .preview import OneOffBots
from .report_lines import first_join, target_line
from .verify import verify


class NamedEvents:
    """The targets of a run without a listing, for its preview, its execution and its report.

    leftovers: the leftovers of an earlier run that the targets come from.
    shared: bots of events that only partly match the filter; these events are skipped.
    """

    def __init__(
        self,
        targets: Sequence[ScheduledBot | str],
        one_off_bots: OneOffBots,
        leftovers: Leftovers | None = None,
        shared: Mapping[str, Sequence[ScheduledBot]] | None = None,
    ) -> None:
        self._targets = list(targets)
        self._one_off_bots = one_off_bots
        self.leftovers = leftovers
        self._shared = dict(shared or {})
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
        return self.one_off if self._one_off_bots == "delete" else []

    @property
    def to_do(self) -> int:
        return len(self.events) + len(self.deleted)

    @property
    def total(self) -> int:
        """Expected number of outcomes."""
        return len(self.events) + len(self.one_off) + len(self._shared)

    @property
    def listing(self) -> str | None:
        """For the first line of a report: "full" if the earlier run did not see the whole account."""
        return "full" if self.leftovers is not None and self.leftovers.unseen else None

    def targets(self) -> list[dict[str, Any]]:
        """The agreed targets, for the first line of a report."""
        lines = [
            target_line(event_id, [bot.bot_id for bot in bots], self._joins)
            for event_id, bots in self.events.items()
        ]
        return lines + [target_line(None, [bot.bot_id], self._joins) for bot in self.deleted]

    def describe(self, outcome: UnscheduleOutcome) -> dict[str, Any]:
        """An outcome as a line of a report, with the time its first bot joins."""
        return {**outcome.to_dict(), "joins": first_join(outcome.bot_ids, self._joins)}

    async def carry_out(
        self,
        client: MeetStreamClient,
        bulk: BulkOptions[UnscheduleOutcome],
        *,
        note: Callable[[str], object] = lambda _: None,
        dry_run: bool = False,
        cancel_all_occurrences: bool | None = None,
        from_date: datetime | None = None,
    ) -> BulkReport[UnscheduleOutcome]:
        """Carry out the agreed run, then verify that the bots are gone.

        Errors are those of ``bulk_unschedule``. ``note`` is called with a message when verification has to
        wait.
        """
        options = UnscheduleOptions(
            one_off_bots=self._one_off_bots,
            dry_run=dry_run,
            cancel_all_occurrences=cancel_all_occurrences,
            from_date=from_date,
        )
        report = await bulk_unschedule(client, self._targets, **options.keywords(), **bulk.keywords())
        stop = bulk.stop or asyncio.Event()
        unverified = self.leftovers.unverified if self.leftovers is not None and not dry_run else ()
        return self._complete(
            await verify(client, report, stop, series_from=from_date, also=unverified, note=note)
        )

    def _complete(self, report: BulkReport[UnscheduleOutcome]) -> BulkReport[UnscheduleOutcome]:
        """The report, corrected by what only this run knows."""
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
        left = [left_alone(event_id, bots) for event_id, bots in self._shared.items()]
        report = extended(report, left, [f"{len(left)} {SHARED}"])
        if self.leftovers is None or not self.leftovers.unseen:
            return report
        reason = "the run of that report did not see the whole account: run unschedule-all as well"
        reasons = [report.reason, reason] if report.reason else [reason]
        return attrs.evolve(report, ok=False, complete=False, reason="; ".join(reasons))

    def _settled(self, outcome: UnscheduleOutcome) -> UnscheduleOutcome:
        """For a one-off bot that was not found: the earlier run may have deleted it."""
        if (
            outcome.event_id is not None
            or outcome.status is not OutcomeStatus.FAILED
            or not isinstance(outcome.error, NotFoundError)
        ):
            return outcome
        joins = [self._joins.get(bot_id) for bot_id in outcome.bot_ids]
        if all(time is not None and time > datetime.now(UTC) for time in joins):
            status, reason = OutcomeStatus.ALREADY_UNSCHEDULED, "not found: it was deleted before"
        else:
            status, reason = OutcomeStatus.UNKNOWN, "not found: deleted before, or it may have joined"
        return attrs.evolve(outcome, status=status, reason=reason)
