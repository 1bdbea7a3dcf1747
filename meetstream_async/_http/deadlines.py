"""A single timer for all requests of a client, each of which has its own deadline.

``asyncio.timeout`` creates and cancels a timer for every request, which takes 10 % of the request's time.
Nearly all requests end long before their deadline, so one timer serves them all: it is set for the earliest
deadline, and set again for the next one when it fires.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType

from ..errors import ClientSetupError


class Deadlines:
    """The deadlines of requests in flight, all in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Kept, because getting the running loop is a system call on Python 3.11.
        self.loop = loop
        self.running: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.earliest = math.inf
        """When the timer fires, in the loop's time."""

    def close(self) -> None:
        """Cancel the timer, unless requests in flight on a borrowed session still need it."""
        if self._timer is not None and not self.running:
            self._timer.cancel()
            self.earliest = math.inf

    def set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.earliest = when
        self._timer = self.loop.call_at(when, self._ring)

    def _ring(self) -> None:
        # The loop's clock may fire slightly early.
        now, self.earliest = max(self.earliest, self.loop.time()), math.inf
        for deadline in [deadline for deadline in self.running if deadline.when <= now]:
            self.running.discard(deadline)
            deadline.expire()
        if self.running:
            self.set_timer(min(deadline.when for deadline in self.running))


def is_cancelled() -> bool:
    """Whether somebody wants the current task to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Deadline:
    """Like ``asyncio.timeout_at``, but on the shared timer: raises TimeoutError in the block."""

    __slots__ = ("_cancelling", "_deadlines", "_expired", "_task", "when")

    def __init__(self, deadlines: Deadlines, when: float) -> None:
        """``when``: in the loop's time."""
        self._deadlines = deadlines
        self._expired = False
        self.when = when

    def __enter__(self) -> None:
        task = asyncio.current_task(self._deadlines.loop)
        if task is None:
            raise RuntimeError("a request must be made inside a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._deadlines.running.add(self)
        if self.when < self._deadlines.earliest:
            self._deadlines.set_timer(self.when)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Leave the timer as it is: cancelling and setting it again is what is expensive.
        self._deadlines.running.discard(self)
        # If someone else has cancelled the task, too, the cancellation wins.
        if (
            self._expired
            and self._task.uncancel() <= self._cancelling
            and isinstance(error, asyncio.CancelledError)
        ):
            raise TimeoutError from error

    def expire(self) -> None:
        self._expired = True
        self._task.cancel()


def check_timeout(timeout: float) -> float:
    """Seconds per attempt. Raises ClientSetupError for anything but a number above 0."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < 1e9:
        raise ClientSetupError(f"timeout must be a number of seconds, more than 0, not {timeout!r}")
    return float(timeout)
