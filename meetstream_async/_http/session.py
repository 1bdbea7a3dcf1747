"""One call: attempts at the right pace, until one is answered for good or the policy ends it.

Nothing is held while a call waits for its next attempt: the reply before has been read and released.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import aiohttp
from attrs import define
from yarl import URL

from ..errors import ClientSetupError, RateLimitError
from .rate_limit import Pacer, WaitTooLongError
from .reply import Reply
from .retry import RetryPolicy, parse_retry_after, retry
from .secrets import Secret
from .transport import Failure, HeldBack, Transport

_log = logging.getLogger("meetstream_async._http.session")
# A library leaves it to the application whether anything is printed.
logging.getLogger("meetstream_async").addHandler(logging.NullHandler())


class ApiSession:
    """Makes the calls of one client, with its credential, pace and retry policy."""

    def __init__(
        self,
        base_url: URL,
        credentials: Mapping[str, tuple[str, Secret]],
        *,
        session: aiohttp.ClientSession | None,
        retry: RetryPolicy,
        timeout: float,
        rate_limit: float | None,
        trace_configs: Sequence[aiohttp.TraceConfig],
    ) -> None:
        """``credentials``: header name to what stands before the credential, and the credential."""
        self.base_url = base_url
        if not isinstance(retry, RetryPolicy):
            raise ClientSetupError(f"retry must be a RetryPolicy, not {type(retry).__name__}")
        self.policy = retry
        self.pacer = Pacer(rate_limit)
        self.transport = Transport(
            base_url,
            credentials,
            session=session,
            timeout=timeout,
            trace_configs=trace_configs,
            paused=self.pacer.paused_for,
            on_head=self._heed,
        )
        self.reserve = min(self.transport.timeout, retry.max_elapsed / 10)
        """Seconds. A request that started with less would take effect, and be called a timeout."""
        self._base_path = base_url.raw_path.rstrip("/")
        self._refusals_in_a_row = 0
        self.failed_attempts = 0
        """Requests so far that met no working server."""

    def __repr__(self) -> str:
        return f"<ApiSession {self.base_url}>"

    def deadline(self) -> float:
        """The loop's time at which a call that begins now has to end."""
        return asyncio.get_running_loop().time() + self.policy.max_elapsed

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        slot_taken: bool = False,
        deadline: float | None = None,
        sent: int = 0,
        uncertain: bool = False,
    ) -> Reply:
        """One call, at most ``max_elapsed`` seconds long.

        ``path``: below the base URL, percent-encoded. ``slot_taken``: the caller has waited at the pacer
        for the first attempt. ``deadline`` (the loop's time) and ``sent``: the call is the second half of
        one that had so long and has made so many attempts. ``uncertain``: a call before it may have taken
        effect.

        Returns the last reply whatever its status. Raises TransportError or InvalidResponseError where
        the last attempt brought none, RateLimitError where a pause is longer than the call may take,
        ClientSetupError for a client that cannot be used here.
        """
        loop = self.transport.open()
        if deadline is None:
            deadline = loop.time() + self.policy.max_elapsed
        url = self.base_url.with_path(self._base_path + path, encoded=True)
        if query:
            url = url.with_query(query)
        data = None if body is None else json.dumps(body).encode()
        call = _Call(self, loop, method, url, data, sent, uncertain, deadline)
        outcome = None
        try:
            if slot_taken and not self.pacer.paused_for():
                # As nearly always in a bulk run, there is nothing to wait for.
                outcome = call.judge(await call.send())
            if outcome is None:
                outcome = await call.attempt()
            if self.policy.max_attempts > 1 and outcome.retry:
                outcome = await retry(
                    self.policy, call.attempt, outcome, deadline=deadline, before_sleep=call.log_retry
                )
        except ClientSetupError as closed:
            # Closed in between, or made unusable by its owner: the attempts before this one were sent.
            closed.attempts, closed.outcome_unknown = call.attempts, closed.outcome_unknown or call.uncertain
            raise
        if isinstance(outcome, Reply):
            return outcome
        raise outcome.error

    def _heed(self, status: int, headers: Mapping[str, str]) -> None:
        """Pause the whole client where a reply asks for it; before its body is read, which may take long."""
        if status != 429:
            self._refusals_in_a_row = 0
            if headers.get("RateLimit-Remaining", "").strip() == "0":
                self._pause(status, _seconds_until_reset(headers) or 0.0)
            return
        self._refusals_in_a_row += 1
        asked = parse_retry_after(headers.get("Retry-After"), headers.get("Date"))
        told = [seconds for seconds in (asked, _seconds_until_reset(headers)) if seconds is not None]
        if not told:
            # Nobody says how long; all tasks slow down together, and more with each further refusal.
            doubled = self.policy.initial_wait * 2.0 ** min(self._refusals_in_a_row - 1, 30)
            told = [min(doubled, self.policy.max_wait)]
        self._pause(status, max(told))

    def _pause(self, status: int, seconds: float) -> None:
        if not seconds and status != 429:
            return
        self.pacer.pause(seconds)
        _log.info(
            "%s from %s: all requests of this client pause for %.1f s",
            "429" if status == 429 else "limit used up",
            self.base_url.host,
            seconds,
            extra={"event": "pause", "seconds": seconds, "status": status},
        )


