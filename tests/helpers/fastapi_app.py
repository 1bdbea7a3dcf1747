"""A FastAPI application on a real socket in the test's own loop, and a reader of its events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
import uvicorn.server
from attrs import frozen
from fastapi import Depends, FastAPI, HTTPException, Request

from meetstream_async.fastapi import Runs, add_error_handlers, bulk_router, meetstream_lifespan
from meetstream_async.simulator import Simulator

TOKEN = "Bearer let-me-in"
WHOLE = {"all": True}
"""The body that asks for the whole account."""


def guard(request: Request) -> None:
    """The application's own security: a fixed token."""
    if request.headers.get("authorization") != TOKEN:
        raise HTTPException(401, "who are you?")


def app_for(sim: Simulator, runs: Runs | None = None, **client_arguments: Any) -> FastAPI:
    """An application with the router, its client pointed at the simulator."""
    arguments: dict[str, Any] = {"api_key": sim.api_key, "base_url": sim.base_url} | client_arguments
    app = FastAPI(lifespan=meetstream_lifespan(**arguments))
    add_error_handlers(app)
    app.include_router(bulk_router(dependencies=[Depends(guard)], runs=runs))
    return app


class _Asyncio:
    """asyncio as uvicorn sees it in tests: it polls more often than ten times a second."""

    @staticmethod
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / 20)

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)


# Otherwise waiting for servers to stop takes a third of these tests' time.
uvicorn.server.asyncio = _Asyncio()  # type: ignore[assignment]


@frozen
class Served:
    """A running server, and an authorized client."""

    server: uvicorn.Server
    task: asyncio.Task[None]
    http: httpx.AsyncClient

    async def stop(self) -> None:
        """Tell the server to stop, as a signal would, and wait for its end."""
        self.server.should_exit = True
        await self.task

    async def start(self, body: Any = None, **headers: str) -> str:
        """Start a run; returns its path."""
        reply = await self.http.post(
            "/bulk-unschedule", json=WHOLE if body is None else body, headers=headers
        )
        assert reply.status_code == 202, reply.text
        return reply.headers["location"]

    async def state(self, run: str) -> dict[str, Any]:
        """The state of a run."""
        reply = await self.http.get(run)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def over(self, run: str) -> dict[str, Any]:
        """The state of a run once it has ended."""
        async with asyncio.timeout(20):
            while (state := await self.state(run))["state"] == "running":
                await asyncio.sleep(0.02)
        return state

    async def watch(self, run: str, last: str | None = None) -> list[Event]:
        """The events of a run, until it has ended."""
        return [event async for event in events(self.http, run, last)]

    async def outcomes(self, run: str, limit: int = 100) -> list[dict[str, Any]]:
        """All outcomes of a finished run, page by page."""
        found: list[dict[str, Any]] = []
        params: dict[str, Any] = {"limit": limit}
        while True:
            page = (await self.http.get(f"{run}/outcomes", params=params)).json()
            found += page["outcomes"]
            if not page["more"]:
                return found
            params["after"] = page["next"]


@asynccontextmanager
async def serve(app: FastAPI) -> AsyncIterator[Served]:
    """Serve the application with uvicorn, and stop it at the end."""
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="on", ws="none")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            await task
            raise AssertionError("the application did not start")
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    # Reading the certificates of the world takes longer than many a test.
    async with httpx.AsyncClient(
        verify=False, base_url=f"http://127.0.0.1:{port}", headers={"Authorization": TOKEN}, timeout=20
    ) as http:
        served = Served(server, task, http)
        try:
            yield served
        finally:
            await http.aclose()
            await served.stop()


def requests_at_work() -> int:
    """Number of requests that the server is answering."""
    return sum("run_asgi" in repr(task.get_coro()) for task in asyncio.all_tasks())


@frozen
class Event:
    """One server-sent event."""

    name: str
    id: str | None
    data: dict[str, Any]


async def events(http: httpx.AsyncClient, run: str, last: str | None = None) -> AsyncIterator[Event]:
    """The events of a run until the server ends the stream."""
    headers = {} if last is None else {"Last-Event-ID": last}
    async with http.stream("GET", f"{run}/events", headers=headers) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in reply.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                yield Event(fields["event"], fields.get("id"), json.loads(fields["data"]))
                fields = {}
