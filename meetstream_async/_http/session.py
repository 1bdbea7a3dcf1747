"""One call: attempts at the allowed rate, until one gets a final reply or the policy ends the call.

No connection is held while a call waits for its next attempt: the previous reply has been read and released.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Self, TypeVar

import aiohttp
from attrs import define, evolve, field
from yarl import URL

from ..errors import ApiError, ClientSetupError, MeetStreamError
from .api_errors import route_is_missing
from .attempts import Attempts, send, target
from .call import FIRST, ONE_ATTEMPT, PACED, Answer, Context, Request, Route
from .deadlines import check_timeout
from .failures import CLOSED, Failure
from .network import DIRECT, Network
from .observing import PLACE
from .pace_key import name_of
from .rate_limit import RateLimiter
from .reply import Reply
from .retry import RetryPolicy, check_policy, retry
from .secrets import Secret
from .server_clock import DATE, ServerClock
from .transport import Transport

T = TypeVar("T")

_log = logging.getLogger("meetstream_async.http")
# Libraries leave it to the application whether log records are printed.
logging.getLogger("meetstream_async").addHandler(logging.NullHandler())


@define(eq=False)
class _Learned:
    """What a client and those derived from it have learned of the API."""

    spellings: dict[Route, int] = field(factory=dict)
    """Index of the path that worked, by route."""
    key_accepted: bool = False


class ApiSession:
    """Makes the calls of one client, with its credential, rate limit and retry policy."""

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
        network: Network = DIRECT,
        pace_store: str | None = None,
        wary: bool = False,
        user_agent: str | None = None,
    ) -> None:
        """``credentials``: header name to the text before the credential, and the credential.

        ``pace_store``: where processes with this key share their pace. ``wary``: see :class:`Pace`.
        ``user_agent``: what the application adds to ours.
        """
        self.base_url = base_url
        self.policy: RetryPolicy = check_policy(retry)
        self.network: Network = network
        self.is_borrowed: bool = session is not None
        self.credentials: tuple[Secret, ...] = tuple(secret for _, secret in credentials.values())
        self.rate_limiter: RateLimiter = RateLimiter(
            rate_limit,
            host=base_url.host or "",
            first_pause=retry.initial_wait,
            longest_pause=retry.max_wait,
            wary=wary,
        )
        self.key_name: str = name_of(str(base_url.origin()), [secret for _, secret in credentials.values()])
        self._pace_store = pace_store
        self._is_open = self._closed = False
        self._parent: ApiSession | None = None
        """The session that opened the connections, where this one was derived from it."""
        self.transport: Transport = Transport(
            base_url,
            credentials,
            session=session,
            timeout=timeout,
            trace_configs=trace_configs,
            network=network,
            paused=self.rate_limiter.paused_for,
            depart=self.rate_limiter.depart,
            on_head=self._observe,
            user_agent=user_agent,
        )
        self.timeout: float = self.transport.timeout
        """Seconds per attempt."""
        self.reserve: float = _reserve(self.timeout, retry)
        """Seconds that must be left to start a request: with less it could take effect and time out."""
        self.base_path: str = base_url.raw_path.rstrip("/")
        self._learned = _Learned()
        self.failed_attempts = 0
        """Number of requests so far that did not reach a working server."""
        self._clock = ServerClock()

    def __repr__(self) -> str:
        return f"<ApiSession {self.base_url}>"

    def derived(self, timeout: float | None, policy: RetryPolicy | None) -> Self:
        """Another session over the same connections, at the same pace; None keeps a setting."""
        other = copy.copy(self)
        other._parent = self._parent or self
        if timeout is not None:
            other.timeout = check_timeout(timeout)
        if policy is not None:
            other.policy = check_policy(policy)
        other.reserve = _reserve(other.timeout, other.policy)
        return other

    def server_time(self) -> datetime:
        """The time by the API's clock, as its replies say; this machine's until one did."""
        return self._clock.now()

    def _observe(self, status: int, headers: Mapping[str, str], began: float, under_way: int) -> None:
        """Take note of the head of a reply, before its body is read."""
        self._clock.observe(headers.get(DATE))
        self.rate_limiter.observe(status, headers, began, under_way)

    @property
    def closed(self) -> bool:
        """Whether it, or the session that it was derived from, was closed."""
        return self._closed or self.transport.closed

    def open(self) -> int | None:
        """Bind to the running loop. Returns the maximum number of concurrent requests, if it is bounded.

        Raises ClientSetupError if the client is closed or belongs to another loop.
        """
        self._open()
        return self.transport.connection_limit

    def _open(self) -> asyncio.AbstractEventLoop:
        if self._parent is not None:
            if self._closed:
                raise ClientSetupError(CLOSED)
            return self._parent._open()
        loop = self.transport.open()
        if not self._is_open:
            self._is_open = True
            self.rate_limiter.join(self.key_name, self._pace_store, loop)
        return loop

    async def close(self) -> None:
        """Close the connections opened here. May be called more than once."""
        self._closed = True
        if self._parent is not None:
            return
        if self._is_open:
            self.rate_limiter.leave()
        await self.transport.close()

    def call(self, request: Request[T], context: Context = FIRST) -> Coroutine[Any, Any, Answer[T]]:
        """Make one call, which takes at most ``max_elapsed`` seconds, attempts and waits together.

        Raises what ``request.read`` raises for the last reply; TransportError or InvalidResponseError if the
        last attempt got none; RateLimitError if a pause is longer than the call may take; ClientSetupError if
        the client is unusable.
        """
        calling = self._call(request, context)
        return calling if PLACE.observer is None else PLACE.observer.call(calling, request.route)

    async def _call(self, request: Request[T], context: Context) -> Answer[T]:
        if len(request.route.paths) > 1:
            return await self._find_spelling(request, context)
        path, loop = request.route.paths[0], self._open()
        if context is not PACED or self.rate_limiter.paused_for():
            return self._read(request, *await self._exchange(request, path, context))
        # Nearly every call of a bulk run: there is nothing to wait for, and the first request does it.
        url, data = target(self, request, path)
        deadline = loop.time() + self.policy.max_elapsed
        outcome = await send(self, loop, request, url, data, deadline)
        if isinstance(outcome, Reply) and outcome.succeeded:
            self._learned.key_accepted = True
            return self._read(request, outcome, ONE_ATTEMPT)
        call = Attempts(self, loop, request, url, data, 0, False, deadline, self.reserve)
        return self._read(request, *await self._pursue(request, call, call.note(outcome)))

    async def probe(self, request: Request[Any], path: str, seconds: float) -> Reply | MeetStreamError:
        """One attempt at one path of a route, for at most ``seconds``: its reply, or the error without one.

        Nothing is retried, and nothing is read of the reply.
        """
        loop = self.transport.open()
        call = Attempts.of(self, loop, request, path, FIRST, loop.time() + seconds, reserve=0.0)
        outcome = await call.attempt()
        if isinstance(outcome, Failure):
            return outcome.error(call.attempts, uncertain=False)
        return outcome

    async def _find_spelling(self, request: Request[T], context: Context) -> Answer[T]:
        """Try each path of a route until one is answered, and remember it.

        The next one is tried where the route turns out to be missing, or where something in front of the
        API refuses a path: a rule of a firewall may name one of them.
        """
        paths = request.route.paths
        remembered = self._learned.spellings.get(request.route)
        order = range(len(paths)) if remembered is None else sorted(range(len(paths)), key=remembered.__ne__)
        if context.deadline is None:
            deadline = asyncio.get_running_loop().time() + self.policy.max_elapsed
            context = evolve(context, deadline=deadline)
        first: tuple[Reply, ApiError] | None = None
        for spelling in order:
            path = paths[spelling]
            reply, after = await self._exchange(request, path, context)
            try:
                answer = self._read(request, reply, after)
            except ApiError as error:
                if first is not None:
                    was_missing, missing = route_is_missing(first[1]), route_is_missing(error)
                    if error.key_rejected and first[1].refused_in_front:
                        # At this path the API itself has answered.
                        raise
                    if request.route.has_effect and was_missing and not missing and error.status == 404:
                        # So has it here: it knows the path, and not the one thing that was asked for.
                        self._learned.spellings[request.route] = spelling
                        raise
                    hint = f"{path} answered {error.status} {error.message}"
                    if missing and was_missing:
                        hint += f"; is the address {self.base_url} right?"
                    context = evolve(after, hint=hint, deadline=context.deadline)
                    if missing and was_missing:
                        continue
                    break
                missing = remembered is None and route_is_missing(error)
                if request.route.has_effect:
                    # After a lost answer, "not found" may be about what the lost request took.
                    if not missing or after.uncertain:
                        raise
                elif not missing and not error.refused_in_front:
                    raise
                first, context = (reply, error), evolve(after, deadline=context.deadline)
            else:
                self._learned.spellings[request.route] = spelling
                return answer
        assert first is not None
        # The first path is the one that should have worked, so its error is reported.
        return self._read(request, first[0], context)

    def _read(self, request: Request[T], reply: Reply, context: Context) -> Answer[T]:
        value, remarks = request.read(reply, context)
        for remark in remarks:
            _log.log(remark.level, remark.text, extra=remark.fields)
        return Answer(value, context.attempts)

    async def _exchange(self, request: Request[Any], path: str, context: Context) -> tuple[Reply, Context]:
        """The last reply, whatever its status, and what is known after it."""
        loop = self._open()
        deadline = context.deadline
        if deadline is None:
            deadline = loop.time() + self.policy.max_elapsed
        call = Attempts.of(self, loop, request, path, context, deadline, self.reserve)
        outcome = None
        if context.paced and not self.rate_limiter.paused_for():
            outcome = call.note(await call.send())
        return await self._pursue(request, call, outcome)

    async def _pursue(
        self, request: Request[Any], call: Attempts, outcome: Reply | Failure | None
    ) -> tuple[Reply, Context]:
        """The same, after the first attempt; ``outcome`` is what became of it, None if nothing was sent.

        The client may be closed by now: that must not hide what an attempt may have done.
        """
        if outcome is None:
            outcome = await call.attempt()
        if self.policy.max_attempts > 1 and outcome.retry and request.route.repeated:
            outcome = await retry(
                self.policy, call.attempt, outcome, deadline=call.deadline, before_sleep=call.log_retry
            )
        if isinstance(outcome, Failure):
            raise outcome.error(call.attempts, call.uncertain)
        if outcome.succeeded:
            self._learned.key_accepted = True
        return outcome, Context(
            attempts=call.attempts, uncertain=call.uncertain, key_accepted=self._learned.key_accepted
        )


def _reserve(timeout: float, policy: RetryPolicy) -> float:
    return min(timeout, policy.max_elapsed / 10)
