"""The sizes of a measurement: all in about sixteen minutes, or a quick look in less than one."""

from __future__ import annotations

from attrs import frozen


@frozen
class Size:
    """Events and rounds of each figure. ``slow_events`` are for contenders that take ten times as long."""

    name: str
    runs: int
    """Interleaved rounds, of which the median is taken."""
    events: int
    slow_events: int
    ratio_rounds: int
    ratio_events: int
    wall_events: int
    wall_runs: int
    memory_marks: tuple[int, ...]
    page_rounds: int
    imports: int
    cancels: int
    limits: int
    limit_events: int
    asked: tuple[int, ...]
    asked_seconds: float
    job_accounts: tuple[int, ...]


FULL = Size(
    name="full",
    runs=5,
    events=4000,
    slow_events=400,
    ratio_rounds=60,
    ratio_events=500,
    wall_events=10_000,
    wall_runs=3,
    memory_marks=(1_000, 10_000, 100_000, 1_000_000),
    page_rounds=60,
    imports=25,
    cancels=30,
    limits=4,
    limit_events=600,
    asked=(5, 50, 200, 500, 1000),
    asked_seconds=10.0,
    job_accounts=(100, 1_000, 10_000),
)
QUICK = Size(
    name="quick",
    runs=2,
    events=600,
    slow_events=160,
    ratio_rounds=12,
    ratio_events=300,
    wall_events=800,
    wall_runs=1,
    memory_marks=(1_000, 10_000),
    page_rounds=10,
    imports=5,
    cancels=3,
    limits=2,
    limit_events=120,
    asked=(50, 500),
    asked_seconds=1.0,
    job_accounts=(50,),
)
