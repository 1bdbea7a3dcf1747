"""What a history is: an account, what happens to it, what goes wrong, and what is asked for. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Door = Literal["all", "listing", "iter", "typed", "stream", "stream_typed", "meeting", "meetings", "undo"]
DOORS: tuple[Door, ...] = (
    "all", "listing", "iter", "typed", "stream", "stream_typed", "meeting", "meetings",
)  # fmt: skip
TYPED: tuple[Door, ...] = ("typed", "stream_typed")
MEETINGS: tuple[Door, ...] = ("meeting", "meetings")


@dataclass(frozen=True)
class BotSpec:
    """A bot that is scheduled when the run begins, or that a change schedules later."""

    id: str
    events: tuple[str, ...] = ()
    """The events that it belongs to; a listing shows the first. None: a one-off bot."""
    inside: bool = True
    """Whether it lies inside the filter, where the run has one."""
    joins: float = 86400.0
    """Seconds from the beginning of the run, by the server's clock."""
    shows: Literal["time", "nothing", "no offset", "nonsense"] = "time"
    """What its row says of its join time."""
    from_start: bool = True
    undo: Literal["", "cancelled", "stayed"] = ""
    """Of an undo: whether its snapshot has the bot, and whether it was cancelled just before."""
    link: str | None = None


@dataclass(frozen=True)
class EventSpec:
    """A calendar event."""

    id: str
    """MeetStream's own."""
    listed: Literal["event", "provider", "none"] = "event"
    """Which id a listing shows of it."""
    series: str | None = None


@dataclass(frozen=True)
class Change:
    """Something that happens to a bot, and that this run has not asked for."""

    at: float
    kind: Literal["taken", "moved", "returns", "added"]
    bot: str
    joins: float = 86400.0


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request."""

    request: int
    """Its number, from 1, in the order in which requests arrive."""
    kind: str
    seconds: float = 0.0
    of: str = ""
    """What is counted: all requests, or those for one id, or "list", "events". A history that is being
    shrunk counts this way, so that a request fewer does not shift what goes wrong with the others."""


@dataclass(frozen=True)
class Spell:
    """What goes wrong with every request that arrives in a time."""

    start: float
    end: float
    kind: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Quirk:
    """What is odd about a listing."""

    listing: int
    """Its number, from 1; 0: all of them."""
    kind: Literal["lags", "omits", "repeats", "shuffles", "comes short", "comes short unsaid"]
    amount: float = 0.0


@dataclass(frozen=True)
class Intervention:
    """What the caller does to the run when a request arrives, or at a time."""

    kind: Literal["stop", "cancel", "cancel twice", "leave"]
    request: int = 0
    at: float | None = None


@dataclass(frozen=True)
class Habits:
    """How this account behaves where nothing is documented, and its clocks."""

    takes: Literal["all", "one"] = "all"
    """What one DELETE of an event takes."""
    answer: Literal["documented", "empty", "object", "message"] = "documented"
    gone_bot: Literal[404, 400] = 404
    foreign_id: Literal["Event not found", "Bot not found", "Not Found", "Event not scheduled"] = (
        "Event not found"
    )
    lists_joined: bool = False
    """Rows of bots in their meeting stay listed, as such."""
    lists_cancelled: bool = False
    """Rows of unscheduled bots stay listed, as such."""
    events_route: Literal["there", "missing", "forbidden", "empty"] = "there"
    list_route: Literal["scheduled", "scheduled_bots"] = "scheduled"
    wall: float = 0.0
    """Seconds by which the client's wall clock is ahead of the server's."""
    wall_jump: tuple[float, float] | None = None
    """When the client's wall clock jumps, and by how much."""
    date: float = 0.0
    """Seconds by which the ``Date`` header is ahead of the server's clock."""
    date_jump: tuple[float, float] | None = None
    """When the ``Date`` header jumps, and by how much."""
    latency: float = 0.05
    """Seconds that an answer takes, at most, where nothing is wrong."""
    conflicts: bool = True
    """An event that has a bot gets no other one: 409."""
    lead: float = 0.0
    """Seconds by which a bot that is scheduled again joins later than the old one."""


@dataclass(frozen=True)
class History:
    """One run of one door, and all that happens to it."""

    seed: int = 0
    door: Door = "all"
    options: dict[str, Any] = field(default_factory=dict)
    """As the door takes them, except ``where`` (true: inside bots only) and ``from_date`` (seconds)."""
    policy: dict[str, Any] = field(default_factory=dict)
    timeout: float = 30.0
    rate_limit: float | None = None
    targets: tuple[str, ...] = ()
    """Event ids, for the doors that are told them; events of meetings."""
    knows_bot_event: bool = True
    """Of a meeting: whether the caller gives MeetStream's event id."""
    events: tuple[EventSpec, ...] = ()
    bots: tuple[BotSpec, ...] = ()
    changes: tuple[Change, ...] = ()
    faults: tuple[Fault, ...] = ()
    spells: tuple[Spell, ...] = ()
    quirks: tuple[Quirk, ...] = ()
    interventions: tuple[Intervention, ...] = ()
    habits: Habits = Habits()
    consumer: float = 0.0
    """Seconds that the consumer of a stream takes for each outcome."""
    eager: bool = False
    """Whether tasks begin at once."""
    lateness: float = 0.0
    """Of timers, in seconds, at most."""

    @property
    def size(self) -> int:
        """What a shorter story has less of."""
        return (
            len(self.events) + len(self.bots) + len(self.changes) + len(self.faults) + len(self.spells)
            + len(self.quirks) + len(self.interventions) + len(self.options) + len(self.policy)
        )  # fmt: skip
