"""What every item of a bulk run has: what is known of the attempts at it, and its clock."""

from __future__ import annotations

import time

from attrs import define

from .._http.api_errors import why_no_other_can_succeed
from .._http.call import PACED, PACED_AND_UNCERTAIN, Context
from ..errors import ApiError, ConfigurationError, InvalidResponseError, MeetStreamError


def request_id_of(error: MeetStreamError) -> str | None:
    """The API's own id of the request that ended in the error, if a reply told it."""
    return error.request_id if isinstance(error, ApiError | InvalidResponseError) else None


@define(eq=False, kw_only=True)
class Item:
    """One call to make, and what is known from earlier attempts at it."""

    uncertain: bool = False
    """Whether an earlier attempt may have taken effect."""
    problem: ConfigurationError | None = None
    """Why no request can be made for it."""
    fatal: str | None = None
    """Why no other item can succeed."""
    began: float | None = None
    """Start of the current call, by the monotonic clock."""

    @property
    def context(self) -> Context:
        """The context of a call for which the runner has already waited."""
        return PACED_AND_UNCERTAIN if self.uncertain else PACED

    def begin(self) -> None:
        """Mark the start of a call."""
        self.began = time.monotonic()

    def end(self) -> float:
        """Mark the end of a call. Returns its duration in seconds, 0 if none was started."""
        began, self.began = self.began, None
        return 0.0 if began is None else time.monotonic() - began

    def note_error(self, error: MeetStreamError) -> None:
        """Record what an error means for further attempts and for the run."""
        # The report keeps the error: with its traceback, it would keep every frame of the call alive.
        error.with_traceback(None)
        self.uncertain = self.uncertain or error.outcome_unknown
        if isinstance(error, ConfigurationError):
            self.fatal = f"no request can be made: {error}"
        else:
            self.fatal = why_no_other_can_succeed(error) or self.fatal
