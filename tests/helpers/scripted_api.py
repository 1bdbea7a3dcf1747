"""A MeetStream on loopback whose every answer is a function of the test's own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import define, field

from meetstream_async import MeetStreamClient, RetryPolicy

Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]

GONE: Reply = (400, {"error": "Event not scheduled"})
NO_BOT: Reply = (404, {"error": "Bot not found"})
DONE: Reply = (200, {"unscheduled": True})


@define(eq=False)
class Api:
    """What it answers, and what it saw."""

    listing: Callable[[int], Reply]
    """By the number of the listing, from 0."""
    unschedule: Callable[[str], Reply] = lambda _: DONE
    """By the event's id."""
    delete: Callable[[str], Reply] = lambda _: NO_BOT
    """By the bot's id."""
    clock: timedelta = timedelta()
    """How far the server's clock is ahead of this machine's."""
    events: list[str] = field(factory=list)
    """Ids of the DELETEs of events."""
    bots: list[str] = field(factory=list)
    """Ids of the DELETEs of bots."""
    listings: int = 0

    async def list(self, request: web.Request) -> web.Response:
        self.listings += 1
        return self._answer(self.listing(self.listings - 1))

    async def on_event(self, request: web.Request) -> web.Response:
        self.events.append(request.match_info["id"])
        return self._answer(self.unschedule(request.match_info["id"]))

    async def on_bot(self, request: web.Request) -> web.Response:
        self.bots.append(request.match_info["id"])
        return self._answer(self.delete(request.match_info["id"]))

    def _answer(self, reply: Reply) -> web.Response:
        status, body, *more = reply
        headers = {"Date": format_datetime(datetime.now(UTC) + self.clock, usegmt=True)}
        return web.Response(
            status=status,
            text=json.dumps(body),
            content_type="application/json",
            headers={**headers, **(more[0] if more else {})},
        )


@asynccontextmanager
async def serving(api: Api, **arguments: Any) -> AsyncIterator[MeetStreamClient]:
    """A client of it."""
    app = web.Application()
    app.router.add_get("/calendar/scheduled", api.list)
    app.router.add_delete("/calendar/schedule/{id}", api.on_event)
    app.router.add_delete("/calendar/scheduled_bots/{id}", api.on_bot)
    async with TestServer(app) as server:
        policy = RetryPolicy(max_attempts=2, initial_wait=0.01, max_wait=0.02)
        options = {"base_url": str(server.make_url("")), "retry": policy, **arguments}
        async with MeetStreamClient("ms_scripted-api-key-0123456789", **options) as client:
            yield client


def row(bot: str, event: str | None = "evt_1", joins: Any = "", **fields: Any) -> dict[str, Any]:
    """A row of a listing; by default the bot joins in an hour."""
    time = (datetime.now(UTC) + timedelta(hours=1)).isoformat() if joins == "" else joins
    attributes = {} if event is None else {"event_id": event}
    return {
        "bot_id": bot,
        "scheduled_join_time": time,
        "custom_attributes": {**attributes, **fields.pop("attributes", {})},
        **fields,
    }


def rows(*listed: dict[str, Any], **fields: Any) -> Reply:
    """A listing."""
    return 200, {"scheduled_bots": list(listed), **fields}


def first(*listed: dict[str, Any]) -> Callable[[int], Reply]:
    """These rows in the first listing, and none in the others."""
    return lambda number: rows(*listed) if number == 0 else rows()


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
