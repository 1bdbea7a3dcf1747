"""CPU of several ways to do the same, taking turns in one process.

What a machine does at one moment or another (its clock, its neighbours) then falls on all alike. Figures
are taken from pairs of neighbouring rounds, and their median lets a disturbed pair go.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median, quantiles

from attrs import frozen

from .contenders.types import Run
from .ids import FreshIds


@frozen
class Turns:
    """The rounds of one run against the first one's."""

    cpu_us: float
    """Median, per event: user and system."""
    ratio: float
    """Median over the pairs of rounds."""
    low: float
    high: float
    """A quarter of the pairs lies below, a quarter above."""
    ratio_of_sums: float
    """Rounds with a collection of the oldest generation count in full here."""


async def alternate(runs: Mapping[str, Run], *, rounds: int, events: int) -> dict[str, Turns]:
    """``rounds`` of ``events`` each, after one that warms up; the first run is the base of the ratios."""
    ids = FreshIds()
    names = list(runs)
    spent: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        await _round(runs[name], ids.take(events))
    for number in range(rounds):
        # Each goes first as often as last.
        turn = number % len(names)
        order = names[turn:] + names[:turn]
        for name in order if number // len(names) % 2 == 0 else reversed(order):
            spent[name].append(await _round(runs[name], ids.take(events)))
    base = spent[names[0]]
    return {name: _turns(spent[name], base, events) for name in names}


async def _round(run: Run, event_ids: list[str]) -> float:
    begin = time.process_time()
    done = await run(event_ids)
    spent = time.process_time() - begin
    if done != len(event_ids):
        raise RuntimeError(f"{done} of {len(event_ids)} events were unscheduled")
    return spent


def _turns(own: list[float], base: list[float], events: int) -> Turns:
    ratios = [mine / other for mine, other in zip(own, base, strict=True)]
    low, _, high = quantiles(ratios, n=4)
    return Turns(
        cpu_us=median(own) / events * 1e6,
        ratio=median(ratios),
        low=low,
        high=high,
        ratio_of_sums=sum(own) / sum(base),
    )
