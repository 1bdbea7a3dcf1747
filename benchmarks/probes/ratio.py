"""CPU time per event of ours ÷ the hand-written aiohttp loop, alternating in one process."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import attrs

from ..alternating import alternate
from ..contenders import hand_aiohttp, ours


async def measure(base_url: str, concurrency: int, rounds: int, events: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        runs = {
            "hand": await stack.enter_async_context(hand_aiohttp.opened(base_url, concurrency)),
            "ours": await stack.enter_async_context(ours.opened(base_url, concurrency)),
            # The same again: its ratio's distance from 1 is the measurement error of the others.
            "hand_again": await stack.enter_async_context(hand_aiohttp.opened(base_url, concurrency)),
        }
        turns = await alternate(runs, rounds=rounds, events=events)
    return {name: attrs.asdict(turn) for name, turn in turns.items()}
