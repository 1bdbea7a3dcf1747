"""Shared by the bulk operations of both APIs: an item is one call, and an outcome is its result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import attrs

from .._http.rate_limit import RateLimiter
from .._http.session import ApiSession
from ..errors import MeetStreamError
from ._item import Item, request_id_of
from ._summary import IN_FLIGHT
from .report import CancelOutcome, UnscheduleOutcome
from .reschedule_outcome import RescheduleOutcome
from .statuses import OutcomeStatus

_LONGEST_OUTAGE = 10.0
"""Maximum seconds a run waits for an outage; scaled down for impatient retry policies."""

ItemT = TypeVar("ItemT", bound=Item)
C = TypeVar("C", UnscheduleOutcome, CancelOutcome, RescheduleOutcome)


class ApiOperation(ABC, Generic[ItemT, C]):
    """The part of an operation that does not depend on what is called."""

    def __init__(self, api: ApiSession, *, dry_run: bool, would: OutcomeStatus) -> None:
        self._api = api
        self._dry_run = dry_run
        self._would = would

    @property
    def rate_limiter(self) -> RateLimiter:
        return self._api.rate_limiter

    @property
    def longest_outage(self) -> float:
        return min(_LONGEST_OUTAGE, 3 * self._api.policy.longest_waits)

    @property
    def failed_attempts(self) -> int:
        return self._api.failed_attempts

    def open(self) -> int | None:
        return self._api.open()

    @abstractmethod
    def outcome(self, item: ItemT, status: OutcomeStatus, **fields: Any) -> C:
        """Build the item's outcome."""

    def without_request(self, item: ItemT) -> C | None:
        if item.problem is not None:
            return self.outcome(item, OutcomeStatus.FAILED, reason=str(item.problem), error=item.problem)
        return self.outcome(item, self._would) if self._dry_run else None

    def again(self, first: C, second: C) -> C:
        return attrs.evolve(
            second, attempts=first.attempts + second.attempts, elapsed=first.elapsed + second.elapsed
        )

    def failure(self, item: ItemT, error: MeetStreamError, **fields: Any) -> C:
        """Record an error, and build the item's outcome from it."""
        uncertain = error.outcome_unknown or item.uncertain
        status = OutcomeStatus.UNKNOWN if uncertain else OutcomeStatus.FAILED
        about = {"reason": str(error), "error": error, "attempts": error.attempts}
        return self.outcome(item, status, **{**about, "request_id": request_id_of(error), **fields})

    def not_attempted(self, item: ItemT, reason: str) -> C:
        return self.outcome(item, OutcomeStatus.NOT_ATTEMPTED, reason=reason)

    def interrupted(self, item: ItemT) -> C:
        item.uncertain = True
        return self.outcome(item, OutcomeStatus.UNKNOWN, reason=IN_FLIGHT, attempts=1)

    def stop_reason_after(self, item: ItemT, outcome: C) -> str | None:
        return item.fatal
