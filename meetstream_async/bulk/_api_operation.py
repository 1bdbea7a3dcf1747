"""What the bulk plans of both APIs share: a job is one call, and an outcome is what came of it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import attrs
from attrs import define

from .._http.api_errors import rejects_the_key
from .._http.rate_limit import Pacer
from .._http.session import ApiSession
from ..errors import ConfigurationError, MeetStreamError
from .report import CancelOutcome, OutcomeStatus, UnscheduleOutcome


@define(eq=False, kw_only=True)
class Job:
    """One call to be made, and what is known of the attempts at it."""

    uncertain: bool = False
    """An earlier attempt may have taken effect."""
    problem: ConfigurationError | None = None
    """Why no request can be made of it."""
    fatal: str | None = None
    """Why no other job can fare better."""
    began: float | None = None
    """When the call that is being made began, by the monotonic clock."""

    def begin(self) -> None:
        """A call is going to be made."""
        self.began = time.monotonic()

    def end(self) -> float:
        """The call is over: how many seconds it took. 0 where none was made."""
        began, self.began = self.began, None
        return 0.0 if began is None else time.monotonic() - began

    def note_error(self, error: MeetStreamError, *, about_this_only: bool = False) -> None:
        """Keep what an error means for further attempts, and for the run."""
        # Kept with the report: a traceback would keep every frame of the call alive with it.
        error.with_traceback(None)
        self.uncertain = self.uncertain or error.outcome_unknown
        if isinstance(error, ConfigurationError):
            self.fatal = f"no request can be made: {error}"
        elif rejects_the_key(error) and not about_this_only:
            self.fatal = f"the API rejects the key: {error}"


_LONGEST_OUTAGE = 10.0
"""Seconds. A policy that gives up quickly on a call is not made to wait for long by the run, either."""

J = TypeVar("J", bound=Job)
C = TypeVar("C", UnscheduleOutcome, CancelOutcome)


class CallPlan(ABC, Generic[J, C]):
    """The part of a plan that is the same whatever is called."""

    def __init__(self, api: ApiSession, *, dry_run: bool, would: OutcomeStatus) -> None:
        self._api = api
        self._dry_run = dry_run
        self._would = would

    @property
    def pacer(self) -> Pacer:
        return self._api.pacer

    @property
    def patience(self) -> float:
        return min(_LONGEST_OUTAGE, 3 * self._api.policy.longest_waits)

    @property
    def failed_attempts(self) -> int:
        return self._api.failed_attempts

    def open(self) -> int | None:
        self._api.transport.open()
        return self._api.transport.connection_limit

    @abstractmethod
    def outcome(self, job: J, status: OutcomeStatus, **fields: Any) -> C:
        """An outcome of the job, now."""

    def foresee(self, job: J) -> C | None:
        if job.problem is not None:
            return self.outcome(job, OutcomeStatus.FAILED, reason=str(job.problem), error=job.problem)
        return self.outcome(job, self._would) if self._dry_run else None

    def again(self, first: C, second: C) -> C:
        return attrs.evolve(
            second, attempts=first.attempts + second.attempts, elapsed=first.elapsed + second.elapsed
        )

    def failure(self, job: J, error: MeetStreamError, **fields: Any) -> C:
        """The outcome of an error, after it was noted."""
        uncertain = error.outcome_unknown or job.uncertain
        status = OutcomeStatus.UNKNOWN if uncertain else OutcomeStatus.FAILED
        return self.outcome(
            job, status, **{"reason": str(error), "error": error, "attempts": error.attempts, **fields}
        )

    def unsent(self, job: J, reason: str) -> C:
        return self.outcome(job, OutcomeStatus.NOT_ATTEMPTED, reason=reason)

    def interrupted(self, job: J) -> C:
        job.uncertain = True
        reason = "cancelled while its request was in flight"
        return self.outcome(job, OutcomeStatus.UNKNOWN, reason=reason, attempts=1)

    def halts(self, job: J, outcome: C) -> str | None:
        return job.fatal
