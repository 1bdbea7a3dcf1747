"""What a run comes to: what is missing from it, the words for that, and its report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from attrs import frozen

from ..meetstream.models import ScheduledBot
from .report import BulkReport, Outcome
from .statuses import OutcomeStatus

OutcomeT = TypeVar("OutcomeT", bound=Outcome)

IN_FLIGHT: Final = "cancelled while its request was in flight"

NOT_OVER: Final = "the run is not over"


def pause_before(seconds: float, what: str) -> str:
    """Why ``what`` was not asked for: the API wants a pause that is longer than the run waits."""
    return f"the API asked for a pause of {seconds:.0f} s before {what}"


def unreadable_rows(count: int, listing: str) -> str:
    """That so many rows of a listing were rejected."""
    return f"{count} row{'s' * (count > 1)} of {listing} can't be read"


def bots_not_judged(count: int) -> str:
    """That the filter could not judge so many bots."""
    bots, them = ("1 bot has", "it") if count == 1 else (f"{count} bots have", "them")
    return f"{bots} no join time that can be read, or rows that differ: the filter can't judge {them}"


@frozen(eq=False)
class Gaps:
    """Reasons why the report is incomplete or not ok, beyond its counts."""

    incomplete: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    still_listed: tuple[ScheduledBot, ...] = ()
    note: str | None = None
    """What there is to know where nothing is missing."""
    ways: str | None = None
    """How many were cancelled in another way than usual, and why."""


def report_of(
    counts: Mapping[str, int],
    outcomes: Iterable[OutcomeT],
    gaps: Gaps,
    *,
    exhausted: bool,
    stop_reason: str | None,
    elapsed: float,
    pace: float | None = None,
) -> BulkReport[OutcomeT]:
    """The report of a run. ``exhausted``: nothing is left that it could have taken up."""
    incomplete = list(gaps.incomplete)
    if stop_reason is not None:
        incomplete.insert(0, stop_reason)
    elif not exhausted:
        incomplete.insert(0, NOT_OVER)
    left = [
        f"{counts[status]} {status.value.replace('_', ' ')}"
        for status in (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.NOT_ATTEMPTED)
        if counts.get(status)
    ]
    if gaps.still_listed:
        left.append(f"{len(gaps.still_listed)} still listed although unscheduled")
    left += gaps.left
    complete = exhausted and not gaps.incomplete
    ok = complete and not left
    reasons = (gaps.note,) if ok else (*incomplete, *left)
    return BulkReport(
        counts=dict(counts),
        outcomes=tuple(outcomes),
        complete=complete,
        ok=ok,
        reason="; ".join(filter(None, (*reasons, gaps.ways))) or None,
        elapsed=elapsed,
        still_listed=gaps.still_listed,
        pace=pace,
    )
