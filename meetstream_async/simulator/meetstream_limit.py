"""MeetStream's rate limit, of which nothing is published: a gateway's bucket, or a framework's window."""

import math
from collections import deque
from typing import Any, Literal

from attrs import evolve, field, frozen

from .gateway import Metered, gateway_error, json_answer
from .ledger import PaceRecord
from .meetbit_limit import TOLERANCE

# Of a token: a client that waits as long as it was told must not be refused for a rounding error.
_ROUNDING = 1e-6


def _positive(_: object, attribute: Any, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{attribute.name} must be positive and finite")


@frozen
class TokenBucket:
    """A gateway's limit: `burst` requests at once, and `rate` more with each second.

    Refused requests get 429 {"message": "Too Many Requests"}, as API Gateway says it.
    retry_after: seconds for the header `Retry-After`; None sends none, "exact" the seconds until there is a
        token again, rounded up.
    """

    rate: float = field(validator=_positive)
    burst: float = field(default=1.0, validator=_positive)
    retry_after: float | Literal["exact"] | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.burst < 1:
            raise ValueError("burst must be at least 1")


@frozen
class SlidingWindow:
    """A framework's limit: at most `count` requests within any `seconds`.

    Refused requests get 429 "Request was throttled.", and `Retry-After` until the oldest request of the
    window falls out of it, in whole seconds. They don't count towards the window.
    """

    count: int = field()
    seconds: float = field(default=60.0, validator=_positive)

    def __attrs_post_init__(self) -> None:
        if self.count < 1:
            raise ValueError("count must be at least 1")


Limit = TokenBucket | SlidingWindow | None


class Pace:
    """Decides on each arrival, and counts.

    A new limit may be set while requests come in. What is left of a bucket stays, up to the new burst; a new
    window remembers the requests that the old one let through.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit: Limit = None
        self._tokens = math.inf
        self._filled = -math.inf
        self._passed: deque[float] = deque()
        self._blocked_until = -math.inf
        self.counts: PaceRecord = PaceRecord()
        self.limit = limit

    @property
    def limit(self) -> Limit:
        """The limit that is in force."""
        return self._limit

    @limit.setter
    def limit(self, limit: Limit) -> None:
        if not isinstance(limit, TokenBucket | SlidingWindow | None):
            raise TypeError("a limit is a TokenBucket, a SlidingWindow or None")
        # Another kind of limit begins anew.
        if type(limit) is not type(self._limit):
            self._tokens = math.inf
            self._passed.clear()
        self._limit = limit

    def arrive(self, now: float) -> Metered:
        """Record one request and decide on it."""
        early = now < self._blocked_until - TOLERANCE
        metered = self._decide(now)
        refused = metered.refusal is not None
        counts = self.counts
        self.counts = evolve(
            counts,
            seen=counts.seen + 1,
            limited=counts.limited + refused,
            passed=counts.passed + (not refused),
            early=counts.early + early,
        )
        told = metered.headers.get("Retry-After")
        if told is not None:
            self._blocked_until = now + float(told)
        return metered

    def _decide(self, now: float) -> Metered:
        match self._limit:
            case TokenBucket() as bucket:
                return self._from_bucket(bucket, now)
            case SlidingWindow() as window:
                return self._in_window(window, now)
        return Metered()

    def _from_bucket(self, bucket: TokenBucket, now: float) -> Metered:
        gained = 0.0 if self._tokens == math.inf else (now - self._filled) * bucket.rate
        self._tokens = min(bucket.burst, self._tokens + gained)
        self._filled = now
        if self._tokens >= 1 - _ROUNDING:
            self._tokens = max(0.0, self._tokens - 1)
            return Metered()
        wait = bucket.retry_after
        if wait == "exact":
            wait = math.ceil((1 - self._tokens) / bucket.rate)
        return Metered(gateway_error(429), {} if wait is None else {"Retry-After": f"{wait:g}"})

    def _in_window(self, window: SlidingWindow, now: float) -> Metered:
        while self._passed and self._passed[0] + window.seconds - TOLERANCE <= now:
            self._passed.popleft()
        if len(self._passed) < window.count:
            self._passed.append(now)
            return Metered()
        # A window that was made smaller is full until enough of them are out.
        leaving = self._passed[len(self._passed) - window.count]
        wait = max(1, math.ceil(leaving + window.seconds - now - TOLERANCE))
        text = f"Request was throttled. Expected available in {wait} second{'' if wait == 1 else 's'}."
        return Metered(json_answer(429, {"detail": text}), {"Retry-After": str(wait)})
