"""Courses of the pace at many servers, whose figures are recorded: a change of the law shows in them.

``python -m tests.helpers.pace_courses`` records them anew; read what changed before it is committed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meetstream_async._http.pace import Pace
from meetstream_async._http.pace_state import take_state, to_state

from .limited_server import BEGIN, Bucket, Course, Fixed, Silent, Sliding, Straying, Unfair, run_at

RECORDED = Path(__file__).parents[1] / "http" / "pace_courses.json"


def _changed(server: Bucket, rates: dict[float, float], requests: int, **options: Any) -> Course:
    """A bucket whose rate changes at these seconds."""

    def change(rate: float) -> Callable[[], None]:
        return lambda: setattr(server, "rate", rate)

    changes = [(at, change(rate)) for at, rate in rates.items()]
    return run_at(server, requests, changes=changes, **options)


def _resized(server: Sliding | Fixed, sizes: dict[float, int], requests: int) -> Course:
    """A window whose size changes at these seconds."""

    def change(most: int) -> Callable[[], None]:
        return lambda: setattr(server, "most", most)

    return run_at(server, requests, changes=[(at, change(most)) for at, most in sizes.items()])


def _wary(bound: float | None = 5.0, seed: int = 1) -> Pace:
    return Pace(bound, wary=True, draw=random.Random(seed).random)


def _crowded() -> Course:
    """Others use the key, and the API says how much is left."""
    pace = _wary()
    for second in range(3):
        pace.take(BEGIN + second)
        pace.let_through(BEGIN + second, BEGIN + second + 0.05)
        pace.shares(BEGIN + second + 0.05, 5, 1, 1.0)
    return run_at(Bucket(5, 5, 1), 100, concurrency=5, pace=pace)


def _taken_over() -> Course:
    """Another process goes on from the state that the first one left."""
    first = run_at(Bucket(30, 10, 1), 400).pace
    second = Pace(draw=random.Random(2).random)
    take_state(second, json.loads(json.dumps(to_state(first))))
    return run_at(Bucket(30, 10, 1), 400, pace=second)


def _slowed() -> Course:
    pace = run_at(Bucket(30, 10, 1), 300).pace
    pace.finder.slow_down(0.5)
    return run_at(Bucket(30, 10, 1), 300, pace=pace)


def _used_up() -> Course:
    """The API says that nothing is left before it refuses anything."""
    pace = Pace(draw=random.Random(3).random)
    for number in range(10):
        pace.take(BEGIN + number / 20)
        pace.let_through(BEGIN + number / 20, BEGIN + number / 20 + 0.05)
    pace.used_up(BEGIN + 0.5, 1.5)
    return run_at(Bucket(20, 10, None), 300, pace=pace)


COURSES: dict[str, Callable[[], Course]] = {
    "bucket, wait of 1 s": lambda: run_at(Bucket(50, 10, 1), 1500),
    "bucket, no wait told": lambda: run_at(Bucket(50, 10, None), 1500),
    "bucket, long waits": lambda: run_at(Bucket(20, 5, 4), 600, concurrency=50),
    "bucket, deep": lambda: run_at(Bucket(40, 200, 1), 1200),
    "bucket, shallow": lambda: run_at(Bucket(30, 1, None), 400, concurrency=5),
    "bucket, slow": lambda: run_at(Bucket(1, 5, 1), 200, concurrency=5),
    "bucket, one by one": lambda: run_at(Bucket(8, 3, 1), 300, concurrency=1),
    "bucket, far away": lambda: run_at(Bucket(50, 20, 2), 900, latency=0.4, refusal_latency=0.3),
    "bucket, fast": lambda: run_at(Bucket(400, 50, None), 4000, concurrency=50),
    "bucket that halves and doubles": lambda: _changed(Bucket(50, 10, 1), {15: 25, 25: 50}, 1800),
    "bucket that falls far": lambda: _changed(Bucket(60, 10, None), {10: 6, 40: 60}, 1500),
    "bucket that grows": lambda: _changed(Bucket(10, 5, 1), {20: 100}, 2000),
    "sliding window, a minute": lambda: run_at(Sliding(30, 60), 150),
    "sliding window, 10 s": lambda: run_at(Sliding(100, 10), 900),
    "sliding window, short": lambda: run_at(Sliding(20, 1), 500),
    "sliding window, 2 s": lambda: run_at(Sliding(30, 2), 500),
    "fixed window, a minute": lambda: run_at(Fixed(30, 60, 20), 200),
    "fixed window, 10 s": lambda: run_at(Fixed(100, 10, 7), 900),
    "fixed window, short": lambda: run_at(Fixed(50, 1, 0.3), 900),
    "fixed window, 3 s": lambda: run_at(Fixed(12, 3, 1), 200),
    "window, slow client": lambda: run_at(Sliding(30, 10), 300, concurrency=2, latency=0.3),
    "window that grows": lambda: _resized(Sliding(30, 10), {45: 60}, 700),
    "window that shrinks": lambda: _resized(Fixed(60, 10), {45: 30}, 500),
    "window of a minute, no wait told": lambda: run_at(Silent(Fixed(60, 60, 20)), 400),
    "refused ones count": lambda: run_at(Unfair(50, 20, 1), 300, concurrency=10, refusal_latency=0.05),
    "bucket that tells no seconds": lambda: run_at(Bucket(0.8, 2, 0), 60),
    "bucket, slow answers": lambda: run_at(
        Bucket(20, 20, 1), 500, latency=1, refusal_latency=1, concurrency=50
    ),
    "a tenth is refused": lambda: run_at(Straying(Bucket(200, 50, None), 0.1, None), 2000),
    "bound above the limit": lambda: run_at(Bucket(20, 10, 1), 600, pace=Pace(45)),
    "bound below the limit": lambda: run_at(Bucket(50, 10, None), 600, pace=Pace(30)),
    "bound shared by processes": lambda: run_at(Bucket(20, 20, 1), 300, pace=Pace(20, shared=True)),
    "wary": lambda: run_at(Bucket(5, 5, 1), 100, concurrency=5, pace=_wary()),
    "wary, less than its bound": lambda: run_at(Bucket(2, 2, 1), 100, concurrency=5, pace=_wary()),
    "wary, nothing told": lambda: run_at(Bucket(3, 3, None), 100, concurrency=5, pace=_wary()),
    "wary, its bound lifted": lambda: run_at(Bucket(20, 5, 1), 300, pace=_wary(None)),
    "wary, crowded": _crowded,
    "taken over": _taken_over,
    "slowed down": _slowed,
    "used up": _used_up,
}


def figures(name: str) -> dict[str, Any]:
    """What a course came to."""
    course = COURSES[name]()
    finder = course.pace.finder
    times = course.times
    return {
        "seconds": round(course.seconds, 4),
        "refused": course.refused,
        "at": [round(times[len(times) * tenth // 10], 4) for tenth in range(10)],
        "findings": finder.findings,
        "limit": None if finder.limit is None else round(finder.limit, 4),
        "sustained": None if finder.sustained is None else round(finder.sustained, 4),
    }


if __name__ == "__main__":
    recorded = {name: figures(name) for name in COURSES}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in recorded.items())
    RECORDED.write_text(f"{{\n{lines}\n}}\n", "utf-8")
