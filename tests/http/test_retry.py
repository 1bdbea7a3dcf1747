"""Which attempts are repeated and when: the table and the bounds, on a clock that jumps."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from aioresponses import CallbackResult
from aioresponses import aioresponses as Mocked

from meetstream_async import (
    ApiError,
    ConnectionFailedError,
    EventNotScheduledError,
    InvalidResponseError,
    MeetStreamClient,
    MeetStreamError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
)
from meetstream_async._http.retry import is_retried
from tests.helpers.clock import now, run_virtual, virtual_time
from tests.helpers.credentials import API, KEY

EVENT = f"{API}/calendar/schedule/evt_1"
YEAR = 366 * 86400.0

# The table of the module's docstring, row by row.
TABLE: list[tuple[str, Iterable[int], bool]] = [
    ("2xx, 3xx", range(200, 400), False),
    ("400, 401, 403, 404 and any other 4xx", sorted({*range(400, 500)} - {408, 425, 429}), False),
    ("408 Request Timeout", [408], True),
    ("425 Too Early", [425], True),
    ("429 Too Many Requests", [429], True),
    ("500, 502, 503, 504 and any other 5xx", sorted({*range(500, 600)} - {501, 505}), True),
    ("501 Not Implemented", [501], False),
    ("505 HTTP Version Not Supported", [505], False),
]


@pytest.mark.parametrize(("row", "statuses", "retried"), TABLE, ids=[row for row, _, _ in TABLE])
def test_a_status_is_retried_as_the_table_says(row: str, statuses: Iterable[int], retried: bool) -> None:
    """Every status of a row is treated as its row promises."""
    assert {is_retried(status) for status in statuses} == {retried}


class Api:
    """Answers the DELETE of one event from a script, and keeps the times at which it was asked."""

    def __init__(self, mock: Mocked, *script: CallbackResult | Exception) -> None:
        self._script = list(script)
        self.asked: list[float] = []
        mock.delete(EVENT, callback=self._answer, repeat=True)

    def _answer(self, url: Any, **kwargs: Any) -> CallbackResult:
        self.asked.append(now())
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(step, Exception):
            raise step
        return step

    @property
    def gaps(self) -> list[float]:
        """Seconds between one request and the next."""
        return [after - before for before, after in pairwise(self.asked)]


def answer(status: int = 200, retry_after: object = None, body: str = "{}") -> CallbackResult:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return CallbackResult(status=status, body=body, headers=headers)


async def unschedule(policy: RetryPolicy = RetryPolicy(), **options: Any) -> Any:  # noqa: B008 - a frozen value
    async with MeetStreamClient(KEY, base_url=API, retry=policy, **options) as client:
        return await client.unschedule_event("evt_1")


def _name(value: object) -> str | None:
    """How a script's step is called in the name of a test."""
    if isinstance(value, CallbackResult):
        return f"{value.status} {value.body}".removesuffix(" {}")
    return type(value).__name__ if isinstance(value, Exception) else None


REFUSED = aiohttp.ClientConnectorError(
    aiohttp.client_reqrep.ConnectionKey("h", 80, False, True, None, None, None), OSError(111, "refused")
)


@pytest.mark.parametrize(
    ("first", "attempts", "raised"),
    [
        (answer(200), 1, None),
        (answer(302), 1, ApiError),
        (answer(400), 1, ApiError),
        (answer(401), 1, ApiError),
        (answer(403), 1, ApiError),
        (answer(404), 1, ApiError),
        (answer(409), 1, ApiError),
        (answer(408), 4, ApiError),
        (answer(425), 4, ApiError),
        (answer(429), 4, RateLimitError),
        (answer(500), 4, ServerError),
        (answer(502), 4, ServerError),
        (answer(503), 4, ServerError),
        (answer(504), 4, ServerError),
        (answer(501), 1, ServerError),
        (answer(505), 1, ServerError),
        (REFUSED, 4, ConnectionFailedError),
        (aiohttp.ServerDisconnectedError(), 4, ConnectionFailedError),
        (aiohttp.ClientPayloadError("half"), 4, ConnectionFailedError),
        (ConnectionResetError(104, "reset"), 4, ConnectionFailedError),
        (TimeoutError(), 4, RequestTimeoutError),
        (answer(200, body="no JSON"), 1, InvalidResponseError),
    ],
    ids=_name,
)
@virtual_time
async def test_a_call_is_repeated_as_the_table_says(
    mocked: Mocked, first: Any, attempts: int, raised: type[MeetStreamError] | None
) -> None:
    """The result decides whether there are max_attempts requests or one; the error counts them."""
    api = Api(mocked, first)
    if raised is None:
        await unschedule()
    else:
        with pytest.raises(raised) as caught:
            await unschedule()
        assert caught.value.attempts == attempts
    assert len(api.asked) == attempts


