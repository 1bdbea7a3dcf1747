"""The lines of a report file: the run and its targets, each outcome as it arrives, and the summary.

They contain no meeting links and no bot attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .. import BulkReport, OutcomeStatus, ScheduledBot, UnscheduleOutcome, __version__
from .._times import read_time

FORMAT = 1
"""Version of the line format; readers refuse other versions."""
UNDONE = frozenset(status.value for status in OutcomeStatus if status.is_undone)
"""Statuses in an outcome's line that a retry takes up."""


def run_line(**facts: Any) -> dict[str, Any]:
    """The first line."""
    return {"type": "run", "format": FORMAT, "version": __version__, "started": _now(), **facts}


def target_lines(
    events: Mapping[str, Sequence[ScheduledBot]],
    deleted: Iterable[str],
    known: Mapping[str, ScheduledBot],
) -> list[dict[str, Any]]:
    """The targets in the first line: events with their bots, and bots without one, which are deleted.

    ``known``: bots by their ids.
    """
    targets: list[tuple[str | None, list[str]]] = [
        (event_id, [bot.bot_id for bot in bots]) for event_id, bots in events.items()
    ]
    targets += [(None, [bot_id]) for bot_id in deleted]
    return [
        {"event_id": event_id, "bot_ids": ids, "joins": _first_join(ids, known)} for event_id, ids in targets
    ]


def described(outcome: UnscheduleOutcome, known: Mapping[str, ScheduledBot]) -> dict[str, Any]:
    """An outcome as a line has it, with the time its first bot joins. ``known``: bots by their ids."""
    return {**outcome.to_dict(), "joins": _first_join(outcome.bot_ids, known)}


def read_join(joins: str | None) -> datetime | None:
    """The inverse of what lines say of a join time. Raises ValueError or AttributeError for anything else."""
    time = None if joins is None else read_time(joins)
    if time is not None and time.utcoffset() is None:
        raise ValueError("a time without an offset")
    return time


def _first_join(bot_ids: Iterable[str], known: Mapping[str, ScheduledBot]) -> str | None:
    """Join time of the first of these bots, in ISO 8601; None if unknown."""
    bots = [bot for bot_id in bot_ids if (bot := known.get(bot_id)) is not None]
    times = [bot.scheduled_join_time for bot in bots if bot.scheduled_join_time is not None]
    return min(times).isoformat() if times else None


def outcome_line(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """The line for an outcome."""
    return {"type": "outcome", "at": _now(), **outcome}


def summary_line(report: BulkReport[Any] | None, statuses: Mapping[str, str], **facts: Any) -> dict[str, Any]:
    """The last line, which is final. ``statuses``: the statuses in earlier lines, by ``name_of``."""
    summary: dict[str, Any] = {"type": "summary", "ended": _now()}
    if report is not None:
        document = report.to_dict()
        outcomes = document.pop("outcomes")
        summary |= document
        summary["corrections"] = [
            outcome for outcome in outcomes if statuses.get(name_of(outcome)) != outcome["status"]
        ]
    return {**summary, **facts}


def name_of(outcome: dict[str, Any]) -> str:
    """Key of the target that an outcome is about."""
    if "new_bot_id" in outcome:
        return f"cancelled bot {outcome['bot_id']}"
    if "calendar_id" in outcome:
        return f"{outcome['calendar_id']}/{outcome['event_id']}"
    if outcome["event_id"] is not None:
        return f"event {outcome['event_id']}"
    return f"bot {' '.join(outcome['bot_ids'])}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
