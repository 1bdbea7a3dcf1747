"""What the router says and asks: the request for a run, its state and outcomes, and where runs live."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from .. import BotFilter, BulkOptions, ConfigurationError, MeetStreamClient, OutcomeStatus, UnscheduleOptions
from .problems import ProblemError

MOST_EVENT_IDS = 10_000
"""Of one request."""
MOST_CONCURRENT = 50
"""Requests in flight of one run."""
_WHAT = UnscheduleOptions()
_HOW = BulkOptions[Any]()


def _text(value: object) -> object:
    if not isinstance(value, str | datetime | None):
        raise ValueError("a time is a string in ISO 8601")
    return value


def _number(value: object) -> object:
    # 5.0 is an integer of JSON; "5" and true are none.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is wanted")
    return value


def _identifier(value: str) -> str:
    """The core checks ids, too; here the answer can name the place in the request."""
    if value in (".", "..") or any(unicodedata.category(char) == "Cc" for char in value):
        raise ValueError("an id that no event can have: a dot segment, or with a control character")
    return value


EventId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1024,
        json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f-\x9f]*$", "not": {"enum": [".", ".."]}},
    ),
    AfterValidator(_identifier),
]


class BulkRequest(BaseModel):
    """What to unschedule. Without ``filter`` and ``event_ids``: every scheduled bot of the account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    filter: BotFilter | None = Field(
        default=None, description="Which bots of the account; not together with `event_ids`."
    )
    event_ids: Annotated[
        list[EventId] | None,
        Field(min_length=1, max_length=MOST_EVENT_IDS),
    ] = Field(default=None, description="Just these events, instead of what is listed.")
    max_concurrency: Annotated[int, BeforeValidator(_number)] = Field(
        default=_HOW.max_concurrency, ge=1, le=MOST_CONCURRENT, description="Requests in flight at most."
    )
    dry_run: StrictBool = Field(
        default=_WHAT.dry_run, description="Say what would be done, and send no DELETE."
    )
    cancel_all_occurrences: StrictBool | None = Field(
        default=_WHAT.cancel_all_occurrences,
        description="Take whole recurring series; with a `filter` this needs `whole_events`.",
    )
    from_date: Annotated[AwareDatetime | None, BeforeValidator(_text)] = Field(
        default=_WHAT.from_date,
        description="Of a series only occurrences from then on; needs `cancel_all_occurrences`.",
    )
    one_off_bots: Literal["report", "skip", "delete"] = Field(
        default=_WHAT.one_off_bots,
        description="Bots without an event: leave them and say that the run is not ok, leave them, "
        "or delete them by their own ids.",
    )
    whole_events: StrictBool = Field(
        default=_WHAT.whole_events, description="Also take events that have bots outside of the filter."
    )

    def options(self) -> UnscheduleOptions:
        """What to do. Raises ConfigurationError for options that contradict each other."""
        if self.filter is not None and self.event_ids is not None:
            raise ConfigurationError(
                "filter selects from the listing, which event_ids replace: leave one of them out"
            )
        return UnscheduleOptions(
            where=self.filter,
            cancel_all_occurrences=self.cancel_all_occurrences,
            from_date=self.from_date,
            one_off_bots=self.one_off_bots,
            whole_events=self.whole_events,
            dry_run=self.dry_run,
        )

    def bulk(self) -> BulkOptions[Any]:
        """How the run goes."""
        return BulkOptions(max_concurrency=self.max_concurrency)


STATUSES: list[OutcomeStatus] = [
    status for status in OutcomeStatus if status not in (OutcomeStatus.CANCELLED, OutcomeStatus.WOULD_CANCEL)
]
"""Those that a bulk unschedule can have."""


