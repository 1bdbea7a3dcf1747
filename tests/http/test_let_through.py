"""What an API has let through, by the spans in which it was sent."""

from __future__ import annotations

import pytest

from meetstream_async._http.let_through import SPAN, LetThrough


def seen(rate: float, seconds: float, burst: int = 0) -> LetThrough:
    """A burst at 0, and a flow at this rate."""
    counted = LetThrough()
    counted.add(0.0, burst)
    for number in range(round(rate * seconds)):
        counted.add((number + 0.5) / rate)
    return counted


def test_so_many_spans_are_remembered() -> None:
    """A hundred and twenty-eight; the next one forgets the first."""
    counted = LetThrough()
    for span in range(128):
        counted.add((span + 0.5) * SPAN)
    assert counted.since(0.0) == 128
    counted.add(128.5 * SPAN)
    assert counted.since(0.0) == 128
    assert counted.since(128 * SPAN + 0.01) == 1


def test_what_was_sent_in_one_span_is_counted_together() -> None:
    """From the span of the time that is asked for; each at the end of its span."""
    counted = LetThrough()
    counted.add(1.01)
    counted.add(1.09, 2)
    counted.add(1.25)
    assert counted.to_list() == [(10, 3), (12, 1)]
    assert counted.since(1.05) == 4
    assert counted.since(1.15) == 1
    assert counted.times(1.05) == pytest.approx([1.1, 1.1, 1.1, 1.3])
    assert counted.times(1.15) == pytest.approx([1.3])
    assert LetThrough(counted.to_list()).to_list() == counted.to_list()


def test_what_was_sent_later_is_not_counted() -> None:
    """Neither among those since a time, nor for the rate."""
    counted = seen(10, 5.0)
    assert counted.since(1.0, 2.99) == 20
    assert counted.steadiest(0.0, 3.0, 1.0) == pytest.approx(10, rel=0.05)
    counted.add(3.5, 100)
    assert counted.steadiest(0.0, 3.0, 1.0) == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize(
    ("times", "most"), [([], 0), ([0.0], 1), ([0.0, 0.95, 1.05], 2), ([5.0] * 3 + [9.0], 3)]
)
def test_the_fullest_second_is_known(times: list[float], most: int) -> None:
    """Ten spans in a row, wherever they begin."""
    counted = LetThrough()
    for time in times:
        counted.add(time + 0.01)
    assert counted.busiest() == most


@pytest.mark.parametrize("rate", [5, 20, 100])
@pytest.mark.parametrize("burst", [1, 10])
def test_the_rate_behind_a_burst_is_found(rate: float, burst: int) -> None:
    """What flowed in since the burst began, to a twentieth."""
    counted = seen(rate, 5.0, burst)
    assert counted.steadiest(0.0, 5.0, burst) == pytest.approx(rate, rel=0.05)
    found = counted.flow(0.0, 5.0, burst=burst, burst_seconds=0.0, least=0.0, guess=rate)
    assert found == pytest.approx(rate, rel=0.08)


def test_a_burst_holds_what_flowed_in_meanwhile() -> None:
    """Ten at once, and ten more within a second at 10 a second: the bucket holds ten, not twenty."""
    counted = seen(10, 5.0, 10)
    found = counted.flow(0.0, 5.0, burst=20, burst_seconds=1.0, least=0.0, guess=10.0)
    assert found == pytest.approx(10, rel=0.05)


def test_less_than_three_spans_tell_nothing() -> None:
    """Their edges would count for too much; the least is what is known otherwise."""
    counted = LetThrough()
    counted.add(0.95, 50)
    assert counted.steadiest(0.9, 1.1, 1.0) == 0.0
    assert counted.steadiest(0.9, 1.3, 1.0) > 0.0
    assert counted.flow(0.9, 1.1, burst=1, burst_seconds=0.0, least=7.0, guess=1.0) == 7.0


def test_what_came_before_is_left_out() -> None:
    """A rate is that of its own time."""
    counted = seen(100, 5.0)
    for number in range(20):
        counted.add(6.0 + (number + 0.5) / 10)
    assert counted.steadiest(6.0, 8.0, 0.0) == pytest.approx(10, rel=0.15)
