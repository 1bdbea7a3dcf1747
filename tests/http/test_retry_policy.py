"""RetryPolicy: its defaults, and the values that it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from meetstream_async import ConfigurationError, RetryPolicy

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
