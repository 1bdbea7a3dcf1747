"""When the next request of a client may start: the rate, and the pause after a 429."""

from __future__ import annotations

import asyncio
import math

from .errors import ConfigurationError


class WaitTooLongError(Exception):
    """The gate opens later than the caller can wait. Internal: callers turn it into their own terms."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the next request may start in {seconds:.1f} s")
        self.seconds = seconds


class Pacer:
    """Spaces the requests of one client evenly and holds all of them back during a pause.

    A burst allowance would let nearly twice the rate through in one second, so there is none: with a
    rate of 5, starts lie at least 0.2 s apart.
    """

    def __init__(self, rate: float | None = None) -> None:
        if rate is not None and (
            isinstance(rate, bool) or not isinstance(rate, int | float) or not 1e-6 <= rate <= 1e6
        ):
            raise ConfigurationError(
                f"rate_limit must be requests per second, from 0.000001 to 1000000, or None; not {rate!r}"
            )
        self._interval = 0.0 if rate is None else 1.0 / rate
        self._next = 0.0
        self._paused_until = 0.0

    def pause(self, seconds: float) -> None:
        """Nothing may start for so long, counted from now. A longer pause stays."""
        self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + seconds)

    def paused_for(self) -> float:
        """Seconds that are left of a pause; 0 where there is none."""
        if not self._paused_until:
            return 0.0
        return max(0.0, self._paused_until - asyncio.get_running_loop().time())

    async def wait(self, limit: float = math.inf, *, pause_limit: float = math.inf) -> None:
        """Return when one request may start.

        Raises WaitTooLongError, at once, if that is more than ``limit`` seconds away, or if a pause lasts
        longer than ``pause_limit`` seconds.
        """
        if not self._interval and not self._paused_until:
            return
        loop = asyncio.get_running_loop()
        latest = loop.time() + limit
        start = self._reserve(loop.time(), latest, pause_limit)
        while (delay := start - loop.time()) > 0:
            await asyncio.sleep(delay)
            if self._paused_until > loop.time():
                # The pause began while this one slept; its place in the old order is worth nothing.
                start = self._reserve(loop.time(), latest, pause_limit)

    def _reserve(self, now: float, latest: float, pause_limit: float) -> float:
        if self._paused_until - now > pause_limit:
            raise WaitTooLongError(self._paused_until - now)
        start = max(now, self._next, self._paused_until)
        if start > latest:
            raise WaitTooLongError(start - now)
        self._next = start + self._interval
        return start
