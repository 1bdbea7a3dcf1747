"""One contender: CPU per event, events per second and peak RSS of a process that does nothing else."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from ..contenders.types import Opened
from ..ids import FreshIds
from ..process import peak_rss_mb


async def measure(name: str, base_url: str, concurrency: int, events: int, **options: Any) -> dict[str, Any]:
    """Measure after a warm-up with a quarter of the ``events``. ``options``: the contender's own."""
    opened: Opened = import_module(f"benchmarks.contenders.{name}").opened
    ids = FreshIds()
    first, measured = ids.take(events // 4), ids.take(events)
    async with opened(base_url, concurrency, **options) as run:
        await run(first)
        wall, cpu = time.perf_counter(), time.process_time()
        done = await run(measured)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if done != events:
        raise RuntimeError(f"{done} of {events} events were unscheduled")
    return {
        "events": events,
        "cpu_us": cpu / events * 1e6,
        "per_second": events / wall,
        "peak_rss_mb": peak_rss_mb(),
    }
