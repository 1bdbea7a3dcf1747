"""Spans and metrics for OpenTelemetry, behind the extra ``otel``. Nothing is traced until ``instrument()``.

A bulk run is a span, so is each of its calls, and each attempt of a call: the latter as the semantic
conventions for HTTP clients want it. No credential, header, body or meeting link is in any of them, and query
values are redacted. Requests are not changed: no trace context is sent to the API.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from yarl import URL

from ._http.call import Answer, Route
from ._http.failures import Failure, HeldBack
from ._http.observing import PLACE, Report
from ._http.reply import Reply
from ._http.urls import shown_path
from ._version import __version__
from .errors import ApiError, ConfigurationError, InvalidResponseError, MeetStreamError

try:
    from opentelemetry import metrics, trace
    from opentelemetry.trace import Span, SpanKind, StatusCode
except ImportError as _error:
    if (_error.name or "").partition(".")[0] != "opentelemetry":
        raise
    raise ImportError(
        "tracing needs an extra: pip install 'meetstream-async[otel]', or '.[otel]' in a checkout",
        name=_error.name,
    ) from None

__all__ = ["instrument", "uninstrument"]

T = TypeVar("T")

_NAME = "meetstream_async"
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Seconds; what the conventions advise for ``http.client.request.duration``."""
_REDACTED = "REDACTED"


def instrument(
    *,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> None:
    """Trace every client of this process from now on, until ``uninstrument()``.

    tracer_provider, meter_provider: OpenTelemetry's; by default the global ones.

    Raises ConfigurationError if tracing is on already.
    """
    if PLACE.observer is not None:
        raise ConfigurationError("instrument() was called before; call uninstrument() first")
    PLACE.observer = _Tracing(
        trace.get_tracer(_NAME, __version__, tracer_provider),
        metrics.get_meter(_NAME, __version__, meter_provider),
    )


def uninstrument() -> None:
    """Trace nothing that begins from now on. May be called more than once."""
    PLACE.observer = None


class _Tracing:
    """The observer that makes spans and metrics."""

    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter) -> None:
        self._tracer = tracer
        self._durations = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BOUNDS,
        )
        self._outcomes = meter.create_counter(
            f"{_NAME}.outcomes",
            "{outcome}",
            "Outcomes of bulk runs, by status, as in the final report.",
        )

    async def run(
        self, name: str, run: Callable[[], Coroutine[Any, Any, T]], report: Callable[[T], Report | None]
    ) -> T:
        with self._span(f"{_NAME}.{name}", SpanKind.INTERNAL) as span:
            try:
                result = await run()
            except BaseException as exc:
                _failed(span, exc)
                raise
            if (told := report(result)) is not None:
                self._report(span, name, told)
            return result

    def _report(self, span: Span, name: str, report: Report) -> None:
        span.set_attribute(f"{_NAME}.ok", report.ok)
        span.set_attribute(f"{_NAME}.complete", report.complete)
        for status, count in report.counts.items():
            if count:
                span.set_attribute(f"{_NAME}.outcomes.{status}", count)
                self._outcomes.add(count, {f"{_NAME}.run": name, f"{_NAME}.status": str(status)})

    async def call(self, calling: Coroutine[Any, Any, Answer[T]], route: Route) -> Answer[T]:
        with self._span(f"{_NAME}.{route.name}", SpanKind.INTERNAL) as span:
            try:
                answer = await calling
            except BaseException as exc:
                _failed(span, exc)
                raise
            span.set_attribute(f"{_NAME}.attempts", answer.attempts)
            return answer

    async def attempt(
        self,
        sending: Coroutine[Any, Any, Reply | Failure | HeldBack],
        route: Route,
        url: URL,
        attempts: int,
    ) -> Reply | Failure | HeldBack:
        template = _template(route, url)
        about: dict[str, str | int] = {
            "http.request.method": route.method,
            "server.address": url.host or "",
            "server.port": url.port or 0,
        }
        seen: dict[str, str | int] = {**about, "url.full": _shown(url)}
        if template is not None:
            seen["url.template"] = template
        if attempts:
            seen["http.request.resend_count"] = attempts
        began = time.perf_counter()
        name = route.method if template is None else f"{route.method} {template}"
        with self._span(name, SpanKind.CLIENT, seen) as span:
            try:
                outcome = await sending
            except BaseException as exc:
                self._measure(began, about, {"error.type": _failed(span, exc)})
                raise
            if isinstance(outcome, HeldBack) or (isinstance(outcome, Failure) and not outcome.is_attempt):
                # A pause began while it waited for a connection, or the client can't be used.
                span.set_attribute(f"{_NAME}.sent", False)
                return outcome
            ended = _ended(outcome)
            span.set_attributes(ended)
            if "error.type" in ended:
                span.set_status(StatusCode.ERROR)
            if isinstance(outcome, Reply) and (request_id := outcome.request_id) is not None:
                span.set_attribute(f"{_NAME}.request_id", request_id)
            self._measure(began, about, ended)
            return outcome

    def _measure(self, began: float, about: Mapping[str, str | int], ended: Mapping[str, str | int]) -> None:
        self._durations.record(time.perf_counter() - began, {**about, **ended})

    def _span(self, name: str, kind: SpanKind, attributes: Mapping[str, str | int] | None = None) -> Any:
        # An exception's text and frames are not recorded: they hold words of a server.
        return self._tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        )


def _failed(span: Span, exc: BaseException) -> str:
    """Note an exception on a span, by its class; returns that as ``error.type``."""
    kind = type(exc).__name__
    span.set_attribute("error.type", kind)
    if isinstance(exc, MeetStreamError):
        span.set_attribute(f"{_NAME}.attempts", exc.attempts)
        span.set_attribute(f"{_NAME}.outcome_unknown", exc.outcome_unknown)
        if isinstance(exc, ApiError | InvalidResponseError) and exc.request_id is not None:
            span.set_attribute(f"{_NAME}.request_id", exc.request_id)
    if not isinstance(exc, asyncio.CancelledError | GeneratorExit):
        span.set_status(StatusCode.ERROR)
    return kind


def _ended(outcome: Reply | Failure) -> dict[str, str | int]:
    """How an attempt ended, for its span and the metric."""
    if isinstance(outcome, Failure):
        return {"error.type": outcome.kind.__name__}
    ended: dict[str, str | int] = {"http.response.status_code": outcome.status}
    if outcome.status >= 400:
        ended["error.type"] = str(outcome.status)
    return ended


def _template(route: Route, url: URL) -> str | None:
    """The route with names in place of ids; None for a request to an endpoint without a method of its own."""
    if route.rest is None:
        return None
    path = url.raw_path
    return max((one for one in route.paths if one in path), key=len, default=route.paths[0]) + route.rest


def _shown(url: URL) -> str:
    """The URL without what may be personal: values of its query, and an address in its path."""
    query = "&".join(f"{name}={_REDACTED}" for name in url.query)
    return f"{url.origin()}{shown_path(url.raw_path)}" + (f"?{query}" if query else "")