class RunPhase(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    """Everything that was asked for holds."""
    FAILED = "failed"
    """Not everything holds; the reason says why."""
    CANCELLED = "cancelled"
    """It was stopped before its end."""


class RunState(BaseModel):
    """A run as it is now."""

    id: str = Field(description="Its id; whoever knows it can read and stop the run.")
    state: RunPhase
    dry_run: bool
    stopping: bool = Field(description="It was told to stop and waits for what is in flight.")
    counts: dict[OutcomeStatus, int] = Field(description="How many events ended in each status so far.")
    complete: bool = Field(description="All targets were taken up and the last listing was whole.")
    ok: bool = Field(description="Complete, and nothing is left that was asked for.")
    reason: str | None = Field(description="Why not complete or not ok.")
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    still_listed: int = Field(description="Bots that are still listed although their event was unscheduled.")

    @property
    def over(self) -> bool:
        return self.state is not RunPhase.RUNNING


class RunOutcome(BaseModel):
    """What became of one event, or of one bot without an event."""

    position: str = Field(description="Its place in the run; `after` and `Last-Event-ID` go on behind it.")
    event_id: str | None
    bot_ids: list[str]
    inferred: bool = Field(description="Found done after an attempt whose answer was lost.")
    status: OutcomeStatus
    reason: str | None
    attempts: int = Field(description="Requests sent.")
    elapsed: float = Field(description="Seconds from the first attempt to the last answer.")
    error: str | None = Field(description="The error's class and text.")


class OutcomePage(BaseModel):
    """Some outcomes of a run, in the order in which they became known."""

    outcomes: list[RunOutcome]
    next: str | None = Field(description="Pass it as `after` for the next page.")
    more: bool = Field(description="The run goes on, or has more outcomes: ask again.")


class Runs(Protocol):
    """Where runs live: in this process, or in a durable store.

    Outcomes have positions, opaque texts, in the order in which they became known. One that turns out
    otherwise later gets a new position at the end, and the old one is not shown any more.
    """

    @property
    def durable(self) -> bool:
        """Runs go on when the server stops."""

    def serving(self) -> AbstractAsyncContextManager[None]:
        """Entered when the application starts; at its end runs are stopped or handed over."""

    async def start(
        self, client: MeetStreamClient, request: BulkRequest, key: str | None, caller: str | None = None
    ) -> RunState:
        """Start a run, or find the one that the same idempotency key has started for the same caller.

        Raises ConfigurationError for options that contradict each other, and ProblemError where there is
        no room for another run, or the key belongs to another request.
        """

    async def belongs(self, run_id: str, caller: str) -> bool:
        """Whether this caller has started the run; False where there is none."""

    async def state(self, run_id: str) -> RunState:
        """The run as it is now. Raises ProblemError (404) where there is none."""

    async def outcomes(self, run_id: str, after: str | None, limit: int) -> Sequence[RunOutcome]:
        """Outcomes behind a position, or from the first. Raises as ``state``, and for what is no position."""

    async def stop(self, run_id: str) -> RunState:
        """Start nothing new in this run; what is in flight finishes. Raises as ``state`` does."""

    async def changed(self, run_id: str, since: RunState, timeout: float) -> None:
        """Return when the run may not be as it was any more, or the time is up. Raises as ``state``."""


NOT_STARTED = (
    "the router has not been started, as the application's lifespan has not run: include the router in the "
    "application that is served, not in one that is mounted there, or let the outer application's lifespan "
    "enter the mounted one's: `async with child.router.lifespan_context(child)`; in tests use "
    "`with TestClient(app)`"
)


def no_such_run() -> ProblemError:
    return ProblemError(404, "run_not_found", "There is no such run, or it is not kept any more.")


def key_is_taken() -> ProblemError:
    return ProblemError(
        422, "idempotency_key_reused", "The Idempotency-Key belongs to a request with another body."
    )


def no_position() -> ProblemError:
    return ProblemError(422, "invalid_position", "That is no position of an outcome of this run.")


def no_room(retry_after: float) -> ProblemError:
    return ProblemError(
        503, "too_many_runs", "As many runs as are allowed are under way.", retry_after=retry_after
    )
