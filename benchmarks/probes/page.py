"""CPU time to read a page of 100 bots, from the reply's bytes to the models, and for the JSON alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from meetstream_async import MeetStreamClient
from meetstream_async._http.call import ONE_ATTEMPT, Context, Request
from meetstream_async._http.reply import Reply
from meetstream_async.meetstream import list_scheduled_bots

from ..contenders.types import API_KEY

LIMIT = 100


async def measure(base_url: str, rounds: int, pages: int) -> dict[str, Any]:
    """Median of ``rounds`` for this number of pages, in µs."""
    read, body = await page_of(base_url)
    whole, alone = [], []
    for _ in range(rounds):
        whole.append(_each(read, pages))
        alone.append(_each(lambda: json.loads(body), pages))
    return {
        "page_us": median(whole),
        "low": min(whole),
        "high": max(whole),
        "json_us": median(alone),
        "bytes": len(body),
    }


async def page_of(base_url: str) -> tuple[Callable[[], None], bytes]:
    """A function that reads a page of the server's, and the page's body."""
    async with MeetStreamClient(API_KEY, base_url=base_url) as client:
        # Private names of the package: list_scheduled_bots would include the network.
        request = list_scheduled_bots(LIMIT)
        kept: list[Reply] = []

        def keep(reply: Reply, context: Context) -> tuple[None, tuple[()]]:
            kept.append(reply)
            return None, ()

        await client.api.call(Request(request.route, keep, query=request.query))
        reply = kept[0]

    def read() -> None:
        page, remarks = request.read(reply, ONE_ATTEMPT)
        if len(page.bots) != LIMIT or page.rejected or len(remarks) > 1:
            raise RuntimeError(
                f"{len(page.bots)} bots, {len(page.rejected)} rejected, {len(remarks)} remarks"
            )

    return read, reply.body


def _each(action: Callable[[], object], times: int) -> float:
    begin = time.process_time()
    for _ in range(times):
        action()
    return (time.process_time() - begin) / times * 1e6
