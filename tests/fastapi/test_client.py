"""A client in the application, and what its errors become for a caller."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
import httpx
import pytest
from fastapi import FastAPI, HTTPException, WebSocket

from meetstream_async import (
    BulkError,
    CancelledEvent,
    ConfigurationError,
    DeletedBot,
    EventNotScheduledError,
    InvalidFromDateError,
    InvalidResponseError,
    MasterEventNotFoundError,
    MeetStreamClient,
    MeetStreamError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    ScheduledBotPage,
    ServerError,
    UnscheduleResult,
)
from meetstream_async.fastapi import (
    ClientDep,
    MeetBitClientDep,
    add_error_handlers,
    get_client,
    get_meetbit_client,
    meetbit_lifespan,
    meetstream_lifespan,
    problem_responses,
)
from meetstream_async.simulator import Simulator
from tests.helpers.credentials import KEY
from tests.helpers.fastapi_app import serve
from tests.helpers.raw_server import RawServer, hang, reply, unused_port

ONCE = RetryPolicy(max_attempts=1)
UPSTREAM = "text-that-only-the-upstream-knows"


def _app(**client_arguments: Any) -> FastAPI:
    app = FastAPI(lifespan=meetstream_lifespan(**({"api_key": KEY, "retry": ONCE} | client_arguments)))
    add_error_handlers(app)

    @app.get("/bots", responses=problem_responses())
    async def bots(client: ClientDep, limit: int = 100) -> ScheduledBotPage:
        return await client.list_scheduled_bots(limit)

    @app.delete("/events/{event_id}")
    async def unschedule(client: ClientDep, event_id: str) -> UnscheduleResult:
        return await client.unschedule_event(event_id)

    @app.delete("/bots/{bot_id}")
    async def delete(client: ClientDep, bot_id: str) -> DeletedBot:
        return await client.delete_scheduled_bot(bot_id)

    return app


@asynccontextmanager
async def _in_memory(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The application without a server, where only its upstream's socket matters."""
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(
            verify=False, transport=httpx.ASGITransport(app), base_url="http://app"
        ) as http:
            yield http


async def test_routes_share_one_client_and_answer_with_the_models() -> None:
    """List, then unschedule, over sockets; the ledger agrees."""
    async with Simulator(10, one_off=0, several=0) as sim:
        async with serve(_app(api_key=sim.api_key, base_url=sim.base_url)) as served:
            page = (await served.http.get("/bots")).json()
            event_id = page["bots"][0]["custom_attributes"]["event_id"]
            gone = await served.http.delete(f"/events/{event_id}")
            assert event_id not in sim.ledger.scheduled_events
    assert len(page["bots"]) == 10
    assert page["bots"][0].keys() >= {"bot_id", "scheduled_join_time", "meeting_link"}
    assert (gone.status_code, gone.json()["event_id"]) == (200, event_id)


async def test_the_client_is_open_while_the_application_runs_and_closed_after_it() -> None:
    """One client, opened at the start around the application's own lifespan, closed at its end."""
    happened: list[str] = []
    clients: set[Any] = set()

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        happened.append("start")
        yield {"database": "open"}
        happened.append("end")

    async with RawServer(reply(200, {"scheduled_bots": []})) as upstream:
        app = FastAPI(lifespan=meetstream_lifespan(own, api_key=KEY, base_url=upstream.url))

        @app.get("/")
        async def index(client: ClientDep) -> int:
            clients.add(client)
            return len((await client.list_scheduled_bots()).bots)

        async with serve(app) as served:
            assert [(await served.http.get("/")).json() for _ in range(3)] == [0, 0, 0]
            assert happened == ["start"]
            assert (len(clients), upstream.connections, upstream.open_connections) == (1, 1, 1)
            assert clients == {app.state.meetstream_client}
        await upstream.until(lambda server: server.open_connections == 0)
    assert happened == ["start", "end"]
    with pytest.raises(ConfigurationError, match="closed"):
        await clients.pop().list_scheduled_bots()


