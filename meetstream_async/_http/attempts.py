"""The attempts of one call: each waits for its turn, is sent, and says what is known after it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

from attrs import define, evolve, field
from yarl import URL

from .call import Request
from .failures import Failure, HeldBack, rate_limited
from .rate_limit import RateLimiter, WaitTooLongError
from .reply import Reply
from .retry import log_retry
from .transport import Transport


@define(eq=False)
class Count:
    """A number that several calls add to."""

    number: int = 0


@define(eq=False)
class Attempts:
    """The attempts of one call."""

    _transport: Transport
    _rate_limiter: RateLimiter
    _failed: Count
    """Of the client: requests that did not reach a working server."""
    _loop: asyncio.AbstractEventLoop
    _request: Request[Any]
    _url: URL
    attempts: int
    uncertain: bool
    """Whether one of them may have taken effect."""
    _deadline: float
    """Deadline of the call, in the loop's time."""
    _reserve: float
    """Seconds that must be left when a request starts."""
    _data: bytes | None = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        body = self._request.body
        self._data = None if body is None else json.dumps(body).encode()

    async def attempt(self) -> Reply | Failure:
        """Wait until a request may start, then make one attempt."""
        while True:
            try:
                await self._rate_limiter.wait(self._deadline - self._reserve - self._loop.time())
            except WaitTooLongError as exc:
                return rate_limited(exc.seconds)
            outcome = self.note(await self.send())
            if outcome is not None:
                return outcome

    def send(self) -> Coroutine[Any, Any, Reply | Failure | HeldBack]:
        """Make one attempt now; its result must be passed to ``note``."""
        transport, request = self._transport, self._request
        seconds = min(transport.timeout, self._deadline - self._loop.time())
        return transport.send(request.route.method, self._url, self._data, seconds, request.headers)

    def note(self, outcome: Reply | Failure | HeldBack) -> Reply | Failure | None:
        """Count the result of an attempt; None if nothing was sent."""
        request = self._request
        if isinstance(outcome, Reply):
            self.attempts += 1
            if outcome.status in request.final:
                return evolve(outcome, is_final=True)
            if outcome.status >= 500:
                self._failed.number += 1
                self.uncertain = self.uncertain or request.route.has_effect
            if self.uncertain and not request.repeatable:
                return evolve(outcome, is_final=True)
            return outcome
        if isinstance(outcome, HeldBack):
            return None
        if outcome.is_attempt:
            self.attempts += 1
            self._failed.number += 1
        self.uncertain = self.uncertain or outcome.may_be_sent
        if self.uncertain and not request.repeatable:
            return evolve(outcome, retry=False)
        return outcome

    def log_retry(self, outcome: Reply | Failure, attempt: int, wait: float) -> None:
        """One line for an attempt that is followed by another one."""
        reason = f"status {outcome.status}" if isinstance(outcome, Reply) else outcome.kind.__name__
        log_retry(self._request.route.method, self._url.raw_path, reason, attempt, wait)
