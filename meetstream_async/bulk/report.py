"""What became of each event of a bulk run, and the report over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from attrs import field, frozen

from .._pydantic import Schemed
from ..errors import MeetStreamError
from ..meetbit.models import CancelledEvent
from ..meetstream.models import ScheduledBot, UnscheduleResult

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


Method: TypeAlias = Literal["event", "bot"]
"""What a cancel names: the calendar event, or the bot itself."""


class OutcomeStatus(StrEnum):
    """What became of one event."""

    UNSCHEDULED = "unscheduled"
    """The API unscheduled it, or the goal was found reached after an attempt whose answer was lost."""
    ALREADY_UNSCHEDULED = "already_unscheduled"
    """Nothing was scheduled for it."""
    WOULD_UNSCHEDULE = "would_unschedule"
    """A dry run would have sent its DELETE."""
    CANCELLED = "cancelled"
    """MeetBit cancelled the calendar event."""
    WOULD_CANCEL = "would_cancel"
    """A dry run would have cancelled it."""
    FAILED = "failed"
    """It was refused, and nothing took effect."""
    UNKNOWN = "unknown"
    """A request may have taken effect; no answer says so."""
    SKIPPED = "skipped"
    """Left alone on purpose; the reason says why."""
    NOT_ATTEMPTED = "not_attempted"
    """The run ended before its turn; nothing was sent."""


class Outcome(Protocol):
    """What the runner and the report need to know of an outcome."""

    @property
    def status(self) -> OutcomeStatus: ...
    @property
    def error(self) -> MeetStreamError | None: ...
    @property
    def attempts(self) -> int: ...
    def to_dict(self) -> dict[str, Any]: ...


OutcomeT_co = TypeVar("OutcomeT_co", bound=Outcome, covariant=True)


@frozen
class UnscheduleOutcome(Schemed):
    """What became of one event, or of one bot that has no event."""

    event_id: str | None
    """None for a one-off bot."""
    bot_ids: tuple[str, ...]
    """The listed bots of the event that are known; empty where only an id was given."""
    status: OutcomeStatus
    """What became of it."""
    reason: str | None = None
    """Why it has that status, where there is something to say."""
    result: UnscheduleResult | None = None
    """The API's answer, where there was one to the DELETE of the event."""
    error: MeetStreamError | None = None
    """Why it failed or is unknown, as its class and text in JSON."""
    attempts: int = 0
    """Requests sent."""
    elapsed: float = 0.0
    """Seconds from the first attempt to the last answer; waiting for a turn not included."""
    method: Method | None = None
    """Which request decided it: ``event`` (the DELETE of the event) or ``bot`` (the DELETE of the bots by
    their own ids); None where nothing was sent."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values only; the error as its class and text."""
        return outcome_to_dict(self)

    @property
    def inferred(self) -> bool:
        """The goal was found reached after an attempt whose answer was lost."""
        return self.result is not None and self.result.inferred


@frozen
class CancelOutcome(Schemed):
    """What became of one calendar event of MeetBit."""

    calendar_id: int
    """The calendar that the event is in."""
    event_id: int
    """The calendar event."""
    status: OutcomeStatus
    """What became of it."""
    reason: str | None = None
    """Why it has that status, where there is something to say."""
    result: CancelledEvent | None = None
    """The API's answer."""
    error: MeetStreamError | None = None
    """Why it failed or is unknown, as its class and text in JSON."""
    attempts: int = 0
    """Requests sent."""
    elapsed: float = 0.0
    """Seconds from the first attempt to the last answer; waiting for a turn not included."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values only; the error as its class and text."""
        return outcome_to_dict(self)


class BotsOutcome(Protocol):
    """What became of one event or one-off bot, in this process or as a door has stored it."""

    @property
    def event_id(self) -> str | None: ...
    @property
    def bot_ids(self) -> tuple[str, ...]: ...
    @property
    def inferred(self) -> bool: ...
    @property
    def status(self) -> OutcomeStatus: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def attempts(self) -> int: ...
    @property
    def elapsed(self) -> float: ...
    @property
    def error(self) -> MeetStreamError | str | None: ...


def outcome_to_dict(outcome: BotsOutcome | CancelOutcome) -> dict[str, Any]:
    """The one JSON shape of an outcome; what else a door has to say of it, it adds beside these names.

    The error is its class and text.
    """
    about: dict[str, Any]
    if isinstance(outcome, CancelOutcome):
        about = {"calendar_id": outcome.calendar_id, "event_id": outcome.event_id}
    else:
        about = {
            "event_id": outcome.event_id,
            "bot_ids": list(outcome.bot_ids),
            "method": getattr(outcome, "method", None),
            "inferred": outcome.inferred,
        }
    error = outcome.error
    return {
        **about,
        "status": outcome.status.value,
        "reason": outcome.reason,
        "attempts": outcome.attempts,
        "elapsed": round(outcome.elapsed, 6),
        "error": f"{type(error).__name__}: {error}" if isinstance(error, MeetStreamError) else error,
    }


@frozen
class BulkReport(Schemed, Generic[OutcomeT_co]):
    """What a bulk run did."""

    counts: Mapping[str, int]
    """How many events ended in each status; every status that can occur, zeros included."""
    outcomes: tuple[OutcomeT_co, ...]
    """One per event. Of a stream: those that were not handed to its consumer."""
    complete: bool
    """All targets were taken up and, where listed, the last listing was whole."""
    ok: bool
    """Complete, and nothing is left that was asked for."""
    reason: str | None
    """Why not complete or not ok; where it is ok, what there is to know of that."""
    elapsed: float
    """Seconds."""
    still_listed: tuple[ScheduledBot, ...] = field(default=())
    """Bots that the last listing shows although their event was unscheduled."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values only, without meeting links and attributes."""
        return {
            "ok": self.ok,
            "complete": self.complete,
            "reason": self.reason,
            "elapsed": round(self.elapsed, 6),
            "counts": {str(status): count for status, count in self.counts.items()},
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
            "still_listed": [
                {
                    "bot_id": bot.bot_id,
                    "event_id": bot.event_id,
                    "platform": bot.platform,
                    "scheduled_join_time": bot.scheduled_join_time and bot.scheduled_join_time.isoformat(),
                }
                for bot in self.still_listed
            ],
        }

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # Where nothing says which kind of outcome it holds, it may be either.
        known = cls[UnscheduleOutcome | CancelOutcome] if source is cls else source
        return super().__get_pydantic_core_schema__(known, handler)

    def raise_for_failures(self) -> None:
        """Raise BulkError, with this report on it, unless ``ok``."""
        if not self.ok:
            raise BulkError(self.reason or "the run is not ok", report=self)


class BulkError(MeetStreamError):
    """A bulk run did not do all that was asked; ``report`` says what happened to each event."""

    def __init__(self, message: str = "", *, report: BulkReport[Any] | None = None) -> None:
        super().__init__(message)
        self.report = report


@frozen
class MeetingCancellation(Schemed):
    """What became of one meeting."""

    calendar_id: int
    """The calendar that the event is in."""
    event_id: int
    """The calendar event."""
    event: CancelledEvent | None
    """MeetBit's answer; None where the event was not cancelled by this call."""
    bots: tuple[UnscheduleOutcome, ...]
    """What became of its bots; empty where there was none to be found, or none was touched."""
    ok: bool
    """The event is cancelled, or not there any more, and no bot of it is left as far as can be seen."""
    reason: str | None
    """Why not ok, or what there is to know."""
    error: MeetStreamError | None = None
    """Why the event was not cancelled."""
