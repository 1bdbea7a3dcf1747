"""Wall time of a run from call to return, including connecting."""

from __future__ import annotations

import time
from typing import Any

from meetstream_async import MeetStreamClient, OutcomeStatus, unschedule_all

from ..contenders import hand_aiohttp, ours
from ..contenders.types import API_KEY
from ..ids import FreshIds

_GIVEN = {"hand": hand_aiohttp.opened, "ours": ours.opened}


async def measure(kind: str, base_url: str, concurrency: int, events: int) -> dict[str, Any]:
    """``kind``: "hand" and "ours" take the given ids, "drain" is unschedule_all with its listings."""
    begin = time.perf_counter()
    if kind == "drain":
        done = await _drain(base_url, concurrency)
    else:
        async with _GIVEN[kind](base_url, concurrency) as run:
            done = await run(FreshIds().take(events))
    seconds = time.perf_counter() - begin
    if done != events:
        raise RuntimeError(f"{done} of {events} events were unscheduled")
    return {"seconds": seconds}


async def _drain(base_url: str, concurrency: int) -> int:
    async with MeetStreamClient(API_KEY, base_url=base_url) as client:
        report = await unschedule_all(client, max_concurrency=concurrency)
    report.raise_for_failures()
    return report.counts[OutcomeStatus.UNSCHEDULED]
