"""When the next request of a client may start: what replies say of the limit, and the pace of its key."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping

from .._logs import log_fields
from ..errors import ClientSetupError
from .pace import Pace
from .pace_key import KeyPace, share
from .pace_link import is_urgent
from .turns import Turns, WaitTooLongError
from .waits import asked_wait, limit_left, limit_size, tells_a_limit, wait_for_limit

__all__ = ["RateLimiter", "WaitTooLongError", "check_rate_limit"]

_log = logging.getLogger("meetstream_async.http")

_FEW = 50
"""How many requests the API may say are left before that counts."""
_CHECK_EVERY = 1.0
"""Seconds between two looks into a store while there is no limit to keep."""


def check_rate_limit(rate: float | None) -> None:
    """Raises ClientSetupError for anything but a usable number of requests per second, or None."""
    if rate is not None and (
        isinstance(rate, bool) or not isinstance(rate, int | float) or not 1e-6 <= rate <= 1e6
    ):
        raise ClientSetupError(
            f"rate_limit must be requests per second, from 0.000001 to 1000000, or None; not {rate!r}"
        )


class RateLimiter:
    """Lets the requests of one client start at the pace of its key, in order of arrival."""

    def __init__(
        self,
        rate: float | None = None,
        *,
        host: str = "the API",
        first_pause: float = 0.5,
        longest_pause: float = 8.0,
        wary: bool = False,
    ) -> None:
        """``rate``: requests per second at most, or None for no bound.

        ``first_pause``, ``longest_pause``: seconds to pause after a 429 that does not say for how long,
        doubled for each further one in a row. ``wary``: see :class:`Pace`.
        """
        check_rate_limit(rate)
        self._rate = rate
        self._wary = wary
        self.key: KeyPace = KeyPace(
            Pace(rate, first_pause=first_pause, longest_pause=longest_pause, wary=wary)
        )
        self._turns = Turns(self.key)
        self._host = host
        self._findings = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._telling: asyncio.Task[object] | None = None

    def join(self, name: str, place: str | None, loop: asyncio.AbstractEventLoop) -> None:
        """Share the pace of that key with the other clients of this process, and through the store there."""
        self._loop = loop
        key = share(self.key, name, place, loop, self._wary)
        key.enter(self, self._rate)
        self.key = self._turns.key = key
        self._findings = key.pace.finder.findings

    def leave(self) -> None:
        """The client is closed: it binds the others no more."""
        self.key.leave(self)
        self._turns.end()
        if self._telling is not None:
            self._telling.cancel()

    @property
    def pace(self) -> float | None:
        """Requests per second that the API was found to let through; None while no limit was met."""
        return self.key.pace.finder.sustained

    @property
    def last_let_through(self) -> float:
        """When a request was last not refused, in the loop's time."""
        return self.key.pace.last_let_through - self.key.offset

    def _now(self) -> float:
        return (self._loop or asyncio.get_running_loop()).time() + self.key.offset

    def pause(self, seconds: float) -> None:
        """Block new requests for ``seconds``; never shortens a pause in progress."""
        now = self._now()
        with self.key.lock:
            self.key.pace.pause(now, seconds)
        self._tell("pause", now, now, seconds)
        self._turns.dismiss_impatient()

    def observe(
        self, status: int, headers: Mapping[str, str], began: float | None = None, in_flight: int = 1
    ) -> None:
        """Learn from a reply. Called before its body is read, since that may take long.

        ``began``: when its request was sent, in the loop's time. ``in_flight``: requests under way, this one
        included.
        """
        key = self.key
        pace = key.pace
        if pace.is_free and status < 400 and began and key.link is None and not tells_a_limit(headers):
            # It costs next to nothing.
            pace.recent.append(began)
            return
        now = self._now()
        began = now if began is None else began + key.offset
        if status == 429:
            self._refused(headers, began, now)
            return
        if status < 500:
            with key.lock:
                key.pace.let_through(began, now)
            if key.link is not None:
                self._tell("let_through", began, now)
            if key.pace.finder.findings != self._findings:
                self._log_pace()
        if status >= 400 and (told := asked_wait(headers)):
            # Whatever the status: whoever asks for time is asked by all requests with this key.
            self.pause(told)
            self._log_pause(told, str(status), status)
        if tells_a_limit(headers):
            self._note_limit(status, headers, began, now, in_flight)

    def _refused(self, headers: Mapping[str, str], began: float, now: float) -> None:
        told_waits = (asked_wait(headers), wait_for_limit(headers, refused=True))
        told = max((seconds for seconds in told_waits if seconds is not None), default=None)
        with self.key.lock:
            seconds = self.key.pace.refused(began, now, told, limit_size(headers))
        self._tell("refused", began, now, told)
        self._turns.dismiss_impatient()
        self._log_pause(seconds, "429", 429)

    def _note_limit(
        self, status: int, headers: Mapping[str, str], began: float, now: float, in_flight: int
    ) -> None:
        """What a reply says of the limit before it is met."""
        key = self.key
        size, left = limit_size(headers), limit_left(headers)
        if size is not None and left is not None and key.link is None:
            with key.lock:
                key.pace.shares(now, size, *left)
        if seconds := wait_for_limit(headers, refused=False):
            with key.lock:
                if size is not None and key.pace.explains(size, seconds, began, key.link is not None):
                    return
                if not key.pace.used_up(now, seconds, began):
                    return
            self._tell("used_up", began, now, seconds)
            self._turns.dismiss_impatient()
            self._log_pause(seconds, "limit used up", status)
        elif left is not None:
            count, seconds = left
            count = max(count - in_flight + 1, 0)
            if count <= _FEW:
                with key.lock:
                    key.pace.allowed(now, count, seconds)
                self._tell("allowed", began, now, seconds, count)
                self._turns.hurry()

    def _tell(self, kind: str, began: float, now: float, told: float | None = None, count: int = 0) -> None:
        """Take what happened to the store: at once what the others must know, the rest now and then."""
        link = self.key.link
        if link is None:
            return
        link.note(kind, began, now, told, count)
        loop = asyncio.get_running_loop()
        urgent = is_urgent(kind)
        if link.is_down(loop.time()) or not (urgent or loop.time() - link.asked_at > _CHECK_EVERY):
            return
        if self._telling is None or self._telling.done():
            self._telling = loop.create_task(link.tell(), name="meetstream_async pace")

    def _log_pause(self, seconds: float, why: str, status: int) -> None:
        _log.info(
            "%s from %s: all requests of this client pause for %.1f s",
            why,
            self._host,
            seconds,
            extra=log_fields("pause", seconds=seconds, status=status),
        )

    def _log_pace(self) -> None:
        finder = self.key.pace.finder
        self._findings = finder.findings
        rate = finder.sustained
        if rate is not None:
            _log.info(
                "finding the pace of %s: %.3g requests a second",
                self._host,
                rate,
                extra=log_fields("pace", rate=rate),
            )

    def paused_for(self) -> float:
        """Seconds left of a pause; 0 if there is none."""
        pace = self.key.pace
        if pace.is_free:
            return 0.0
        now = self._now()
        return 0.0 if pace.clear(now) else max(0.0, pace.paused_until - now)

    def depart(self) -> float:
        """A request leaves now; else the seconds until it may, infinite where a pause has begun meanwhile.

        See :meth:`Pace.depart`.
        """
        if self.key.pace.is_free:
            return 0.0
        if self.paused_for():
            return math.inf
        key = self.key
        with key.lock:
            return key.pace.depart(self._now())

    @property
    def is_open(self) -> bool:
        """Whether a request may start now, without asking further."""
        pace = self.key.pace
        return (pace.is_free or pace.clear(self._now())) and not self._turns.waiting

    async def wait(self, limit: float = math.inf, *, pause_limit: float = math.inf) -> None:
        """Return when one request may start.

        Raises WaitTooLongError as soon as the wait is known to exceed ``limit`` seconds, or a pause
        ``pause_limit`` seconds.
        """
        if not self.is_open:
            await self._turns.wait(limit, pause_limit)
