"""The cost of options when nothing fails: variants of ours against the default, alternating."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import attrs

from ..alternating import alternate
from ..contenders import ours
from ..contenders.types import Run

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "no_retry": {"max_attempts": 1},
    # So high that no request ever waits for it.
    "paced": {"rate_limit": 1e6},
    "debug_log": {},
}


async def measure(base_url: str, concurrency: int, rounds: int, events: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        runs = {
            name: await stack.enter_async_context(ours.opened(base_url, concurrency, **options))
            for name, options in VARIANTS.items()
        }
        runs["debug_log"] = _logged(runs["debug_log"])
        turns = await alternate(runs, rounds=rounds, events=events)
    return {name: attrs.asdict(turn) for name, turn in turns.items()}


def _logged(run: Run) -> Run:
    """Run with a handler that formats every record of the package's loggers, from DEBUG on."""
    log = logging.getLogger("meetstream_async")

    async def logged(event_ids: Sequence[str]) -> int:
        handler = logging.StreamHandler(io.StringIO())
        log.addHandler(handler)
        log.setLevel(logging.DEBUG)
        try:
            return await run(event_ids)
        finally:
            log.setLevel(logging.NOTSET)
            log.removeHandler(handler)

    return logged
