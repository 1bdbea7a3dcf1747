from __future__ import annotations

from typing import Any

from ..probe import ask
from ..serving import canned_server
from ..sizes import Size

CONCURRENCIES = (10, 20, 50)


def ratio(size: Size) -> dict[str, Any]:
    """CPU per event of ours ÷ the hand-written aiohttp loop, at each concurrency."""
    with canned_server() as server:
        return {
            str(concurrency): ask(
                "ratio",
                base_url=server.base_url,
                concurrency=concurrency,
                rounds=size.ratio_rounds,
                events=size.ratio_events,
            )
            for concurrency in CONCURRENCIES
        }
