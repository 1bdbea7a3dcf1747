"""The operation that a bulk run carries out: it defines the items and what their results mean.

Independent of both APIs.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Protocol, TypeVar

from .._http.rate_limit import RateLimiter
from ._summary import Gaps
from .report import Outcome
from .statuses import OutcomeStatus

ItemT = TypeVar("ItemT")

OutcomeT = TypeVar("OutcomeT", bound=Outcome)


class Operation(Protocol[ItemT, OutcomeT]):
    """What a runner carries out: the source of the items, and what each of them means."""

    @property
    def statuses(self) -> Sequence[OutcomeStatus]:
        """Every status that an outcome of this operation can have."""

    @property
    def rate_limiter(self) -> RateLimiter:
        """Decides when the next request may start."""

    @property
    def longest_outage(self) -> float:
        """Maximum seconds to wait for the end of an outage; 0 if nothing is retried."""

    @property
    def failed_attempts(self) -> int:
        """Number of requests of its client so far that reached no working server."""

    def open(self) -> int | None:
        """Prepare in the running loop. Returns the maximum number of concurrent requests, if bounded.

        Raises ConfigurationError if no request could be made at all.
        """

    def items(self) -> AsyncGenerator[ItemT, None]:
        """The items, created on demand."""

    def remaining(self) -> Iterable[ItemT]:
        """The items that a stopped run did not take, as far as they are known."""

    def without_request(self, item: ItemT) -> OutcomeT | None:
        """The outcome of an item that needs no request, otherwise None."""

    async def attempt(self, item: ItemT) -> OutcomeT:
        """Make one call. Raises nothing except cancellation; errors are part of the outcome."""

    def again(self, first: OutcomeT, second: OutcomeT) -> OutcomeT:
        """Combine the outcomes of two attempts at an item into one."""

    def not_attempted(self, item: ItemT, reason: str) -> OutcomeT:
        """The outcome of an item that was never started."""

    def interrupted(self, item: ItemT) -> OutcomeT:
        """The outcome of an item that was cancelled in flight."""

    def stop_reason_after(self, item: ItemT, outcome: OutcomeT) -> str | None:
        """Why no other item can succeed after this one, if so."""

    def gaps(self) -> Gaps:
        """Gaps in the results that the operation itself knows of, once the run has ended."""
