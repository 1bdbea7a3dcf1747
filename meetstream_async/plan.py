"""What a bulk run is made of: its options, and the plan that says what its jobs are and mean.

Knows neither API.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from attrs import frozen

from .errors import ConfigurationError
from .models import ScheduledBot
from .outcomes import Outcome, OutcomeStatus
from .pacing import Pacer

J = TypeVar("J")
O = TypeVar("O", bound=Outcome)  # noqa: E741 - the outcome


@frozen(eq=False)
class BulkOptions(Generic[O]):
    """The options that every bulk run has. Raises ConfigurationError for values out of range."""

    max_concurrency: int
    max_pause: float
    stop_after_failures: int
    on_outcome: Callable[[O], object] | None
    stop: asyncio.Event | None = None
    """Set by the caller, it ends the run gracefully."""

    def __attrs_post_init__(self) -> None:
        for name in ("max_concurrency", "stop_after_failures"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name} must be an int, 1 or more, not {value!r}")
        pause = self.max_pause
        if isinstance(pause, bool) or not isinstance(pause, int | float) or not pause >= 0:
            raise ConfigurationError(f"max_pause must be a number of seconds, 0 or more, not {pause!r}")
        if self.on_outcome is not None and not is_plain_function(self.on_outcome):
            raise ConfigurationError(
                "on_outcome must be a plain function; for an async consumer iterate over a stream"
            )
        if self.stop is not None and not isinstance(self.stop, asyncio.Event):
            raise ConfigurationError(f"stop must be an asyncio.Event, not {type(self.stop).__name__}")


def is_plain_function(value: object) -> bool:
    """Callable, and not to be awaited: a coroutine that nobody awaits would be true, and do nothing."""
    return callable(value) and not any(
        inspect.iscoroutinefunction(function) for function in (value, type(value).__call__)
    )


class Plan(Protocol[J, O]):
    """What a runner runs: where its jobs come from, and what each of them means."""

    @property
    def statuses(self) -> Sequence[OutcomeStatus]:
        """Every status that an outcome of this plan can have."""

    @property
    def pacer(self) -> Pacer:
        """When the next request may start."""

    @property
    def patience(self) -> float:
        """Seconds that an outage in mid-run is waited for; 0 where nothing is tried again."""

    @property
    def failed_attempts(self) -> int:
        """How many requests of its client have met no working server so far."""

    def open(self) -> int | None:
        """Make ready, in the running loop. How many requests can be on the wire at once, if bounded.

        Raises ConfigurationError where no request could be made at all.
        """

    def jobs(self) -> AsyncGenerator[J, None]:
        """The jobs, made as they are asked for."""

    def rest(self) -> Iterable[J]:
        """The jobs that a stopped run never took, as far as they are known."""

    def foresee(self, job: J) -> O | None:
        """The outcome of a job that needs no request, else None."""

    async def attempt(self, job: J) -> O:
        """One call. Raises nothing but cancellation; errors are in the outcome."""

    def again(self, first: O, second: O) -> O:
        """One outcome of two attempts at a job."""

    def unsent(self, job: J, reason: str) -> O:
        """The outcome of a job that was never begun."""

    def interrupted(self, job: J) -> O:
        """The outcome of a job that was cancelled in flight."""

    def halts(self, job: J, outcome: O) -> str | None:
        """Why no other job can succeed after this one, if so."""

    def shortfall(self) -> Shortfall:
        """What the plan itself knows to be missing, once the run has ended."""


@frozen(eq=False)
class Shortfall:
    """Why a report is not complete or not ok, besides its counts."""

    incomplete: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    still_listed: tuple[ScheduledBot, ...] = ()