@define(eq=False)
class _Call:
    """The attempts of one call."""

    _session: ApiSession
    _loop: asyncio.AbstractEventLoop
    _method: str
    _url: URL
    _data: bytes | None
    attempts: int
    uncertain: bool
    _deadline: float
    """The loop's time at which it has to end."""

    async def attempt(self) -> Reply | Failure:
        """Wait for a turn, and make one attempt."""
        session = self._session
        while True:
            try:
                await session.pacer.wait(self._deadline - session.reserve - self._loop.time())
            except WaitTooLongError as exc:
                return self._paused(exc.seconds)
            outcome = self.judge(await self.send())
            if outcome is not None:
                return outcome

    def send(self) -> Coroutine[Any, Any, Reply | Failure | HeldBack]:
        """Make one attempt now, to be judged."""
        transport = self._session.transport
        seconds = min(transport.timeout, self._deadline - self._loop.time())
        return transport.send(self._method, self._url, self._data, seconds)

    def judge(self, outcome: Reply | Failure | HeldBack) -> Reply | Failure | None:
        """Take note of what an attempt came to; None where nothing was sent."""
        if isinstance(outcome, HeldBack):
            return None
        self.attempts += 1
        if isinstance(outcome, Failure):
            self._session.failed_attempts += 1
            error = outcome.error
            error.attempts = self.attempts
            error.outcome_unknown = self.uncertain = self.uncertain or error.outcome_unknown
            return outcome
        if outcome.status >= 500:
            self._session.failed_attempts += 1
            if self._method != "GET":
                self.uncertain = True
        outcome.attempts, outcome.uncertain = self.attempts, self.uncertain
        return outcome

    def _paused(self, seconds: float) -> Failure:
        error = RateLimitError(
            f"the client may send its next request in {seconds:.1f} s only, "
            "longer than this call may take; nothing was sent now",
            status=429,
            retry_after=seconds,
            attempts=self.attempts,
            outcome_unknown=self.uncertain,
        )
        return Failure(error, retry=False)

    def log_retry(self, outcome: Reply | Failure, attempt: int, wait: float) -> None:
        reason = f"status {outcome.status}" if isinstance(outcome, Reply) else type(outcome.error).__name__
        _log.info(
            "%s %s: %s, attempt %d; next in %.2f s",
            self._method,
            self._url.raw_path,
            reason,
            attempt,
            wait,
            extra={
                "event": "retry",
                "method": self._method,
                "path": self._url.raw_path,
                "reason": reason,
                "attempt": attempt,
                "wait": wait,
            },
        )


_LONGEST_RESET = 3600.0
"""Seconds. A limit that resets later is a header that was misread."""


def _seconds_until_reset(headers: Mapping[str, str]) -> float | None:
    """How long until a limit resets, where the reply says so: in seconds, or as a time since 1970."""
    seconds = parse_retry_after(headers.get("RateLimit-Reset"))
    if seconds is None:
        return None
    text = headers["RateLimit-Reset"].strip()
    if text.isdigit() and len(text) >= 9:
        seconds = max(0.0, int(text[:12]) - time.time())
    return min(seconds, _LONGEST_RESET)


def tell_ignored(paths: Sequence[str]) -> None:
    """Log the places of a reply that were of another type than documented."""
    for path in paths:
        _log.info(
            "%s is of another type than documented and reads as None",
            path,
            extra={"event": "ignored_field", "path": path},
        )
