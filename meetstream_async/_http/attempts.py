"""The attempts of one call, as the allowed rate lets them start."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from attrs import define
from yarl import URL

from .call import Route
from .failures import Failure, HeldBack, rate_limited
from .observing import PLACE
from .rate_limit import RateLimiter, WaitTooLongError
from .reply import Reply
from .retry import log_retry
from .transport import Transport


class Sender(Protocol):
    """What the attempts of a call need of the session that makes them."""

    transport: Transport
    rate_limiter: RateLimiter
    timeout: float
    failed_attempts: int


@define(eq=False)
class Attempts:
    """The attempts of one call."""

    _session: Sender
    _loop: asyncio.AbstractEventLoop
    _route: Route
    _url: URL
    _data: bytes | None
    attempts: int
    uncertain: bool
    _deadline: float
    """Deadline of the call, in the loop's time."""
    _reserve: float
    """Seconds that must be left when a request starts."""

    async def attempt(self) -> Reply | Failure:
        """Wait until a request may start, then make one attempt."""
        session = self._session
        while True:
            try:
                await session.rate_limiter.wait(self._deadline - self._reserve - self._loop.time())
            except WaitTooLongError as exc:
                return rate_limited(exc.seconds)
            outcome = self.note(await self.send())
            if outcome is not None:
                return outcome

    def send(self) -> Coroutine[Any, Any, Reply | Failure | HeldBack]:
        """Make one attempt now; its result must be passed to ``note``."""
        session = self._session
        seconds = min(session.timeout, self._deadline - self._loop.time())
        sending = session.transport.send(self._route.method, self._url, self._data, seconds, session.timeout)
        observer = PLACE.observer
        if observer is None:
            return sending
        return observer.attempt(sending, self._route, self._url, self.attempts)

    def note(self, outcome: Reply | Failure | HeldBack) -> Reply | Failure | None:
        """Count the result of an attempt; None if nothing was sent."""
        if isinstance(outcome, Reply):
            self.attempts += 1
            if outcome.status >= 500:
                self._session.failed_attempts += 1
                self.uncertain = self.uncertain or self._route.has_effect
            return outcome
        if isinstance(outcome, HeldBack):
            return None
        if outcome.is_attempt:
            self.attempts += 1
            self._session.failed_attempts += 1
        self.uncertain = self.uncertain or outcome.may_be_sent
        return outcome

    def log_retry(self, outcome: Reply | Failure, attempt: int, wait: float) -> None:
        reason = f"status {outcome.status}" if isinstance(outcome, Reply) else outcome.kind.__name__
        log_retry(self._route.method, self._url.raw_path, reason, attempt, wait)
