"""The models as FastAPI shows them: OpenAPI field by field, and JSON there and back."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
import httpx
import pytest
from fastapi import Body, FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

import meetstream_async
from meetstream_async import (
    BotFilter,
    BulkOptions,
    BulkReport,
    CancelOutcome,
    CheckStatus,
    ClientOptions,
    MeetingCancellation,
    MeetStreamError,
    OutcomeStatus,
    RejectedRow,
    RetryPolicy,
    ScheduledBot,
    ScheduledBotPage,
    ServerError,
    UnscheduleOptions,
    UnscheduleOutcome,
    UnscheduleResult,
)

PUBLIC = [getattr(meetstream_async, name) for name in meetstream_async.__all__]
OPTIONS = (BulkOptions, ClientOptions, RetryPolicy, UnscheduleOptions)
MODELS = [cls for cls in PUBLIC if inspect.isclass(cls) and attrs.has(cls) and cls not in OPTIONS]
"""Every public value except options, which never occur in a response."""


def _app() -> FastAPI:
    app = FastAPI()

    def route(cls: Any) -> Any:
        return lambda: None

    for cls in MODELS:
        app.get(f"/{cls.__name__}", response_model=cls)(route(cls))
    app.get("/report", response_model=BulkReport[UnscheduleOutcome])(route(BulkReport))
    return app


SCHEMAS: dict[str, Any] = _app().openapi()["components"]["schemas"]


def _expected(hint: Any) -> Any:
    """The JSON Schema of a Python type, written out by hand."""
    if get_origin(hint) in (Union, UnionType):
        return {"anyOf": [_expected(member) for member in get_args(hint)]}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _expected(get_args(hint)[0])}
    if get_origin(hint) is Mapping:
        value = get_args(hint)[1]
        return {"type": "object", "additionalProperties": True if value is Any else _expected(value)}
    if get_origin(hint) is Literal:
        return {"type": "string", "enum": list(get_args(hint))}
    if inspect.isclass(hint) and attrs.has(hint):
        return {"$ref": f"#/components/schemas/{hint.__name__}"}
    simple: dict[Any, Any] = {
        str: {"type": "string"},
        int: {"type": "integer"},
        bool: {"type": "boolean"},
        float: {"type": "number"},
        type(None): {"type": "null"},
        datetime: {"type": "string", "format": "date-time"},
        MeetStreamError: {"type": "string"},
        CheckStatus: {"$ref": "#/components/schemas/CheckStatus"},
        OutcomeStatus: {"$ref": "#/components/schemas/OutcomeStatus"},
    }
    return simple[hint]


PLAIN = [cls for cls in MODELS if cls is not BulkReport]


@pytest.mark.parametrize("cls", PLAIN, ids=lambda cls: cls.__name__)
def test_every_field_is_in_openapi(cls: Any) -> None:
    """Its name, its type with formats, that it is always there, and what it means."""
    schema = SCHEMAS[cls.__name__]
    hints = get_type_hints(cls)
    fields = [field.name for field in attrs.fields(cls)]
    assert list(schema["properties"]) == fields == schema["required"]
    assert schema["description"] == inspect.getdoc(cls)
    for name in fields:
        shown = dict(schema["properties"][name])
        assert len(shown.pop("description")) > 3
        shown.pop("title", None)
        if shown.get("type") == "object":
            # What older versions of pydantic leave unsaid.
            shown.setdefault("additionalProperties", True)
        assert shown == _expected(hints[name]), name


def test_a_report_is_in_openapi_with_the_outcomes_that_it_holds() -> None:
    """The report has outcomes of the named type; without a type, of either."""
    named, open_ = SCHEMAS["BulkReport_UnscheduleOutcome"], SCHEMAS["BulkReport"]
    assert named["properties"]["outcomes"]["items"] == {"$ref": "#/components/schemas/UnscheduleOutcome"}
    assert open_["properties"]["outcomes"]["items"] == {
        "anyOf": [
            {"$ref": "#/components/schemas/UnscheduleOutcome"},
            {"$ref": "#/components/schemas/CancelOutcome"},
        ]
    }
    for schema in (named, open_):
        assert list(schema["properties"]) == [field.name for field in attrs.fields(BulkReport)]
        assert all(field["description"] for field in schema["properties"].values())


def test_the_statuses_are_an_enum() -> None:
    """With every value that an outcome can have."""
    assert SCHEMAS["OutcomeStatus"]["enum"] == [status.value for status in OutcomeStatus]


# --- JSON ---------------------------------------------------------------------------------------------

times = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
maybe = lambda values: st.none() | values  # noqa: E731
jsonable = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
bots = st.builds(
    ScheduledBot,
    bot_id=text,
    platform=maybe(text),
    status=maybe(text),
    scheduled_join_time=maybe(times),
    bot_username=maybe(text),
    is_scheduled=maybe(st.booleans()),
    custom_attributes=st.dictionaries(text, jsonable, max_size=3),
    meeting_link=maybe(text),
)
pages = st.builds(
    ScheduledBotPage,
    bots=st.lists(bots, max_size=3).map(tuple),
    limit=st.integers(1, 100),
    truncated=st.booleans(),
    rejected=st.lists(st.builds(RejectedRow, st.integers(0, 99), text, text), max_size=2).map(tuple),
)
outcomes = st.builds(
    UnscheduleOutcome,
    event_id=maybe(text),
    bot_ids=st.lists(text, max_size=2).map(tuple),
    status=st.sampled_from(OutcomeStatus),
    reason=maybe(text),
    result=maybe(st.builds(UnscheduleResult, unscheduled=maybe(st.booleans()), from_date=maybe(times))),
    attempts=st.integers(0, 9),
    elapsed=st.floats(0, 100),
)
reports = st.builds(
    BulkReport,
    counts=st.dictionaries(st.sampled_from(["failed", "unscheduled"]), st.integers(0, 9)),
    outcomes=st.lists(outcomes, max_size=3).map(tuple),
    complete=st.booleans(),
    ok=st.booleans(),
    reason=maybe(text),
    elapsed=st.floats(0, 100),
    still_listed=st.lists(bots, max_size=2).map(tuple),
)


@given(st.one_of(bots, pages, outcomes, reports))
def test_a_value_survives_json(value: Any) -> None:
    """A value survives a round trip through JSON, including None and nested values."""
    cls: Any = BulkReport[UnscheduleOutcome] if isinstance(value, BulkReport) else type(value)
    adapter = TypeAdapter(cls)
    written = adapter.dump_json(value)
    assert adapter.validate_json(written) == value
    assert adapter.validate_python(json.loads(written)) == value
    assert adapter.validate_python(value) is value


def test_an_error_is_written_as_its_class_and_text_and_not_read_back() -> None:
    """An error is serialized as in to_dict, and cannot be read back."""
    outcome = UnscheduleOutcome("e", (), OutcomeStatus.FAILED, error=ServerError("bad", status=503))
    adapter = TypeAdapter(UnscheduleOutcome)
    written = json.loads(adapter.dump_json(outcome))
    assert written["error"] == outcome.to_dict()["error"] == "ServerError: 503 bad"
    with pytest.raises(ValidationError, match="can't be rebuilt"):
        adapter.validate_json(json.dumps(written))


hostile = st.recursive(
    st.text() | st.floats(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner)
)


@settings(max_examples=30)
@given(hostile)
def test_whatever_a_server_put_into_a_bot_can_be_written(value: Any) -> None:
    """Half characters and numbers that JSON does not know do not break the answer."""
    bot = ScheduledBot("b", bot_username="\ud800x", custom_attributes={"any": value})
    assert json.loads(TypeAdapter(ScheduledBot).dump_json(bot))["bot_username"] == "\ufffdx"


def test_a_bottomless_value_is_cut_off() -> None:
    """A value nested a thousand deep does not break the answer."""
    deep: Any = "bottom"
    for _ in range(1000):
        deep = [deep]
    bot = ScheduledBot("b", custom_attributes={"deep": deep, "flat": 1})
    assert json.loads(TypeAdapter(ScheduledBot).dump_json(bot))["custom_attributes"]["flat"] == 1


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"platfrom": "zoom"}, "Extra inputs"),
        ({"before": 0}, "ISO 8601"),
        ({"before": "2030-01-01T00:00:00"}, "no time zone"),
        ({"name": 3}, "valid string"),
        ({"attributes": []}, "valid dictionary"),
    ],
)
def test_a_filter_that_might_select_too_much_is_refused(given: Any, problem: str) -> None:
    """Unknown conditions, numbers for times and times without an offset do not pass."""
    with pytest.raises(ValidationError, match=problem):
        TypeAdapter(BotFilter).validate_python(given)


def test_a_filter_is_read_as_the_filter_itself() -> None:
    """As a request's body it is the BotFilter that the same arguments make."""
    read = TypeAdapter(BotFilter).validate_python({"platform": "GMeet", "after": "2030-01-01T00:00:00+02:00"})
    assert read == BotFilter("GMeet", after=datetime.fromisoformat("2030-01-01T00:00:00+02:00"))


