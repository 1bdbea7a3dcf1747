"""The size of a proof, its measurements, and code shared by several proofs."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TypeVar

import pytest

from meetstream_async.simulator import Simulator

T = TypeVar("T")

SIZES = ("short", "middle", "full")
SIZE = os.environ.get("MEETSTREAM_PROOF", "short")
"""Environment variable with the size; `full` reproduces the figures of docs/reliability.md."""
if SIZE not in SIZES:
    raise ValueError(f"MEETSTREAM_PROOF must be one of {', '.join(SIZES)}")

figures: list[str] = []
worst: dict[tuple[int, str], float] = {}
"""The measurements, shown at the end of the test run."""


def sized(short: T, middle: T, full: T) -> T:
    """The value for the requested size."""
    return (short, middle, full)[SIZES.index(SIZE)]


def figure(promise: int, text: str) -> None:
    figures.append(f"promise {promise:2}: {text}")


def note_worst(promise: int, what: str, value: float) -> None:
    """Record a measurement; of several for the same thing the largest is shown."""
    worst[promise, what] = max(value, worst.get((promise, what), value))


def all_event_ids(sim: Simulator) -> list[str]:
    return sorted(sim.ledger.scheduled_events)


def resident_mib() -> float:
    """The current memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


linux_only = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
