"""When the ends of two pauses tell of a window, and of which."""

from __future__ import annotations

import pytest

from meetstream_async._http.pace_windows import LONG, WINDOW_MARGIN, Ended, Window


@pytest.mark.parametrize(
    ("count", "other", "same"),
    [(9, 9, True), (9, 10, False), (10, 11, True), (10, 12, False), (40, 42, True), (40, 43, False)],
)
def test_a_window_has_ended_twice_after_the_same_number(count: int, other: int, same: bool) -> None:
    """One request more or less counts as the same from 10 on, and a twentieth where there are many."""
    assert Ended(count, 9.0, LONG).is_like_long(Ended(other, 9.0, 0.0)) is same
    assert Ended(count, 9.0, 0.0).is_like_short(Ended(other, LONG - 0.1, 0.0)) is same


def test_a_long_window_shows_by_a_long_wait() -> None:
    """At least one of the two pauses has lasted three seconds."""
    assert Ended(20, 9.0, LONG).is_like_long(Ended(20, 9.0, 0.0))
    assert Ended(20, 9.0, 0.0).is_like_long(Ended(20, 9.0, LONG))
    assert not Ended(20, 9.0, LONG - 0.01).is_like_long(Ended(20, 9.0, LONG - 0.01))


def test_a_window_of_three_seconds_is_long() -> None:
    """What is shorter is kept as a rate."""
    assert not Ended(20, 1.0, 0.0).is_like_short(Ended(20, LONG, 0.0))


@pytest.mark.parametrize(("count", "may"), [(18, False), (19, True), (20, True), (21, True), (22, False)])
def test_a_window_may_end_where_it_has_ended(count: int, may: bool) -> None:
    """One request earlier or later, and only if the wait was long."""
    assert Ended(20, 9.0, LONG).may_repeat(count) is may
    assert not Ended(20, 9.0, LONG - 0.01).may_repeat(count)


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [(60.4, 60.9, 60), (60.9, 60.4, 60), (12.0, 60.4, 60), (59.2, 60.4, 59), (59.1, 60.4, 60), (0.2, 0.4, 1)],
)
def test_a_window_lasts_whole_seconds(first: float, second: float, seconds: float) -> None:
    """The shorter of two lengths, since waits are rounded up; the longer one where the first had begun before
    us; at least one."""
    window = Window.between(Ended(30, first, 9.0), Ended(31, second, 9.0))
    assert window == Window(30, seconds)
    assert window.rate == 30 / seconds
    assert window.pace == 15 * window.rate


def test_a_window_is_taken_to_be_a_little_longer_than_it_seems() -> None:
    """By so much that no clock's grain makes a request early."""
    assert 0.01 <= WINDOW_MARGIN <= 0.1


@pytest.mark.parametrize(("count", "told"), [(1, False), (2, False), (3, True)])
def test_one_or_two_requests_tell_of_no_long_window(count: int, told: bool) -> None:
    """A bucket that holds as little looks the same."""
    assert Ended(count, 9.0, LONG).is_like_long(Ended(count, 9.0, LONG)) is told


@pytest.mark.parametrize(
    ("count", "waits", "told"),
    [(2, (0.2, 0.2), True), (2, (0.2, 0.19), False), (2, (0.0, 1.0), False), (3, (0.0, 0.0), True)],
)
def test_one_or_two_requests_tell_of_a_short_window_if_there_was_a_wait(
    count: int, waits: tuple[float, float], told: bool
) -> None:
    """Without one, the time between two refusals says nothing of how fast it lets through."""
    first, second = (Ended(count, 0.5, wait) for wait in waits)
    assert first.is_like_short(second) is told
