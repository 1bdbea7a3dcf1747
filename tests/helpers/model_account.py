"""A small model of an account that misbehaves, for histories that nobody scripted. Pure: time is a number."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from attrs import define, field

from meetstream_async import (
    BadRequestError,
    BotFilter,
    EventNotScheduledError,
    NotFoundError,
    PermissionDeniedError,
    RequestTimeoutError,
    ScheduledBot,
    ScheduledBotPage,
    ServerError,
    UnscheduleResult,
)

START = datetime(2031, 5, 1, 9, tzinfo=UTC)


@define(eq=False)
class Bot:
    """One bot as the account itself knows it."""

    id: str
    event: str | None
    joins: float
    """Seconds after the start."""
    inside: bool = True
    shown_time: bool = True
    cancelled_at: float | None = None
    by_us: bool = False

    def will_join(self, now: float) -> bool:
        """It is going to join after ``now``, or has joined before."""
        return self.cancelled_at is None


@define(eq=False)
class Trouble:
    """How this account misbehaves; probabilities from 0 to 1."""

    lag: float = 0.0
    """Seconds after which a listing shows a change."""
    omits: float = 0.0
    """Rows that one listing leaves out; never the same bot in two listings running."""
    repeats: float = 0.0
    truncated: int = 100
    """Rows that a listing shows."""
    lost_before: float = 0.0
    lost_after: float = 0.0
    takes_one: float = 0.0
    """DELETEs of an event that take one of its bots only."""
    foreign: float = 0.0
    """Listed event ids that the API does not know."""
    others: float = 0.0
    """Chance that somebody else cancels a bot at each step."""
    comes_back: float = 0.0
    """Chance that an event gets a new bot when it loses one."""
    withdrawn_rows: bool = False
    """Cancelled bots stay listed as Cancelled."""
    refusals: float = 0.0


@define(eq=False)
class Account:
    """Its bots, its clock and its ledger."""

    seed: int
    bots: dict[str, Bot]
    trouble: Trouble
    now: float = 0.0
    requests: dict[str, int] = field(factory=dict)
    """Requests for each event and bot."""
    listings: int = 0
    deleted_outside: list[str] = field(factory=list)
    rng: random.Random = field(init=False)
    omitted: set[str] = field(factory=set)
    shown: set[str] = field(factory=set)
    """Bots that any listing has shown; of others nobody can know."""
    comebacks: int = 0
    unknown_ids: set[str] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        for event in sorted({bot.event for bot in self.bots.values() if bot.event}):
            if self.rng.random() < self.trouble.foreign:
                self.unknown_ids.add(event)

    @property
    def server_time(self) -> datetime:
        return (START + timedelta(seconds=self.now)).replace(microsecond=0)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for bot in list(self.bots.values()):
            if self._is_waiting(bot) and self.rng.random() < self.trouble.others:
                bot.cancelled_at = self.now

    def row(self, bot: Bot, status: str = "Scheduled") -> ScheduledBot:
        return ScheduledBot(
            bot.id,
            "zoom" if bot.inside else "teams",
            status,
            START + timedelta(seconds=bot.joins) if bot.shown_time else None,
            custom_attributes={} if bot.event is None else {"event_id": bot.event},
        )

    def list(self) -> ScheduledBotPage:
        self.listings += 1
        then = self.now - self.trouble.lag * self.rng.random()
        rows, omitted = [], set()
        for bot in self.bots.values():
            gone = bot.cancelled_at is not None and bot.cancelled_at <= then
            if gone and self.trouble.withdrawn_rows:
                rows.append(self.row(bot, "Cancelled"))
            elif not gone and bot.joins > then:
                if bot.id not in self.omitted and self.rng.random() < self.trouble.omits:
                    omitted.add(bot.id)
                else:
                    rows.append(self.row(bot))
                    if self.rng.random() < self.trouble.repeats:
                        rows.append(rows[-1])
        self.omitted = omitted
        self.rng.shuffle(rows)
        limit = self.trouble.truncated
        self.shown |= {row.bot_id for row in rows[:limit]}
        return ScheduledBotPage(tuple(rows[:limit]), limit, len(rows) >= limit)

    def unschedule(self, event: str) -> UnscheduleResult:
        """Raises the API's errors."""
        self.requests[event] = self.requests.get(event, 0) + 1
        lost = self._trouble()
        waiting = [bot for bot in self.bots.values() if bot.event == event and self._is_waiting(bot)]
        if event in self.unknown_ids:
            raise NotFoundError("Event not found", status=404, attempts=1)
        if not waiting:
            raise EventNotScheduledError("Event not scheduled", status=400, attempts=1)
        if self.rng.random() < self.trouble.takes_one:
            waiting = waiting[:1]
        for bot in waiting:
            self._cancel(bot)
        if lost:
            raise RequestTimeoutError("no answer", attempts=1, outcome_unknown=True)
        return UnscheduleResult(unscheduled=True, event_id=event)

    def delete(self, bot_id: str) -> None:
        """Raises the API's errors."""
        self.requests[bot_id] = self.requests.get(bot_id, 0) + 1
        lost = self._trouble()
        bot = self.bots.get(bot_id)
        if bot is None or bot.cancelled_at is not None:
            raise NotFoundError("Bot not found", status=404, attempts=1)
        if bot.joins <= self.now:
            raise BadRequestError("Cannot delete active bot", status=400, attempts=1)
        self._cancel(bot)
        if lost:
            raise RequestTimeoutError("no answer", attempts=1, outcome_unknown=True)

    def _trouble(self) -> bool:
        dice = self.rng.random()
        if dice < self.trouble.lost_before:
            raise ServerError("Service Unavailable", status=503, attempts=1, outcome_unknown=True)
        if dice < self.trouble.lost_before + self.trouble.refusals:
            raise PermissionDeniedError(
                "This bot does not belong to you", status=403, not_yours=True, attempts=1
            )
        return self.rng.random() < self.trouble.lost_after

    def _is_waiting(self, bot: Bot) -> bool:
        return bot.cancelled_at is None and bot.joins > self.now

    def _cancel(self, bot: Bot) -> None:
        bot.cancelled_at, bot.by_us = self.now, True
        if not bot.inside and bot.id in self.shown:
            self.deleted_outside.append(bot.id)
        if bot.event is not None and self.rng.random() < self.trouble.comes_back:
            self.comebacks += 1
            name = f"back-{self.comebacks}"
            self.bots[name] = Bot(name, bot.event, bot.joins, bot.inside, bot.shown_time)


ZOOM = BotFilter(platform="zoom")
