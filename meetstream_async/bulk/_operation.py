"""What a bulk run is made of: its options, and the plan that says what its jobs are and mean.

Knows neither API.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Protocol, TypeVar

from attrs import frozen

from .._http.rate_limit import Pacer
from ..meetstream.models import ScheduledBot
from .report import Outcome, OutcomeStatus

J = TypeVar("J")

O = TypeVar("O", bound=Outcome)  # noqa: E741 - the outcome


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
