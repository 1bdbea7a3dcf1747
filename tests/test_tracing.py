"""Tracing: what spans and metrics say, what they never say, and that they change nothing."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from meetstream_async import (
    ConfigurationError,
    EventNotFoundError,
    MeetBitClient,
    MeetStreamClient,
    RetryPolicy,
    ServerError,
    TransportError,
    bulk_cancel_events,
    bulk_unschedule,
    stream_unschedule,
    unschedule_all,
)
from meetstream_async._http.call import Route
from meetstream_async.simulator import Simulator, Trouble
from meetstream_async.tracing import instrument, uninstrument
from tests.helpers.credentials import KEY
from tests.helpers.meetstream import client, listing
from tests.helpers.raw_server import RawServer, drop, hang, reply

REQUESTS = ("meetstream._requests", "meetstream._bot_requests", "meetstream._settings", "meetbit._requests")
Start = Callable[..., Awaitable[RawServer]]
QUICK = RetryPolicy(max_attempts=3, initial_wait=0)


class Seen:
    """What was exported."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers, meters = TracerProvider(), MeterProvider([self._reader])
        tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        instrument(tracer_provider=tracers, meter_provider=meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    def named(self, name: str) -> ReadableSpan:
        (span,) = (span for span in self.spans if span.name == name)
        return span

    def parent(self, span: ReadableSpan) -> str | None:
        """The name of the span's parent."""
        if span.parent is None:
            return None
        return next(one.name for one in self.spans if one.context.span_id == span.parent.span_id)

    def points(self, name: str) -> list[Any]:
        """The data points of a metric."""
        data = self._reader.get_metrics_data()
        metrics = data.resource_metrics[0].scope_metrics[0].metrics if data else []
        return [point for metric in metrics if metric.name == name for point in metric.data.data_points]


@pytest.fixture
def seen() -> Iterator[Seen]:
    yield Seen()
    uninstrument()


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_run_its_calls_and_its_attempts_are_spans(seen: Seen) -> None:
    """Each below the other, although the runner works in tasks of its own."""
    async with Simulator(bots=3, one_off=0, several=0, series=0) as sim:
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as c:
            assert (await unschedule_all(c)).ok
    run = seen.named("meetstream_async.unschedule_all")
    assert about(run) == {
        "meetstream_async.ok": True,
        "meetstream_async.complete": True,
        "meetstream_async.outcomes.unscheduled": 3,
    }
    calls = [span for span in seen.spans if span.name == "meetstream_async.unschedule_event"]
    attempts = [span for span in seen.spans if span.name == "DELETE /calendar/schedule/{event_id}"]
    assert [seen.parent(call) for call in calls] == [run.name] * 3
    assert [seen.parent(attempt) for attempt in attempts] == ["meetstream_async.unschedule_event"] * 3
    assert {seen.parent(span) for span in seen.spans if span.name == "GET /calendar/scheduled"} == {
        "meetstream_async.list_scheduled_bots"
    }
    assert {span.kind for span in attempts} == {SpanKind.CLIENT}
    assert {span.kind for span in (run, *calls)} == {SpanKind.INTERNAL}


async def test_an_attempt_has_the_attributes_of_the_conventions(raw_server: Start, seen: Seen) -> None:
    """Those that they require of an HTTP client, by their names; a second attempt counts as a resend."""
    server = await raw_server(reply(503), reply(200, {}, ("x-request-id", "r-1")))
    async with client(f"{server.url}/v1", retry=QUICK) as c:
        await c.unschedule_event("evt_1")
    first, second = (span for span in seen.spans if span.kind is SpanKind.CLIENT)
    fixed = {
        "http.request.method": "DELETE",
        "url.full": f"{server.url}/v1/calendar/schedule/evt_1",
        "url.template": "/calendar/schedule/{event_id}",
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert about(first) == {**fixed, "http.response.status_code": 503, "error.type": "503"}
    assert about(second) == {
        **fixed,
        "http.response.status_code": 200,
        "http.request.resend_count": 1,
        "meetstream_async.request_id": "r-1",
    }
    assert (first.status.status_code, second.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert about(seen.named("meetstream_async.unschedule_event")) == {"meetstream_async.attempts": 2}


async def test_durations_and_outcomes_are_metrics(raw_server: Start, seen: Seen) -> None:
    """The conventions' histogram in seconds, and a counter of what the final report says."""
    server = await raw_server(reply(200, {}), reply(404, {"message": "Event not found"}))
    async with client(server.url) as c:
        await bulk_unschedule(c, ["evt_1", "evt_2"], max_concurrency=1)
    ok, bad = sorted(
        seen.points("http.client.request.duration"), key=lambda p: p.attributes["http.response.status_code"]
    )
    where = {"http.request.method": "DELETE", "server.address": "127.0.0.1", "server.port": server.port}
    assert dict(ok.attributes) == {**where, "http.response.status_code": 200}
    assert dict(bad.attributes) == {**where, "http.response.status_code": 404, "error.type": "404"}
    assert (ok.count, ok.explicit_bounds[0], 0 < ok.sum < 5) == (1, 0.005, True)
    run = {"meetstream_async.run": "bulk_unschedule"}
    counted = {
        (p.attributes["meetstream_async.status"], p.value) for p in seen.points("meetstream_async.outcomes")
    }
    assert counted == {("unscheduled", 1), ("failed", 1)}
    assert all(run.items() <= dict(p.attributes).items() for p in seen.points("meetstream_async.outcomes"))


async def test_an_error_is_its_class(raw_server: Start, seen: Seen) -> None:
    """Of calls without a reply and of refusals; no text of a server, no traceback."""
    server = await raw_server(
        drop, reply(404, {"message": "Event not found, ms_secret"}, ("x-request-id", "r"))
    )
    async with client(server.url, retry=RetryPolicy(max_attempts=1)) as c:
        with pytest.raises(TransportError):
            await c.unschedule_event("evt_1")
        with pytest.raises(EventNotFoundError):
            await c.unschedule_event("evt_1")
    lost, refused = (span for span in seen.spans if span.name == "meetstream_async.unschedule_event")
    assert about(lost) == {
        "error.type": "ConnectionFailedError",
        "meetstream_async.attempts": 1,
        "meetstream_async.outcome_unknown": True,
    }
    assert about(refused)["meetstream_async.request_id"] == "r"
    assert {span.status.description for span in seen.spans} == {None}
    assert [span.events for span in seen.spans if span.events] == []


async def test_nothing_secret_or_personal_is_exported(raw_server: Start, seen: Seen) -> None:
    """No key, even where a server echoes it; no values of a query, no address in a path."""
    server = await raw_server(reply(200, {KEY: KEY}, ("x-request-id", KEY), ("x-key", KEY)))
    async with client(server.url) as c:
        await c.request(
            "GET", "/calendar/jo@acme.example/x%40y", params={"email": "jo@acme.example", "k": KEY}
        )
        await c.request("POST", "/bots", json={"meeting_link": "https://meet.example/secret"})
    everything = repr([(span.name, about(span), span.events) for span in seen.spans])
    for secret in (KEY, "acme.example", "x%40y", "meet.example"):
        assert secret not in everything
    get, post = (span for span in seen.spans if span.kind is SpanKind.CLIENT)
    assert about(get)["url.full"] == (f"{server.url}/calendar/REDACTED/REDACTED?email=REDACTED&k=REDACTED")
    assert (get.name, post.name, "url.template" in about(get)) == ("GET", "POST", False)


@pytest.mark.parametrize("traced", [True, False])
async def test_tracing_changes_no_request(raw_server: Start, traced: bool) -> None:
    """What goes on the wire, and what comes back, is the same with and without."""
    steps = (reply(503), reply(200, {"unscheduled": True}), reply(200, listing()), reply(200, {"a": 1}))

    async def exchange() -> tuple[list[Any], list[object]]:
        server = await raw_server(*steps)
        async with client(server.url, retry=QUICK) as c:
            results = [
                await c.unschedule_event("evt_1", True),
                await c.list_scheduled_bots(),
                await c.request("POST", "/x", params={"a": "b"}, json=[1]),
            ]
        sent = []
        for one in server.requests:
            headers = [(name, value.replace(str(server.port), "PORT")) for name, value in one.headers]
            sent.append((one.method, one.target, headers, one.body))
        return sent, results

    plain = await exchange()
    if traced:
        Seen()
    try:
        assert await exchange() == plain
    finally:
        uninstrument()


async def test_a_stream_is_a_run_as_well(raw_server: Start, seen: Seen) -> None:
    """From its beginning to its end; calls that the consumer makes meanwhile are not part of it."""
    server = await raw_server(reply(200, {}), reply(200, {}), reply(200, listing()))
    async with client(server.url) as c:
        async with stream_unschedule(c, ["evt_1", "evt_2"], max_concurrency=1) as run:
            async for _ in run:
                pass
            await c.list_scheduled_bots()
    assert about(seen.named("meetstream_async.stream_unschedule")) == {
        "meetstream_async.ok": True,
        "meetstream_async.complete": True,
        "meetstream_async.outcomes.unscheduled": 2,
    }
    assert seen.parent(seen.named("meetstream_async.list_scheduled_bots")) is None


async def test_a_cancelled_run_ends_its_spans(raw_server: Start, seen: Seen) -> None:
    """They say that it was cancelled, which is no error."""
    server = await raw_server(hang)
    async with client(server.url) as c:
        run = asyncio.create_task(bulk_unschedule(c, ["evt_1"]))
        await server.until(lambda server: len(server.requests) == 1)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    assert [about(span).get("error.type") for span in seen.spans] == ["CancelledError"] * 3
    assert {span.status.status_code for span in seen.spans} == {StatusCode.UNSET}


async def test_a_run_that_is_cancelled_before_it_begins_leaves_nothing_behind(seen: Seen) -> None:
    """No coroutine that nobody awaits: that would be a warning."""
    async with client() as c:
        # Not `create_task`, which with eager tasks begins it.
        run = asyncio.Task(bulk_unschedule(c, ["evt_1"]))
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    assert seen.spans == []


async def test_what_is_held_back_says_that_it_was_not_sent(raw_server: Start, seen: Seen) -> None:
    """A client that is closed sends nothing."""
    async with client("http://127.0.0.1:9") as c:
        await c.close()
        with pytest.raises(ConfigurationError):
            await c.list_scheduled_bots()
    assert seen.names == ["meetstream_async.list_scheduled_bots"]


async def test_meetbit_is_traced_as_well(seen: Seen) -> None:
    """By its own route."""
    async with Simulator(bots=0, events=1) as sim:
        sim.add_trouble(Trouble("cancel_event", 503, times=1))
        keys = (sim.access_key_id, sim.access_key_secret)
        (event,) = sim.calendar_events
        async with MeetBitClient(None, *keys, base_url=sim.meetbit_base_url, retry=QUICK) as c:
            await bulk_cancel_events(c, [(event.calendar_id, event.event_id)], "Off.")
    assert "POST /calendars/{calendar_id}/events/{event_id}/cancel" in seen.names
    assert "meetstream_async.bulk_cancel_events" in seen.names


async def test_the_path_that_answers_is_named(raw_server: Start, seen: Seen) -> None:
    """A route with several spellings is traced by the one that was asked."""
    server = await raw_server(reply(404, {"message": "Not Found"}), reply(200, listing()))
    async with client(server.url) as c:
        await c.list_scheduled_bots()
    attempts = [span.name for span in seen.spans if span.kind is SpanKind.CLIENT]
    assert attempts == ["GET /calendar/scheduled", "GET /calendar/scheduled_bots"]


def test_every_route_has_the_name_of_its_method() -> None:
    """And what follows its path, with names in place of ids: without them a trace would say little."""
    modules = [import_module(f"meetstream_async.{name}") for name in REQUESTS]
    routes = [value for module in modules for value in vars(module).values() if isinstance(value, Route)]
    assert len(routes) >= 10
    for route in routes:
        known = (MeetStreamClient, MeetBitClient)
        is_method = any(hasattr(client, route.name) for client in known)
        assert (is_method or route.name == "auto_schedule_enabled", route.rest is not None) == (True, True)


async def test_it_is_switched_on_once_and_off_again(raw_server: Start, seen: Seen) -> None:
    """Twice would count everything twice; after the end nothing is traced."""
    with pytest.raises(ConfigurationError, match="was called before"):
        instrument()
    uninstrument()
    uninstrument()
    server = await raw_server(reply(503))
    async with client(server.url, retry=RetryPolicy(max_attempts=1)) as c:
        with pytest.raises(ServerError):
            await c.unschedule_event("evt_1")
    assert seen.spans == []


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the extra."""
    monkeypatch.delitem(sys.modules, "meetstream_async.tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ImportError, match=r"pip install 'meetstream-async\[otel\]'"):
        import_module("meetstream_async.tracing")


async def test_the_ten_lines_of_the_page_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are printed, with an exporter that keeps what it is given."""
    page = (Path(__file__).parents[1] / "docs" / "tracing.md").read_text("utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exporter = InMemorySpanExporter()
    monkeypatch.setattr("opentelemetry.sdk.trace.export.ConsoleSpanExporter", lambda: exporter)
    names: dict[str, Any] = {}
    exec(compile(program, "tracing.md", "exec"), names)
    try:
        async with Simulator(bots=2, one_off=0) as sim:
            async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as c:
                await unschedule_all(c)
    finally:
        uninstrument()
        names["provider"].shutdown()
    told = {span.name for span in exporter.get_finished_spans()}
    assert told > {"meetstream_async.unschedule_all", "DELETE /calendar/schedule/{event_id}"}
