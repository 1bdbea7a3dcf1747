"""The attempts of one call, as the allowed rate lets them start."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, Protocol

from attrs import define, evolve
from yarl import URL

from .call import Context, Request
from .failures import Failure, HeldBack, rate_limited
from .observing import PLACE
from .rate_limit import RateLimiter, WaitTooLongError
from .reply import Reply
from .retry import log_retry
from .transport import Transport
from .urls import shown_path

Sent = Reply | Failure | HeldBack
"""What became of an attempt."""


class Sender(Protocol):
    """What the attempts of a call need of the session that makes them."""

    base_url: URL
    base_path: str
    transport: Transport
    rate_limiter: RateLimiter
    timeout: float
    failed_attempts: int


def target(session: Sender, request: Request[Any], path: str) -> tuple[URL, bytes | None]:
    """The URL of a request by one path of its route, and its body."""
    url = session.base_url.with_path(f"{session.base_path}{path}{request.rest}", encoded=True)
    if request.query:
        url = url.with_query(request.query)
    return url, None if request.body is None else json.dumps(request.body).encode()


def send(
    session: Sender, loop: asyncio.AbstractEventLoop, request: Request[Any], url: URL, data: bytes | None,
    deadline: float, attempts: int = 0,
) -> Coroutine[Any, Any, Sent]:  # fmt: skip
    """Make one attempt now. ``attempts``: how many there were for the same call."""
    seconds = deadline - loop.time()
    if seconds > session.timeout:
        seconds = session.timeout
    sending = session.transport.send(
        request.route.method, url, data, seconds, session.timeout, request.headers
    )
    observer = PLACE.observer
    return sending if observer is None else observer.attempt(sending, request.route, url, attempts)


@define(eq=False)
class Attempts:
    """The attempts of one call."""

    _session: Sender
    _loop: asyncio.AbstractEventLoop
    _request: Request[Any]
    _url: URL
    _data: bytes | None
    attempts: int
    uncertain: bool
    deadline: float
    """Deadline of the call, in the loop's time."""
    _reserve: float
    """Seconds that must be left when a request starts."""

    @classmethod
    def of(
        cls, session: Sender, loop: asyncio.AbstractEventLoop, request: Request[Any], path: str,
        context: Context, deadline: float, reserve: float,
    ) -> Attempts:  # fmt: skip
        """Those by one path of the request's route, after what the context knows."""
        url, data = target(session, request, path)
        attempts, uncertain = context.attempts, context.uncertain
        return cls(session, loop, request, url, data, attempts, uncertain, deadline, reserve)

    async def attempt(self) -> Reply | Failure:
        """Wait until a request may start, then make one attempt."""
        session = self._session
        while True:
            try:
                await session.rate_limiter.wait(self.deadline - self._reserve - self._loop.time())
            except WaitTooLongError as exc:
                return rate_limited(exc.seconds)
            outcome = self.note(await self.send())
            if outcome is not None:
                return outcome

    def send(self) -> Coroutine[Any, Any, Sent]:
        """Make one attempt now; its result must be passed to ``note``."""
        return send(
            self._session, self._loop, self._request, self._url, self._data, self.deadline, self.attempts
        )

    def note(self, outcome: Sent) -> Reply | Failure | None:
        """Count the result of an attempt; None if nothing was sent."""
        request = self._request
        if isinstance(outcome, Reply):
            self.attempts += 1
            if outcome.status >= 400 and (seconds := outcome.retry_after_in_body):
                self._session.rate_limiter.pause(seconds)
            if outcome.status in request.final:
                return evolve(outcome, is_final=True)
            if outcome.status >= 500:
                self._session.failed_attempts += 1
                self.uncertain = self.uncertain or request.route.has_effect
            if self.uncertain and not request.repeatable:
                return evolve(outcome, is_final=True)
            return outcome
        if isinstance(outcome, HeldBack):
            return None
        if outcome.is_attempt:
            self.attempts += 1
            self._session.failed_attempts += 1
        self.uncertain = self.uncertain or outcome.may_be_sent
        if self.uncertain and not request.repeatable:
            return evolve(outcome, retry=False)
        return outcome

    def log_retry(self, outcome: Reply | Failure, attempt: int, wait: float) -> None:
        """One line for an attempt that is followed by another one."""
        reason = f"status {outcome.status}" if isinstance(outcome, Reply) else outcome.kind.__name__
        route, path = self._request.route, self._url.raw_path
        # What a caller puts into the path of an endpoint that nobody here knows may be an address.
        log_retry(route.method, shown_path(path) if route.rest is None else path, reason, attempt, wait)
