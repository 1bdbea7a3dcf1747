"""State of one account's run, rebuilt from its stored steps, deterministically.

Knows neither the engine nor the network. The result of a step is a JSON object, which is applied here both by
the worker that continues the run and by readers of its progress.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import define, field

from .. import OutcomeStatus, ScheduledBot, UnscheduleOutcome, outcome_to_dict
from .._times import read_time

CHUNK = 100
"""Maximum cancels in one step, and so the maximum that a worker may repeat after a kill."""
_MOST_LISTINGS = 20_000
"""Maximum listings per run (about a million events)."""

GONE = (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED)
MOST_NAMED = 100
"""Maximum number of still listed bots whose ids are kept; beyond that only their number is."""
_LEFT = (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.NOT_ATTEMPTED)

Json = dict[str, Any]


def key_of(event_id: str | None, bot_ids: Iterable[str]) -> str:
    """The key of an event: its id, or that of its only bot if it has none."""
    return f"event {event_id}" if event_id is not None else f"bot {next(iter(bot_ids))}"


@define(eq=False)
class LedgerEntry:
    """One event, or one bot without an event, and its outcome so far."""

    event_id: str | None
    bots: dict[str, str | None]
    """Bot id to join time (ISO 8601), as far as listed."""
    listed: frozenset[str] = frozenset()
    """Its rows when the last DELETE was planned."""
    deletes: int = 0
    status: OutcomeStatus | None = None
    """Status of its final outcome, once that is stored."""
    open: Json | None = None
    """An outcome that may still change."""
    tried_again: bool = False

    @property
    def key(self) -> str:
        return key_of(self.event_id, self.bots)

    def targets(self) -> list[ScheduledBot | str]:
        """The event as targets of the bulk functions."""
        attributes = {} if self.event_id is None else {"event_id": self.event_id}
        rows: list[ScheduledBot | str] = [
            ScheduledBot(bot_id, scheduled_join_time=_time(joins), custom_attributes=attributes)
            for bot_id, joins in self.bots.items()
        ]
        return rows or [self.event_id or ""]

    def lies_ahead(self) -> bool:
        """Whether all its bots are known to join later, so that none can have left the listing by joining."""
        now = datetime.now(UTC)
        times = [_time(joins) for joins in self.bots.values()]
        return bool(times) and all(time is not None and time > now for time in times)


@define
class AccountLedger:
    """The events of one account, in the order in which they were found."""

    only: tuple[str, ...] | None = None
    """The event ids that were given, in which case the account is not listed."""
    one_off_bots: str = "report"
    entries: dict[str, LedgerEntry] = field(factory=dict)
    backlog: list[LedgerEntry] = field(factory=list)
    counts: Counter[str] = field(factory=Counter)
    still_listed: int = 0
    still_listed_bots: list[str] = field(factory=list)
    """The ids of the first MOST_NAMED of them."""
    listings: int = 0
    over: bool = False
    stopped: str | None = None
    """Why no further event of this account can succeed, or why the account can't be listed."""
    _incomplete: list[str] = field(factory=list)
    _left_alone: Counter[str] = field(factory=Counter)
    _owed: set[str] = field(factory=set)
    """The keys of planned events without an outcome."""

    def __attrs_post_init__(self) -> None:
        for event_id in self.only or ():
            self._plan(LedgerEntry(event_id, {}))

    def take(self, step: Mapping[str, Any]) -> None:
        """Apply the result of a stored step."""
        for outcome in step.get("outcomes", ()):
            self._record(outcome)
        if step["step"] == "look":
            self._take_look(step)
        elif step["step"] == "unschedule":
            self._take_chunk(step)
        else:
            self.backlog = []

    def totals_after(self, step: Json) -> Json:
        """The totals of the run after this step, stored with it so that readers need only the last step."""
        outcomes, events = step["outcomes"], step.get("events", ())
        counts = self.counts + Counter(outcome["status"] for outcome in outcomes)
        owed = len(self._owed)
        owed += sum(key_of(row["event_id"], row["bots"]) not in self.entries for row in events)
        owed -= sum(key_of(outcome["event_id"], outcome["bot_ids"]) in self._owed for outcome in outcomes)
        listed = step["still_listed"] if step["step"] == "look" else None
        return {
            "counts": _in_order(counts),
            "still_listed": self.still_listed if listed is None else len(listed),
            "still_listed_bots": self.still_listed_bots if listed is None else _first_bots(listed),
            "owed": owed,
        }

    def chunk(self) -> list[LedgerEntry]:
        """The events for the next step."""
        return self.backlog[:CHUNK]

    @property
    def open(self) -> list[LedgerEntry]:
        """Events whose outcome may still change."""
        return [entry for entry in self.entries.values() if entry.open is not None]

    def rest(self) -> list[Json]:
        """The outcomes that are missing when a run ends: of open events, and of events never sent."""
        owed = [entry.open for entry in self.open if entry.open is not None]
        for entry in self.backlog:
            if entry.status is None and entry.open is None:
                reason = self.stopped or "the run ended first"
                owed.append(outcome_of(entry, OutcomeStatus.NOT_ATTEMPTED, reason))
        return owed

    def summary(self) -> Json:
        """The account's part of a job's status."""
        incomplete = [self.stopped] if self.stopped is not None else []
        incomplete += self._incomplete
        left = [
            f"{self.counts[status]} {status.replace('_', ' ')}" for status in _LEFT if self.counts[status]
        ]
        if self.still_listed:
            left.append(f"{self.still_listed} still listed although unscheduled")
        if one_off := self._left_alone["one-off"]:
            subject = "1 one-off bot has" if one_off == 1 else f"{one_off} one-off bots have"
            left.append(f"{subject} no calendar event and will join")
        if shared := self._left_alone["shared"]:
            subject = "1 event was" if shared == 1 else f"{shared} events were"
            left.append(f"{subject} left alone: shared with bots outside the filter")
        return {
            "counts": _in_order(self.counts),
            "still_listed": self.still_listed,
            "still_listed_bots": self.still_listed_bots,
            "complete": not incomplete,
            "ok": not incomplete and not left,
            "reason": "; ".join(incomplete + left) or None,
        }

    def _record(self, outcome: Mapping[str, Any]) -> None:
        key = key_of(outcome["event_id"], outcome["bot_ids"])
        entry = self.entries.get(key)
        if entry is None:
            entry = self.entries[key] = LedgerEntry(outcome["event_id"], dict.fromkeys(outcome["bot_ids"]))
        status = OutcomeStatus(outcome["status"])
        entry.status, entry.open = status, None
        self._owed.discard(key)
        self.counts[status] += 1
        if status is OutcomeStatus.SKIPPED:
            if outcome["event_id"] is not None:
                # What joins before a series is cut is meant to stay.
                self._left_alone["shared"] += outcome["reason"] != "joins before from_date"
            elif self.one_off_bots == "report":
                self._left_alone["one-off"] += 1

    def _take_look(self, step: Mapping[str, Any]) -> None:
        self.listings += 1
        self.stopped = step["stopped"]
        self._incomplete = [] if self.only is not None else list(step["incomplete"])
        self.still_listed = len(step["still_listed"])
        self.still_listed_bots = _first_bots(step["still_listed"])
        for row in step["events"]:
            entry = self.entries.get(key_of(row["event_id"], row["bots"]))
            if entry is None:
                entry = LedgerEntry(row["event_id"], {})
            else:
                entry.tried_again = entry.tried_again or entry.open is not None
            entry.bots.update(row["bots"])
            self._plan(entry, row["bots"])
        self.over = not step["events"] or self.stopped is not None
        if self.listings >= _MOST_LISTINGS:
            self.over, self.stopped = True, f"{_MOST_LISTINGS} listings, and still new bots"

    def _take_chunk(self, step: Mapping[str, Any]) -> None:
        unsent = set(step["unsent"])
        for outcome in step["open"]:
            self.entries[key_of(outcome["event_id"], outcome["bot_ids"])].open = outcome
        self.backlog = [entry for entry in self.chunk() if entry.key in unsent] + self.backlog[CHUNK:]
        if step["stopped"] is not None:
            self.over, self.stopped = True, step["stopped"]

    def _plan(self, entry: LedgerEntry, listed: Iterable[str] = ()) -> None:
        self.entries[entry.key] = entry
        entry.listed = frozenset(listed)
        entry.deletes += 1
        if entry.status is None:
            self._owed.add(entry.key)
        self.backlog.append(entry)


def outcome_of(entry: LedgerEntry, status: OutcomeStatus, reason: str | None) -> Json:
    """An outcome without a request, as it is stored."""
    return outcome_to_dict(UnscheduleOutcome(entry.event_id, tuple(entry.bots), status, reason))


def _in_order(counts: Counter[str]) -> dict[str, int]:
    return {status: counts[status] for status in OutcomeStatus if counts[status]}


def _first_bots(rows: list[list[str]]) -> list[str]:
    return [bot_id for bot_id, _ in rows[:MOST_NAMED]]


def _time(text: str | None) -> datetime | None:
    return None if text is None else read_time(text)
