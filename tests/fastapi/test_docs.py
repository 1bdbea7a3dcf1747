"""The page about FastAPI does what it says, its programs taken as they are printed."""

from __future__ import annotations

import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from meetstream_async.fastapi.problems import _TABLE
from meetstream_async.simulator import Simulator
from tests.helpers.fastapi_app import TOKEN, guard, serve

PAGE = (Path(__file__).parents[2] / "docs" / "fastapi.md").read_text("utf-8")
FIRST, OWN_LIFESPAN, TESTS, BOTS, ROUTER, CALLER, DURABLE = re.findall(
    r"```python\n(.*?)```", PAGE, re.DOTALL
)


@asynccontextmanager
async def _open_database() -> AsyncIterator[str]:
    yield "open"


def _run(*programs: str) -> dict[str, Any]:
    """What the programs define, one after the other, with the names that the page calls the reader's."""
    names: dict[str, Any] = {
        "open_database": _open_database,
        "require_admin": guard,
        "current_user_id": lambda: "ann",
    }
    for program in programs:
        exec(compile(program, "fastapi.md", "exec"), names)
    return names


@pytest.fixture
async def sim(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Simulator]:
    async with Simulator(9, one_off=0, several=0, series=0, events=2) as simulator:
        for name, value in simulator.environment.items():
            monkeypatch.setenv(name, value)
        yield simulator


async def test_the_first_program_serves_both_apis(sim: Simulator) -> None:
    """One event is unscheduled and one cancelled, and the ledger says so."""
    async with serve(_run(FIRST)["app"]) as served:
        event_id = min(sim.ledger.scheduled_events)
        unscheduled = await served.http.delete(f"/events/{event_id}/bot")
        event = next(iter(sim.ledger.calendar_events.values()))
        cancelled = await served.http.post(f"/meetings/{event.calendar_id}/{event.event_id}/cancel")
        assert event_id not in sim.ledger.scheduled_events
        assert sim.ledger.calendar_events[event.event_id].cancelled
    assert (unscheduled.status_code, cancelled.status_code) == (200, 200)
    assert cancelled.json()["event"]["cancel_note"] == "The room is flooded."


async def test_the_program_for_tests_needs_no_server() -> None:
    """The fake answers, without a lifespan and without a key."""
    app = _run(FIRST, TESTS)["app"]
    async with httpx.AsyncClient(
        verify=False, transport=httpx.ASGITransport(app), base_url="http://app"
    ) as http:
        answer = await http.delete("/events/evt_1/bot")
    assert (answer.status_code, answer.json()["unscheduled"]) == (200, True)


async def test_the_other_programs_make_one_application(sim: Simulator) -> None:
    """Its own lifespan, bots without their links, and the router, asked as the printed curl asks."""
    app: FastAPI = _run(FIRST, OWN_LIFESPAN, BOTS, ROUTER, CALLER)["app"]
    start, follow = (
        shlex.split(line) for line in re.findall(r"^curl .*?[^\\]$", PAGE, re.DOTALL | re.MULTILINE)
    )
    headers = dict(start[at + 1].split(": ", 1) for at, word in enumerate(start) if word == "-H") | {
        "Authorization": TOKEN
    }
    async with serve(app) as served:
        page = (await served.http.get("/bots")).json()
        path = start[2].removeprefix("localhost:8000")
        begun = await served.http.post(path, content=start[start.index("-d") + 1], headers=headers)
        run = f"{path}/{begun.json()['id']}"
        assert follow[2] == f"localhost:8000{path}/ID/events"
        seen = await served.watch(run)
    assert len(page["bots"]) == 9
    assert all("meeting_link" not in bot for bot in page["bots"])
    assert (begun.status_code, begun.headers["location"]) == (202, run)
    assert (seen[-1].name, seen[-1].data["dry_run"], seen[-1].data["state"]) == ("end", True, "succeeded")
    assert {request.method for request in sim.requests} == {"GET"}


async def test_the_program_for_durable_jobs_makes_the_same_routes(sim: Simulator) -> None:
    """Without a database it is not started, but it is taken, and it has the five operations."""
    app: FastAPI = _run(FIRST, ROUTER.partition("app.include")[0], DURABLE)["app"]
    operations = [
        method for path, item in app.openapi()["paths"].items() if "bulk" in path for method in item
    ]
    assert sorted(operations) == ["delete", "get", "get", "get", "post"]


def test_every_problem_is_in_the_table_of_the_page() -> None:
    """Each code of the mapping stands in the row of its status."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    for _, status, code, _ in _TABLE:
        assert any(str(status) in row and f"`{code}`" in row for row in rows), code
