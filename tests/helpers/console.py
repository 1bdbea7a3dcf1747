"""A console on a real socket in the test's own loop, and its page's requests as plain HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from attrs import frozen

from meetstream_async import BulkOptions
from meetstream_async.console import ConsoleService, Served, serving
from meetstream_async.simulator import Simulator


@frozen
class Console:
    """A running console, and a client that has exchanged the token unless stated otherwise."""

    service: ConsoleService
    served: Served
    http: httpx.AsyncClient

    @property
    def origin(self) -> str:
        return self.served.address.rsplit("/", 2)[0]

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers=_named(headers))

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Post as the page does: with its own origin, unless another is given."""
        given = {"Origin": self.origin, **_named(headers)}
        return await self.http.post(path, json={} if body is None else body, headers=given)

    async def preview(self, **asked: Any) -> dict[str, Any]:
        """Preview what is asked for; everything, unless a filter or bots are given."""
        what = {} if asked.keys() & {"filter", "bot_ids"} else {"all": True}
        reply = await self.post("api/previews", {**what, **asked})
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def start(self, told: Mapping[str, Any], **instead: str) -> httpx.Response:
        """Confirm a preview with its words, or with others."""
        body = {"words": told["words"], "digest": told["digest"], **instead}
        return await self.post(f"api/previews/{told['id']}/run", body)

    async def run(self, **asked: Any) -> dict[str, Any]:
        """Preview, confirm, and return the run once it has ended."""
        reply = await self.start(await self.preview(**asked))
        assert reply.status_code == 202, reply.text
        return await self.over(reply.json()["run"]["id"])

    async def over(self, run_id: str) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while True:
                (told,) = [one for one in (await self.get("api/runs")).json() if one["run"]["id"] == run_id]
                if told["run"]["state"] != "running":
                    return told
                await asyncio.sleep(0.02)


@asynccontextmanager
async def console(
    sim: Simulator,
    *,
    opened: bool = True,
    clock: Callable[[], float] = time.monotonic,
    key_source: str = "a test",
    **options: Any,
) -> AsyncIterator[Console]:
    """A console for the simulated account, with these options for its runs."""
    service = ConsoleService(sim.base_url, key_source, options=BulkOptions(**options), clock=clock)
    async with (
        serving(service, {"api_key": sim.api_key, "base_url": sim.base_url}) as served,
        httpx.AsyncClient(verify=False, base_url=served.address, timeout=20) as http,
    ):
        if opened:
            assert (await http.get(served.url)).status_code == 303
        yield Console(service, served, http)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