async def test_a_route_returns_the_values_themselves() -> None:
    """As annotated return values, alone, in lists and in unions, and less what a route leaves out."""
    app = FastAPI()
    bot = ScheduledBot(
        "b", scheduled_join_time=datetime(2030, 1, 1, tzinfo=UTC), meeting_link="https://secret"
    )

    @app.get("/bots", response_model_exclude={"__all__": {"meeting_link"}})
    async def bots() -> list[ScheduledBot]:
        return [bot]

    @app.get("/either")
    async def either(which: Literal["bot", "outcome", "none"]) -> ScheduledBot | CancelOutcome | None:
        return {"bot": bot, "outcome": CancelOutcome(1, 2, OutcomeStatus.CANCELLED), "none": None}[which]

    @app.get("/meeting")
    async def meeting() -> MeetingCancellation:
        return MeetingCancellation(1, 2, None, (), False, "why", ServerError("bad", status=500))

    async with httpx.AsyncClient(
        verify=False, transport=httpx.ASGITransport(app), base_url="http://app"
    ) as http:

        async def get(path: str) -> Any:
            return (await http.get(path)).json()

        [shown] = await get("/bots")
        assert shown["scheduled_join_time"] == "2030-01-01T00:00:00Z"
        assert "meeting_link" not in shown
        assert (await get("/either?which=bot"))["meeting_link"] == "https://secret"
        assert (await get("/either?which=outcome"))["status"] == "cancelled"
        assert await get("/either?which=none") is None
        assert (await get("/meeting"))["error"] == "ServerError: 500 bad"


