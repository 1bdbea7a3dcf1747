"""Serve one request: log it, pick the trouble that hits it, apply it, respond."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from aiohttp import web
from attrs import evolve

from .gateway import Answer, Api, Metered, Route, gateway_error, html_page, missing_route
from .trouble import RequestRecord, Trouble, TroubleSelector

# Of one body. Python gives up at a depth of about a thousand.
_MOST_BRACKETS = 900


class Serving:
    """Handles all requests; keeps the log and the in-flight count. It knows an API only through its protocol.

    clock: monotonic seconds, for the log. now: the current time (UTC), for the API.
    latency: seconds added to every response. secrets: values that are removed from the log.
    """

    def __init__(
        self,
        apis: tuple[Api, ...],
        troubles: TroubleSelector,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        latency: float,
        secrets: tuple[str, ...],
    ) -> None:
        self._apis = apis
        self._troubles = troubles
        self._clock = clock
        self._now = now
        self._latency = latency
        # Short test keys may be part of an ordinary word. Longest first, since one key may be a prefix of
        # another.
        long = {secret for secret in secrets if len(secret) >= 8}
        self._secrets = tuple(sorted(long, key=len, reverse=True))
        self._served = 0
        self._active: dict[int, web.BaseRequest] = {}
        self._closing = asyncio.Event()
        self.requests: list[RequestRecord] = []
        self.max_in_flight: int = 0

    @property
    def in_flight(self) -> int:
        """Number of requests being served whose clients are still connected."""
        # A handler may end slightly after its client has disconnected and sent the next request.
        transports = [request.transport for request in self._active.values()]
        return sum(transport is not None and not transport.is_closing() for transport in transports)

    def open(self) -> None:
        """Start serving."""
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Release all waiting requests."""
        self._closing.set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request."""
        index = self._served
        self._served += 1
        self._active[index] = request
        try:
            return await self._serve(request, index)
        finally:
            del self._active[index]

    async def _serve(self, request: web.BaseRequest, index: int) -> web.StreamResponse:
        target = self._without_secrets(request.raw_path)
        path, _, query = target.partition("?")
        api, routes = self._match(tuple(unquote(segment) for segment in path.split("/")[1:]))
        route = routes.get(request.method)
        at = self._clock()
        refusal = api.refuse(request.headers) if api is not None else None
        metered = api.meter(request.headers, at) if api is not None else Metered()
        record = RequestRecord(
            index=index,
            method=request.method,
            path=unquote(path),
            raw_path=target,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            at=at,
            in_flight=self.in_flight,
            authorized=api is not None and refusal is None,
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        self.requests.append(record)
        self.max_in_flight = max(self.max_in_flight, record.in_flight)
        unreadable = await self._read_body(request, record)
        if api is None:
            return await self._send(request, record, gateway_error(404), metered)
        if route is not None:
            _name(record, route)
            api.note(record)
        at_once = metered.refusal or unreadable
        if at_once is not None:
            return await self._send(request, record, at_once, metered)
        if route is None:
            # Who it is comes before what it is about.
            unrouted = refusal or api.error(None, 404)
            if refusal is None and routes:
                unrouted = evolve(api.error(None, 405), headers={"Allow": ", ".join(sorted(routes))})
            return await self._send(request, record, unrouted, metered)

        trouble = record.trouble = self._troubles.pick(record)
        answer = None
        if trouble is None or trouble.applies:
            answer = refusal or api.answer(record, self._now(), trouble)
        if trouble is not None and trouble.replaces:
            answer = _in_place_of(api, route.name, trouble)
        if answer is None or (trouble is not None and trouble.silent):
            await self._pause(None if trouble and trouble.hang else self._delay(trouble))
            return _cut(request)
        return await self._send(request, record, answer, metered)

    def _match(self, segments: tuple[str, ...]) -> tuple[Api | None, Mapping[str, Route]]:
        for api in self._apis:
            if segments[: len(api.prefix)] == api.prefix:
                return api, api.match(segments[len(api.prefix) :])
        return None, {}

    def _without_secrets(self, text: str) -> str:
        # Clients may send a key in the path, query or body by mistake; keep it out of the log.
        if "%" in text or "\\" in text:
            return _pattern(self._secrets).sub("***", text)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    async def _read_body(self, request: web.BaseRequest, record: RequestRecord) -> Answer | None:
        """Read the body into the record. The refusal, if it did not come as announced or is too long."""
        try:
            raw = await request.read()
        except web.RequestPayloadError:
            # The server below logs it.
            record.body_readable = False
            return gateway_error(400)
        except web.HTTPRequestEntityTooLarge:
            record.body_readable = False
            return gateway_error(413)
        if raw:
            try:
                record.body = _parse(self._without_secrets(raw.decode()))
            except (ValueError, RecursionError):
                record.body_readable = False
        return None

    def _delay(self, trouble: Trouble | None) -> float:
        return self._latency + (trouble.latency if trouble else 0.0)

    async def _pause(self, seconds: float | None) -> bool:
        """Wait (None: until closed). Returns False if the simulator closes meanwhile."""
        if seconds == 0:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return True
        return False

    async def _send(
        self, request: web.BaseRequest, record: RequestRecord, answer: Answer, metered: Metered
    ) -> web.StreamResponse:
        trouble = record.trouble
        if not await self._pause(self._delay(trouble)):
            return _cut(request)
        record.status = answer.status
        if trouble is not None and trouble.half_body:
            response = web.StreamResponse(status=answer.status)
        else:
            response = web.Response(status=answer.status, body=answer.body)
        response.headers["Content-Type"] = answer.content_type
        response.headers["x-request-id"] = f"sim-{record.index}"
        # The API's own clock, by which a client may judge what has joined.
        response.headers["Date"] = format_datetime(self._now(), usegmt=True)
        response.headers.update(metered.headers)
        response.headers.update(answer.headers)
        if trouble is not None:
            if trouble.retry_after is not None:
                response.headers["Retry-After"] = str(trouble.retry_after)
            response.headers.update(trouble.headers)
            if trouble.half_body:
                await _send_half(request, response, answer.body)
        return response


@lru_cache(maxsize=64)
def _pattern(secrets: tuple[str, ...]) -> re.Pattern[str]:
    """Pattern for the secrets, with each character plain or escaped as in a URL or in JSON."""
    spelt = [
        "".join(rf"(?:\\?{re.escape(one)}|(?i:%{ord(one):02x}|\\u00{ord(one):02x}))" for one in secret)
        for secret in secrets
    ]
    return re.compile("|".join(spelt) or "(?!)")


def _parse(text: str) -> Any:
    """A request's JSON, without what calendars are connected with. ValueError if it is not JSON.

    No API takes deep nesting, and what can be read may be too deep to be written again.
    """
    if text.count("{") + text.count("[") > _MOST_BRACKETS:
        raise ValueError("too deep")
    body = json.loads(text, parse_constant=_no_number)
    if not isinstance(body, dict):
        return body
    credentials = ("_client_id", "_client_secret", "_refresh_token")
    return {key: "***" if value and key.endswith(credentials) else value for key, value in body.items()}


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _name(record: RequestRecord, route: Route) -> None:
    record.route, record.event_id, record.bot_id = route.name, route.event_id, route.bot_id
    record.calendar_id, record.calendar_event_id = route.calendar_id, route.calendar_event_id


async def _send_half(request: web.BaseRequest, response: web.StreamResponse, body: bytes) -> None:
    body = body.ljust(2)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    # Unlike abort, close flushes the half body that was written.
    if request.transport is not None:
        request.transport.close()


def _in_place_of(api: Api, route: str, trouble: Trouble) -> Answer:
    if trouble.missing_route:
        return missing_route(trouble.status or 404)
    status = trouble.status or 200
    if trouble.html:
        return html_page(status)
    if trouble.body is not None:
        body = trouble.body.encode() if isinstance(trouble.body, str) else trouble.body
        return Answer(status, body, trouble.content_type or "application/json")
    return api.error(route, status)


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    # aiohttp expects a response to be returned, although the connection is gone.
    return web.Response()
