"""A fixed amount of work without garbage collections, so that its instructions can be counted."""

from __future__ import annotations

import gc
from importlib import import_module

from ..contenders.types import Opened
from ..ids import FreshIds
from .page import page_of

_WARM_UP = 200


async def measure(name: str, base_url: str, concurrency: int, amount: int) -> dict[str, int]:
    """Unschedule so many events with the contender ``name``; ``page``: read so many pages of 100 bots."""
    gc.disable()
    if name == "page":
        read, _ = await page_of(base_url)
        for _ in range(amount):
            read()
        return {"done": amount}
    opened: Opened = import_module(f"benchmarks.contenders.{name}").opened
    ids = FreshIds()
    first, counted = ids.take(_WARM_UP), ids.take(amount)
    async with opened(base_url, concurrency) as run:
        await run(first)
        return {"done": await run(counted)}