@pytest.mark.parametrize("max_attempts", [1, 2, 7])
@virtual_time
async def test_there_are_at_most_max_attempts(mocked: Mocked, max_attempts: int) -> None:
    """The policy's number counts the first attempt."""
    api = Api(mocked, answer(503))
    with pytest.raises(ServerError) as caught:
        await unschedule(RetryPolicy(max_attempts=max_attempts))
    assert len(api.asked) == caught.value.attempts == max_attempts


@virtual_time
async def test_a_success_ends_the_retries(mocked: Mocked) -> None:
    """Two failures and a success make three requests and a result."""
    api = Api(mocked, answer(503), aiohttp.ServerDisconnectedError(), answer(body='{"unscheduled": true}'))
    result = await unschedule()
    assert (result.unscheduled, result.inferred, len(api.asked)) == (True, False, 3)


@pytest.mark.parametrize(("end", "waits"), [(0.0, [0, 0, 0, 0, 0]), (1.0, [0.5, 1, 2, 4, 4])])
@virtual_time
async def test_waits_are_drawn_between_nothing_and_a_doubling_bound(
    mocked: Mocked, monkeypatch: pytest.MonkeyPatch, end: float, waits: list[float]
) -> None:
    """Full jitter: from 0 to initial_wait, doubling, at most max_wait."""
    monkeypatch.setattr(random, "uniform", lambda low, high: low + end * (high - low))
    api = Api(mocked, answer(503))
    with pytest.raises(ServerError):
        await unschedule(RetryPolicy(max_attempts=6, max_wait=4.0))
    assert api.gaps == pytest.approx(waits)


def test_waits_differ_from_call_to_call() -> None:
    """Many clients that failed together do not come back together."""

    async def first_gap() -> float:
        with Mocked() as mock:
            api = Api(mock, answer(503), answer())
            await unschedule()
            return api.gaps[0]

    gaps = [run_virtual(first_gap()) for _ in range(20)]
    assert all(0 <= gap <= 0.5 for gap in gaps)
    assert len(set(gaps)) > 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("asked", [0, 1, 2.5, 20, 59])
@virtual_time
async def test_a_retry_is_never_earlier_than_retry_after(mocked: Mocked, status: int, asked: float) -> None:
    """Retry-After is a lower bound on the wait, of every retried status."""
    api = Api(mocked, answer(status, asked), answer())
    await unschedule(RetryPolicy(max_elapsed=100.0))
    assert asked <= api.gaps[0] <= asked + 8


@virtual_time
async def test_a_date_in_retry_after_is_a_lower_bound_too(mocked: Mocked) -> None:
    """An HTTP date counts from the reply's own Date, whatever this machine's clock says."""
    headers = {"Date": "Fri, 20 Dec 2024 12:00:00 GMT", "Retry-After": "Fri, 20 Dec 2024 12:00:07 GMT"}
    api = Api(mocked, CallbackResult(status=503, headers=headers), answer())
    await unschedule()
    assert api.gaps[0] >= 7


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("policy", "asked"),
    [
        (RetryPolicy(), 61),
        (RetryPolicy(), 10**8 - 1),
        (RetryPolicy(max_retry_after=5.0), 6),
        (RetryPolicy(max_retry_after=0.0), 1),
        (RetryPolicy(max_elapsed=10.0), 10),
        (RetryPolicy(max_elapsed=10.0), 11),
    ],
)
@virtual_time
async def test_a_wait_that_is_too_long_fails_at_once(
    mocked: Mocked, status: int, policy: RetryPolicy, asked: int
) -> None:
    """Beyond max_retry_after or the time left the call ends now, with the wait on its error."""
    api = Api(mocked, answer(status, asked))
    started = now()
    with pytest.raises(ApiError) as caught:
        await unschedule(policy)
    assert now() == started
    assert len(api.asked) == 1
    assert (caught.value.status, caught.value.retry_after) == (status, min(asked, YEAR))


@pytest.mark.parametrize("max_elapsed", [0.1, 3.0, 10.0])
@virtual_time
async def test_max_elapsed_bounds_a_call_that_fails_fast(mocked: Mocked, max_elapsed: float) -> None:
    """However many attempts are allowed, waits and attempts together end in time."""
    api = Api(mocked, answer(503))
    started = now()
    with pytest.raises(ServerError):
        await unschedule(RetryPolicy(max_attempts=10_000, max_elapsed=max_elapsed, initial_wait=0.01))
    assert now() - started <= max_elapsed
    assert len(api.asked) > 1


@pytest.mark.parametrize(("max_elapsed", "timeout", "ends"), [(10.0, 30.0, 10.0), (100.0, 30.0, 100.0)])
def test_max_elapsed_bounds_a_call_that_is_never_answered(
    max_elapsed: float, timeout: float, ends: float
) -> None:
    """The last attempt gets no more than the time that is left."""

    async def call() -> float:
        async def never(url: Any, **kwargs: Any) -> None:
            await asyncio.sleep(1e6)

        with Mocked() as mock:
            mock.delete(EVENT, callback=never, repeat=True)
            started = now()
            policy = RetryPolicy(max_attempts=100, max_elapsed=max_elapsed)
            with pytest.raises(RequestTimeoutError) as caught:
                await unschedule(policy, timeout=timeout)
            assert caught.value.outcome_unknown
            return now() - started

    assert ends - 8 - 0.5 <= run_virtual(call()) <= ends + 1e-6


