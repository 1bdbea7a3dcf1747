"""What the account keeps of a run: requests, what they did and were answered, rows that were shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from .account import Life


@dataclass(eq=False)
class Request:
    """One request as it arrived."""

    number: int
    at: float
    iteration: int
    route: str
    """"list", "events", "event", "bot" or "meeting"; of an undo "schedule", "create", "detail" or "move"."""
    target: str = ""
    """The id in its path."""
    event_id: str | None = None
    """MeetStream's id of the event that the request is about, where that is certain."""
    in_flight: int = 0
    """How many were, with this one."""
    status: int | None = None
    said: str = ""
    """What the answer came to: "done", "gone", "refused", "trouble", "sign", "lie" or "odd"."""
    taken: list[Life] = field(default_factory=list)
    delivered_at: float | None = None
    told_until: float | None = None
    """Until when its answer told the client to wait."""
    closed: bool = False
    key: str | None = None
    """Its idempotency key."""
    nth: int = 0
    """Which it is of those with the same ``kin``."""

    @property
    def kin(self) -> str:
        """What a fault may count it by."""
        return self.target if self.route in ("event", "bot", "schedule") else self.route


@dataclass(eq=False)
class Shown:
    """A listing that reached the client."""

    request: int
    at: float
    """When it was made."""
    delivered_at: float
    iteration: int
    """The turn of the loop in which it arrived."""
    lives: dict[Life, float | None]
    """The scheduled bots in it, and the join time that their rows showed, if any."""
    truncated: bool
    """It says, by its length or in words, that there is more."""
    kept_back: frozenset[Life]
    """Scheduled bots that it did not show although it said that it was whole."""


@dataclass
class Ledger:
    """The account's book."""

    requests: list[Request] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    troubles: list[tuple[str, str]] = field(default_factory=list)
    """Broken promises that were seen while the run went on: invariant and text."""

    def broken(self, invariant: str, text: str) -> None:
        self.troubles.append((invariant, text))

    def deletes(self) -> list[Request]:
        return [request for request in self.requests if request.route in ("event", "bot")]

    def seen_before(self, request: Request) -> list[Shown]:
        """The listings that the client had read when it sent a request."""
        return [shown for shown in self.shown if shown.iteration + 1 < request.iteration]
