"""OpenAPI as tools read it: one component for problems, a valid document, and a client generated from it."""

from __future__ import annotations

import asyncio
import importlib
import json
import pathlib
import subprocess
import sys
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Path
from fastapi.security import HTTPBearer
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from meetstream_async import (
    BotFilter,
    BulkReport,
    CancelledEvent,
    MeetingCancellation,
    ScheduledBotPage,
    UnscheduleOutcome,
)
from meetstream_async.fastapi import (
    BulkRequest,
    ClientDep,
    Problem,
    add_error_handlers,
    bulk_router,
    meetstream_lifespan,
    problem_responses,
)
from meetstream_async.simulator import Simulator
from tests.helpers.fastapi_app import serve

PROBLEM = {"$ref": "#/components/schemas/Problem"}
VALIDATION = {"$ref": "#/components/schemas/HTTPValidationError"}


def guard(tenant: Annotated[str, Path()], token: Annotated[Any, Depends(HTTPBearer())]) -> None:
    """The application's security; it declares the parameter of the prefix."""


def application(**client_arguments: Any) -> FastAPI:
    """An application with everything that this library adds to OpenAPI."""
    arguments = {"api_key": "k" * 20} | client_arguments
    app = FastAPI(lifespan=meetstream_lifespan(**arguments), responses=problem_responses())
    add_error_handlers(app)
    app.include_router(bulk_router(dependencies=[Depends(guard)]), prefix="/{tenant}")

    @app.get("/bots")
    async def list_bots(client: ClientDep, limit: int = 100) -> ScheduledBotPage:
        return await client.list_scheduled_bots(limit)

    @app.post("/report")
    async def report(filter: BotFilter) -> BulkReport[UnscheduleOutcome]:
        raise NotImplementedError

    @app.post("/meeting")
    async def meeting() -> MeetingCancellation | CancelledEvent:
        raise NotImplementedError

    return app


def test_every_field_of_a_run_is_described() -> None:
    """What the router takes and gives says what it means, in the document as in the reference."""
    schemas = application().openapi()["components"]["schemas"]
    for name in ("BulkRequest", "RunState", "RunOutcome", "OutcomePage", "Problem"):
        fields = schemas[name]["properties"]
        assert [field for field in fields if "description" not in fields[field]] == []


def test_a_problem_is_one_component_that_every_answer_refers_to() -> None:
    """In routes of the router and of the application, under the media type in which problems are sent."""
    document = application().openapi()
    schemas = document["components"]["schemas"]
    assert {"Problem", "FieldProblem"} <= schemas.keys()
    described = 0
    for item in document["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                schema = response.get("content", {}).get("application/problem+json", {}).get("schema")
                if schema is not None:
                    described += 1
                    assert schema == PROBLEM or schema["anyOf"] == [PROBLEM, VALIDATION]
    assert described > 20
    assert json.dumps(document).count(str(Problem.model_fields["code"].description)) == 1


def test_the_document_is_valid_in_the_version_that_it_names() -> None:
    """OpenAPI 3.1, the stream of events included."""
    document = application().openapi()
    assert document["openapi"].startswith("3.1.")
    validate(document, cls=OpenAPIV31SpecValidator)
    stream = document["paths"]["/{tenant}/bulk-unschedule/{run_id}/events"]["get"]["responses"]["200"]
    assert stream["content"].keys() == {"text/event-stream"}
    assert stream["content"]["text/event-stream"]["schema"]["type"] == "string"


def test_the_bodies_that_are_offered_to_try_out_are_valid_and_harmless() -> None:
    """Swagger UI fills the body with the first example: each is a dry run, without a series."""
    document = application().openapi()
    examples = document["components"]["schemas"]["BulkRequest"]["examples"]
    assert examples
    for example in examples:
        request = BulkRequest.model_validate(example)
        assert request.dry_run
        assert request.cancel_all_occurrences is None
    assert all(event_id.startswith("evt_") for event_id in examples[0]["event_ids"])


async def test_the_document_is_served() -> None:
    """At /openapi.json, as it is made."""
    app = application()
    async with serve(app) as served:
        assert (await served.http.get("/openapi.json")).json() == json.loads(json.dumps(app.openapi()))


@pytest.mark.clients
async def test_a_client_is_generated_without_a_warning_and_reads_answers_and_problems(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """openapi-python-client leaves nothing out; its client reads models, problems and FastAPI's own 422."""
    async with Simulator(3) as sim, serve(application(api_key=sim.api_key, base_url=sim.base_url)) as served:
        document = tmp_path / "openapi.json"
        document.write_text((await served.http.get("/openapi.json")).text)
        tool = str(pathlib.Path(sys.executable).with_name("openapi-python-client"))
        made = await asyncio.to_thread(
            subprocess.run,
            [
                *(tool, "generate", "--fail-on-warning", "--meta", "none"),
                *("--path", str(document), "--output-path", str(tmp_path / "generated_client")),
            ],
            capture_output=True,
            text=True,
            # It calls ruff, by name, to format what it wrote.
            env={"PATH": str(pathlib.Path(sys.executable).parent), "HOME": str(tmp_path)},
        )
        assert (made.returncode, made.stderr) == (0, ""), made.stdout + made.stderr
        assert "arning" not in made.stdout

        monkeypatch.syspath_prepend(str(tmp_path))
        package = importlib.import_module("generated_client")
        call = importlib.import_module("generated_client.api.default.list_bots_bots_get").asyncio
        models = importlib.import_module("generated_client.models")
        async with package.Client(str(served.http.base_url)) as client:
            page = await call(client=client)
            refused = await call(client=client, limit=0)
            misfit = await call(client=client, limit="many")
    assert isinstance(page, models.ScheduledBotPage)
    assert len(page.bots) == 3
    assert isinstance(refused, models.Problem)
    assert refused.code == "invalid_argument"
    assert isinstance(misfit, models.HTTPValidationError)
    assert misfit.detail[0].loc == ["query", "limit"]
