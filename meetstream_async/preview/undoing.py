"""What a report says that can be undone: which bots its run has cancelled, or may have."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from .. import OutcomeStatus, Snapshot
from .brought_back import outcomes_of_undo
from .leftovers import latest_outcomes
from .report_lines import UNDONE

_GONE = frozenset((OutcomeStatus.UNSCHEDULED.value, OutcomeStatus.UNKNOWN.value))


@frozen
class Undoable:
    """What a run over bots has cancelled, according to its report, and what its snapshot knows of that.

    Of the report of an undo: what that has left undone.
    """

    snapshot: Snapshot = field(repr=False)
    """The bots that were cancelled, or may have been, as they were before."""
    missing: tuple[str, ...]
    """Bots and events that the report names, and the snapshot does not know."""
    left: Mapping[str, int]
    """Number of targets that the run has not cancelled, in each status."""
    is_series: bool
    """Whole series were cancelled: occurrences that were never listed can't come back."""
    is_dry: bool
    """The run was a dry run, so there is nothing to undo."""
    uncertain: frozenset[str] = frozenset()
    """Bots of ``snapshot`` that the report does not name, and that the DELETE of a series may have taken."""

    @property
    def why_not_all(self) -> str | None:
        """What is missing, in words; None if nothing is."""
        count = len(self.missing)
        are = "is" if count == 1 else "are"
        return f"{count} {are} not in the snapshot, and can't come back" if count else None


def undoable_of(documents: Sequence[Mapping[str, Any]], snapshot: Snapshot) -> Undoable:
    """What can be undone of the run with this report and this snapshot.

    Where a report was cut off, bots that it has no outcome for may be gone: they count as such, and the
    listing tells. Raises KeyError, TypeError, AttributeError or ValueError for lines that do not have the
    expected form.
    """
    first, last = documents[0], documents[-1]
    summary = last if last.get("type") == "summary" else None
    stays = {bot["bot_id"] for bot in (summary or {}).get("still_listed", ())}
    said = [line for line in documents if line["type"] == "outcome"]
    said += (summary or {}).get("corrections", ())
    reported = {_key(line) for line in said}
    # Without these, the run ended before it could say what became of all that it had sent.
    cut_off = summary is None or "corrections" not in summary
    by_id = {bot.bot_id for bot in snapshot}
    of_event: dict[str, set[str]] = defaultdict(set)
    for bot in snapshot:
        for event_id in (bot.event_id, bot.listed_event_id):
            if event_id is not None:
                of_event[event_id].add(bot.bot_id)
    # The DELETE of a series takes the bots of its other occurrences, which are then found to be gone.
    series = bool(first["options"].get("all_occurrences"))
    gone = _GONE | {OutcomeStatus.ALREADY_UNSCHEDULED.value} if series else _GONE
    wanted: set[str] = set()
    settled: set[str] = set()
    missing: list[str] = []
    left: Counter[str] = Counter()
    for outcome in latest_outcomes(documents, first, summary).values():
        bots = _bots_of(outcome, by_id, of_event)
        if outcome["status"] not in gone and not (cut_off and _key(outcome) not in reported):
            left[str(outcome["status"])] += 1
            settled |= bots
            continue
        unknown = [bot_id for bot_id in outcome["bot_ids"] if bot_id not in bots]
        missing += unknown if bots or unknown else [outcome["event_id"]]
        wanted |= bots
    uncertain: set[str] = set()
    if cut_off:
        # It may have taken up bots that no line of the report names yet.
        wanted |= by_id - settled
    elif series:
        uncertain = by_id - settled - wanted - stays
    return Undoable(
        snapshot.only((wanted | uncertain) - stays),
        tuple(map(str, missing)),
        dict(left),
        series,
        bool(first["options"].get("dry_run")),
        frozenset(uncertain),
    )


def _key(target: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    event_id = target["event_id"]
    return event_id, () if event_id is not None else tuple(target["bot_ids"])


def _bots_of(outcome: Mapping[str, Any], by_id: set[str], of_event: Mapping[str, set[str]]) -> set[str]:
    """The bots of the snapshot that an outcome is about. A DELETE of an event takes all that it has."""
    bots = by_id.intersection(outcome["bot_ids"])
    if outcome["event_id"] is not None and outcome.get("method", "event") != "bot":
        bots |= of_event.get(outcome["event_id"], set())
    return bots


def left_of_undo(documents: Sequence[Mapping[str, Any]], snapshot: Snapshot) -> Undoable:
    """Of an undo's report: what it has left undone, however it ended.

    Raises KeyError, TypeError, AttributeError or ValueError for lines that do not have the expected form.
    """
    latest = outcomes_of_undo(documents)
    open_ = {bot_id for bot_id, outcome in latest.items() if outcome["status"] in UNDONE}
    known = {bot.bot_id for bot in snapshot}
    return Undoable(snapshot.only(open_ & known), tuple(sorted(open_ - known)), {}, False, False)
