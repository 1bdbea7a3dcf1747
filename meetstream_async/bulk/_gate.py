"""When a bulk run may start something new, and how it is stopped."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Coroutine
from typing import Any

from .._http.rate_limit import RateLimiter, WaitTooLongError
from .._logs import log_fields
from .._tasks import pause
from ._circuit_breaker import CircuitBreaker
from .options import BulkOptions

_log = logging.getLogger("meetstream_async.bulk")

STOPPED = "the run was stopped"
"""Why it starts nothing more, if its caller says so."""

_WAITS_FOR_A_START = 6
"""How many times the longest outage a run waits for an API that refuses it from the first request on."""


class Gate:
    """Holds new requests back while the API asks for it, and for good once the run stops."""

    def __init__(self, rate_limiter: RateLimiter, longest_outage: float, options: BulkOptions[Any]) -> None:
        """``longest_outage``: seconds that an outage in mid-run is waited for."""
        self._rate_limiter = rate_limiter
        self._options = options
        self.breaker = CircuitBreaker(longest_outage)
        self.waiting: set[asyncio.Task[Any]] = set()
        """Tasks that a stop may cancel, because they only wait."""
        self.stopping = False
        self.aborted = False
        """The run itself was cancelled."""
        self.stop_reason: str | None = None
        self._since = math.inf
        self._longest_start = min(options.max_pause, _WAITS_FOR_A_START * longest_outage)
        """Seconds of nothing but 429s from the start on, after which targets give up."""

    def start(self) -> None:
        """The run begins."""
        self._since = asyncio.get_running_loop().time()

    def stop(self, reason: str = STOPPED) -> None:
        """Start nothing new; requests in flight finish."""
        if self.stopping:
            return
        self.stopping = True
        self.stop_reason = reason
        _log.warning("bulk run stops: %s", reason, extra=log_fields("stop", reason=reason))
        for task in self.waiting:
            if task is not asyncio.current_task():
                task.cancel()

    async def watch(self) -> None:
        if self._options.stop is not None:
            await self._options.stop.wait()
            self.stop()

    def wants_to_stop(self) -> bool:
        # Also covers the time between the setting of `stop` and the watcher's turn.
        return self.stopping or (self._options.stop is not None and self._options.stop.is_set())

    def is_open(self) -> bool:
        """Whether a new call may start at once."""
        return self.breaker.last_call_answered and self._rate_limiter.is_open and not self.wants_to_stop()

    async def turn(self) -> bool:
        """Wait until a new call may start. Returns False if the run stops instead."""
        await self.breaker.may_start.wait()
        return await self.pace()

    async def pace(self) -> bool:
        """Wait for the rate limiter and the end of a pause. Returns False if the run stops instead."""
        try:
            await self._rate_limiter.wait(pause_limit=self._options.max_pause)
        except WaitTooLongError as exc:
            self.stop(
                f"the API asked for a pause of {exc.seconds:.0f} s, "
                f"longer than max_pause ({self._options.max_pause:g} s)"
            )
        if self.wants_to_stop():
            self.stop()
        return not self.stopping

    @property
    def last_let_through(self) -> float:
        """When the API last let a request of this key through, in the loop's time."""
        return self._rate_limiter.last_let_through

    async def turn_after_a_refusal(self, times: int) -> bool:
        """Wait until a target that got its 429 number ``times`` may go back. Returns False if it may not.

        It may as long as others get through. If nothing has been let through for ``max_pause``, the run
        stops; if nothing was in the whole run, targets give up sooner.
        """
        now = asyncio.get_running_loop().time()
        seconds = now - max(self.last_let_through, self._since)
        if seconds >= self._options.max_pause:
            self.stop(
                f"the API has let nothing through for {seconds:.0f} s, "
                f"and max_pause is {self._options.max_pause:g} s"
            )
            return False
        if times > 1 and seconds >= self._longest_start and self.last_let_through < self._since:
            return False
        return await self.turn()

    async def wait_and_pace(self, seconds: float) -> bool:
        await pause(seconds)
        return await self.pace()

    async def until_stopped(self, waiting: Coroutine[Any, Any, bool]) -> bool:
        """The result of ``waiting``; False immediately if the run stops meanwhile."""
        task = asyncio.current_task()
        assert task is not None
        if self.stopping:
            waiting.close()
            return False
        self.waiting.add(task)
        try:
            return await waiting
        except asyncio.CancelledError:
            self.swallow_stop()
            return False
        finally:
            self.waiting.discard(task)

    def swallow_stop(self) -> None:
        """Swallow a cancellation that came from ``stop``; let any other propagate."""
        if not self.stopping or self.aborted:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
