"""When the next request of a client may start: the rate limit, and the pause after a 429."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping

from .._logs import log_fields
from .._tasks import pause
from ..errors import ClientSetupError
from .waits import asked_wait, wait_for_limit

_log = logging.getLogger("meetstream_async.http")


class WaitTooLongError(Exception):
    """The next request may start later than the caller can wait. Internal: callers convert it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the next request may start in {seconds:.1f} s")
        self.seconds = seconds


def check_rate_limit(rate: float | None) -> None:
    """Raises ClientSetupError for anything but a usable number of requests per second, or None."""
    if rate is not None and (
        isinstance(rate, bool) or not isinstance(rate, int | float) or not 1e-6 <= rate <= 1e6
    ):
        raise ClientSetupError(
            f"rate_limit must be requests per second, from 0.000001 to 1000000, or None; not {rate!r}"
        )


class RateLimiter:
    """Spaces the requests of one client evenly and holds all of them back during a pause.

    Bursts are not allowed, since they would let nearly twice the rate through in one second: with a rate of
    5, starts are at least 0.2 s apart. Waiters proceed in order of arrival; a cancelled one does not delay
    the others.
    """

    def __init__(
        self,
        rate: float | None = None,
        *,
        host: str = "the API",
        first_pause: float = 0.5,
        longest_pause: float = 8.0,
    ) -> None:
        """``rate``: requests per second, or None for no limit.

        ``first_pause``, ``longest_pause``: seconds to pause after a 429 that does not say for how long,
        doubled for each further one in a row.
        """
        check_rate_limit(rate)
        self._interval = 0.0 if rate is None else 1.0 / rate
        self._next = 0.0
        self._paused_until = 0.0
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._host = host
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._refusals_in_a_row = 0

    def pause(self, seconds: float) -> None:
        """Block new requests for ``seconds``; never shortens a pause in progress."""
        self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + seconds)

    def observe(self, status: int, headers: Mapping[str, str]) -> None:
        """Pause if a reply asks for it. Called before its body is read, since that may take long."""
        if status != 429:
            self._refusals_in_a_row = 0
            told = asked_wait(headers) if status >= 400 else None
            if told:
                # Whatever the status: whoever asks for time is asked by all of this client's requests.
                self._pause_and_log(told, str(status), status)
            if seconds := wait_for_limit(headers, refused=False):
                self._pause_and_log(seconds, "limit used up", status)
            return
        self._refusals_in_a_row += 1
        told_waits = (asked_wait(headers), wait_for_limit(headers, refused=True))
        waits = [seconds for seconds in told_waits if seconds is not None]
        if not waits:
            # The reply does not say for how long; all tasks slow down together, and more with each refusal.
            doubled = self._first_pause * 2.0 ** min(self._refusals_in_a_row - 1, 30)
            waits = [min(doubled, self._longest_pause)]
        self._pause_and_log(max(waits), "429", status)

    def _pause_and_log(self, seconds: float, why: str, status: int) -> None:
        self.pause(seconds)
        _log.info(
            "%s from %s: all requests of this client pause for %.1f s",
            why,
            self._host,
            seconds,
            extra=log_fields("pause", seconds=seconds, status=status),
        )

    def paused_for(self) -> float:
        """Seconds left of a pause; 0 if there is none."""
        if not self._paused_until:
            return 0.0
        return max(0.0, self._paused_until - asyncio.get_running_loop().time())

    @property
    def is_open(self) -> bool:
        """Whether a request may start now, without waiting behind others."""
        return not self._interval and (not self._paused_until or not self.paused_for())

    async def wait(self, limit: float = math.inf, *, pause_limit: float = math.inf) -> None:
        """Return when one request may start.

        Raises WaitTooLongError as soon as the wait is known to exceed ``limit`` seconds, or a pause
        ``pause_limit`` seconds.
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
                # Checked again after each wait, since a pause may have begun meanwhile.
                while (seconds := self._check(0.0, latest, pause_limit)) > 0:
                    await pause(seconds)
                self._next = loop.time() + self._interval
            finally:
                self._turn.release()
        finally:
            self._waiting -= 1

    def _check(self, behind_others: float, latest: float, pause_limit: float) -> float:
        """Seconds until the next start, as far as is known now."""
        now = asyncio.get_running_loop().time()
        if self._paused_until - now > pause_limit:
            raise WaitTooLongError(self._paused_until - now)
        start = max(now, self._next, self._paused_until) + behind_others
        if start > latest:
            raise WaitTooLongError(start - now)
        return start - now
