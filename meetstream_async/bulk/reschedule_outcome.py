"""What became of one bot that was to be scheduled again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import field, frozen

from .._pydantic import PydanticType
from ..errors import MeetStreamError
from .report import Method
from .statuses import OutcomeStatus


@frozen
class RescheduleOutcome(PydanticType):
    """The outcome of one bot of a snapshot."""

    bot_id: str
    """Id of the bot that was cancelled."""
    event_id: str | None
    """MeetStream's own id of its event; None for a one-off bot, and where it is not known."""
    status: OutcomeStatus = field(repr=str)
    """Status of the bot."""
    new_bot_id: str | None = None
    """Id of the bot that is scheduled in its place, if it is known."""
    reason: str | None = None
    """Explanation of the status, if any."""
    method: Method | None = None
    """How it comes back: ``event`` (scheduled for its event) or ``bot`` (created on its own); None if it
    does not."""
    join_time: datetime | None = None
    """When it was to join; aware."""
    new_join_time: datetime | None = None
    """When the bot in its place joins; aware, None where it is not known."""
    moved: bool = False
    """The API had given another join time, and the bot was moved back to the old one."""
    restores: tuple[str, ...] = ()
    """What comes back with it, in words."""
    lost: tuple[str, ...] = ()
    """What does not, in words."""
    inferred: bool = False
    """The answer was lost, and a listing or a later answer showed that it is there."""
    error: MeetStreamError | None = None
    """The error, for a failed or unknown bot; in JSON its class and text."""
    attempts: int = 0
    """Number of requests sent."""
    elapsed: float = 0.0
    """Seconds from the first attempt to the last response, without waiting for a slot or the rate limit."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the request that scheduled it, for questions to its vendor; None if unknown."""

    @property
    def bot_ids(self) -> tuple[str, ...]:
        """The bot that is there now, or else the one that was cancelled."""
        return (self.new_bot_id or self.bot_id,)

    @property
    def differs(self) -> bool:
        """The new bot joins at another time than the old one, by more than a second."""
        if self.join_time is None or self.new_join_time is None:
            return False
        return abs((self.new_join_time - self.join_time).total_seconds()) > 1

    def to_dict(self) -> dict[str, Any]:
        """JSON values only; the error as its class and text."""
        error = self.error
        return {
            "bot_id": self.bot_id,
            "new_bot_id": self.new_bot_id,
            "event_id": self.event_id,
            "method": self.method,
            "inferred": self.inferred,
            "join_time": None if self.join_time is None else self.join_time.isoformat(),
            "new_join_time": None if self.new_join_time is None else self.new_join_time.isoformat(),
            "moved": self.moved,
            "restores": list(self.restores),
            "lost": list(self.lost),
            "status": self.status.value,
            "reason": self.reason,
            "attempts": self.attempts,
            "elapsed": round(self.elapsed, 6),
            "error": None if error is None else f"{type(error).__name__}: {error}",
            "request_id": self.request_id,
        }
