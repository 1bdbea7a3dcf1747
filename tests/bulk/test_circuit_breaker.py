"""The circuit breaker: when failed calls are an outage, how it is probed, and when it is given up."""

from __future__ import annotations

import asyncio

import pytest

from meetstream_async.bulk._circuit_breaker import CircuitBreaker
from tests.helpers.clock import virtual_time


def _breaker(lasts: float = 40, *, answered: bool = True) -> CircuitBreaker:
    breaker = CircuitBreaker(lasts)
    if answered:
        breaker.record_answer()
    breaker.changed.clear()
    return breaker


@virtual_time
async def test_a_new_one_is_closed_and_has_no_answer() -> None:
    """Something new may start, and whoever waits for the first answer waits."""
    breaker = CircuitBreaker(40)
    assert (breaker.answered, breaker.last_call_answered) == (False, True)
    assert (breaker.may_start.is_set(), breaker.changed.is_set()) == (True, False)
    breaker.record_answer()
    assert (breaker.answered, breaker.last_call_answered) == (True, True)
    assert breaker.changed.is_set()


@pytest.mark.parametrize(
    ("answered", "others", "lasts", "outage"),
    [(True, True, 40, True), (True, False, 40, False), (False, True, 40, False), (True, True, 0, False)],
)
@virtual_time
async def test_an_outage_is_when_others_fail_too_after_an_answer(
    answered: bool, others: bool, lasts: float, outage: bool
) -> None:
    """And only where one may be waited for. Then nothing new starts."""
    breaker = _breaker(lasts, answered=answered)
    assert breaker.record_failure(others) is outage
    assert breaker.may_start.is_set() is not outage
    assert breaker.last_call_answered is not outage
    assert breaker.changed.is_set()


@virtual_time
async def test_an_answer_ends_the_outage() -> None:
    """New requests may start, and those that wait for a change hear of it."""
    breaker = _breaker()
    breaker.record_failure(True)
    breaker.changed.clear()
    breaker.record_answer()
    assert breaker.last_call_answered
    assert breaker.may_start.is_set()
    assert breaker.changed.is_set()


@virtual_time
async def test_probes_are_spaced_twice_as_far_each_time_within_the_time_left() -> None:
    """From a fortieth of the time that an outage may last."""
    breaker = _breaker(40)
    breaker.record_failure(True)
    assert [breaker.wait_before_probe(probes) for probes in range(4)] == pytest.approx([1, 2, 4, 8])
    await asyncio.sleep(30)
    assert breaker.wait_before_probe(5) == pytest.approx(10)


@virtual_time
async def test_an_outage_is_timed_from_its_first_failure() -> None:
    """Later failures do not prolong it; a second outage has its own time."""
    breaker = _breaker(40)
    breaker.record_failure(True)
    await asyncio.sleep(30)
    assert breaker.record_failure(True)
    assert breaker.wait_before_probe(9) == pytest.approx(10)
    breaker.record_answer()
    breaker.record_failure(True)
    assert breaker.wait_before_probe(9) == pytest.approx(40)


@virtual_time
async def test_when_the_time_is_up_the_outage_is_given_up() -> None:
    """Then the others may start again and fail for themselves, until an answer makes all as before."""
    breaker = _breaker(40)
    breaker.record_failure(True)
    await asyncio.sleep(40)
    assert breaker.wait_before_probe(0) is None
    assert breaker.may_start.is_set()
    assert not breaker.record_failure(True)
    assert breaker.may_start.is_set()
    breaker.record_answer()
    assert breaker.record_failure(True)
