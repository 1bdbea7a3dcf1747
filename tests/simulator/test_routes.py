"""Every route of the simulated MeetStream: method, path, statuses and shapes, and no server error."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from meetstream_async.simulator import Simulator, Trouble
from meetstream_async.simulator.settings import Settings, Switches
from tests.helpers.in_thread import in_thread
from tests.helpers.simulator import ask, says
from tests.helpers.simulator_routes import ROUTES, Reply, Row, openapi, whole_account

LONG = os.environ.get("MEETSTREAM_PROOF", "short") != "short"
DOCUMENT = Path(__file__).parents[2] / "docs" / "simulator.md"
CASES = [
    pytest.param(row, reply, id=f"{row.method} {row.path} {reply.status}")
    for row in ROUTES
    for reply in row.replies
]


@pytest.mark.parametrize(("row", "reply"), CASES)
async def test_a_route_answers_in_its_shape(row: Row, reply: Reply) -> None:
    """The request of the table gets the status and the fields of the table, no more and no less."""
    async with whole_account(**reply.switches) as sim:
        headers = {"Idempotency-Key": "one"}
        agent = ""
        for method, path, body in reply.before:
            first = await ask(sim, method, path, body, headers=headers)
            agent = first.json.get("agent_config_id", "")
        path = (reply.asked or row.path).replace("{agent}", agent)
        body = json.loads(json.dumps(reply.body).replace("{agent}", agent))
        got = await ask(sim, row.method, path, body, headers=headers)
    assert got.status == reply.status, got.body
    assert reply.shape is not None
    Draft202012Validator(reply.shape).validate(got.json)


@pytest.mark.parametrize("row", ROUTES, ids=lambda row: f"{row.method} {row.path}")
async def test_a_route_knows_who_asks(row: Row) -> None:
    """401 without a key, 403 with a wrong one, 404 without a user; each in the documented words."""
    path = re.sub(r"\{\w+\}", "b", row.path)
    async with whole_account() as sim:
        replies = [await ask(sim, row.method, path, key=key) for key in ("", "Bearer x", "Token wrong")]
    async with whole_account(user_missing=True) as sim:
        replies.append(await ask(sim, row.method, path))
    assert [(reply.status, reply.json) for reply in replies] == [
        (401, says("Missing user_id in token or invalid authentication.")),
        (401, says("Missing user_id in token or invalid authentication.")),
        (403, says("Invalid API key")),
        (404, says("User not found")),
    ]


async def test_the_table_has_every_route() -> None:
    """Each path refuses all methods that the table does not name, and allows those that it names."""
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
    of_path: dict[str, set[str]] = {}
    for row in ROUTES:
        of_path.setdefault(row.path, set()).add(row.method)
    async with whole_account() as sim:
        for path, known in of_path.items():
            for method in methods - known:
                reply = await ask(sim, method, re.sub(r"\{\w+\}", "b", path))
                assert reply.status == 405, (method, path)
                assert reply.headers["allow"] == ", ".join(sorted(known))
        names = {request.route for request in sim.requests}
        assert names == {None}


@pytest.mark.parametrize("path", ["", "/", "/nowhere", "/calendars", "/calendar/schedule/evt_1/more"])
async def test_another_path_is_not_found(path: str) -> None:
    """404, the beginning of all paths by itself included."""
    async with whole_account() as sim:
        assert (await ask(sim, "GET", path)).status == 404


def test_the_document_lists_the_same_routes() -> None:
    """The table in docs/simulator.md: route, statuses, and how it is known."""
    listed = {
        (method, path): ({int(status) for status in statuses.split(", ")}, known)
        for method, path, statuses, known in re.findall(
            r"^\| `([A-Z]+) (/[^`]+)` \| ([\d, ]+) \| (\w+)", DOCUMENT.read_text("utf-8"), re.MULTILINE
        )
    }
    assert listed == {
        (row.method, row.path): ({reply.status for reply in row.replies}, row.known) for row in ROUTES
    }


def test_the_document_lists_every_switch_and_route_name() -> None:
    """Each argument of the simulator, each field of its settings, and each name that a trouble takes."""
    text = DOCUMENT.read_text("utf-8")
    arguments = {*inspect.signature(Simulator).parameters} - {"switches"} | {*Switches.__annotations__}
    assert {name for name in arguments if not re.search(rf"^\|.*`{name}`", text, re.MULTILINE)} == set()
    assert {*Switches.__annotations__} == {one.name for one in attrs.fields(Settings)}
    with pytest.raises(ValueError, match="no route") as caught:
        Simulator(0, troubles=[Trouble("nowhere", 500)])
    names = str(caught.value).partition("'*', ")[2].split(", ")
    assert len(names) > 20
    assert [name for name in names if f'`"{name}"`' not in text] == []


@asynccontextmanager
async def _served() -> AsyncIterator[tuple[str, str]]:
    async with whole_account() as sim:
        yield sim.base_url, f"Token {sim.api_key}"


@pytest.fixture
def served() -> Iterator[tuple[str, str]]:
    """A simulator in a thread: its URL and the header of its key."""
    with in_thread(_served) as url_and_key:
        yield url_and_key


def _explore(served: tuple[str, str], examples: int) -> Counter[int]:
    """Requests of every kind to every route, every answer checked; how often each status came."""
    # Here, since only the proofs need it, and each process of the default run would import it.
    import schemathesis
    from schemathesis.specs.openapi.checks import (
        ignored_auth,
        missing_required_header,
        negative_data_rejection,
        positive_data_acceptance,
        unsupported_method,
    )

    url, key = served
    schema = schemathesis.openapi.from_dict(openapi())
    statuses: Counter[int] = Counter()
    # The schema says little of what is asked: it is about the answers.
    excluded: list[Any] = [
        ignored_auth, positive_data_acceptance, negative_data_rejection, missing_required_header,
        unsupported_method,
    ]  # fmt: skip
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=examples, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            reply = case.call(base_url=url, headers={"Authorization": key})
            statuses[reply.status_code] += 1
            if reply.status_code in (404, 405):
                # An id may be empty or hold a slash, and then it is another path.
                return
            case.validate_response(reply, excluded_checks=excluded)

        check()
    return statuses


@pytest.mark.slow
def test_no_request_makes_the_simulator_fail(served: tuple[str, str]) -> None:
    """Whatever is sent, there is no server error, and a success has the shape of the table."""
    statuses = _explore(served, examples=3)
    assert {200, 400, 404} <= statuses.keys()
    assert not [status for status in statuses if status >= 500 and status != 507]


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.skipif(not LONG, reason="a long proof")
def test_no_request_of_very_many_makes_the_simulator_fail(served: tuple[str, str]) -> None:
    """The same with a hundred requests to each route."""
    statuses = _explore(served, examples=100)
    assert not [status for status in statuses if status >= 500 and status != 507]
