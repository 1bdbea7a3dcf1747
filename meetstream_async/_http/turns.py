"""Who waits for the next start, in order of arrival."""

from __future__ import annotations

import asyncio
import math

from attrs import define

from .._tasks import pause
from .pace_key import KeyPace
from .pace_link import PaceLink

_TICK = 1e-6
"""Seconds that no clock here can tell apart."""


class WaitTooLongError(Exception):
    """The next request may start later than the caller can wait. Internal: callers convert it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the next request may start in {seconds:.1f} s")
        self.seconds = seconds


@define(eq=False)
class _Waiter:
    turn: asyncio.Future[None]
    pause_limit: float
    latest: float
    """By the loop's clock."""


class Turns:
    """The waiters of one client, on one loop.

    A cancelled one does not delay the others. Those whose starts lie closer together than the loop's timers
    can tell apart are woken together.
    """

    def __init__(self, key: KeyPace) -> None:
        self.key = key
        self.waiting: dict[_Waiter, None] = {}
        """In order of arrival."""
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None

    async def wait(self, limit: float, pause_limit: float) -> None:
        """Return when one request may start; see :meth:`RateLimiter.wait`."""
        loop = asyncio.get_running_loop()
        at = loop.time()
        key = self.key
        with key.lock:
            now, pace = at + key.offset, key.pace
            start = max(pace.next_start(now), now)
            if pace.paused_until - now > min(pause_limit, limit):
                raise WaitTooLongError(pace.paused_until - now)
            expected = start + len(self.waiting) * pace.interval
            if expected > now + limit:
                raise WaitTooLongError(expected - now)
            if start <= now and not self.waiting and (key.link is None or key.link.is_down(at)):
                pace.take(now)
                return
        waiter = _Waiter(loop.create_future(), pause_limit, at + limit)
        self.waiting[waiter] = None
        self._begin(loop, start - key.offset)
        expiry = loop.call_at(at + limit, self._expire, waiter, limit) if limit < math.inf else None
        try:
            await waiter.turn
        finally:
            self.waiting.pop(waiter, None)
            if expiry is not None:
                expiry.cancel()

    def _begin(self, loop: asyncio.AbstractEventLoop, start: float) -> None:
        link = self.key.link
        if link is not None and not link.is_down(loop.time()):
            if self._asking is None or self._asking.done():
                self._asking = loop.create_task(self._ask(link), name="meetstream_async pace")
        elif self._timer is None:
            self._timer = loop.call_at(start, self._release, loop)

    def _release(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake everybody whose start has come."""
        self._timer = None
        self.dismiss_impatient()
        key = self.key
        with key.lock:
            while self.waiting:
                at = loop.time()
                now = at + key.offset
                start = key.pace.next_start(now)
                if start - now < _TICK:
                    # The loop's timers may fire a little early.
                    start = now
                waiter = next(iter(self.waiting))
                if start > now and start - key.offset <= waiter.latest:
                    self._timer = loop.call_at(start - key.offset, self._release, loop)
                    break
                del self.waiting[waiter]
                if waiter.turn.done():
                    continue
                if start > now:
                    waiter.turn.set_exception(WaitTooLongError(start - now))
                else:
                    key.pace.take(now, waited=True)
                    waiter.turn.set_result(None)

    async def _ask(self, link: PaceLink) -> None:
        """Wake the waiters at the starts that the store grants."""
        loop = asyncio.get_running_loop()
        while self.waiting:
            grant = await link.exchange(len(self.waiting))
            if grant is None:
                self._release(loop)
                return
            self.dismiss_impatient()
            findings = self.key.pace.finder.findings
            for start in grant.starts:
                seconds = start - link.offset - loop.time()
                if seconds > 0:
                    await pause(seconds)
                if self._pause_left() or self.key.pace.finder.findings != findings:
                    # A refusal here has made the rest of what was granted void.
                    break
                self._wake_first()
            if not grant.starts:
                await pause(max(0.002, min(grant.ask_at - link.offset - loop.time(), 1.0)))

    def _wake_first(self) -> None:
        while self.waiting:
            waiter = next(iter(self.waiting))
            del self.waiting[waiter]
            if not waiter.turn.done():
                waiter.turn.set_result(None)
                return

    def hurry(self) -> None:
        """The next start may come sooner than it seemed."""
        if self._timer is not None:
            self._timer.cancel()
            self._release(asyncio.get_running_loop())

    def end(self) -> None:
        """The client is closed. Whoever still waits does so without the store, and is told of it then."""
        if self._asking is not None:
            self._asking.cancel()
            if self.waiting and self._timer is None:
                self._release(asyncio.get_running_loop())

    def _expire(self, waiter: _Waiter, limit: float) -> None:
        self._dismiss(waiter, max(limit, self._pause_left()))

    def _pause_left(self) -> float:
        now = asyncio.get_running_loop().time() + self.key.offset
        return max(0.0, self.key.pace.paused_until - now)

    def dismiss_impatient(self) -> None:
        """Tell those for whom the pause is too long."""
        if self.waiting and (seconds := self._pause_left()):
            for waiter in [waiter for waiter in self.waiting if seconds > waiter.pause_limit]:
                self._dismiss(waiter, seconds)

    def _dismiss(self, waiter: _Waiter, seconds: float) -> None:
        self.waiting.pop(waiter, None)
        if not waiter.turn.done():
            waiter.turn.set_exception(WaitTooLongError(seconds))