async def test_both_clients_in_one_application_and_in_one_mounted_in_it() -> None:
    """The lifespans nest; a mounted application, which has no lifespan of its own, finds the clients, too."""
    async with Simulator(3, one_off=0, events=2) as sim:
        inner = FastAPI()

        @inner.get("/bots")
        async def bots(client: ClientDep) -> ScheduledBotPage:
            return await client.list_scheduled_bots()

        @inner.post("/cancel")
        async def cancel(client: MeetBitClientDep, calendar_id: int, event_id: int) -> CancelledEvent:
            return await client.cancel_event(calendar_id, event_id, "Off.")

        meetbit = meetbit_lifespan(
            access_key_id=sim.access_key_id,
            access_key_secret=sim.access_key_secret,
            base_url=sim.meetbit_base_url,
        )
        app = FastAPI(lifespan=meetstream_lifespan(meetbit, api_key=sim.api_key, base_url=sim.base_url))
        app.mount("/inner", inner)
        async with serve(app) as served:
            page = (await served.http.get("/inner/bots")).json()
            event = next(iter(sim.ledger.calendar_events.values()))
            target = {"calendar_id": event.calendar_id, "event_id": event.event_id}
            cancelled = (await served.http.post("/inner/cancel", params=target)).json()
        assert sim.ledger.calendar_events[event.event_id].cancelled
    assert len(page["bots"]) == 3
    assert cancelled["event"]["id"] == event.event_id
    assert cancelled["event"]["cancel_note"] == "Off."


async def test_an_application_without_a_key_does_not_start() -> None:
    """The error names the variable; no request is ever answered."""
    app = FastAPI(lifespan=meetstream_lifespan())
    with pytest.raises(ConfigurationError, match="MEETSTREAM_API_KEY"):
        async with app.router.lifespan_context(app):
            raise AssertionError("started")


async def test_a_client_that_was_not_asked_for_says_how_to_get_it() -> None:
    """A missing lifespan is a mistake of the programmer: raised, with what to write."""
    app = FastAPI()

    @app.get("/")
    async def index(client: MeetBitClientDep) -> None: ...

    async with httpx.AsyncClient(
        verify=False, transport=httpx.ASGITransport(app), base_url="http://app"
    ) as http:
        with pytest.raises(RuntimeError, match=r"lifespan=meetbit_lifespan\(\)"):
            await http.get("/")


async def test_a_mounted_application_without_a_client_is_told_about_mounting() -> None:
    """Its own lifespan is never run, and the error says where to put the client instead."""
    child = FastAPI(lifespan=meetstream_lifespan(api_key=KEY))

    @child.get("/")
    async def index(client: ClientDep) -> None: ...

    parent = FastAPI()
    parent.mount("/child", child)
    async with httpx.AsyncClient(
        verify=False, transport=httpx.ASGITransport(parent), base_url="http://app"
    ) as http:
        with pytest.raises(RuntimeError, match="is mounted") as raised:
            await http.get("/child/")
    assert "FastAPI(lifespan=meetstream_lifespan())" in str(raised.value)
    assert "child.router.lifespan_context(child)" in str(raised.value)


async def test_a_mounted_application_whose_lifespan_its_parent_enters_has_its_client() -> None:
    """As the error advises."""
    async with Simulator(2) as sim:
        child = FastAPI(lifespan=meetstream_lifespan(api_key=sim.api_key, base_url=sim.base_url))

        @child.get("/")
        async def index(client: ClientDep) -> int:
            return len((await client.list_scheduled_bots()).bots)

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with child.router.lifespan_context(child):
                yield

        parent = FastAPI(lifespan=lifespan)
        parent.mount("/child", child)
        async with serve(parent) as served:
            assert (await served.http.get("/child/")).json() == 2


async def test_a_test_puts_clients_of_its_own_in_their_place() -> None:
    """get_client and get_meetbit_client are the keys of dependency_overrides; no lifespan has to run."""
    app = FastAPI()

    @app.get("/bots")
    async def bots(client: ClientDep, meetbit: MeetBitClientDep) -> list[str]:
        return [str(client), str(meetbit)]

    app.dependency_overrides[get_client] = lambda: "a fake"
    app.dependency_overrides[get_meetbit_client] = lambda: "another"
    async with httpx.AsyncClient(
        verify=False, transport=httpx.ASGITransport(app), base_url="http://app"
    ) as http:
        assert (await http.get("/bots")).json() == ["a fake", "another"]


async def test_a_websocket_has_the_client_too() -> None:
    """The same dependency serves routes of either kind."""
    async with RawServer(reply(200, {"scheduled_bots": []})) as upstream:
        app = FastAPI(lifespan=meetstream_lifespan(api_key=KEY, base_url=upstream.url))

        @app.websocket("/bots")
        async def bots(socket: WebSocket, client: ClientDep) -> None:
            await socket.accept()
            await socket.send_json(len((await client.list_scheduled_bots()).bots))
            await socket.close()

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/bots", "headers": [], "query_string": b"", "subprotocols": []}
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)
    assert [message.get("text") for message in sent] == [None, "0", None]


# --- errors -------------------------------------------------------------------------------------------

