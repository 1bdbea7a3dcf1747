"""Status of a job and its accounts, and outcomes of its events, as values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from attrs import field, frozen

from .. import OutcomeStatus


class JobState(StrEnum):
    """State of a job or of one of its accounts."""

    QUEUED = "queued"
    """Waiting for a worker; part of it may have been done by a worker that stopped."""
    RUNNING = "running"
    """Partly done or in progress; the worker that holds it may have died."""
    SUCCEEDED = "succeeded"
    """Ended, and everything that was asked for was done."""
    FAILED = "failed"
    """Ended, but some of what was asked for was not done; the reason says what."""
    CANCELLED = "cancelled"
    """Stopped on request; what was done is done."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended: nothing more will happen unless it is resumed."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@frozen
class AccountStatus:
    """Status of one account of a job."""

    account: str
    """The account's name."""
    state: JobState
    """Where it has got to."""
    counts: Mapping[str, int] = field(factory=dict, hash=False)
    """Number of events in each status so far; only statuses that occur."""
    still_listed: int = 0
    """Number of bots in the last listing whose event was unscheduled."""
    still_listed_bots: tuple[str, ...] = field(default=(), converter=tuple)
    """The ids of the first 100 of them."""
    complete: bool = False
    """Everything was processed and, if the account was listed, the last listing was complete."""
    ok: bool = False
    """Complete, and everything that was asked for was done."""
    reason: str | None = None
    """Why it is not complete or not ok, or can't be read; otherwise None until it has ended."""
    worker: str | None = None
    """The worker that last ran it."""
    worker_seen: datetime | None = None
    """If that worker has died and the account waits for it: when it was last seen; otherwise None."""
    started: datetime | None = None
    """When a worker first took it up."""
    ended: datetime | None = None
    """When it ended."""

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
            "worker_seen": _text(self.worker_seen),
            "started": _text(self.started),
            "ended": _text(self.ended),
        }


@frozen
class JobStatus:
    """The current status of a job."""

    job_id: str
    """The id that it was submitted under."""
    state: JobState
    """That of the job as a whole."""
    accounts: tuple[AccountStatus, ...]
    """Each account's own status, in the order in which they were submitted."""
    options: Mapping[str, Any] = field(factory=dict, hash=False)
    """As returned by ``JobOptions.to_dict``."""
    cancelling: bool = False
    """Cancelling was requested; workers are finishing requests in flight."""
    submitted: datetime | None = None
    """When it was stored."""
    ended: datetime | None = None
    """When its last account ended."""

    @property
    def ok(self) -> bool:
        """Whether it has ended, and everything that was asked for was done."""
        return self.state is JobState.SUCCEEDED

    @property
    def counts(self) -> dict[str, int]:
        """Number of events in each status so far, over all accounts."""
        totals: dict[str, int] = {}
        for status in OutcomeStatus:
            total = sum(account.counts.get(status, 0) for account in self.accounts)
            if total:
                totals[status.value] = total
        return totals

    @property
    def states(self) -> dict[str, int]:
        """Number of accounts in each state."""
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
    """The result of ``resume_job``."""

    resumed: int
    """Number of accounts that were put back into the queue."""
    left: Mapping[str, int] = field(factory=dict, hash=False)
    """Number of accounts that were left with each living worker, by worker id."""


@frozen
class JobOutcome:
    """The outcome of one event of one account. Each event has exactly one, which never changes."""

    account: str
    """The account's name."""
    event_id: str | None
    """Event id; None for a one-off bot."""
    bot_ids: tuple[str, ...]
    """Ids of the event's bots, as far as they were listed."""
    method: Literal["event", "bot"] | None
    """Which request decided it, as far as that was stored."""
    inferred: bool
    """The goal was found reached after an attempt whose answer was lost."""
    status: OutcomeStatus
    """What became of it."""
    reason: str | None
    """Why, where the status alone does not say it."""
    attempts: int
    """Requests sent, as far as known to the worker that stored this outcome."""
    elapsed: float
    """Seconds from the first attempt to the last response, as far as known to that worker."""
    error: str | None
    """Class and text of the error."""
    request_id: str | None
    """The API's id of the last request, as far as that was stored."""
    position: str
    """Position in the job; ``job_outcomes(after=...)`` continues after it."""

    def to_dict(self) -> dict[str, Any]:
        """The outcome as one line of ``jobs report``."""
        from .. import outcome_to_dict  # only here: a status needs none of what it imports

        return {"account": self.account, **outcome_to_dict(self)}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
