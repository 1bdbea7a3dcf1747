"""The example that is there to be copied, and the whole interface under generated requests."""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meetstream_async.fastapi import InProcessRuns
from meetstream_async.simulator import Simulator
from tests.helpers.fastapi_app import TOKEN, app_for, events, serve
from tests.helpers.in_thread import in_thread

LONG = os.environ.get("MEETSTREAM_PROOF", "short") != "short"
SEMANTIC = ("invalid_argument", "invalid_position", "idempotency_key_reused")
"""Reasons why a request that fits the schema may still be refused."""
SELECTION = ('{"all": true}', "can't be combined", "is empty")
"""What is said of a request that does not say what to unschedule, or says it twice."""
WHAT = ("filter", "event_ids", "all")
"""What says what to unschedule."""
EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_app.py"


def _example(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in sim.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ADMIN_TOKEN", TOKEN.removeprefix("Bearer "))
    spec = importlib.util.spec_from_file_location("fastapi_app", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_example_lists_unschedules_and_follows_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty lines, as they stand: bots, one event, and a bulk run to its end; strangers get nothing."""
    assert len(EXAMPLE.read_text("utf-8").splitlines()) <= 40
    async with Simulator(12, one_off=0, several=0, series=0) as sim:
        async with serve(_example(sim, monkeypatch).app) as served:
            page = (await served.http.get("/bots")).json()
            event_id = page["bots"][0]["custom_attributes"]["event_id"]
            one = await served.http.delete(f"/events/{event_id}/bot")
            run = await served.start({"all": True, "max_concurrency": 10})
            seen = [event async for event in events(served.http, run)]
            wrong = await served.http.get("/bots", headers={"Authorization": "Bearer wrong"})
            none = await served.http.get("/bots", headers={"Authorization": ""})
        assert sim.ledger.scheduled_events == frozenset()
    assert (one.status_code, one.json()["unscheduled"]) == (200, True)
    assert (seen[-1].data["state"], seen[-1].data["counts"]["unscheduled"]) == ("succeeded", 11)
    assert wrong.status_code == 403
    assert none.status_code in (401, 403)


@asynccontextmanager
async def _explored() -> AsyncIterator[tuple[str, str]]:
    runs = InProcessRuns(max_running=1000, max_kept=100_000)
    async with Simulator(0) as sim, serve(app_for(sim, runs)) as served:
        run = await served.start({"all": True, "dry_run": True})
        await served.over(run)
        yield str(served.http.base_url), run.rsplit("/")[-1]


@pytest.fixture
def explored() -> Iterator[tuple[str, str]]:
    """The router served from a thread, its account empty; its URL and the id of a run that is over."""
    with in_thread(_explored) as url_and_run:
        yield url_and_run


def _explore(explored: tuple[str, str], examples: int) -> Counter[int]:
    """Valid and invalid requests to every operation, every answer checked; how often each status came."""
    # Here, since only the proofs need it, and each process of the default run would import it.
    import schemathesis
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi.checks import (
        ignored_auth,
        negative_data_rejection,
        positive_data_acceptance,
        response_schema_conformance,
    )

    url, run = explored
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    statuses: Counter[int] = Counter()
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 5
    for operation in operations:
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:

            @settings(
                max_examples=examples,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(mode), known=st.booleans(), positive=st.just(mode.is_positive))
            def ask(case: schemathesis.Case, known: bool, positive: bool) -> None:
                excluded = [ignored_auth, positive_data_acceptance]
                if known and case.path_parameters:
                    case.path_parameters["run_id"] = run
                    # What was wrong with it may have been the id, and a query may say more than is read.
                    excluded.append(negative_data_rejection)
                if positive and isinstance(case.body, dict) and not any(map(case.body.get, WHAT)):
                    # That one of them is needed can't be said in a schema that all generators read.
                    case.body["all"] = True
                reply = case.call(base_url=url, headers={"Authorization": TOKEN})
                if reply.headers["content-type"][0].startswith("text/event-stream"):
                    # It takes the schema of the stream, which is text, for that of each event.
                    excluded.append(response_schema_conformance)
                case.validate_response(reply, excluded_checks=excluded)
                if positive and reply.status_code == 422:
                    problem = reply.json()
                    said = " ".join(error["message"] for error in problem["errors"])
                    assert problem["code"] in SEMANTIC or any(words in said for words in SELECTION), problem
                statuses[reply.status_code] += 1

            ask()
    return statuses


@pytest.mark.slow
def test_no_request_makes_the_router_fail(explored: tuple[str, str]) -> None:
    """Whatever is sent, the answer is one that OpenAPI documents, in the shape that it documents."""
    statuses = _explore(explored, examples=3)
    assert {202, 200, 404, 422} <= statuses.keys()


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.skipif(not LONG, reason="a long proof")
def test_no_request_of_very_many_makes_the_router_fail(explored: tuple[str, str]) -> None:
    """The same with hundreds of requests to each operation."""
    assert {202, 200, 404, 422} <= _explore(explored, examples=300).keys()
