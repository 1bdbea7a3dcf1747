"""MeetBit's rate limit: one window per client, one for the tenant, and doubling penalties."""

import math
from collections import deque
from collections.abc import Iterable

from attrs import define, field, frozen

# Tolerance in seconds, because neither clocks nor loopback sockets are exact.
TOLERANCE = 0.005
_LONGEST_PENALTY = 3600
# Retry-After, in seconds, for a suspended client. The suspension is permanent; this keeps a client away for a
# day.
_SUSPENDED_RESET = 86400


class _Window:
    """At most `limit` arrivals within any `seconds`: for 5 a second 5 in 1 s, for 2.5 a second 3 in 1.2 s."""

    def __init__(self, rate: float) -> None:
        self.limit = math.ceil(rate)
        self._seconds = self.limit / rate
        self._arrivals: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Seconds until another request may arrive."""
        while self._arrivals and self._arrivals[0] + self._seconds - TOLERANCE <= now:
            self._arrivals.popleft()
        return self._arrivals[0] + self._seconds - now if self.left == 0 else 0.0

    def take(self, now: float) -> None:
        """Record an arrival."""
        self._arrivals.append(now)

    @property
    def left(self) -> int:
        """How many more requests may arrive right now."""
        return self.limit - len(self._arrivals)

    def empty_in(self, now: float) -> float:
        """Seconds until the window is empty."""
        return self._arrivals[-1] + self._seconds - now if self._arrivals else 0.0


@define(eq=False)
class ClientLimit:
    """What the rate limit did to one client.

    throttled: requests it answered with 429.
    early_requests: throttled requests that arrived before the previous `Retry-After` had passed.
    suspended: the client has been suspended for too many early requests.
    """

    throttled: int = 0
    early_requests: int = 0
    suspended: bool = False
    _window: _Window | None = field(default=None, repr=False)
    _penalty: int = field(default=0, repr=False)
    _blocked_until: float = field(default=-math.inf, repr=False)


@frozen
class Verdict:
    """The decision on one arrival: seconds to wait (None if accepted), and the rate limit headers."""

    retry_after: int | None
    suspended: bool
    headers: dict[str, str]


class RateLimit:
    """Decides on each arrival, and counts. `suspended` and the counters cover all clients together.

    A request over the limit is refused and starts a penalty: one second, or the time until the next request
    may arrive, whichever is longer. Each request during the penalty doubles it, counted from that request.
    The `suspend_after`-th early request a client ever sends suspends it permanently. A penalty ends once it
    has been waited out, but the count of early requests is never reset. Refused requests do not count towards
    a window.
    """

    def __init__(
        self,
        clients: Iterable[str],
        *,
        rate: float | None,
        tenant_rate: float | None,
        suspend_after: int | None,
    ) -> None:
        for name, value in (("meetbit_rate", rate), ("meetbit_tenant_rate", tenant_rate)):
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, or None")
        if suspend_after is not None and suspend_after < 1:
            raise ValueError("meetbit_suspend_after must be at least 1, or None")
        self._suspend_after = suspend_after
        self._tenant = None if tenant_rate is None else _Window(tenant_rate)
        # All requests with an unknown access key count as one client, since they cannot be told apart.
        self._clients: dict[str | None, ClientLimit] = {
            name: ClientLimit(window=None if rate is None else _Window(rate)) for name in (*clients, None)
        }

    def __repr__(self) -> str:
        state = ", suspended" if self.suspended else ""
        return f"<RateLimit: {self.throttled} throttled, {self.early_requests} early{state}>"

    @property
    def throttled(self) -> int:
        """Number of requests that the limit answered with 429."""
        return sum(client.throttled for client in self._clients.values())

    @property
    def early_requests(self) -> int:
        """Number of requests that arrived before their client's `Retry-After` had passed."""
        return sum(client.early_requests for client in self._clients.values())

    @property
    def suspended(self) -> bool:
        """Whether any client has been suspended."""
        return any(client.suspended for client in self._clients.values())

    def client(self, access_key_id: str | None) -> ClientLimit:
        """Counters of one client; None stands for all unknown access keys together."""
        return self._clients[access_key_id]

    def arrive(self, access_key_id: str | None, now: float) -> Verdict:
        """Record one request and decide on it."""
        client = self._clients.get(access_key_id) or self._clients[None]
        # Only a known key identifies the tenant.
        tenant = self._tenant if client is not self._clients[None] else None
        windows = [window for window in (client._window, tenant) if window is not None]
        if not windows:
            return Verdict(None, False, {})
        if client.suspended:
            return Verdict(None, True, _headers(windows, 0, _SUSPENDED_RESET))
        wait = max(window.wait(now) for window in windows)
        if now < client._blocked_until - TOLERANCE:
            client.early_requests += 1
            client._penalty = min(2 * client._penalty, _LONGEST_PENALTY)
            client.suspended = client.early_requests == self._suspend_after
        elif wait > 0:
            client._penalty = max(1, _whole(wait))
        else:
            for window in windows:
                window.take(now)
            left = min(window.left for window in windows)
            return Verdict(None, False, _headers(windows, left, max(w.empty_in(now) for w in windows)))
        client.throttled += 1
        client._blocked_until = now + client._penalty
        reset = max(client._penalty, *(window.empty_in(now) for window in windows))
        return Verdict(client._penalty, False, _headers(windows, 0, reset))


def _headers(windows: list[_Window], left: int, reset: float) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(min(window.limit for window in windows)),
        "RateLimit-Remaining": str(left),
        "RateLimit-Reset": str(_whole(reset)),
    }


def _whole(seconds: float) -> int:
    return math.ceil(seconds - TOLERANCE)
