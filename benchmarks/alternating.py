"""CPU time of several implementations of the same task, alternating in one process.

Changes in the machine's speed over time then affect all of them alike. Figures
are computed from pairs of neighbouring rounds, and their median is robust against disturbed pairs.
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
    """The rounds of one run, relative to the first run's."""

    cpu_us: float
    """Median CPU time per event: user and system."""
    ratio: float
    """Median of the ratio over the pairs of rounds."""
    low: float
    high: float
    """First and third quartile of the pairs' ratios."""
    ratio_of_sums: float
    """Ratio of the sums over all rounds, so that full garbage collections are included."""


async def alternate(runs: Mapping[str, Run], *, rounds: int, events: int) -> dict[str, Turns]:
    """Run ``rounds`` of ``events`` each, after a warm-up round; ratios are relative to the first run."""
    ids = FreshIds()
    names = list(runs)
    spent: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        await _round(runs[name], ids.take(events))
    for number in range(rounds):
        # Each one goes first as often as last.
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
