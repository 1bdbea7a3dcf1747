"""One account's run, rebuilt from its stored steps: its state, and the outcomes that are stored.

What is true of the account is decided by its ``AccountState`` alone. A step stores what it changed in that
state, the outcomes that came to stand, and which step comes next; so a run that is continued applies the
stored steps without asking anybody, and the state is put together once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field

from .. import (
    AccountState,
    BulkReport,
    ConfigurationError,
    OutcomeStatus,
    UnscheduleOutcome,
    outcome_to_dict,
)
from .names import Json
from .options import JobOptions
from .outcomes import sparse, whole
from .readable import unreadable

CHUNK = 100
"""Maximum cancels in one step, and so the maximum that a worker may repeat after a kill."""
MOST_NAMED = 100
"""Maximum number of still listed bots whose ids are kept; beyond that only their number is."""
DONE = (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED, OutcomeStatus.WOULD_UNSCHEDULE)


def key_of(event_id: str | None, bot_ids: Sequence[str]) -> str:
    """The key of an event: its id, or that of its only bot if it has none."""
    return f"event {event_id}" if event_id is not None else f"bot {bot_ids[0]}"


@define(eq=False)
class AccountLedger:
    """One account of a job. Its clock counts the seconds that workers have spent on it."""

    options: JobOptions
    only: tuple[str, ...] | None = None
    """The event ids that were given, in which case the account is not listed to find work."""
    reference: str = "its reference"
    """Where the key is found, in words."""
    next_step: str | None = None
    """The step that comes next: ``list``, ``unschedule`` or ``close``; None if the run is over."""
    stored: dict[str, str] = field(factory=dict)
    """The status of every stored outcome, by the event's key."""
    counts: Counter[str] = field(factory=Counter)
    """Of the stored outcomes."""
    _given: int = 0
    """Number of given event ids that the state knows."""
    _seconds: float = 0.0
    _since: float = 0.0
    _parts: list[Json] = field(factory=list)
    """What the stored steps changed, until the state is put together."""
    _state: AccountState | None = None
    _rest: list[Json] | None = None
    """The outcomes that are missing, once the run has ended."""
    _report: BulkReport[UnscheduleOutcome] | None = None
    """Of the run that has ended; putting it together goes through all events."""
    _was_done_here: bool = False
    """The step that is taken next has run in this process, so the state knows."""
    _summary: Json | None = None
    """Of the run that has ended."""

    def __attrs_post_init__(self) -> None:
        self.next_step = "list" if self.only is None else "unschedule"

    # --- stored steps ---------------------------------------------------------------------------------

    def take(self, step: Mapping[str, Any]) -> None:
        """Apply the result of a stored step."""
        for outcome in map(whole, step["outcomes"]):
            self.stored[key_of(outcome["event_id"], outcome["bot_ids"])] = outcome["status"]
            self.counts[outcome["status"]] += 1
        self.next_step, self._given = step["next"], step["given"]
        self._summary = step.get("summary")
        if self._was_done_here:
            self._was_done_here = False
        else:
            self._seconds = step["seconds"]
            if "account" in step:
                self._parts.append(step["account"])

    def result(self, step: str) -> Json:
        """What is stored of a step that was just done here."""
        outcomes = [
            outcome_to_dict(outcome)
            for outcome in self.state.settled()
            if key_of(outcome.event_id, outcome.bot_ids) not in self.stored
        ]
        return self._result(step, outcomes, self._decide(outcomes))

    def close(self) -> Json:
        """The step that stores some of the outcomes that are missing when the run has ended."""
        self._end()
        assert self._rest is not None
        chunk, self._rest = self._rest[:CHUNK], self._rest[CHUNK:]
        return self._result("close", chunk, "close" if self._rest else None)

    # --- what a step works with -----------------------------------------------------------------------

    @property
    def state(self) -> AccountState:
        """The judge's."""
        if self._state is None:
            self._state = self._put_together() if self._parts else self._begin()
            self._parts.clear()
            self._since = time.monotonic()
        return self._state

    def now(self) -> float:
        """Seconds that were spent on this account, in whole milliseconds."""
        return round(self._seconds + time.monotonic() - self._since, 3)

    def give(self) -> None:
        """Let the state know of the next given events, if nothing waits in it."""
        if self.only is not None and not self.state.busy:
            self.state.take_targets(self.only[self._given : self._given + CHUNK])
            self._given = min(self._given + CHUNK, len(self.only))

    def beyond_most(self) -> str | None:
        """Why nothing more may be sent, if the account has more to unschedule than ``max_events`` allows."""
        most = self.options.max_events
        if most is None:
            return None
        if self.only is not None:
            count = len(self.only)
        else:
            state = self.state
            waiting = (one for one in state.forecast() if one.status is OutcomeStatus.WOULD_UNSCHEDULE)
            begun = (one for one in state.outcomes() if one.status is not OutcomeStatus.SKIPPED)
            count = len({key_of(one.event_id, one.bot_ids) for one in (*waiting, *begun)})
        return None if count <= most else f"{count} would be unscheduled, more than max_events {most}"

    def is_listing_due(self) -> bool:
        """Nothing is left to send, and a listing can say at once what became of it."""
        state = self.state
        if state.busy or state.wants_events or self._given < len(self.only or ()):
            return False
        due = state.next_listing(now := self.now())
        return due is not None and due <= now

    def summary(self) -> Json:
        """The account's part of a job's status, once the run is over."""
        if self._summary is None:
            self._summary = self._sum_up()
        return self._summary

    def _sum_up(self) -> Json:
        self._end()
        report = self._report
        assert report is not None
        overtaken = [
            f"{key}: {outcome.status.value}"
            for outcome in report.outcomes
            if outcome.status not in DONE
            and self.stored.get(key := key_of(outcome.event_id, outcome.bot_ids)) in DONE
        ]
        reason = report.reason
        if overtaken:
            reason = f"{reason}; more came to light of {len(overtaken)} stored outcomes ({overtaken[0]})"
        return {
            "counts": {str(status): count for status, count in report.counts.items() if count},
            "still_listed": len(report.still_listed),
            "still_listed_bots": [bot.bot_id for bot in report.still_listed[:MOST_NAMED]],
            "complete": report.complete,
            "ok": report.ok,
            "reason": reason,
        }

    # --- within ---------------------------------------------------------------------------------------

    def _begin(self) -> AccountState:
        return AccountState(self.options, settle=self.options.settle, only_given=self.only is not None)

    def _put_together(self) -> AccountState:
        try:
            return AccountState.from_dict(self._parts, now=0.0, where=self.options.where)
        except ConfigurationError:
            pass
        raise unreadable("the account's state in its stored steps")

    def _decide(self, outcomes: Sequence[Json]) -> str | None:
        state = self.state
        if state.busy:
            return "unschedule"
        if state.stop_reason is None and self._given < len(self.only or ()):
            return "unschedule"
        if state.next_listing(self.now()) is not None:
            return "list"
        self._end(outcomes)
        return "close" if self._rest else None

    def _end(self, outcomes: Sequence[Json] = ()) -> None:
        """Nothing more is asked: what is missing besides these outcomes and those that are stored."""
        if self._rest is not None:
            return
        state = self.state
        if self._given < len(self.only or ()):
            state.take_targets(self.only[self._given :] if self.only else ())
            state.stop(state.stop_reason or "the run ended first")
        self._report = state.report()
        here = {key_of(outcome["event_id"], outcome["bot_ids"]) for outcome in outcomes} | self.stored.keys()
        self._rest = [
            outcome_to_dict(one)
            for one in self._report.outcomes
            if key_of(one.event_id, one.bot_ids) not in here
        ]

    def _result(self, step: str, outcomes: list[Json], then: str | None) -> Json:
        self._was_done_here = True
        listed = self.state.still_listed
        given = len(self.only or ()) if self._rest is not None else self._given
        owed = len(self.state) + len(self.only or ()) - given - len(self.stored) - len(outcomes)
        # Of a run that has ended, nobody asks for more than how; the state behind it is large.
        rest: Json = {"summary": self._sum_up()} if then is None else {}
        if then is not None and step != "close":
            rest["account"] = self.state.changes(0.0)
        return {
            "step": step,
            "outcomes": [sparse(outcome) for outcome in outcomes],
            "next": then,
            "given": self._given,
            "seconds": self.now(),
            # All that a reader needs who wants no more than the totals: those of the last step.
            "totals": {
                "counts": _in_order(self.counts + Counter(outcome["status"] for outcome in outcomes)),
                "still_listed": len(listed),
                "still_listed_bots": [bot.bot_id for bot in listed[:MOST_NAMED]],
                "owed": owed,
            },
            **rest,
        }


def _in_order(counts: Counter[str]) -> dict[str, int]:
    return {status.value: counts[status] for status in OutcomeStatus if counts[status]}
