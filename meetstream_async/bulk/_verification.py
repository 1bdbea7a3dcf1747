"""What a listing made after all answers says of an item: gone, still there, or worth another try. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import attrs
from attrs import define, field

from ..meetstream.models import ScheduledBot, UnscheduleResult
from ._choices import may_go_by_bot, way_of
from ._evidence import is_in_meeting, may_succeed_later
from ._facts import DONE, FOREIGN, INFERRED_DONE, JOINED, LOST, MAY_HAVE_JOINED, MISSING, NOT_ITS_ID
from ._items import EventItem
from ._known_bots import Key, KnownBot, KnownBots
from .options import UnscheduleOptions
from .report import Method, UnscheduleOutcome
from .statuses import OutcomeStatus

FIRST_CHECK: Final = 0.5
LONGEST_CHECK: Final = 5.0
"""Seconds between two looks at rows that should be gone; doubled from the first to the longest."""

MOST_DELETES: Final = 5
"""DELETEs of one event that its rows can call for, where nothing proves that each of them takes one."""


@define(eq=False)
class Tracked(EventItem):
    """An item of an account, and what its listings have led to."""

    waiting: bool = True
    """In the backlog."""
    in_flight: bool = False
    """In a turn."""
    unsent: UnscheduleOutcome | None = None
    """Its outcome where nothing was sent."""
    listed: frozenset[str] = frozenset()
    """Its bots when its last turn was planned."""
    acted: frozenset[str] = frozenset()
    """All bots that any turn was planned for."""
    credited: frozenset[str] = frozenset()
    """Bots whose leaving the listing has led to a further turn."""
    turns: int = 0
    retries: int = 0
    repeats: int = 0
    """Further turns for rows that came late, or behind a full listing."""
    own_turns: int = 0
    """Turns by the bots' own ids after the event's."""
    claimed: bool = False
    """An earlier run calls it unscheduled: it is looked for, and nothing is sent."""
    answered_at: float = 0.0
    """By the monotonic clock: the end of its last turn."""
    key: Key = field(init=False)
    """What its outcome is about; of a bot, the one that it was made for."""

    @key.default
    def _of_event_or_bot(self) -> Key:
        return ("bot", next(iter(self.bots), "")) if self.event_id is None else ("event", self.event_id)

    @property
    def not_before(self) -> float:
        """By the monotonic clock: the earliest further turn, unless a row was seen to go."""
        return self.answered_at + min(FIRST_CHECK * 2.0 ** (self.turns - 1), LONGEST_CHECK)

    def plan(self, bots: frozenset[str]) -> None:
        """Another turn, for these bots."""
        self.waiting, self.listed = True, bots
        self.aim: frozenset[str] | None = bots
        self.acted |= bots


@define(eq=False)
class Finding:
    """What a listing says about all items."""

    planned: list[Tracked] = field(factory=list)
    """To be tried once more."""
    remaining: list[KnownBot] = field(factory=list)
    """Still listed, although they should be gone."""
    waiting: int = 0
    """Bots of which nobody knows yet."""
    unproved: int = 0
    """Items whose bots are out of sight since this listing."""
    listed: list[Tracked] = field(factory=list)
    """Items that have rows in it."""
    changed: set[str] = field(factory=set)
    """Bots that it says something new of."""


class Verification:
    """Draws the conclusions of listings that were made after all answers."""

    def __init__(self, options: UnscheduleOptions, bots: KnownBots) -> None:
        self._options = options
        self._bots = bots

    def judge(
        self,
        item: Tracked,
        rows: Mapping[str, ScheduledBot],
        now: float,
        time: datetime | None,
        finding: Finding,
    ) -> bool:
        """Take in what the listing shows of one item. True where nothing more can come of it."""
        whole = self._bots.listing_is_whole
        live: list[str] = []
        pending = False
        for bot_id in item.bots:
            known, row = self._bots.bots[bot_id], rows.get(bot_id)
            before = known.evidence
            if row is not None and is_in_meeting(row):
                item.saw_in_meeting(bot_id)
            if known.see(row, whole, time):
                live.append(bot_id)
                # The answer was about another bot, the listing lags, or the bot came back: open again.
                known.confirmed, known.doubted = False, True
            elif known.is_pending:
                pending = True
            if known.evidence != before:
                finding.changed.add(bot_id)
        if any(bot_id in rows for bot_id in item.bots):
            finding.listed.append(item)
        if live:
            self._judge_listed(item, frozenset(live), now, finding)
            return False
        if pending:
            finding.unproved += 1
        return whole and not pending

    def _judge_listed(self, item: Tracked, live: frozenset[str], now: float, finding: Finding) -> None:
        status = item.outcome().status
        way = self._next_way(item, live, now)
        if way is not None:
            item.way = way
            item.falls_back = way == "event" and may_go_by_bot(item, self._options)
            item.plan(live)
            finding.planned.append(item)
        elif status in (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED):
            bots = self._bots.of(item.bots)
            whole = self._bots.listing_is_whole
            # Which of them the answer was about is not known, and a full listing may hide the others.
            finding.remaining += [
                one for one in bots if one.listed or not (whole or one.is_gone or one.missed)
            ]
        elif status is OutcomeStatus.UNKNOWN:
            finding.waiting += len(live)

    def _next_way(self, item: Tracked, live: frozenset[str], now: float) -> Method | None:
        """How to try the bots that are still listed once more; None for not at all."""
        if item.claimed:
            return None
        safe = self._bots.is_safe(item.event_id, item.request_id)
        fates = item.fates or {}
        lost = item.answer == LOST or LOST in fates.values()
        if lost or may_succeed_later(item.error):
            if item.retries:
                return None
            item.retries += 1
            return way_of(item, self._options, safe=safe)
        untried = [bot_id for bot_id in live if bot_id not in fates]
        if item.event_id is None or item.way == "bot":
            return self._by_bot(item, new) if (new := live - item.acted) else None
        if not item.took_effect:
            # "Not scheduled", and listed all the same: the id is another one, or the answer was an old one.
            is_refused = item.answer in (MISSING, INFERRED_DONE, FOREIGN)
            return self._by_bot(item, untried) if is_refused and untried else None
        if not item.acted:
            # Only its id was given, and the DELETE had its way: these rows may be old ones.
            item.listed = item.acted = live
            return None
        if not self._is_due(item, live, now):
            return None
        moved = any(self._bots.bots[bot_id].bot.event_id != item.event_id for bot_id in live)
        by_event = item.turns < MOST_DELETES or not may_go_by_bot(item, self._options)
        if by_event and not moved and way_of(item, self._options, safe=safe) == "event":
            return "event"
        return self._by_bot(item) if untried else None

    def _by_bot(self, item: Tracked, new: Iterable[str] = ()) -> Method | None:
        if any(not self._bots.bots[bot_id].late for bot_id in new):
            # They were behind a full listing, as another event would have been.
            item.own_turns = 0
        if item.own_turns >= 2 or not may_go_by_bot(item, self._options):
            return None
        item.own_turns += 1
        return "bot"

    def _is_due(self, item: Tracked, live: frozenset[str], now: float) -> bool:
        """Whether the event's last DELETE took a bot and left others, or others have come to light."""
        new = live - item.acted
        # Behind a full listing a row may be out of sight and not gone.
        gone = item.listed - live - item.credited if self._bots.listing_is_whole else frozenset()
        if not new and not gone:
            return False
        early = any(not self._bots.bots[bot_id].late for bot_id in new | gone)
        if not (early and self._bots.listing_is_whole):
            if item.repeats >= MOST_DELETES or now < item.not_before:
                return False
            item.repeats += 1
        item.credited |= gone
        return True

    def final(self, item: Tracked) -> UnscheduleOutcome:
        """The outcome of an item, where the last listing was made after all answers."""
        outcome = item.outcome()
        known = self._bots.of(item.bots)
        if item.answer is DONE and item.fates is None and all(one.is_plainly_gone for one in known):
            return outcome
        status = outcome.status
        if status is OutcomeStatus.UNSCHEDULED and any(one.rebooked for one in known):
            return attrs.evolve(outcome, status=OutcomeStatus.UNKNOWN, reason=MAY_HAVE_JOINED)
        if any(one.listed for one in known):
            if status is OutcomeStatus.ALREADY_UNSCHEDULED or item.answer == INFERRED_DONE:
                reason = "still listed, although the API calls it not scheduled"
                return attrs.evolve(outcome, status=OutcomeStatus.UNKNOWN, reason=reason)
            if status is OutcomeStatus.UNSCHEDULED and any(one.missed and not one.is_gone for one in known):
                return attrs.evolve(outcome, status=OutcomeStatus.UNKNOWN, reason=MAY_HAVE_JOINED)
            return outcome
        if not known or JOINED in (item.fates or {}).values():
            return outcome
        if not (self._bots.listing_is_whole or all(one.unindexed for one in known)):
            return self.unverified(item)
        if all(one.is_gone for one in known) and not any(one.rebooked for one in known):
            return self._gone(item, outcome)
        if status is OutcomeStatus.FAILED:
            return outcome
        only_once = "out of sight, but only in the last listing"
        reason = MAY_HAVE_JOINED if any(one.missed or one.rebooked for one in known) else only_once
        return attrs.evolve(outcome, status=OutcomeStatus.UNKNOWN, reason=reason)

    def unverified(self, item: Tracked) -> UnscheduleOutcome:
        """The outcome of an item of which no whole listing has told since its last answer."""
        outcome = item.outcome()
        if outcome.status is OutcomeStatus.ALREADY_UNSCHEDULED and item.bots:
            reason = f"the API says: {outcome.reason}; no whole listing has shown that it is gone"
        elif outcome.status is not OutcomeStatus.UNSCHEDULED:
            return outcome
        elif item.answer == INFERRED_DONE and item.fates is None and item.may_be_another_id:
            reason = NOT_ITS_ID
        else:
            open_ones = [one for one in self._bots.of(item.bots) if not (one.is_gone or one.confirmed)]
            rebooked = any(one.rebooked for one in self._bots.of(item.bots))
            if rebooked or any(one.missed for one in open_ones):
                reason = MAY_HAVE_JOINED
            elif any(one.doubted for one in open_ones):
                reason = "listed after its DELETE was answered; no whole listing has told since"
            elif open_ones and item.answer == DONE and not self._is_covered(item):
                reason = "of several bots, the answer does not say which it took; no listing has told since"
            else:
                return outcome
        return attrs.evolve(outcome, status=OutcomeStatus.UNKNOWN, reason=reason)

    def _is_covered(self, item: Tracked) -> bool:
        """The last success counts as many bots as the event is known to have."""
        beside = self._bots.beside(item.request_id or item.event_id, item.bots)
        return item.counted >= len(item.bots) + beside

    def _gone(self, item: Tracked, outcome: UnscheduleOutcome) -> UnscheduleOutcome:
        """All bots are gone, and could not have joined before."""
        if outcome.status is OutcomeStatus.UNKNOWN and (item.has_effect or item.uncertain):
            result = outcome.result or UnscheduleResult(unscheduled=True, event_id=item.event_id)
            return attrs.evolve(
                outcome,
                status=OutcomeStatus.UNSCHEDULED,
                reason="inferred: no longer listed",
                result=attrs.evolve(result, inferred=True),
                error=None,
            )
        if outcome.status in (OutcomeStatus.UNKNOWN, OutcomeStatus.FAILED):
            return attrs.evolve(
                outcome,
                status=OutcomeStatus.ALREADY_UNSCHEDULED,
                reason=f"no longer listed{_after(outcome)}",
                error=None,
            )
        return outcome


def _after(outcome: UnscheduleOutcome) -> str:
    return "" if outcome.error is None else f"; the request was answered: {outcome.error}"
