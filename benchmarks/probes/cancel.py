"""Time from cancelling a bulk run to its return, with every slot in flight."""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import Any

from ..contenders import hand_aiohttp, ours
from ..ids import FreshIds

_OPENED = {"hand": hand_aiohttp.opened, "ours": ours.opened}


async def measure(base_url: str, concurrency: int, events: int, repeats: int) -> dict[str, Any]:
    """Cancel a run over ``events`` ids, with ``concurrency`` requests in flight."""
    ids = FreshIds()
    figures: dict[str, Any] = {}
    for name, opened in _OPENED.items():
        took = []
        for _ in range(repeats):
            async with opened(base_url, concurrency) as run:
                task = asyncio.ensure_future(run(ids.take(events)))
                await asyncio.sleep(0.1)
                begin = time.perf_counter()
                task.cancel()
                await asyncio.wait({task})
                took.append((time.perf_counter() - begin) * 1e3)
                if not task.cancelled():
                    raise RuntimeError("the run ended before it was cancelled")
        figures[name] = {"median_ms": median(took), "longest_ms": max(took)}
    return figures
