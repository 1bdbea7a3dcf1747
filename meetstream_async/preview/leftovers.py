"""What a run left undone, according to its report, even one cut short by a crash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from attrs import field, frozen

from .. import OutcomeStatus, ScheduledBot, SkipReason, UnscheduleOptions
from .brought_back import UNDO, brought_back, perhaps_back
from .report_lines import UNDONE, name_of, read_join

_SHARED = frozenset((SkipReason.SHARED.value, SkipReason.HIDDEN.value))
_BY_WORD = OutcomeStatus.ALREADY_UNSCHEDULED.value


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
    unverified: tuple[ScheduledBot | str, ...] = field(repr=False)
    """Events and bots that the report calls unscheduled, but whose removal was not verified."""
    shared: frozenset[str] = frozenset()
    """Ids of events among the targets that were left alone, because other bots would have gone with them."""
    states: Mapping[str, int] = field(factory=dict, repr=False)
    """Number of targets in each state that the run left them in: a status, or ``still_listed``."""
    why_not_ok: str | None = None
    """Why the run was not ok, according to its summary."""
    of_undo: bool = False
    """The targets are the bots that an undo has brought back."""
    perhaps_back: int = 0
    """Number of bots that the undo may have brought back as well: its report does not say."""

    @property
    def filter_options(self) -> dict[str, Any]:
        """The options that say which bots the run was limited to; empty if it was not.

        The report of a retry carries them on.
        """
        names = [name for name in ("filter", "picked") if self.options.get(name)]
        return {} if self.options.get("whole_events") else {name: self.options[name] for name in names}

    def limited(self, options: UnscheduleOptions) -> UnscheduleOptions:
        """The options of a retry: no bot that the run was not about is touched by this one, either."""
        if not self.filter_options or not self.targets:
            return options
        bots = (one for one in (*self.targets, *self.unverified) if isinstance(one, ScheduledBot))
        return attrs.evolve(options, where=_Among(frozenset(bot.bot_id for bot in bots)))


@frozen
class _Among:
    """Selects the bots with these ids."""

    bot_ids: frozenset[str]

    def __call__(self, bot: ScheduledBot) -> bool:
        return bot.bot_id in self.bot_ids


def leftovers_of(documents: Sequence[Mapping[str, Any]]) -> Leftovers:
    """Targets that failed, are unknown, not attempted, still listed or left alone, according to a report.

    Left alone are those that were asked for and will join: one-off bots, unless the run was told to skip
    them, and events shared with bots outside its filter. Targets that the first line announces and no later
    line mentions are left over, too, however the run ended. Of an undo's report: the bots that it has
    brought back. Raises KeyError, TypeError, AttributeError or ValueError for lines that do not have the
    expected form.
    """
    first, last = documents[0], documents[-1]
    if first.get("command") == UNDO:
        bots, more = brought_back(documents), perhaps_back(documents)
        return Leftovers(
            dict(first["options"]), bots, frozenset(), False, (), of_undo=True, perhaps_back=more
        )
    summary = last if last.get("type") == "summary" else None
    latest = latest_outcomes(documents, first, summary)
    undone = _undone(latest, summary)
    verified = summary is not None and summary.get("complete") and not summary.get("interrupted")
    bots_only = first["api"] == "meetstream"
    # With any other choice, a one-off bot is skipped: what was tried belongs to a calendar.
    calendar = first["options"].get("one_off_bots", "delete") != "delete"
    done = [] if verified or not bots_only else _done(latest, undone)
    alone = [one for one in latest.values() if bots_only and _left_alone(one, first["options"])]
    targets = [target for one in undone.values() if bots_only for target in _targets(one, calendar)]
    targets += [target for one in alone for target in _targets(one, one["reason"] != SkipReason.ONE_OFF)]
    return Leftovers(
        dict(first["options"]),
        tuple(targets),
        frozenset(_pair(outcome) for outcome in undone.values() if not bots_only),
        first["listing"] == "full" and not (summary and summary.get("complete")),
        tuple(target for outcome in done for target in _targets(outcome, calendar)),
        frozenset(one["event_id"] for one in alone if one["reason"] in _SHARED),
        Counter(_state(one) for one in (*undone.values(), *alone)),
        None if summary is None or summary.get("ok", True) else str(summary.get("reason")),
    )


def _state(outcome: Mapping[str, Any]) -> str:
    """A target that is done by its status is among the undone because it was still listed."""
    status = outcome.get("status")
    return str(status) if status in UNDONE or status == OutcomeStatus.SKIPPED.value else "still_listed"


def _left_alone(outcome: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Skipped although it was asked for, and going to join."""
    if outcome["status"] != OutcomeStatus.SKIPPED.value:
        return False
    reason = outcome.get("reason")
    if reason == SkipReason.ONE_OFF:
        return options.get("one_off_bots") != "skip"
    return any(reason == one and one.will_join for one in SkipReason)


def latest_outcomes(
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


def _undone(
    latest: Mapping[str, dict[str, Any]], summary: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    # Without a summary, the run ended before a listing could confirm the API's word.
    confirmed = summary is not None and "corrections" in summary
    undone = {
        name: outcome
        for name, outcome in latest.items()
        if outcome["status"] in UNDONE
        or (not confirmed and outcome["status"] == _BY_WORD and outcome.get("bot_ids"))
    }
    for bot in (summary or {}).get("still_listed", ()):
        about = {"event_id": bot["event_id"], "bot_ids": [bot["bot_id"]], "joins": bot["scheduled_join_time"]}
        name = name_of(about)
        known = undone.get(name) or latest.get(name)
        if known is None:
            undone[name] = about
        elif bot["bot_id"] in known["bot_ids"]:
            undone[name] = known
        else:
            undone[name] = {**known, "bot_ids": [*known["bot_ids"], bot["bot_id"]]}
    return undone


def _done(latest: Mapping[str, dict[str, Any]], undone: Mapping[str, object]) -> list[dict[str, Any]]:
    """What the report calls unscheduled; each bot for itself if that is how they were deleted."""
    done: list[dict[str, Any]] = []
    for name, outcome in latest.items():
        if outcome["status"] != OutcomeStatus.UNSCHEDULED.value or name in undone:
            continue
        by_bot = outcome.get("method") == "bot" and outcome["bot_ids"]
        done.append({**outcome, "event_id": None} if by_bot else outcome)
    return done


def _targets(outcome: Mapping[str, Any], calendar: bool) -> list[ScheduledBot | str]:
    """The targets for the event or the one-off bot of an outcome.

    ``calendar``: a bot without an event still belongs to a calendar.

    As bots if the report has their ids: the join times help to tell "not scheduled" from "has joined". Raises
    ValueError for anything that --report does not write, since the ids are sent in DELETE requests.
    """
    event_id, bot_ids, joins = outcome["event_id"], outcome["bot_ids"], outcome.get("joins")
    names = bot_ids if event_id is None else [event_id, *bot_ids]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError("no ids")
    time = read_join(joins)
    if event_id is not None and not bot_ids:
        return [event_id]
    attributes = {"event_id": event_id}
    if event_id is None:
        attributes = {"source": "calendar"} if calendar else {}
    return [
        ScheduledBot(bot_id, scheduled_join_time=time, custom_attributes=attributes) for bot_id in bot_ids
    ]


def _pair(outcome: Mapping[str, Any]) -> tuple[int, int]:
    pair = outcome["calendar_id"], outcome["event_id"]
    if not all(isinstance(number, int) and not isinstance(number, bool) and number > 0 for number in pair):
        raise ValueError("no ids")
    return pair
