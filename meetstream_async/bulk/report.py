"""The outcome of each target of a bulk run, and the report over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Protocol, TypeAlias, TypeVar

from attrs import field, frozen

from .._pydantic import PydanticType
from ..errors import MeetStreamError
from ..meetbit.models import CalendarEvent, CancelledEvent
from ..meetstream.models import ScheduledBot, UnscheduleResult
from . import _report_text
from .statuses import OutcomeStatus

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


NOT_VERIFIED: Final = "not scheduled by the API's first answer; no listing was asked"
NOT_LOOKED_UP: Final = "the given ids were not looked up, and may not exist"
"""What a report of a dry run says of ids that nothing but the caller's word stands for."""
Method: TypeAlias = Literal["event", "bot"]
"""What a cancel names: the calendar event, or the bot itself."""


class Outcome(Protocol):
    """The attributes of an outcome that the runner and the report use."""

    @property
    def status(self) -> OutcomeStatus: ...
    @property
    def error(self) -> MeetStreamError | None: ...
    @property
    def attempts(self) -> int: ...
    def to_dict(self) -> dict[str, Any]: ...


OutcomeT_co = TypeVar("OutcomeT_co", bound=Outcome, covariant=True)


# No weak references: see meetstream_async._http.making.
@frozen(weakref_slot=False)
class UnscheduleOutcome(PydanticType):
    """The outcome of one event, or of one bot without an event."""

    event_id: str | None
    """Event id; None for a one-off bot."""
    bot_ids: tuple[str, ...]
    """Ids of the event's known bots; empty if only an event id was given."""
    status: OutcomeStatus = field(repr=str)
    """Status of the target."""
    reason: str | None = None
    """Explanation of the status, if any."""
    result: UnscheduleResult | None = None
    """The API's reply to the DELETE of the event, if there was one."""
    error: MeetStreamError | None = None
    """The error, for a failed or unknown target; in JSON its class and text."""
    attempts: int = 0
    """Number of requests sent."""
    elapsed: float = 0.0
    """Seconds from the first attempt to the last response, without waiting for a slot or the rate limit."""
    method: Method | None = None
    """Which request decided it: ``event`` (the DELETE of the event) or ``bot`` (the DELETE of the bots by
    their own ids); None if nothing was sent."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the last request, for questions to its vendor; None if nothing told one."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values only; the error as its class and text."""
        return outcome_to_dict(self)

    @property
    def inferred(self) -> bool:
        """The goal was found reached after an attempt whose answer was lost."""
        return self.result is not None and self.result.inferred


@frozen
class CancelOutcome(PydanticType):
    """The outcome of one calendar event of MeetBit."""

    calendar_id: int
    """Id of the calendar that contains the event."""
    event_id: int
    """Id of the calendar event."""
    status: OutcomeStatus = field(repr=str)
    """Status of the event."""
    reason: str | None = None
    """Explanation of the status, if any."""
    result: CancelledEvent | None = None
    """The API's reply, if there was one."""
    error: MeetStreamError | None = None
    """The error, for a failed or unknown event; in JSON its class and text."""
    attempts: int = 0
    """Number of requests sent."""
    elapsed: float = 0.0
    """Seconds from the first attempt to the last response, without waiting for a slot or the rate limit."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the last request, for questions to its vendor; None if nothing told one."""

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
    @property
    def request_id(self) -> str | None: ...


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
        "request_id": outcome.request_id,
    }


@frozen(repr=False)
class BulkReport(PydanticType, Generic[OutcomeT_co]):
    """The result of a bulk run. As text it is its verdict; a notebook shows it as a table."""

    counts: Mapping[str, int] = field(converter=_report_text.plain)
    """Number of targets in each status; every possible status, zeros included."""
    outcomes: tuple[OutcomeT_co, ...]
    """One per target. For a stream: only those that were not handed to its consumer."""
    complete: bool
    """Whether all targets were processed and, if listed, the last listing was complete."""
    ok: bool
    """Whether it is complete and everything that was asked for was done."""
    reason: str | None
    """Why it is not complete or not ok; if it is ok, what else there is to know, or None."""
    elapsed: float
    """Seconds that the run took, verification included."""
    still_listed: tuple[ScheduledBot, ...] = field(default=())
    """Bots whose event was unscheduled, and that the last listing shows, or may hide if it is full."""
    pace: float | None = None
    """Requests per second that the API was found to allow; None if it refused none for being too fast."""

    def __str__(self) -> str:
        return _report_text.sentence(self)

    def __repr__(self) -> str:
        return _report_text.short(self)

    def _repr_html_(self) -> str:
        return _report_text.table(self)

    def to_dict(self) -> dict[str, Any]:
        """JSON values only, without meeting links and attributes; ``pace`` only if one was found."""
        found = {} if self.pace is None else {"pace": round(self.pace, 3)}
        return {
            "ok": self.ok,
            "complete": self.complete,
            "reason": self.reason,
            "elapsed": round(self.elapsed, 6),
            "counts": dict(self.counts),
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
            **found,
        }

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # If nothing says which type of outcome it contains, either is possible.
        known = cls[UnscheduleOutcome | CancelOutcome] if source is cls else source
        return super().__get_pydantic_core_schema__(known, handler)

    def raise_for_failures(self) -> None:
        """Raise BulkError, with this report on it, unless ``ok``."""
        if not self.ok:
            raise BulkError(self.reason or "the run is not ok", report=self)


class BulkError(MeetStreamError):
    """A bulk run did not do everything that was asked; ``report`` has the outcome of each target."""

    def __init__(self, message: str = "", *, report: BulkReport[Any] | None = None) -> None:
        super().__init__(message)
        self.report = report


@frozen
class MeetingCancellation(PydanticType):
    """The outcome of one meeting."""

    calendar_id: int
    """Id of the calendar that contains the event."""
    event_id: int
    """Id of the calendar event."""
    event: CancelledEvent | None
    """MeetBit's reply; None if this call did not cancel the event."""
    bots: tuple[UnscheduleOutcome, ...]
    """The outcomes of its bots; empty if there were none, or none was touched."""
    ok: bool
    """Whether the event is cancelled (or no longer exists), and no bot of it is known to be left."""
    reason: str | None
    """Why it is not ok, or other remarks."""
    error: MeetStreamError | None = None
    """Why the event was not cancelled."""

    @property
    def calendar_event(self) -> CalendarEvent | None:
        """The calendar event after the cancellation; None if this call did not cancel it."""
        return None if self.event is None else self.event.event
