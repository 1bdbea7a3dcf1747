"""A wary pace: others may use the key unseen, and being early is punished."""

from __future__ import annotations

import pytest

from meetstream_async._http.pace import Pace
from tests.helpers.limited_server import BEGIN, Bucket, run_at


def margins(count: int, told: float, size: int | None = None, draw: float = 1.0) -> list[float]:
    """Seconds beyond the told wait, of so many refusals in a row."""
    pace, now, added = Pace(5, wary=True, draw=lambda: draw), BEGIN, []
    for _ in range(count):
        pace.take(now)
        pace.refused(now, now, told, size)
        added.append(pace.next_start(now) - now - told)
        now = pace.next_start(now) + 60
    return added


def test_the_margin_doubles_with_each_refusal_six_times_at_most() -> None:
    """It begins with a quarter of what was told."""
    assert margins(8, 2.0) == pytest.approx([0.5, 1, 2, 4, 8, 16, 16, 16])


def test_the_margin_is_drawn_and_half_a_minute_at_most() -> None:
    """Several processes that were told the same don't come back together."""
    assert margins(1, 2.0, draw=0.5) == pytest.approx([0.25])
    assert margins(6, 10.0)[-1] == pytest.approx(30)


def test_where_others_are_seen_the_margin_is_eight_seconds_at_least() -> None:
    """The API says that it lets five through, and we had started one."""
    assert margins(1, 1.0, size=5, draw=0.0) == pytest.approx([8])
    assert margins(1, 1.0, size=5, draw=0.5) == pytest.approx([12])
    assert margins(2, 1.0, size=5, draw=0.0)[-1] == pytest.approx(16)


@pytest.mark.parametrize(
    ("size", "left", "others"), [(5, 3, False), (5, 2, True), (5, 0, True), (10, 8, False), (4, 0, False)]
)
def test_starts_that_are_not_ours_are_those_of_others(size: int, left: int, others: bool) -> None:
    """Two of ours are under way; a limit that is lower than the bound tells nothing."""
    pace = Pace(5, wary=True, draw=lambda: 0.5)
    pace.take(BEGIN)
    pace.take(BEGIN + 0.2)
    pace.shares(BEGIN + 0.3, size, left, 4.0)
    assert (pace.finder.limit is not None) is others
    if others:
        assert pace.finder.limit == pytest.approx(1.0)
        assert pace.next_start(BEGIN + 0.3) == pytest.approx(BEGIN + 4.3 + 0.5, abs=0.02)


def test_a_start_of_a_while_ago_is_not_one_of_this_second() -> None:
    """What the limit counts is gone by then, so somebody else has used it."""
    pace = Pace(5, wary=True, draw=lambda: 0.5)
    pace.take(BEGIN)
    pace.shares(BEGIN + 1.0, 5, 4, 1.0)
    assert pace.finder.limit is None
    pace.shares(BEGIN + 1.2, 5, 4, 1.0)
    assert pace.finder.limit is not None


def test_a_pace_that_is_not_wary_leaves_nothing_to_others() -> None:
    """It waits for as long as it was told."""
    pace = Pace(5, draw=lambda: 1.0)
    pace.take(BEGIN)
    pace.shares(BEGIN + 0.1, 5, 0, 4.0)
    assert pace.finder.limit is None
    pace.refused(BEGIN, BEGIN + 0.1, 1.0, 5)
    assert pace.next_start(BEGIN + 0.1) == pytest.approx(BEGIN + 1.1)


def test_a_bound_that_is_set_again_forgets_no_start() -> None:
    """A client that joins with the same bound must not make the next reply look like somebody else's."""
    pace = Pace(5, wary=True)
    pace.take(BEGIN)
    pace.take(BEGIN + 0.2)
    pace.bound_by(5)
    pace.shares(BEGIN + 0.3, 5, 3, 1.0)
    assert pace.finder.limit is None


@pytest.mark.parametrize(("late", "made_up_for"), [(0.2, True), (0.3, False)])
def test_a_busy_process_makes_up_for_a_quarter_of_a_second_of_its_bound(
    late: float, made_up_for: bool
) -> None:
    """The bound counts the starts of each second anyway."""
    pace = Pace(50)
    pace.take(BEGIN)
    due = pace.next_start(BEGIN)
    pace.take(due + late, waited=True)
    assert (pace.next_start(due + late) < due + late) is made_up_for


@pytest.mark.parametrize("bound", [None, 50])
@pytest.mark.parametrize(("late", "made_up_for"), [(0.09, True), (0.2, False)])
def test_a_pace_that_was_found_makes_up_for_a_tenth(
    bound: float | None, late: float, made_up_for: bool
) -> None:
    """What starts too close together there is refused."""
    pace = Pace(bound)
    for number in range(20):
        pace.take(BEGIN + number / 10)
        pace.let_through(BEGIN + number / 10, BEGIN + number / 10 + 0.05)
    pace.refused(BEGIN + 2, BEGIN + 2.05, 1.0)
    pace.take(pace.next_start(BEGIN + 2.05), waited=True)
    due = pace.next_start(BEGIN + 3.1)
    pace.take(due + late, waited=True)
    assert pace.next_start(due + late) - pace.interval == pytest.approx(due + (not made_up_for) * late)


def test_the_longest_wait_of_those_that_were_under_way_together_counts() -> None:
    """For what a window lasts, too: they came with one refusal."""
    pace = Pace()
    for _ in range(3):
        pace.take(BEGIN)
        pace.let_through(BEGIN, BEGIN + 0.05)
    pace.refused(BEGIN, BEGIN + 0.05, 1.0)
    pace.refused(BEGIN, BEGIN + 0.06, 4.0)
    assert pace.next_start(BEGIN + 1) == pytest.approx(BEGIN + 4.06)
    pace.take(BEGIN + 4.1, waited=True)
    assert pace.finder.short_pause > 1
    # Three in four seconds, four times as much, since so long a wait may be that of a window.
    assert pace.finder.pace == pytest.approx(4 * 3 / 4.1, rel=0.05)


def test_a_pace_that_is_slowed_down_goes_on_at_that_share() -> None:
    """Whether its limit was met again or not yet."""
    for requests in (15, 300):
        pace = run_at(Bucket(30, 10, 1), requests).pace
        before = pace.finder.pace
        assert before is not None
        pace.finder.slow_down(0.5)
        assert pace.finder.pace == pytest.approx(before / 2)
