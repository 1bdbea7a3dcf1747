"""What an undo has scheduled, according to its report: the undo of an undo is a cancel of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from .. import OutcomeStatus, ScheduledBot
from .report_lines import read_join

UNDO: Final = "undo"
"""The command in the first line of an undo's report."""


def brought_back(documents: Sequence[Mapping[str, Any]]) -> tuple[ScheduledBot, ...]:
    """The new bots that an undo's report names as scheduled by it.

    Raises KeyError, TypeError, AttributeError or ValueError for lines that do not have the expected form,
    since the ids are sent in DELETE requests.
    """
    bots = []
    for outcome in outcomes_of_undo(documents).values():
        if outcome["status"] != OutcomeStatus.RESCHEDULED.value or outcome["new_bot_id"] is None:
            continue
        event_id, bot_id, joins = outcome["event_id"], outcome["new_bot_id"], outcome["new_join_time"]
        if not all(isinstance(name, str) and name for name in (bot_id, event_id or "none")):
            raise ValueError("no ids")
        time = read_join(joins)
        attributes = {} if event_id is None else {"event_id": event_id}
        bots.append(ScheduledBot(bot_id, scheduled_join_time=time, custom_attributes=attributes))
    return tuple(bots)


def perhaps_back(documents: Sequence[Mapping[str, Any]]) -> int:
    """Number of cancelled bots that an undo may have brought back, and that its report can't tell of.

    Their requests were not answered, or the report was cut off before it named them.
    """
    last = documents[-1]
    cut_off = last.get("type") != "summary" or "corrections" not in last
    heard = {line["bot_id"] for line in documents if line["type"] == "outcome"}
    return sum(
        outcome["status"] == OutcomeStatus.UNKNOWN.value or (cut_off and bot_id not in heard)
        for bot_id, outcome in outcomes_of_undo(documents).items()
    )


def outcomes_of_undo(documents: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The latest outcome of each cancelled bot; "not_attempted" if no line mentions it."""
    first, last = documents[0], documents[-1]
    latest = {target["bot_id"]: {**target, "status": "not_attempted"} for target in first["targets"]}
    said = [line for line in documents if line["type"] == "outcome"]
    for outcome in (*said, *(last.get("corrections", ()) if last.get("type") == "summary" else ())):
        latest[outcome["bot_id"]] = {**latest.get(outcome["bot_id"], {}), **outcome}
    return latest
