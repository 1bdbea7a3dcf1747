"""RetryPolicy: its defaults, and the values that it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from meetstream_async import ConfigurationError, RetryPolicy
from meetstream_async._http.retry import is_retried, speaks_for_itself

# --- RetryPolicy ---------------------------------------------------------------------------------------


def test_the_default_policy_is_the_documented_one() -> None:
    """The defaults are part of the contract."""
    assert attrs.asdict(RetryPolicy()) == {
        "max_attempts": 4,
        "max_elapsed": 60.0,
        "initial_wait": 0.5,
        "max_wait": 8.0,
        "max_retry_after": 60.0,
    }


@pytest.mark.parametrize("name", ["max_elapsed", "initial_wait", "max_wait", "max_retry_after"])
@pytest.mark.parametrize("value", [-1, -0.1, math.nan, math.inf, "5", None, True])
def test_a_time_that_is_none_is_refused(name: str, value: Any) -> None:
    """Seconds are finite numbers, 0 or more; the error names the field."""
    with pytest.raises(ConfigurationError, match=rf"RetryPolicy\.{name}"):
        RetryPolicy(**{name: value})


@pytest.mark.parametrize("value", [0, -1, 2.0, "4", None, True])
def test_a_number_of_attempts_that_is_none_is_refused(value: Any) -> None:
    """There is at least one attempt, and their number is an int."""
    with pytest.raises(ConfigurationError, match=r"RetryPolicy\.max_attempts"):
        RetryPolicy(max_attempts=value)


@pytest.mark.parametrize("make", [lambda: RetryPolicy(max_elapsed=0), lambda: RetryPolicy(max_elapsed=0.0)])
def test_a_call_without_any_time_is_refused(make: Callable[[], RetryPolicy]) -> None:
    """max_elapsed is more than 0."""
    with pytest.raises(ConfigurationError, match=r"RetryPolicy\.max_elapsed"):
        make()


@pytest.mark.parametrize("value", [0, 0.0, 1, 2.5])
@pytest.mark.parametrize("name", ["initial_wait", "max_wait", "max_retry_after"])
def test_any_finite_wait_is_taken(name: str, value: float) -> None:
    """0 as well: then nothing is waited for."""
    assert getattr(RetryPolicy(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        (RetryPolicy(), 0.5 + 1 + 2),
        (RetryPolicy(max_attempts=1), 0),
        (RetryPolicy(max_attempts=2), 0.5),
        (RetryPolicy(max_wait=1), 0.5 + 1 + 1),
        (RetryPolicy(max_elapsed=2), 2),
        (RetryPolicy(max_attempts=10**12, max_wait=0.5), 32),
    ],
)
def test_the_longest_waits_are_the_sum_of_those_between_the_attempts(
    policy: RetryPolicy, seconds: float
) -> None:
    """Each doubled up to max_wait, all together no longer than max_elapsed."""
    assert policy.longest_waits == pytest.approx(seconds)


RETRIED = {408, 425, 429, 500, 502, 503, 504, 506, 520, 599}
FINAL = {200, 299, 301, 400, 401, 403, 404, 409, 422, 499, 501, 505, 600}


@pytest.mark.parametrize("status", sorted(RETRIED | FINAL))
def test_a_status_is_tried_again_by_the_table(status: int) -> None:
    """Those of a busy or broken server, and no others."""
    assert is_retried(status) is (status in RETRIED)


@pytest.mark.parametrize(
    ("status", "speaks"),
    [
        (200, False),
        (400, False),
        (401, True),
        (403, True),
        (404, False),
        (429, True),
        (499, False),
        (500, True),
    ],
)
def test_some_statuses_need_no_body(status: int, speaks: bool) -> None:
    """A refused key, a limit or a broken server is known from the status line."""
    assert speaks_for_itself(status) is speaks
