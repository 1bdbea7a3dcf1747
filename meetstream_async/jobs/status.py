"""What a job, one of its accounts and one of its events have come to, as values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from .. import OutcomeStatus, outcome_to_dict


class JobState(StrEnum):
    """Where a job or an account of it stands."""

    QUEUED = "queued"
    """It waits for a worker; one that stopped may have done a part of it."""
    RUNNING = "running"
    """Some is done or under way; a worker that died may hold it."""
    SUCCEEDED = "succeeded"
    """Over, and all that was asked for holds."""
    FAILED = "failed"
    """Over, and not all that was asked for holds; the reason says what."""
    CANCELLED = "cancelled"
    """Stopped on request; what was done is done."""

    @property
    def is_over(self) -> bool:
        """Nothing more will happen to it, unless it is resumed."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@frozen
class AccountStatus:
    """One line of a job's status."""

    account: str
    state: JobState
    counts: Mapping[str, int] = field(factory=dict, hash=False)
    """How many events ended in each status so far; only statuses that occur."""
    still_listed: int = 0
    """Bots that the last listing shows although their event was unscheduled."""
    still_listed_bots: tuple[str, ...] = field(default=(), converter=tuple)
    """The ids of the first 100 of them."""
    complete: bool = False
    """All was taken up and, where listed, the last listing was whole."""
    ok: bool = False
    """Complete, and nothing is left that was asked for."""
    reason: str | None = None
    """Why not complete or not ok, or why it can't be read; else None while it is not over."""
    worker: str | None = None
    """The worker that took it up last."""
    started: datetime | None = None
    ended: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values; times in ISO 8601."""
        return {
            "account": self.account,
            "state": self.state.value,
            "counts": dict(self.counts),
            "still_listed": self.still_listed,
            "still_listed_bots": list(self.still_listed_bots),
            "complete": self.complete,
            "ok": self.ok,
            "reason": self.reason,
            "worker": self.worker,
            "started": _text(self.started),
            "ended": _text(self.ended),
        }


@frozen
class JobStatus:
    """A job as of now."""

    job_id: str
    state: JobState
    accounts: tuple[AccountStatus, ...]
    options: Mapping[str, Any] = field(factory=dict, hash=False)
    """As ``JobOptions.to_dict`` gives them."""
    cancelling: bool = False
    """It was asked to stop; workers finish what is in flight."""
    submitted: datetime | None = None
    ended: datetime | None = None

    @property
    def ok(self) -> bool:
        """It is over, and all that was asked for holds."""
        return self.state is JobState.SUCCEEDED

    @property
    def counts(self) -> dict[str, int]:
        """How many events of all accounts ended in each status so far."""
        totals: dict[str, int] = {}
        for status in OutcomeStatus:
            total = sum(account.counts.get(status, 0) for account in self.accounts)
            if total:
                totals[status.value] = total
        return totals

    @property
    def states(self) -> dict[str, int]:
        """How many accounts are in each state."""
        states = [account.state for account in self.accounts]
        return {state.value: states.count(state) for state in JobState if state in states}

    def to_dict(self) -> dict[str, Any]:
        """JSON values; times in ISO 8601."""
        return {
            "job_id": self.job_id,
            "state": self.state.value,
            "ok": self.ok,
            "cancelling": self.cancelling,
            "submitted": _text(self.submitted),
            "ended": _text(self.ended),
            "states": self.states,
            "counts": self.counts,
            "options": dict(self.options),
            "accounts": [account.to_dict() for account in self.accounts],
        }


@frozen
class JobResumption:
    """What ``resume_job`` did."""

    resumed: int
    """Accounts that were put back into the queue."""
    left: Mapping[str, int] = field(factory=dict, hash=False)
    """How many accounts were left with each worker that is alive."""


@frozen
class JobOutcome:
    """What became of one event of one account. Each event has one, and it never changes once it is there."""

    account: str
    event_id: str | None
    """None for a one-off bot."""
    bot_ids: tuple[str, ...]
    inferred: bool
    """The goal was found reached after an attempt whose answer was lost."""
    status: OutcomeStatus
    reason: str | None
    attempts: int
    """Requests sent, as far as the worker that stored this outcome knows."""
    elapsed: float
    """Seconds from the first attempt to the last answer, as far as that worker knows."""
    error: str | None
    """The error's class and text."""
    position: str
    """Where it stands in the job; ``job_outcomes(after=...)`` goes on behind it."""

    def to_dict(self) -> dict[str, Any]:
        """One line of ``jobs report``."""
        return {"account": self.account, **outcome_to_dict(self)}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
