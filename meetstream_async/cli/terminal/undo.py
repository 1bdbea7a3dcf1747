"""An undo on the terminal: what comes back, what is lost, what can't; and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from ... import BulkReport, OutcomeStatus, RescheduleOutcome, Snapshot
from ...preview import Undoable
from .display import DISPLAY
from .output import clean, facts, keep_whole, plural, show, table
from .progress import wording
from .tables import local_time

_MOST = 20
"""Bots that a preview shows; --verbose shows all."""
ANOTHER_KEY: Final = "the key is not the one that the run was made with"
_COLOURS = {OutcomeStatus.NOT_RESTORABLE: "red", OutcomeStatus.ALREADY_SCHEDULED: "cyan"}


def show_undo(
    dry: BulkReport[RescheduleOutcome],
    snapshot: Snapshot,
    undoable: Undoable | None,
    account: str,
    source: str,
    restore_times: bool,
    has_its_key: bool,
) -> None:
    """Show on stderr what an undo would do with each bot."""
    outcomes = dry.outcomes
    would = [one for one in outcomes if one.status is OutcomeStatus.WOULD_RESCHEDULE]
    there = [one for one in outcomes if one.status is OutcomeStatus.ALREADY_SCHEDULED]
    can_not = [one for one in outcomes if one.status is OutcomeStatus.NOT_RESTORABLE]
    shared = _in_all([one.lost for one in would])
    notes = []
    if undoable is not None:
        left = [f"{count} {wording(OutcomeStatus(name))}" for name, count in undoable.left.items() if count]
        notes += [f"not cancelled by it, and left alone: {', '.join(left)}"] if left else []
        if undoable.is_series:
            notes.append("whole series were cancelled: occurrences that were never listed can't come back")
        if undoable.missing:
            names = ", ".join(clean(name, 60) for name in undoable.missing[:3])
            notes.append(f"{undoable.why_not_all}: {names}")
    times = ["the API decides; another one is told"]
    if restore_times:
        times = ["the API decides; another one than before is moved back"]
    show(
        facts(
            ("account", [account] if has_its_key else [account, f"{ANOTHER_KEY}: is it the same account?"]),
            ("undo of", [source, *notes]),
            ("there", [f"{plural(len(there), 'bot')} already, left alone"] if there else []),
            ("can't", [f"{plural(len(can_not), 'bot')}, see below"] if can_not else []),
            ("lost", list(shared)),
            ("join times", times if would else []),
            ("to do", [f"schedule {plural(len(would), 'bot')} again" if would else "nothing"]),
        )
    )
    show("")
    show(_table([*can_not, *would, *there], snapshot, shared))


def _table(outcomes: Sequence[RescheduleOutcome], snapshot: Snapshot, shared: Sequence[str]) -> Table:
    grid = table("JOINS (LOCAL)", "EVENT, BOT", "WHAT COMES BACK, WHAT IS LOST OR WHY NOT")
    rows = {bot.bot_id: bot.as_row() for bot in snapshot}
    shown = outcomes if DISPLAY.verbose else outcomes[:_MOST]
    keep_whole(grid.columns[1], [one.bot_id for one in shown] + [one.event_id or "" for one in shown])
    for one in shown:
        words = Text(wording(one.status), _COLOURS.get(one.status, "green"))
        said = clean(one.reason) if one.reason else ", ".join(one.restores)
        if one.status is OutcomeStatus.ALREADY_SCHEDULED and one.new_bot_id:
            said = f"{clean(one.new_bot_id)} {clean(one.reason or '')}".rstrip()
        words.append(f"\n{said}" if said else "", "default")
        lost = [loss for loss in one.lost if loss not in shared]
        if one.status is OutcomeStatus.WOULD_RESCHEDULE and lost:
            words.append(f"\nlost: {', '.join(lost)}", "yellow")
        grid.add_row(
            Text(local_time(rows[one.bot_id]), "bold"),
            Text(f"{clean(one.event_id or 'one-off')}\n{clean(one.bot_id)}"),
            words,
        )
    if len(shown) < len(outcomes):
        grid.add_row("", f"and {len(outcomes) - len(shown)} more", Text("--verbose shows all", "cyan"))
    return grid


def _in_all(losses: Sequence[Sequence[str]]) -> tuple[str, ...]:
    if not losses:
        return ()
    return tuple(one for one in losses[0] if all(one in other for other in losses))


def came_back_table(report: BulkReport[RescheduleOutcome]) -> Table | None:
    """The new bots beside the old ones; None if there are none."""
    grid = table("BOT NOW, CANCELLED BOT", "EVENT", "")
    back = [one for one in report.outcomes if one.new_bot_id not in (None, one.bot_id)]
    keep_whole(grid.columns[0], [name for one in back for name in (one.new_bot_id or "", one.bot_id)])
    keep_whole(grid.columns[1], [one.event_id or "" for one in back])
    for one in back:
        note = "" if one.status is OutcomeStatus.RESCHEDULED else wording(one.status)
        if one.moved:
            note = "moved back to its join time"
        elif one.differs and one.new_join_time is not None:
            note = f"{note} joins at {one.new_join_time.isoformat()}, before: {_iso(one)}".strip()
        grid.add_row(
            Text(clean(one.new_bot_id)).append(f"\n{clean(one.bot_id)}", "dim"),
            Text(clean(one.event_id or "one-off")),
            Text(note, "yellow"),
        )
    return grid if grid.row_count else None


def _iso(outcome: RescheduleOutcome) -> str:
    return "unknown" if outcome.join_time is None else outcome.join_time.isoformat()
