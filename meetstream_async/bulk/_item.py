"""What every item of a bulk run has: what is known of the attempts at it, and its clock."""

from __future__ import annotations

import time

from attrs import define

from .._http.api_errors import why_no_other_can_succeed
from .._http.call import PACED, PACED_AND_UNCERTAIN, Context
from ..errors import ConfigurationError, MeetStreamError


@define(eq=False, kw_only=True)
class Item:
    """One call to be made, and what is known of the attempts at it."""

    uncertain: bool = False
    """An earlier attempt may have taken effect."""
    problem: ConfigurationError | None = None
    """Why no request can be made of it."""
    fatal: str | None = None
    """Why no other item can succeed."""
    began: float | None = None
    """When the call that is being made began, by the monotonic clock."""

    @property
    def context(self) -> Context:
        """The context of a call whose turn the runner has waited for."""
        return PACED_AND_UNCERTAIN if self.uncertain else PACED

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
        elif not about_this_only:
            self.fatal = why_no_other_can_succeed(error) or self.fatal
