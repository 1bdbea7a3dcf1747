"""What a run left undone, according to its report, even one cut short by a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from .. import OutcomeStatus, ScheduledBot
from .._times import read_time
from .report_lines import name_of

_OPEN = frozenset(
    status.value for status in (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.NOT_ATTEMPTED)
)

_DONE = frozenset(status.value for status in (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED))


@frozen
class Leftovers:
    """The targets that are not done, according to a report."""

    options: Mapping[str, Any]
    """Options of the reported run."""
    targets: tuple[ScheduledBot | str, ...] = field(repr=False)
    """MeetStream: events and one-off bots, as targets for a bulk run."""
    pairs: frozenset[tuple[int, int]] = field(repr=False)
    """MeetBit: (calendar id, event id) of each calendar event."""
    unseen: bool
    """The run did not see the whole account, so there may be targets that the report does not name."""
    unverified: frozenset[str] = field(repr=False)
    """Names of events and one-off bots that the report calls done, but whose removal was not verified."""


def leftovers_of(documents: Sequence[Mapping[str, Any]]) -> Leftovers:
    """Targets that failed, are unknown, not attempted or still listed, according to the lines of a report.

    Targets that the first line announces and no later line mentions are left over, too, however the run
    ended. Raises KeyError, TypeError, AttributeError or ValueError for lines that do not have the expected
    form.
    """
    first, last = documents[0], documents[-1]
    summary = last if last.get("type") == "summary" else None
    latest = _latest(documents, first, summary)
    undone = _undone(latest, summary)
    verified = summary is not None and summary.get("complete") and not summary.get("interrupted")
    return Leftovers(
        dict(first["options"]),
        tuple(target for outcome in undone if first["api"] == "meetstream" for target in _targets(outcome)),
        frozenset(_pair(outcome) for outcome in undone if first["api"] == "meetbit"),
        first["listing"] == "full" and not (summary and summary.get("complete")),
        frozenset() if verified else _claimed(latest),
    )


def _latest(
    documents: Sequence[Mapping[str, Any]], first: Mapping[str, Any], summary: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """The latest outcome of each target; "not_attempted" if no line mentions it."""
    latest = {name_of(target): {**target, "status": "not_attempted"} for target in first["targets"]}
    known = {name_of(target): target for target in first["targets"]}
    said = [line for line in documents if line["type"] == "outcome"]
    for outcome in (*said, *(summary or {}).get("corrections", ())):
        name = name_of(outcome)
        latest[name] = {**known.get(name, {}), **latest.get(name, {}), **outcome}
    return latest


def _undone(latest: Mapping[str, dict[str, Any]], summary: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    undone = {name: outcome for name, outcome in latest.items() if outcome["status"] in _OPEN}
    for bot in (summary or {}).get("still_listed", ()):
        ids = [bot["bot_id"]]
        outcome = {"event_id": bot["event_id"], "bot_ids": ids, "joins": bot["scheduled_join_time"]}
        undone.setdefault(name_of(outcome), outcome)
    return list(undone.values())


def _claimed(latest: Mapping[str, dict[str, Any]]) -> frozenset[str]:
    done = [outcome for outcome in latest.values() if outcome["status"] in _DONE and "bot_ids" in outcome]
    return frozenset(
        name
        for outcome in done
        for name in ([outcome["event_id"]] if outcome["event_id"] is not None else outcome["bot_ids"])
    )


def _targets(outcome: Mapping[str, Any]) -> list[ScheduledBot | str]:
    """The targets for the event or the one-off bot of an outcome.

    As bots if the report has their ids: the join times help to tell "not scheduled" from "has joined". Raises
    ValueError for anything that --report does not write, since the ids are sent in DELETE requests.
    """
    event_id, bot_ids, joins = outcome["event_id"], outcome["bot_ids"], outcome.get("joins")
    names = bot_ids if event_id is None else [event_id, *bot_ids]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError("no ids")
    time = None if joins is None else read_time(joins)
    if time is not None and time.utcoffset() is None:
        raise ValueError("a time without an offset")
    if event_id is not None and not bot_ids:
        return [event_id]
    attributes = {} if event_id is None else {"event_id": event_id}
    return [
        ScheduledBot(bot_id, scheduled_join_time=time, custom_attributes=attributes) for bot_id in bot_ids
    ]


def _pair(outcome: Mapping[str, Any]) -> tuple[int, int]:
    pair = outcome["calendar_id"], outcome["event_id"]
    if not all(isinstance(number, int) and not isinstance(number, bool) and number > 0 for number in pair):
        raise ValueError("no ids")
    return pair
