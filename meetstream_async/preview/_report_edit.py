"""Add outcomes to a report that its run did not produce itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs

from .. import BulkReport, OutcomeStatus, ScheduledBot, UnscheduleOutcome

SHARED = "shared with bots outside the filter and left alone"


def extended(
    report: BulkReport[UnscheduleOutcome], more: Sequence[UnscheduleOutcome], reasons: list[str]
) -> BulkReport[UnscheduleOutcome]:
    """The report with these outcomes added; not ok if there are any ``reasons``."""
    if not more:
        return report
    counts = Counter(report.counts) + Counter(outcome.status for outcome in more)
    return attrs.evolve(
        report,
        counts={status: counts[status] for status in report.counts},
        outcomes=(*report.outcomes, *more),
        ok=report.ok and not reasons,
        reason="; ".join([report.reason, *reasons] if report.reason else reasons) or None,
    )


def left_alone(event_id: str, bots: Sequence[ScheduledBot]) -> UnscheduleOutcome:
    """The outcome of an event that only partly matches the filter."""
    reason = "shared: a bot of the event lies outside the filter"
    return UnscheduleOutcome(event_id, ids_of(bots), OutcomeStatus.SKIPPED, reason)


def ids_of(bots: Sequence[ScheduledBot]) -> tuple[str, ...]:
    """The ids of these bots."""
    return tuple(bot.bot_id for bot in bots)
