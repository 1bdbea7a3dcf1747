"""What one account's run knows of its events: rebuilt from the stored steps, the same way each time.

Knows neither the engine nor the network. A step's result is a JSON object; what it says is taken in here,
both by the worker that goes on with a run and by whoever reads its progress.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import define, field

from .. import OutcomeStatus, ScheduledBot, UnscheduleOutcome, outcome_to_dict

CHUNK = 100
"""Cancels of one step at most: what a kill can make a worker repeat."""
_MOST_LOOKS = 20_000
"""About a million events. Beyond it a server is inventing them."""

GONE = (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED)
MOST_NAMED = 100
"""Bots that are still listed, of which the ids are kept; beyond that their number says enough."""
_LEFT = (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.NOT_ATTEMPTED)

Json = dict[str, Any]


def key_of(event_id: str | None, bot_ids: Iterable[str]) -> str:
    """What an event is known by: its id, or that of the one bot that has none."""
    return f"event {event_id}" if event_id is not None else f"bot {next(iter(bot_ids))}"


@define(eq=False)
class Known:
    """One event, or one bot without an event, and what has become of it."""

    event_id: str | None
    bots: dict[str, str | None]
    """Bot id to join time (ISO 8601), as far as it was listed."""
    listed: frozenset[str] = frozenset()
    """Its rows when its last DELETE was planned."""
    deletes: int = 0
    status: OutcomeStatus | None = None
    """Of its one outcome, once that is stored."""
    open: Json | None = None
    """An outcome that may still turn out otherwise."""
    tried_again: bool = False

    @property
    def key(self) -> str:
        return key_of(self.event_id, self.bots)

    def targets(self) -> list[ScheduledBot | str]:
        """As the bulk functions take it."""
        attributes = {} if self.event_id is None else {"event_id": self.event_id}
        rows: list[ScheduledBot | str] = [
            ScheduledBot(bot_id, scheduled_join_time=_time(joins), custom_attributes=attributes)
            for bot_id, joins in self.bots.items()
        ]
        return rows or [self.event_id or ""]

    def lies_ahead(self) -> bool:
        """All its bots are known to join later, so none can have left the listing by joining."""
        now = datetime.now(UTC)
        times = [_time(joins) for joins in self.bots.values()]
        return bool(times) and all(time is not None and time > now for time in times)


@define
class AccountLedger:
    """The events of one account, in the order in which they came to light."""

    only: tuple[str, ...] | None = None
    """The events that were named in place of a listing."""
    one_off_bots: str = "report"
    known: dict[str, Known] = field(factory=dict)
    backlog: list[Known] = field(factory=list)
    counts: Counter[str] = field(factory=Counter)
    still_listed: int = 0
    still_listed_bots: list[str] = field(factory=list)
    """The first of them."""
    looks: int = 0
    over: bool = False
    stopped: str | None = None
    """Why no other event of this account can succeed, or why it can't be listed."""
    _incomplete: list[str] = field(factory=list)
    _left_alone: Counter[str] = field(factory=Counter)
    _owed: set[str] = field(factory=set)
    """The keys of what was planned and has no outcome yet."""

    def __attrs_post_init__(self) -> None:
        for event_id in self.only or ():
            self._plan(Known(event_id, {}))

    def take(self, step: Mapping[str, Any]) -> None:
        """Take in what a stored step says."""
        for outcome in step.get("outcomes", ()):
            self._record(outcome)
        if step["step"] == "look":
            self._take_look(step)
        elif step["step"] == "unschedule":
            self._take_chunk(step)
        else:
            self.backlog = []

    def totals_after(self, step: Json) -> Json:
        """What the run comes to with this step: stored with it, so that a look reads no other."""
        outcomes, events = step["outcomes"], step.get("events", ())
        counts = self.counts + Counter(outcome["status"] for outcome in outcomes)
        owed = len(self._owed)
        owed += sum(key_of(row["event_id"], row["bots"]) not in self.known for row in events)
        owed -= sum(key_of(outcome["event_id"], outcome["bot_ids"]) in self._owed for outcome in outcomes)
        listed = step["still_listed"] if step["step"] == "look" else None
        return {
            "counts": _in_order(counts),
            "still_listed": self.still_listed if listed is None else len(listed),
            "still_listed_bots": self.still_listed_bots if listed is None else _first_bots(listed),
            "owed": owed,
        }

    def chunk(self) -> list[Known]:
        """The events of the next step."""
        return self.backlog[:CHUNK]

    @property
    def open(self) -> list[Known]:
        """Events whose outcome may still turn out otherwise."""
        return [known for known in self.known.values() if known.open is not None]

    def rest(self) -> list[Json]:
        """The outcomes that are still owed when a run is over: of open events, and of those never sent."""
        owed = [known.open for known in self.open if known.open is not None]
        for known in self.backlog:
            if known.status is None and known.open is None:
                reason = self.stopped or "the run ended first"
                owed.append(outcome_of(known, OutcomeStatus.NOT_ATTEMPTED, reason))
        return owed

    def summary(self) -> Json:
        """The account's line in a job's status."""
        incomplete = [self.stopped] if self.stopped is not None else []
        incomplete += self._incomplete
        left = [
            f"{self.counts[status]} {status.replace('_', ' ')}" for status in _LEFT if self.counts[status]
        ]
        if self.still_listed:
            left.append(f"{self.still_listed} still listed although unscheduled")
        if one_off := self._left_alone["one-off"]:
            left.append(f"{one_off} one-off bots have no event, were left alone and will join")
        if shared := self._left_alone["shared"]:
            left.append(f"{shared} events shared with bots outside the filter were left alone")
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
        known = self.known.get(key)
        if known is None:
            known = self.known[key] = Known(outcome["event_id"], dict.fromkeys(outcome["bot_ids"]))
        status = OutcomeStatus(outcome["status"])
        known.status, known.open = status, None
        self._owed.discard(key)
        self.counts[status] += 1
        if status is OutcomeStatus.SKIPPED:
            if outcome["event_id"] is not None:
                # What joins before a series is cut is meant to stay.
                self._left_alone["shared"] += outcome["reason"] != "joins before from_date"
            elif self.one_off_bots == "report":
                self._left_alone["one-off"] += 1

    def _take_look(self, step: Mapping[str, Any]) -> None:
        self.looks += 1
        self.stopped = step["stopped"]
        self._incomplete = [] if self.only is not None else list(step["incomplete"])
        self.still_listed = len(step["still_listed"])
        self.still_listed_bots = _first_bots(step["still_listed"])
        for row in step["events"]:
            known = self.known.get(key_of(row["event_id"], row["bots"]))
            if known is None:
                known = Known(row["event_id"], {})
            else:
                known.tried_again = known.tried_again or known.open is not None
            known.bots.update(row["bots"])
            self._plan(known, row["bots"])
        self.over = not step["events"] or self.stopped is not None
        if self.looks >= _MOST_LOOKS:
            self.over, self.stopped = True, f"{_MOST_LOOKS} listings, and there is still something new"

    def _take_chunk(self, step: Mapping[str, Any]) -> None:
        unsent = set(step["unsent"])
        for outcome in step["open"]:
            self.known[key_of(outcome["event_id"], outcome["bot_ids"])].open = outcome
        self.backlog = [known for known in self.chunk() if known.key in unsent] + self.backlog[CHUNK:]
        if step["stopped"] is not None:
            self.over, self.stopped = True, step["stopped"]

    def _plan(self, known: Known, listed: Iterable[str] = ()) -> None:
        self.known[known.key] = known
        known.listed = frozenset(listed)
        known.deletes += 1
        if known.status is None:
            self._owed.add(known.key)
        self.backlog.append(known)


def outcome_of(known: Known, status: OutcomeStatus, reason: str | None) -> Json:
    """An outcome without a request, as it is stored."""
    return outcome_to_dict(UnscheduleOutcome(known.event_id, tuple(known.bots), status, reason))


def _in_order(counts: Counter[str]) -> dict[str, int]:
    return {status: counts[status] for status in OutcomeStatus if counts[status]}


def _first_bots(rows: list[list[str]]) -> list[str]:
    return [bot_id for bot_id, _ in rows[:MOST_NAMED]]


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
