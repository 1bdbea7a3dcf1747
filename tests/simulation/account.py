"""The account itself: which bots are scheduled, since when, and what became of them. The truth.

It shares no code and no belief with the client. All times are seconds since the run began, by the
server's clock, which is also what decides when a bot joins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .histories import BotSpec, Change, EventSpec, History

EPOCH = datetime(2027, 3, 1, tzinfo=UTC)
"""The server's time when a run begins."""


def provider_id(event_id: str) -> str:
    """The calendar provider's id of an event."""
    return "p" + event_id.removeprefix("evt_") + "google"


def meeting_number(event_id: str) -> int:
    """MeetBit's id of the same event."""
    return int(event_id.removeprefix("evt_")) + 1


@dataclass(eq=False)
class Life:
    """A bot from the moment it is scheduled until it is not, or joins. A bot that returns has two."""

    spec: BotSpec
    born: float
    times: list[tuple[float, float]]
    """Since when it joins when."""
    died: float | None = None
    cause: str | None = None
    """"ours", "somebody" or "joined"."""
    made_by: int | None = None
    """The number of the request that scheduled it."""

    @property
    def joins(self) -> float:
        return self.times[-1][1]

    def joins_as_of(self, moment: float) -> float:
        return next((joins for since, joins in reversed(self.times) if since <= moment), self.times[0][1])

    def alive_at(self, moment: float) -> bool:
        return self.born <= moment and (self.died is None or self.died > moment)

    def __str__(self) -> str:
        return self.spec.id


@dataclass
class Account:
    """The bots of one account as time goes on."""

    history: History
    tell: Callable[[float, str], None]
    lives: list[Life] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._events: dict[str, EventSpec] = {event.id: event for event in self.history.events}
        self._specs = {bot.id: bot for bot in self.history.bots}
        self._changes = sorted(self.history.changes, key=lambda change: change.at)
        self._now = float("-inf")
        for bot in self.history.bots:
            if bot.undo == "cancelled":
                self.lives.append(Life(bot, -1e9, [(-1e9, bot.joins)], died=-0.5, cause="before"))
            elif bot.from_start:
                self.lives.append(Life(bot, -1e9, [(-1e9, bot.joins)]))
        self.advance(0.0)

    # --- time ---------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Let happen what is due."""
        while self._changes and self._changes[0].at <= now:
            change = self._changes.pop(0)
            self._join_until(change.at)
            self._apply(change)
        self._join_until(now)
        self._now = now

    def _join_until(self, now: float) -> None:
        for life in self.lives:
            if life.died is None and life.joins <= now:
                life.died, life.cause = max(life.joins, life.born), "joined"
                if life.joins >= 0:
                    self.tell(life.joins, f"{life} joins its meeting")

    def _apply(self, change: Change) -> None:
        spec = self._specs.get(change.bot)
        if spec is None:
            return
        life = self.life(change.bot)
        if change.kind == "taken" and life is not None:
            self._end(life, change.at, "somebody")
            self.tell(change.at, f"somebody else unschedules {life}")
        elif change.kind == "moved" and life is not None:
            life.times.append((change.at, change.joins))
            self.tell(change.at, f"{life} moves: joins at {change.joins:g} s")
        elif change.kind in ("returns", "added") and life is None and change.joins > change.at:
            self.lives.append(Life(spec, change.at, [(change.at, change.joins)]))
            self.tell(change.at, f"{spec.id} is scheduled{' again' if change.kind == 'returns' else ''}")

    def _end(self, life: Life, now: float, cause: str) -> None:
        life.died, life.cause = now, cause

    # --- what is there ------------------------------------------------------------------------------

    def life(self, bot_id: str) -> Life | None:
        """The bot as it is scheduled now."""
        return next((life for life in self.lives if life.died is None and life.spec.id == bot_id), None)

    def was_known(self, bot_id: str) -> bool:
        return any(life.spec.id == bot_id for life in self.lives)

    def alive(self, moment: float) -> list[Life]:
        """The bots that were scheduled at a moment, in the order in which they came."""
        return [life for life in self.lives if life.alive_at(moment)]

    def of_event(self, event_id: str) -> list[Life]:
        """The scheduled bots of an event, soonest first."""
        found = [life for life in self.lives if life.died is None and event_id in life.spec.events]
        return sorted(found, key=lambda life: life.joins)

    def event(self, event_id: str) -> EventSpec | None:
        return self._events.get(event_id)

    def event_of_foreign_id(self, text: str) -> EventSpec | None:
        return next((event for event in self.history.events if provider_id(event.id) == text), None)

    def event_of_meeting(self, number: int) -> EventSpec:
        return next(event for event in self.history.events if meeting_number(event.id) == number)

    def series_of(self, event: EventSpec) -> list[str]:
        if event.series is None:
            return [event.id]
        return [other.id for other in self.history.events if other.series == event.series]

    def listed_id(self, spec: BotSpec) -> str | None:
        """What its row says its event is."""
        if not spec.events:
            return None
        event = self._events.get(spec.events[0])
        listed = "event" if event is None else event.listed
        return {"event": spec.events[0], "provider": provider_id(spec.events[0]), "none": None}[listed]

    # --- what is done to it ------------------------------------------------------------------------

    def take(self, lives: Iterable[Life], now: float, request: int) -> list[Life]:
        """Unschedule bots for a request of this run."""
        taken = [life for life in lives if life.died is None]
        for life in taken:
            self._end(life, now, "ours")
        if taken:
            self.tell(now, f"request {request} takes {', '.join(map(str, taken))}")
        return taken

    def add(self, spec: BotSpec, now: float, request: int) -> Life:
        """Schedule a bot for a request of this run."""
        life = Life(spec, now, [(now, spec.joins)], made_by=request)
        self.lives.append(life)
        self.tell(now, f"request {request} schedules {life}")
        return life

    # --- rows ---------------------------------------------------------------------------------------

    def row(self, life: Life, moment: float, status: str = "Scheduled") -> dict[str, Any]:
        """The row of a listing, as things stood at a moment."""
        spec = life.spec
        attributes: dict[str, Any] = {"customer": "acme" if spec.inside else "globex"}
        if spec.events:
            attributes["source"] = "calendar_schedule_api"
            if (event_id := self.listed_id(spec)) is not None:
                attributes["event_id"] = event_id
        row: dict[str, Any] = {
            "bot_id": spec.id,
            "platform": "google_meet",
            "status": status,
            "bot_username": "Notes",
            "is_scheduled": status == "Scheduled",
            "custom_attributes": attributes,
        }
        joins = EPOCH + timedelta(seconds=life.joins_as_of(moment))
        if spec.link is not None:
            row["meeting_link"] = spec.link
        if spec.shows == "time":
            row["scheduled_join_time"] = joins.isoformat().replace("+00:00", "Z")
        elif spec.shows == "no offset":
            row["scheduled_join_time"] = joins.replace(tzinfo=None).isoformat()
        elif spec.shows == "nonsense":
            row["scheduled_join_time"] = "soon"
        return row
