"""When the next request of a client may start: the rate, and the pause after a 429."""

from __future__ import annotations

import asyncio
import math

from ..errors import ClientSetupError


class WaitTooLongError(Exception):
    """The gate opens later than the caller can wait. Internal: callers turn it into their own terms."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the next request may start in {seconds:.1f} s")
        self.seconds = seconds


class Pacer:
    """Spaces the requests of one client evenly and holds all of them back during a pause.

    A burst allowance would let nearly twice the rate through in one second, so there is none: with a
    rate of 5, starts lie at least 0.2 s apart. Waiters go in the order in which they came; one that is
    cancelled takes nothing with it.
    """

    def __init__(self, rate: float | None = None) -> None:
        if rate is not None and (
            isinstance(rate, bool) or not isinstance(rate, int | float) or not 1e-6 <= rate <= 1e6
        ):
            raise ClientSetupError(
                f"rate_limit must be requests per second, from 0.000001 to 1000000, or None; not {rate!r}"
            )
        self._interval = 0.0 if rate is None else 1.0 / rate
        self._next = 0.0
        self._paused_until = 0.0
        self._waiting = 0
        self._turn = asyncio.Lock()

    def pause(self, seconds: float) -> None:
        """Nothing may start for so long, counted from now. A longer pause stays."""
        self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + seconds)

    def paused_for(self) -> float:
        """Seconds that are left of a pause; 0 where there is none."""
        if not self._paused_until:
            return 0.0
        return max(0.0, self._paused_until - asyncio.get_running_loop().time())

    @property
    def is_open(self) -> bool:
        """A request may start now, without waiting behind any other."""
        return not self._interval and (not self._paused_until or not self.paused_for())

    async def wait(self, limit: float = math.inf, *, pause_limit: float = math.inf) -> None:
        """Return when one request may start.

        Raises WaitTooLongError, as soon as it can be told, if that is more than ``limit`` seconds away,
        or if a pause lasts longer than ``pause_limit`` seconds.
        """
        if self.is_open:
            return
        loop = asyncio.get_running_loop()
        latest = loop.time() + limit
        self._check(self._waiting * self._interval, latest, pause_limit)
        self._waiting += 1
        try:
            try:
                async with asyncio.timeout_at(latest if limit < math.inf else None):
                    await self._turn.acquire()
            except TimeoutError:
                raise WaitTooLongError(max(limit, self.paused_for())) from None
            try:
                # Looked at again after each wait: a pause may have begun meanwhile.
                while (seconds := self._check(0.0, latest, pause_limit)) > 0:  # noqa: ASYNC110
                    await asyncio.sleep(seconds)
                self._next = loop.time() + self._interval
            finally:
                self._turn.release()
        finally:
            self._waiting -= 1

    def _check(self, behind_others: float, latest: float, pause_limit: float) -> float:
        """Seconds until the next start, as far as can be told now."""
        now = asyncio.get_running_loop().time()
        if self._paused_until - now > pause_limit:
            raise WaitTooLongError(self._paused_until - now)
        start = max(now, self._next, self._paused_until) + behind_others
        if start > latest:
            raise WaitTooLongError(start - now)
        return start - now