@virtual_time
async def test_an_attempt_takes_no_longer_than_the_timeout(mocked: Mocked) -> None:
    """timeout bounds one attempt; the next one follows."""
    asked = []

    async def slow(url: Any, **kwargs: Any) -> None:
        asked.append(now())
        if len(asked) == 1:
            await asyncio.sleep(1e6)

    mocked.delete(EVENT, callback=slow, repeat=True, payload={})
    await unschedule(timeout=5.0)
    assert 5.0 <= asked[1] - asked[0] <= 5.5 + 1e-6


@virtual_time
async def test_cancellation_during_a_wait_ends_at_once(mocked: Mocked) -> None:
    """A call that is cancelled while it waits for its retry sends nothing more."""
    api = Api(mocked, answer(503, 30))
    task = asyncio.create_task(unschedule())
    await asyncio.sleep(10)
    started = now()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert now() == started
    await asyncio.sleep(100)
    assert len(api.asked) == 1


@virtual_time
async def test_cancellation_during_an_attempt_is_not_retried(mocked: Mocked) -> None:
    """A cancelled request is not taken for a failed one."""
    asked = []

    async def never(url: Any, **kwargs: Any) -> None:
        asked.append(now())
        await asyncio.sleep(1e6)

    mocked.delete(EVENT, callback=never, repeat=True)
    task = asyncio.create_task(unschedule())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(100)
    assert len(asked) == 1


@virtual_time
async def test_a_timeout_of_the_caller_is_the_callers_own(mocked: Mocked) -> None:
    """asyncio.timeout around a call raises a plain TimeoutError, and nothing is repeated."""
    api = Api(mocked, answer(503, 30))
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(1):
            await unschedule()
    assert not isinstance(caught.value, MeetStreamError)
    assert len(api.asked) == 1


@virtual_time
async def test_calls_side_by_side_count_their_own_attempts(mocked: Mocked) -> None:
    """Concurrent calls over one client do not mix up their retries."""
    async with MeetStreamClient(KEY, base_url=API) as client:
        for name in range(10):
            url = f"{API}/calendar/schedule/evt_{name}"
            for _ in range(name % 4):
                mocked.delete(url, status=503)
            mocked.delete(url, status=400, payload={"message": "no"})
        calls = [client.unschedule_event(f"evt_{name}") for name in range(10)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [getattr(error, "attempts", None) for error in errors] == [name % 4 + 1 for name in range(10)]


@pytest.mark.parametrize(
    ("before", "inferred"),
    [
        (answer(503), True),
        (answer(500), True),
        (TimeoutError(), True),
        (aiohttp.ServerDisconnectedError(), True),
        (answer(429), False),
        (answer(408), False),
        (REFUSED, False),
    ],
    ids=_name,
)
@virtual_time
async def test_only_an_attempt_that_may_have_arrived_makes_the_next_answer_uncertain(
    mocked: Mocked, before: Any, inferred: bool
) -> None:
    """After a 5xx, a timeout or a lost connection "not scheduled" is success, else an error."""
    Api(mocked, before, answer(400, body='{"message": "Event not scheduled"}'))
    if inferred:
        assert (await unschedule()).inferred
    else:
        with pytest.raises(EventNotScheduledError) as caught:
            await unschedule()
        assert (caught.value.outcome_unknown, caught.value.attempts) == (False, 2)


@virtual_time
async def test_uncertainty_lasts_over_later_attempts(mocked: Mocked) -> None:
    """A refused connection at the end does not make certain what a 503 before it left open."""
    Api(mocked, answer(503), REFUSED)
    with pytest.raises(ConnectionFailedError) as caught:
        await unschedule()
    assert (caught.value.outcome_unknown, caught.value.attempts) == (True, 4)


@virtual_time
async def test_waits_of_nothing_are_allowed(mocked: Mocked) -> None:
    """initial_wait=0 repeats at once."""
    api = Api(mocked, answer(503))
    with pytest.raises(ServerError):
        await unschedule(RetryPolicy(initial_wait=0, max_wait=0))
    assert api.gaps == [0, 0, 0]


@virtual_time
async def test_a_turn_that_comes_too_late_for_a_first_attempt_is_a_rate_limit(mocked: Mocked) -> None:
    """Nothing was sent, and the error says how long it would have had to wait."""
    api = Api(mocked, answer())
    async with MeetStreamClient(
        KEY, base_url=API, rate_limit=1, retry=RetryPolicy(max_elapsed=1.0)
    ) as client:
        await client.unschedule_event("evt_1")
        with pytest.raises(RateLimitError):
            await client.unschedule_event("evt_1")
    assert len(api.asked) == 1
