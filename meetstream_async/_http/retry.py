"""Which calls are retried, as a table, and the retry policy, implemented with tenacity.

===========================================  =======
result                                       retried
===========================================  =======
2xx, 3xx                                     no
400, 401, 403, 404 and any other 4xx         no
408 Request Timeout                          yes
425 Too Early                                yes
429 Too Many Requests                        yes
500, 502, 503, 504 and any other 5xx         yes
501 Not Implemented                          no
505 HTTP Version Not Supported               no
connection refused or lost, timeout          yes
a body that can't be read                    no
===========================================  =======
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from attrs import field, frozen
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_result,
    stop_after_attempt,
    wait_random_exponential,
)

from .._logs import log_fields
from .._tasks import pause
from ..errors import ClientSetupError

_log = logging.getLogger("meetstream_async.http")


def is_retried(status: int) -> bool:
    """Whether a reply with this status is worth another attempt."""
    return status in (408, 425, 429) or (500 <= status < 600 and status not in (501, 505))


def speaks_for_itself(status: int) -> bool:
    """Whether the status alone decides what follows, and Retry-After applies, even if the body is lost."""
    return status in (401, 403, 429) or status >= 500


def _check_seconds(instance: object, attribute: Any, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ClientSetupError(
            f"RetryPolicy.{attribute.name} must be a number of seconds, 0 or more, not {value!r}"
        )


def _check_attempts(instance: object, attribute: Any, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ClientSetupError(f"RetryPolicy.max_attempts must be an int, 1 or more, not {value!r}")


def _check_elapsed(instance: object, attribute: Any, value: object) -> None:
    _check_seconds(instance, attribute, value)
    if value == 0:
        raise ClientSetupError("RetryPolicy.max_elapsed must be more than 0 seconds")


@frozen
class RetryPolicy:
    """How often and for how long a call is retried. All times in seconds.

    ``max_attempts`` counts the first one as well. The wait before attempt *n* + 1 is random between 0 and
    ``initial_wait`` x 2^(n-1), at most ``max_wait`` (exponential backoff, full jitter), and never shorter
    than a ``Retry-After``. A ``Retry-After`` beyond ``max_retry_after``, or beyond the time left, ends the
    call at once with its error. ``max_elapsed`` bounds the whole call, waits and attempts together.
    """

    max_attempts: int = field(default=4, validator=_check_attempts)
    max_elapsed: float = field(default=60.0, validator=_check_elapsed)
    initial_wait: float = field(default=0.5, validator=_check_seconds)
    max_wait: float = field(default=8.0, validator=_check_seconds)
    max_retry_after: float = field(default=60.0, validator=_check_seconds)

    @property
    def longest_waits(self) -> float:
        """Upper bound, in seconds, on the total wait between attempts."""
        waits = (
            min(self.initial_wait * 2.0**n, self.max_wait) for n in range(min(self.max_attempts - 1, 64))
        )
        return min(sum(waits), self.max_elapsed)


def check_policy(policy: object) -> RetryPolicy:
    """Raises ClientSetupError for anything but a policy."""
    if not isinstance(policy, RetryPolicy):
        raise ClientSetupError(f"retry must be a RetryPolicy, not {type(policy).__name__}")
    return policy


class Attempt(Protocol):
    """The result of one attempt."""

    @property
    def retry(self) -> bool:
        """Whether another attempt may succeed."""

    @property
    def retry_after(self) -> float | None:
        """The wait that the server asked for, in seconds."""


_A = TypeVar("_A", bound=Attempt)


async def retry(
    policy: RetryPolicy,
    attempt: Callable[[], Awaitable[_A]],
    first: _A,
    *,
    deadline: float,
    before_sleep: Callable[[_A, int, float], None],
) -> _A:
    """Continue from a first attempt that needs a retry, until an attempt does not or the policy ends the
    call.

    Not used on the happy path: entering tenacity takes a quarter of the time of a whole request. ``deadline``
    is in the loop's time. ``before_sleep`` is called with the attempt, its number and the seconds to wait.
    """
    loop = asyncio.get_running_loop()
    jitter = wait_random_exponential(multiplier=policy.initial_wait, max=policy.max_wait)
    enough = stop_after_attempt(policy.max_attempts)
    known: list[_A] = [first]

    async def replay_first() -> _A:
        return known.pop() if known else await attempt()

    def result(state: RetryCallState) -> _A:
        assert state.outcome is not None
        outcome: _A = state.outcome.result()
        return outcome

    def wait(state: RetryCallState) -> float:
        return max(jitter(state), result(state).retry_after or 0.0)

    def stop(state: RetryCallState) -> bool:
        if enough(state):
            return True
        asked = result(state).retry_after
        if asked is not None and asked > policy.max_retry_after:
            return True
        return loop.time() + state.upcoming_sleep >= deadline

    def tell(state: RetryCallState) -> None:
        before_sleep(result(state), state.attempt_number, state.upcoming_sleep)

    # A new one per call, since its state belongs to a single call. Cancellation raises instead of returning a
    # result, so it ends the call at once.
    retrying = AsyncRetrying(
        sleep=pause,
        retry=retry_if_result(lambda outcome: outcome.retry),
        wait=wait,
        stop=stop,
        before_sleep=tell,
        retry_error_callback=result,
    )
    return await retrying(replay_first)


def log_retry(method: str, path: str, reason: str, attempt: int, wait: float) -> None:
    """One line for a failed attempt that is followed by another one. ``wait``: seconds until then."""
    _log.info(
        "%s %s: %s, attempt %d; next in %.2f s",
        method,
        path,
        reason,
        attempt,
        wait,
        extra=log_fields("retry", method=method, path=path, reason=reason, attempt=attempt, wait=wait),
    )
