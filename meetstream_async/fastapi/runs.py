"""Models of the bulk router (request, run state, outcomes), and the protocol of a run store."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    model_validator,
)

from .. import BotFilter, BulkOptions, ConfigurationError, MeetStreamClient, OutcomeStatus, UnscheduleOptions
from .._times import time_of
from ..preview import CancelBy, OneOffBots
from .problems import ProblemError

MOST_EVENT_IDS = 10_000
"""Maximum number of event ids in one request."""
MOST_CONCURRENT = 50
"""Maximum number of requests in flight in one run."""
_WHAT = UnscheduleOptions()
_HOW = BulkOptions[Any]()


def _number(value: object) -> object:
    # JSON's 5.0 counts as an integer; "5" and true do not.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return value


def _identifier(value: str) -> str:
    """Check an id here as well as in the core, so that the error can name its place in the request."""
    if value.strip() in ("", ".", "..") or any(unicodedata.category(char) == "Cc" for char in value):
        raise ValueError("not a valid event id: blank, a dot segment, or with a control character")
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


def _with_condition(value: object) -> object:
    """Tell an empty filter here what to write instead: the library's words speak of its own arguments."""
    if isinstance(value, Mapping) and all(condition is None for condition in value.values()):
        raise ValueError(
            "a filter needs a condition that is not null, or it would select every bot; "
            f"{_WHOLE_ACCOUNT} instead"
        )
    return value


_WHOLE_ACCOUNT = 'to unschedule the whole account, write {"all": true}'
# Swagger UI fills the body of "Try it out" with the first one: it must be harmless.
_EXAMPLES: list[JsonValue] = [
    {"event_ids": ["evt_3f462ebeb4119e4d", "evt_37b03efb9d94805f"], "dry_run": True},
    {"filter": {"platform": "zoom", "name": "Acme *"}, "dry_run": True},
    {"all": True, "dry_run": True},
]