class Audit(BaseModel):
    """A model of an application that holds some of ours."""

    bots: list[ScheduledBot]
    report: BulkReport[UnscheduleOutcome] | None = None


async def test_a_users_own_model_holds_ours() -> None:
    """With annotations as strings, as in this module: written, read back, and less what is left out."""
    audit = Audit(bots=[ScheduledBot("b", meeting_link="https://secret")])
    app = FastAPI()

    @app.get("/whole")
    async def whole() -> Audit:
        return audit

    @app.get("/less", response_model_exclude_none=True)
    async def less() -> Audit:
        return audit

    @app.get("/chosen", response_model_include={"bots": {"__all__": {"bot_id"}}})
    async def chosen() -> Audit:
        return audit

    async with httpx.AsyncClient(
        verify=False, transport=httpx.ASGITransport(app), base_url="http://app"
    ) as http:
        assert Audit.model_validate_json((await http.get("/whole")).text) == audit
        answers = [(await http.get(path)).json() for path in ("/less", "/chosen")]
    assert answers == [
        {"bots": [{"bot_id": "b", "custom_attributes": {}, "meeting_link": "https://secret"}]},
        {"bots": [{"bot_id": "b"}]},
    ]
    assert app.openapi()["components"]["schemas"]["Audit"]["properties"]["bots"]["items"] == {
        "$ref": "#/components/schemas/ScheduledBot"
    }


async def test_a_model_is_a_body_where_the_route_says_so() -> None:
    """With Body(); without it FastAPI looks for a parameter in the query, and says so."""
    app = FastAPI()

    @app.post("/body")
    async def body(given: Annotated[BotFilter, Body()]) -> BotFilter:
        return given

    @app.post("/query")
    async def query(given: BotFilter) -> BotFilter:
        return given

    async with httpx.AsyncClient(
        verify=False, transport=httpx.ASGITransport(app), base_url="http://app"
    ) as http:
        read = await http.post("/body", json={"platform": "Zoom"})
        refused = await http.post("/body", json={"platfrom": "Zoom"})
        missing = await http.post("/query", json={"platform": "Zoom"})
    assert (read.status_code, read.json()["platform"]) == (200, BotFilter("Zoom").platform)
    assert refused.json()["detail"][0]["loc"] == ["body", "platfrom"]
    assert (missing.status_code, missing.json()["detail"][0]["loc"]) == (422, ["query", "given"])
    described = app.openapi()["paths"]["/body"]["post"]["requestBody"]["content"]["application/json"]
    assert described["schema"]["$ref"].startswith("#/components/schemas/BotFilter")


def test_without_its_source_a_model_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen application has no docstrings to read; only the descriptions of fields are missing."""

    def no_source(cls: type) -> str:
        raise OSError("no source")

    monkeypatch.setattr(inspect, "getsource", no_source)
    schema = TypeAdapter(RejectedRow).json_schema()
    assert schema["properties"]["index"] == {"title": "Index", "type": "integer"}


@pytest.mark.slow
def test_importing_the_integration_without_fastapi_says_what_to_install() -> None:
    """The ImportError names the extra."""
    code = "import sys; sys.modules['fastapi'] = None; import meetstream_async.fastapi"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert "pip install 'meetstream-async[fastapi]'" in run.stderr
