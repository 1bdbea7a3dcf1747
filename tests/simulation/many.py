"""Many histories: run one after the other, and what they found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import meetstream_async as product

from .generate import history as generate
from .histories import History
from .invariants import check
from .run import Broken, Simulating, Verdict, play, simulating
from .shrink import counted_by_target, describe, shrink

_BATCH = 250
"""Histories between two collections of what they left behind."""


@dataclass
class Tally:
    """What many histories came to."""

    histories: int = 0
    requests: int = 0
    virtual_seconds: float = 0.0
    cpu_seconds: float = 0.0
    found: dict[str, list[int]] = field(default_factory=dict)
    """The seeds that break each invariant."""

    def add(self, other: Tally) -> None:
        self.histories += other.histories
        self.requests += other.requests
        self.virtual_seconds += other.virtual_seconds
        self.cpu_seconds += other.cpu_seconds
        for name, seeds in other.found.items():
            self.found.setdefault(name, []).extend(seeds)

    def __str__(self) -> str:
        rate = self.histories / self.cpu_seconds if self.cpu_seconds else 0.0
        return (
            f"{self.histories} histories, {self.requests} requests, "
            f"{self.virtual_seconds / 3600:.0f} hours of virtual time, "
            f"{rate:.0f} histories a second of one CPU"
        )


def verdict(
    history: History, shared: Simulating, *, doors: Any = product, with_story: bool = False
) -> Verdict:
    """Run one history and judge it."""
    story: list[str] | None = [] if with_story else None
    played = play(history, shared, doors=doors, story=story)
    broken = check(played)
    if story is not None:
        story.sort(key=lambda line: float(line.split()[0]))
        story += [f"{played.ending.at:10.3f}  {line}" for line in _ending(played.ending)]
    return Verdict(history, broken, len(played.ledger.requests), played.end, story or [])


def _ending(ending: Any) -> Iterable[str]:
    if ending.cancelled:
        yield "the run was cancelled"
    if ending.error is not None:
        yield f"raised {type(ending.error).__name__}: {ending.error}"
    for meeting in ending.meetings:
        yield f"meeting {meeting.event_id}: ok={meeting.ok}, {meeting.reason}"
    report = ending.report
    if report is None:
        return
    yield f"the report: ok={report.ok}, complete={report.complete}, {report.reason}"
    for outcome in [*ending.streamed, *report.outcomes]:
        yield f"  {outcome.event_id or '-'} {', '.join(outcome.bot_ids)}: {outcome.status} ({outcome.reason})"
    if report.still_listed:
        yield f"  still listed: {', '.join(bot.bot_id for bot in report.still_listed)}"


def run_many(
    seeds: Iterable[int], *, doors: Any = product, make: Callable[[int], History] = generate
) -> Tally:
    """Run the histories of many seeds."""
    tally = Tally()
    began = time.process_time()
    with simulating() as shared:
        for number, seed in enumerate(seeds, 1):
            one = verdict(make(seed), shared, doors=doors)
            tally.histories += 1
            tally.requests += one.requests
            tally.virtual_seconds += one.elapsed
            for name in one.names():
                tally.found.setdefault(name, []).append(seed)
            if number % _BATCH == 0 and shared.collect():
                # Of one of the batch; alone it is told with its story.
                tally.found.setdefault("warning", []).append(seed)
        if shared.collect():
            tally.found.setdefault("warning", []).append(seed)
    tally.cpu_seconds = time.process_time() - began
    return tally


def shrunk(
    seed: int, invariant: str | None = None, *, doors: Any = product,
    make: Callable[[int], History] = generate,
) -> Verdict:  # fmt: skip
    """The smallest history that breaks the same invariant as that of the seed, with its story."""
    with simulating() as shared:
        history = make(seed)
        first = verdict(history, shared, doors=doors)
        if first.broken:
            wanted = invariant or first.broken[0].invariant

            def fails(one: History) -> bool:
                return wanted in verdict(one, shared, doors=doors).names()

            by_target = counted_by_target(history, play(history, shared, doors=doors).ledger.requests)
            history = shrink(by_target if fails(by_target) else history, fails)
        return verdict(history, shared, doors=doors, with_story=True)


def tell(seed: int, one: Verdict) -> str:
    """A verdict as people read it, with the command that repeats it."""
    lines = [f"history {seed}: " + ("; ".join(map(str, one.broken)) or "every invariant holds"), ""]
    lines += describe(one.history)
    lines += ["", *one.story, "", f"again: python -m tests.simulation {seed}"]
    return "\n".join(lines)


__all__ = ["Broken", "Tally", "run_many", "shrunk", "tell", "verdict"]