class BulkRequest(BaseModel):
    """What to unschedule: exactly one of `filter`, `event_ids` and `"all": true`, and how."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": _EXAMPLES}
    )

    filter: Annotated[BotFilter | None, BeforeValidator(_with_condition)] = Field(
        default=None, description="Selects bots of the account; needs at least one condition."
    )
    all: StrictBool = Field(default=False, description="Every scheduled bot of the account.")
    event_ids: Annotated[
        list[EventId] | None,
        Field(min_length=1, max_length=MOST_EVENT_IDS),
    ] = Field(default=None, description="Only these events, without listing the account.")
    max_concurrency: Annotated[int, BeforeValidator(_number)] = Field(
        default=_HOW.max_concurrency,
        ge=1,
        le=MOST_CONCURRENT,
        description="Maximum number of requests in flight.",
    )
    dry_run: StrictBool = Field(
        default=_WHAT.dry_run, description="Report what would be done, but send no DELETE."
    )
    cancel_all_occurrences: StrictBool | None = Field(
        default=_WHAT.cancel_all_occurrences,
        description="Unschedule whole recurring series; with a `filter` this needs `whole_events`.",
    )
    from_date: Annotated[AwareDatetime | None, BeforeValidator(partial(time_of, up=True))] = Field(
        default=_WHAT.from_date,
        description="Only occurrences from this time on; needs `cancel_all_occurrences`.",
    )
    one_off_bots: OneOffBots = Field(
        default=_WHAT.one_off_bots,
        description="Bots without an event: leave them and report that the run is not ok (`report`), "
        "leave them (`skip`), or delete them by their own ids (`delete`).",
    )
    cancel_by: CancelBy = Field(
        default=_WHAT.cancel_by,
        description="Cancel by the event where that takes no other bot, else by the bots' own ids (auto), or "
        "one way only; `event_ids` name no bots, so `bot` is not for them.",
    )
    whole_events: StrictBool = Field(
        default=_WHAT.whole_events, description="Also unschedule events that only partly match the filter."
    )

    @model_validator(mode="after")
    def _selects(self) -> Self:
        given = [name for name in ("filter", "event_ids", "all") if getattr(self, name) not in (None, False)]
        if not given:
            # A body that lost its condition on the way here must not unschedule everything.
            raise ValueError(
                f"say what to unschedule: a filter with a condition, or event_ids; {_WHOLE_ACCOUNT}"
            )
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} can't be combined: leave one of them out")
        return self

    def options(self) -> UnscheduleOptions:
        """What to do. Raises ConfigurationError for options that contradict each other."""
        if self.cancel_by == "bot" and self.event_ids is not None:
            raise ConfigurationError("cancel_by 'bot' needs bots, but event_ids name events only")
        return UnscheduleOptions(
            where=self.filter,
            cancel_all_occurrences=self.cancel_all_occurrences,
            from_date=self.from_date,
            one_off_bots=self.one_off_bots,
            cancel_by=self.cancel_by,
            whole_events=self.whole_events,
            dry_run=self.dry_run,
        )

    def bulk(self) -> BulkOptions[Any]:
        """How the run goes."""
        return BulkOptions(max_concurrency=self.max_concurrency)


STATUSES: list[OutcomeStatus] = [
    OutcomeStatus.UNSCHEDULED,
    OutcomeStatus.ALREADY_UNSCHEDULED,
    OutcomeStatus.WOULD_UNSCHEDULE,
    OutcomeStatus.FAILED,
    OutcomeStatus.UNKNOWN,
    OutcomeStatus.SKIPPED,
    OutcomeStatus.NOT_ATTEMPTED,
]
"""The statuses that a bulk unschedule can have."""


class RunPhase(StrEnum):
    """Phase of a run."""

    RUNNING = "running"
    """In progress, or waiting for a worker."""
    SUCCEEDED = "succeeded"
    """Everything that was asked for was done."""
    FAILED = "failed"
    """Some of what was asked for was not done; the reason says why."""
    CANCELLED = "cancelled"
    """The run was stopped before its end."""


class RunState(BaseModel):
    """The current state of a run."""

    id: str = Field(description="Id of the run.")
    state: RunPhase = Field(description="Phase of the run.")
    dry_run: bool = Field(description="Nothing is changed; outcomes say what a run would do.")
    stopping: bool = Field(description="The run was stopped and is waiting for requests in flight.")
    counts: dict[str, int] = Field(description="Number of events in each status so far, by status.")
    complete: bool = Field(description="All targets were processed and the last listing was complete.")
    ok: bool = Field(description="Complete, and everything that was asked for was done.")
    reason: str | None = Field(
        description="Why the run is not complete or not ok; if it is ok, what else there is to know."
    )
    started_at: AwareDatetime = Field(description="When it was started.")
    ended_at: AwareDatetime | None = Field(description="When it ended; null until then.")
    still_listed: int = Field(description="Bots that are still listed although their event was unscheduled.")

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state is not RunPhase.RUNNING


class RunOutcome(BaseModel):
    """The outcome of one event, or of one bot without an event."""

    position: str = Field(description="Position in the run; `after` and `Last-Event-ID` continue after it.")
    event_id: str | None = Field(description="Id of the event; null for a bot without one.")
    bot_ids: list[str] = Field(description="Ids of its bots, as far as they were listed.")
    method: Literal["event", "bot"] | None = Field(description="Which request decided it, if any was sent.")
    inferred: bool = Field(description="Found done after an attempt whose answer was lost.")
    status: OutcomeStatus = Field(description="What became of it.")
    reason: str | None = Field(description="Why, where the status alone does not say it.")
    attempts: int = Field(description="Number of requests sent.")
    elapsed: float = Field(description="Seconds from the first attempt to the last response.")
    error: str | None = Field(description="Class and text of the error.")
    request_id: str | None = Field(description="MeetStream's id of the last request, if it told one.")


class OutcomePage(BaseModel):
    """Some outcomes of a run, in the order in which they arrived."""

    outcomes: list[RunOutcome] = Field(description="The outcomes after the given position.")
    next: str | None = Field(description="Pass it as `after` for the next page.")
    more: bool = Field(description="The run has not ended, or has more outcomes.")


class Runs(Protocol):
    """Where runs live: in this process, or in a durable store.

    Outcomes have positions (opaque strings) in the order in which they arrived. An outcome that changes later
    gets a new position at the end, and the old one is no longer shown.
    """

    @property
    def durable(self) -> bool:
        """Whether runs continue when the server stops."""

    def serving(self) -> AbstractAsyncContextManager[None]:
        """Entered when the application starts; at its end, runs are stopped or handed over."""

    async def start(
        self, client: MeetStreamClient, request: BulkRequest, key: str | None, caller: str | None = None
    ) -> RunState:
        """Start a run, or return the run that the same caller started with the same idempotency key.

        ``caller``: who is asking, where the router knows. Raises ConfigurationError for options that
        contradict each other, and ProblemError if there is no room for another run, or if the key belongs to
        a different request.
        """

    async def belongs(self, run_id: str, caller: str) -> bool:
        """Whether this caller started the run; False if there is no such run."""

    async def state(self, run_id: str) -> RunState:
        """The current state of a run. Raises ProblemError (404) if there is no such run."""

    async def outcomes(self, run_id: str, after: str | None, limit: int) -> Sequence[RunOutcome]:
        """Outcomes after a position, or from the first. Raises as ``state``, and for an unknown position."""

    async def stop(self, run_id: str) -> RunState:
        """Start nothing new in this run; requests in flight finish. Raises as ``state``."""

    async def changed(self, run_id: str, since: RunState, timeout: float) -> None:
        """Return when the run may have changed since ``since``, or at the timeout. Raises as ``state``."""


NOT_STARTED = (
    "the router has not started, because the application's lifespan has not run: include the router in the "
    "application that is served, not in one that is mounted there, or let the outer application's lifespan "
    "enter the mounted one's: `async with child.router.lifespan_context(child)`; in tests use "
    "`with TestClient(app)`"
)


def no_such_run() -> ProblemError:
    return ProblemError(404, "run_not_found", "There is no such run, or it has been deleted.")


def key_is_taken() -> ProblemError:
    return ProblemError(
        422, "idempotency_key_reused", "The Idempotency-Key was used for a request with a different body."
    )


def no_position() -> ProblemError:
    return ProblemError(422, "invalid_position", "Unknown position for this run.")


def no_room(retry_after: float) -> ProblemError:
    return ProblemError(
        503, "too_many_runs", "The maximum number of runs is in progress.", retry_after=retry_after
    )
