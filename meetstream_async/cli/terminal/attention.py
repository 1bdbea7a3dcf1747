"""What needs attention after a run: each event that was not dealt with as asked, why, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from rich.table import Table
from rich.text import Text

from ... import (
    ApiError,
    AuthenticationError,
    BulkReport,
    CancelOutcome,
    EventNotFoundError,
    NotFoundError,
    OutcomeStatus,
    PermissionDeniedError,
    RescheduleOutcome,
    SkipReason,
    UnscheduleOutcome,
)
from .output import clean, keep_whole, table
from .progress import wording

Outcome: TypeAlias = UnscheduleOutcome | CancelOutcome | RescheduleOutcome


def attention_table(report: BulkReport[Any], *, one_off_bots: str = "report") -> Table | None:
    """Events and bots that need attention, grouped by problem; None if there are none."""
    grid = table("EVENT OR BOT", "STATUS", "WHY, AND WHAT TO DO")
    names = [name for outcome in report.outcomes for name in (*_names(outcome), *_bots(outcome))]
    keep_whole(grid.columns[0], names)
    grid.columns[1].no_wrap = True
    troubles: dict[tuple[OutcomeStatus, str, str], list[str]] = {}
    for outcome in _wanting(report, one_off_bots):
        reason = clean(outcome.reason or "no reason given", 1000)
        troubles.setdefault((outcome.status, reason, _advice(outcome)), []).extend(_names(outcome))
    for (status, reason, advice), names in troubles.items():
        words = Text(reason)
        words.append(f"\n{advice}", "cyan")
        colour = "red" if status.is_undone else "yellow"
        grid.add_row(Text("\n".join(map(clean, names))), Text(wording(status), colour), words)
    if report.still_listed:
        listed = dict.fromkeys(bot.event_id or bot.bot_id for bot in report.still_listed)
        words = Text("unscheduled, but the last listing still shows it")
        words.append("\nlist again in a minute; if it is still there, run this again", "cyan")
        grid.add_row(Text("\n".join(map(clean, listed))), Text("still listed", "red"), words)
    return grid if grid.row_count else None


def _names(outcome: Outcome) -> tuple[str, ...]:
    if isinstance(outcome, CancelOutcome):
        return (f"{outcome.calendar_id}/{outcome.event_id}",)
    if isinstance(outcome, RescheduleOutcome):
        return (outcome.bot_id,)
    return outcome.bot_ids if outcome.event_id is None else (outcome.event_id,)


def _bots(outcome: Outcome) -> tuple[str, ...]:
    return () if isinstance(outcome, CancelOutcome) else outcome.bot_ids


def _wanting(report: BulkReport[Any], one_off_bots: str) -> Iterable[Outcome]:
    for outcome in report.outcomes:
        on_request = outcome.reason == SkipReason.ONE_OFF and one_off_bots == "skip"
        skipped = outcome.status is OutcomeStatus.SKIPPED and not on_request and _will_join(outcome)
        if outcome.status.is_undone or skipped or outcome.status is OutcomeStatus.NOT_RESTORABLE:
            yield outcome


def _will_join(skipped: Outcome) -> bool:
    return skipped.reason not in tuple(SkipReason) or SkipReason(skipped.reason).will_join


def _advice(outcome: Outcome) -> str:
    if outcome.status is OutcomeStatus.NOT_ATTEMPTED:
        return "nothing was sent for it; run this again"
    if isinstance(outcome, CancelOutcome):
        return _advice_on_calendar(outcome)
    if isinstance(outcome, RescheduleOutcome):
        return _advice_on_undo(outcome)
    if outcome.status is OutcomeStatus.SKIPPED:
        if outcome.reason == SkipReason.ONE_OFF:
            return "it will join; --one-off-bots delete removes it, skip ignores it"
        if outcome.reason == SkipReason.NO_EVENT_ID:
            return "it will join; --cancel-by auto deletes it by its own id"
        if outcome.reason == SkipReason.NOT_ITS_OWN_ID:
            return "it will join; run this again without the options for a series"
        if outcome.reason in (SkipReason.SHARED, SkipReason.HIDDEN):
            return "it will join; --whole-events unschedules it, with its bots outside the filter"
        return "it will join; run this again"
    if isinstance(outcome.error, ApiError) and outcome.error.refused_in_front:
        return "ask who runs the firewall or proxy in front of the API, then run this again"
    if isinstance(outcome.error, AuthenticationError | PermissionDeniedError):
        return "use the key of the account that the bot belongs to"
    if isinstance(outcome.error, EventNotFoundError):
        if outcome.bot_ids:
            return "the API doesn't know this id; --cancel-by auto deletes its bots by their own ids"
        return "the API doesn't know this id: compare it with the listing"
    if outcome.status is OutcomeStatus.UNKNOWN and "joined" in (outcome.reason or ""):
        return "check the meeting: the bot may have joined"
    return "run this again, then check the listing"


def _advice_on_undo(outcome: RescheduleOutcome) -> str:
    if outcome.status is OutcomeStatus.NOT_RESTORABLE:
        return "schedule it by hand, if it is wanted"
    if isinstance(outcome.error, EventNotFoundError):
        return "the event is not in the calendar any more, so no bot can be scheduled for it"
    return "run this again in a minute: what is there by then is left alone"


def _advice_on_calendar(outcome: CancelOutcome) -> str:
    if isinstance(outcome.error, ApiError) and outcome.error.key_rejected:
        return "check the access keys and their permissions"
    if isinstance(outcome.error, NotFoundError):
        return "check the calendar: it was already cancelled, or its id is wrong"
    if outcome.status is OutcomeStatus.UNKNOWN:
        return "check the calendar: it may be cancelled; if not, run this again"
    return "fix what it reports, then run this again"