ANSWERS = [
    (401, {}, 502, "upstream_credentials"),
    (403, {}, 502, "upstream_credentials"),
    (400, {}, 422, "upstream_refused"),
    (404, {}, 404, "not_found"),
    (429, {"Retry-After": "7.2"}, 503, "rate_limited"),
    (500, {}, 502, "upstream_failure"),
    (503, {}, 502, "upstream_failure"),
    (504, {}, 504, "upstream_timeout"),
    (302, {"Location": "https://elsewhere.example.com"}, 502, "upstream_failure"),
    (418, {}, 502, "upstream_failure"),
]


@pytest.mark.parametrize(("status", "headers", "shown", "code"), ANSWERS)
async def test_an_upstream_answer_becomes_a_problem_without_its_text(
    status: int, headers: dict[str, str], shown: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The status as documented, a document of RFC 9457, and nothing of the key or the upstream's body."""
    body = {"message": f"{UPSTREAM} {KEY}"}
    async with RawServer(reply(status, body, *headers.items())) as upstream:
        async with _in_memory(_app(base_url=upstream.url)) as http:
            answer = await http.delete("/bots/b1")
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (shown, shown, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["type"], problem["title"]) == ("about:blank", HTTPStatus(shown).phrase)
    assert problem["outcome_unknown"] is (status in (500, 503, 504))
    assert UPSTREAM not in answer.text
    assert UPSTREAM not in str(answer.headers) + caplog.text
    assert KEY not in answer.text + str(answer.headers) + caplog.text
    assert answer.headers.get("retry-after") == ("8" if status == 429 else None)


async def test_refused_credentials_are_our_own_misconfiguration_and_logged_as_such(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At error level with the status; the upstream's words at debug level, and the key nowhere."""
    caplog.set_level(logging.DEBUG, "meetstream_async.fastapi")
    async with RawServer(reply(401, {"message": f"{UPSTREAM} {KEY}"})) as upstream:
        async with _in_memory(_app(base_url=upstream.url)) as http:
            await http.get("/bots")
    told, full = (record for record in caplog.records if record.name == "meetstream_async.fastapi")
    assert (told.levelno, full.levelno) == (logging.ERROR, logging.DEBUG)
    assert told.getMessage().startswith("answered with 502: AuthenticationError: 401")
    assert UPSTREAM not in told.getMessage()
    assert UPSTREAM in full.getMessage()
    assert KEY not in caplog.text


async def test_a_client_that_cannot_be_used_is_no_fault_of_the_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Closed, without a key, or on a closed session: 500 without the details, which are in the log."""
    async with RawServer(reply(200, {"scheduled_bots": []})) as upstream:
        borrowed = aiohttp.ClientSession()
        app = _app(base_url=upstream.url, session=borrowed)

        @app.get("/keyless")
        async def keyless() -> ScheduledBotPage:
            return await MeetStreamClient().list_scheduled_bots()

        async with _in_memory(app) as http:
            keyless_answer = await http.get("/keyless")
            await borrowed.close()
            borrowed_answer = await http.get("/bots")
            await app.state.meetstream_client.close()
            answers = [keyless_answer, borrowed_answer, await http.get("/bots")]
        assert upstream.requests == []
    for answer in answers:
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (500, "misconfigured")
        assert problem["detail"] == "This service is not set up to call the calendar API."
    records = [record for record in caplog.records if record.name == "meetstream_async.fastapi"]
    assert [record.levelno for record in records] == [logging.ERROR] * 3
    for record, words in zip(records, ("MEETSTREAM_API_KEY", "session", "closed"), strict=True):
        assert words in record.getMessage()


@pytest.mark.parametrize("own", [KEY, FastAPI()])
def test_what_is_no_lifespan_is_refused_when_it_is_given(own: Any) -> None:
    """A key by position, or the application itself where the call was forgotten; neither is shown."""
    with pytest.raises(ConfigurationError, match=r"lifespan=meetstream_lifespan\(") as caught:
        meetstream_lifespan(own)
    assert KEY not in str(caught.value)


async def test_a_pause_is_told_as_one() -> None:
    """While the client holds back, a request is answered with 503 and the seconds that are left."""
    async with RawServer(reply(429, {}, ("Retry-After", "30"))) as upstream:
        patience = RetryPolicy(max_attempts=1, max_elapsed=1.0)
        async with serve(_app(base_url=upstream.url, retry=patience)) as served:
            first = await served.http.get("/bots")
            second = await served.http.get("/bots")
        assert len(upstream.requests) == 1
    assert (first.status_code, second.status_code) == (503, 503)
    assert first.headers["retry-after"] == "30"
    assert 28 <= int(second.headers["retry-after"]) <= 30


async def test_an_upstream_that_is_down_slow_or_talking_nonsense_is_a_bad_gateway() -> None:
    """502 without a usable upstream response, 504 if it does not arrive in time."""
    async with serve(_app(base_url=f"http://127.0.0.1:{unused_port()}")) as served:
        down = await served.http.get("/bots")
    async with RawServer(hang) as upstream, serve(_app(base_url=upstream.url, timeout=0.05)) as served:
        slow = await served.http.get("/bots")
    async with RawServer(reply(200, b"<html>")) as upstream, serve(_app(base_url=upstream.url)) as served:
        nonsense = await served.http.get("/bots")
    assert [answer.status_code for answer in (down, slow, nonsense)] == [502, 504, 502]
    assert [answer.json()["code"] for answer in (down, slow)] == ["upstream_failure", "upstream_timeout"]


async def test_bad_arguments_and_missing_events_are_the_callers() -> None:
    """422 with our own words before any request, and 404 for what the API does not find."""
    async with Simulator(3) as sim, serve(_app(api_key=sim.api_key, base_url=sim.base_url)) as served:
        bad = await served.http.get("/bots", params={"limit": 500})
        assert sim.requests == []
        missing = await served.http.delete("/events/evt_none")
        dots = await served.http.delete("/bots/%00")
    assert (bad.status_code, bad.json()["detail"]) == (422, "limit must be an int from 1 to 100, not 500")
    assert (missing.status_code, missing.json()["code"]) == (404, "event_not_found")
    assert (dots.status_code, dots.json()["code"]) == (422, "invalid_argument")


RAISED: list[tuple[MeetStreamError, int, str, str | None]] = [
    (EventNotScheduledError(UPSTREAM, status=400), 422, "event_not_scheduled", None),
    (InvalidFromDateError(UPSTREAM, status=400), 422, "invalid_from_date", None),
    (MasterEventNotFoundError(UPSTREAM, status=400), 422, "not_recurring", None),
    (InvalidResponseError(UPSTREAM), 502, "upstream_failure", None),
    (RequestTimeoutError(UPSTREAM), 504, "upstream_timeout", None),
    (BulkError(UPSTREAM), 502, "bulk_incomplete", None),
    (ServerError(UPSTREAM, status=500, retry_after=3), 502, "upstream_failure", None),
    (RateLimitError(UPSTREAM, status=429), 503, "rate_limited", "5"),
    (RateLimitError(UPSTREAM, status=429, retry_after=0.01), 503, "rate_limited", "1"),
    (RateLimitError(UPSTREAM, status=429, retry_after=1e300), 503, "rate_limited", "86400"),
    (MeetStreamError(UPSTREAM), 502, "upstream_failure", None),
]


async def test_each_error_has_its_problem() -> None:
    """By class, with Retry-After in whole seconds where there is a pause; other errors are not touched."""
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/{index}")
    async def fail(index: int) -> None:
        if index == len(RAISED):
            raise HTTPException(409, "not ours")
        raise RAISED[index][0]

    async with httpx.AsyncClient(
        verify=False, transport=httpx.ASGITransport(app), base_url="http://app"
    ) as http:
        for index, (_, status, code, pause) in enumerate(RAISED):
            answer = await http.get(f"/{index}")
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.headers.get("retry-after") == pause
            assert UPSTREAM not in answer.text
        other = await http.get(f"/{len(RAISED)}")
    assert (other.status_code, other.json()) == (409, {"detail": "not ours"})


def test_openapi_documents_the_problems() -> None:
    """Each status with its content type and the document, and Retry-After where it is sent."""
    document = _app(base_url="https://api.example.com").openapi()
    responses = document["paths"]["/bots"]["get"]["responses"]
    assert responses.keys() == {"200", "404", "422", "500", "502", "503", "504"}
    problem = {"$ref": "#/components/schemas/Problem"}
    for status in ("404", "500", "502", "503", "504"):
        assert responses[status]["content"] == {"application/problem+json": {"schema": problem}}
    # Beside the problem, what FastAPI itself answers where a request does not fit the route.
    refused = responses["422"]["content"]
    validation = {"$ref": "#/components/schemas/HTTPValidationError"}
    assert refused.keys() == {"application/problem+json", "application/json"}
    assert all(media["schema"]["anyOf"] == [problem, validation] for media in refused.values())
    assert responses["503"]["headers"]["Retry-After"]["schema"] == {"type": "integer"}
    shown = document["components"]["schemas"]["Problem"]
    assert shown["properties"].keys() >= {"type", "title", "status", "detail", "code"}
