"""What a bulk run is made of: its options, and the operation that says what its items are and mean.

Knows neither API.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Protocol, TypeVar

from attrs import frozen

from .._http.rate_limit import RateLimiter
from ..meetstream.models import ScheduledBot
from .report import Outcome, OutcomeStatus

ItemT = TypeVar("ItemT")

OutcomeT = TypeVar("OutcomeT", bound=Outcome)


class Operation(Protocol[ItemT, OutcomeT]):
    """What a runner runs: where its items come from, and what each of them means."""

    @property
    def statuses(self) -> Sequence[OutcomeStatus]:
        """Every status that an outcome of this operation can have."""

    @property
    def rate_limiter(self) -> RateLimiter:
        """When the next request may start."""

    @property
    def longest_outage(self) -> float:
        """Seconds that an outage in mid-run is waited for; 0 where nothing is tried again."""

    @property
    def failed_attempts(self) -> int:
        """How many requests of its client have met no working server so far."""

    def open(self) -> int | None:
        """Make ready, in the running loop. How many requests can be on the wire at once, if bounded.

        Raises ConfigurationError where no request could be made at all.
        """

    def items(self) -> AsyncGenerator[ItemT, None]:
        """The items, made as they are asked for."""

    def remaining(self) -> Iterable[ItemT]:
        """The items that a stopped run never took, as far as they are known."""

    def without_request(self, item: ItemT) -> OutcomeT | None:
        """The outcome of an item that needs no request, else None."""

    async def attempt(self, item: ItemT) -> OutcomeT:
        """One call. Raises nothing but cancellation; errors are in the outcome."""

    def again(self, first: OutcomeT, second: OutcomeT) -> OutcomeT:
        """One outcome of two attempts at an item."""

    def not_attempted(self, item: ItemT, reason: str) -> OutcomeT:
        """The outcome of an item that was never begun."""

    def interrupted(self, item: ItemT) -> OutcomeT:
        """The outcome of an item that was cancelled in flight."""

    def stop_reason_after(self, item: ItemT, outcome: OutcomeT) -> str | None:
        """Why no other item can succeed after this one, if so."""

    def gaps(self) -> Gaps:
        """What the operation itself knows to be missing, once the run has ended."""


@frozen(eq=False)
class Gaps:
    """Why a report is not complete or not ok, besides its counts."""

    incomplete: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    still_listed: tuple[ScheduledBot, ...] = ()
    note: str | None = None
    """What there is to know where nothing is missing."""
