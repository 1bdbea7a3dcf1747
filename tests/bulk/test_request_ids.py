"""The API's own ids of requests, on results and outcomes: what its vendor asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from meetstream_async import (
    EventNotFoundError,
    MeetBitClient,
    MeetStreamClient,
    ScheduledBot,
    bulk_cancel_events,
    bulk_unschedule,
    unschedule_all,
)
from meetstream_async.simulator import Simulator
from tests.helpers.meetstream import client, listing
from tests.helpers.raw_server import RawServer, reply

Start = Callable[..., Awaitable[RawServer]]
ID = ("x-request-id", "req-7")


async def test_every_result_has_it(raw_server: Start) -> None:
    """From the header, whatever the body says; None without one."""
    server = await raw_server(
        reply(200, listing(), ID),
        reply(200, {"results": []}, ID),
        reply(200, {"unscheduled": True, "request_id": "from the body"}, ID),
        reply(200, {"message": "gone"}, ("x-amzn-requestid", "amzn-1")),
        reply(200, {"request_id": "from the body"}),
        reply(200, {"scheduled": True, "bot_id": "b1"}, ID),
        reply(201, {"bot_id": "b1"}, ID),
        reply(507, {"bot_id": "b1"}, ID),
        reply(200, {"bot_details": {"BotID": "b1"}}, ID),
        reply(200, {}, ID),
    )
    async with client(server.url) as c:
        results: list[Any] = [
            await c.list_scheduled_bots(),
            await c.list_calendar_events(),
            await c.unschedule_event("evt_1"),
            await c.delete_scheduled_bot("b1"),
            await c.unschedule_event("evt_1"),
            await c.schedule_event("evt_1"),
            await c.create_bot("https://meet.example/a", "Notes"),
            await c.create_bot("https://meet.example/a", "Notes", idempotency_key="k"),
            await c.get_bot_detail("b1"),
            await c.move_scheduled_bot("b1", datetime(2030, 1, 1, tzinfo=UTC)),
        ]
    assert [result.request_id for result in results] == [
        *("req-7", "req-7", "req-7", "amzn-1", None),
        *["req-7"] * 5,
    ]


@pytest.mark.parametrize(("sent", "kept"), [("a\u00a0b", "a b"), ("x" * 300, "x" * 199 + "…")])
async def test_a_strange_id_is_cleaned(raw_server: Start, sent: str, kept: str) -> None:
    """It is text from a server like any other."""
    server = await raw_server(reply(200, listing(), ("x-request-id", sent)))
    async with client(server.url) as c:
        assert (await c.list_scheduled_bots()).request_id == kept


async def test_two_results_that_differ_in_nothing_else_are_equal(raw_server: Start) -> None:
    """It says how they came, not what they are."""
    server = await raw_server(reply(200, {}, ID), reply(200, {}))
    async with client(server.url) as c:
        assert await c.unschedule_event("evt_1") == await c.unschedule_event("evt_1")


async def test_every_outcome_has_that_of_its_last_request(raw_server: Start) -> None:
    """Of success and refusal, by event and by bot."""
    server = await raw_server(
        reply(200, {"unscheduled": True}, ("x-request-id", "done")),
        reply(404, {"message": "Event not found"}, ("x-request-id", "refused")),
        reply(200, {}, ("x-request-id", "by bot")),
    )
    alone = ScheduledBot("b3")
    async with client(server.url) as c:
        report = await bulk_unschedule(c, ["evt_1", "evt_2", alone], max_concurrency=1, one_off_bots="delete")
    ids = [(one.event_id, one.request_id, one.to_dict()["request_id"]) for one in report.outcomes]
    assert ids == [("evt_1", "done", "done"), ("evt_2", "refused", "refused"), (None, "by bot", "by bot")]
    error = report.outcomes[1].error
    assert isinstance(error, EventNotFoundError)
    assert error.request_id == "refused"


async def test_the_outcomes_of_a_whole_account_have_it() -> None:
    """It is the id under which the API logged the DELETE."""
    async with Simulator(bots=3, one_off=0, several=0, series=0) as sim:
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as c:
            report = await unschedule_all(c)
        deletes = {f"sim-{one.index}" for one in sim.requests if one.method == "DELETE"}
    assert {one.request_id for one in report.outcomes} == deletes


async def test_a_cancelled_event_has_it() -> None:
    """MeetBit's likewise, on the result and the outcome."""
    async with Simulator(bots=0, events=2) as sim:
        keys = (sim.access_key_id, sim.access_key_secret)
        async with MeetBitClient(None, *keys, base_url=sim.meetbit_base_url) as c:
            targets = [(event.calendar_id, event.event_id) for event in sim.calendar_events]
            report = await bulk_cancel_events(c, targets, "Off.", max_concurrency=1)
    assert [one.request_id for one in report.outcomes] == ["sim-0", "sim-1"]
    assert [one.result and one.result.request_id for one in report.outcomes] == ["sim-0", "sim-1"]
