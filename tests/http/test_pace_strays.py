"""Refusals that come whatever the pace is, told from those of a limit."""

from __future__ import annotations

import pytest

from meetstream_async._http.pace_strays import Strays


def judged(strays: Strays, phases: list[tuple[float, int]], *, risen: bool = False) -> float:
    """The limit after refusals at these paces, after so many requests; what a limit explains is 1 % less."""
    found = 0.0
    for pace, count in phases:
        found = strays.judge(pace, count, count / pace, 0.99 * pace, risen=risen)
    return found


def falling(count: int, share: float = 0.8, first: float = 100.0) -> list[tuple[float, int]]:
    """Eight phases, each slower than the one before."""
    return [(first * share**number, count) for number in range(8)]


def test_a_pace_that_came_down_in_vain_is_taken_back() -> None:
    """Eight refusals, each after ten requests, although the pace fell to a fifth."""
    strays = Strays()
    assert judged(strays, falling(10)[:7]) == pytest.approx(0.99 * 100 * 0.8**6)
    assert judged(strays, falling(10)[7:]) == 100


@pytest.mark.parametrize(
    ("phases", "risen"),
    [
        (falling(2), False),
        (falling(10, 0.97), False),
        (falling(10), True),
        (falling(10)[:4] + [(pace, 16) for pace, _ in falling(10)[4:]], False),
    ],
    ids=["hardly anything gets through", "no slower", "met by probes", "slower helps"],
)
def test_refusals_of_a_limit_lower_the_pace(phases: list[tuple[float, int]], risen: bool) -> None:
    """As they are found."""
    assert judged(Strays(), phases, risen=risen) == pytest.approx(0.99 * phases[-1][0])


def test_a_probe_that_meets_a_limit_makes_up_for_two_refusals_without_one() -> None:
    """Now and then one comes so at any limit."""
    strays = Strays()
    for phase in falling(10) * 3:
        judged(strays, [phase])
        judged(strays, [phase], risen=True)
    assert strays.held == 0


def test_a_pace_that_is_held_rises_while_that_costs_no_refusals() -> None:
    """Twice as much after eight; less again where fewer get through, and then not for long."""
    strays = Strays()
    judged(strays, falling(10))
    assert judged(strays, [(100.0, 10)] * 8) == 200
    assert judged(strays, [(200.0, 3)] * 8) == 100 + 0.98 * 100 or strays.held == 100
    assert judged(strays, [(100.0, 10)] * 24) == 100
    assert judged(strays, [(100.0, 10)] * 8) == 200


def test_a_pace_that_nobody_uses_is_not_raised() -> None:
    """Ten requests in ten seconds tell nothing of a hundred in one."""
    strays = Strays()
    judged(strays, falling(10))
    for _ in range(32):
        strays.judge(100.0, 10, 10.0, 1.0, risen=False)
    assert strays.held == 100


@pytest.mark.parametrize("count", [30, 3])
def test_refusals_that_end_or_become_those_of_a_limit_let_the_pace_go(count: int) -> None:
    """Three times as many get through between two of them, or hardly any at half the pace and less."""
    strays = Strays()
    judged(strays, falling(10))
    assert judged(strays, [(50.0, count)] * 24) == pytest.approx(49.5)
    assert strays.held == 0
