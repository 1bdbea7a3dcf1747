"""No credential leaves: not into what a program shows or stores, and not to another origin."""

from __future__ import annotations

import json
import logging
import pickle
import traceback

import aiohttp
import pytest

from meetstream_async import (
    BulkError,
    MeetBitClient,
    MeetStreamClient,
    MeetStreamError,
    RetryPolicy,
    bulk_unschedule,
    unschedule_all,
)
from tests.helpers.credentials import KEY
from tests.helpers.raw_server import RawRequest, drop, hang, reply

PIECE = KEY[3:12]
"""Half a key is too much already."""
ONCE = RetryPolicy(max_attempts=1)


async def _echo(request: RawRequest, writer) -> None:
    """A server that says back what it was sent, each time in another way."""
    sent = " ".join(value for name, value in request.headers if "auth" in name or "key" in name)
    number = int(request.target.rpartition("_")[2]) if "_" in request.target else 0
    answers = [
        reply(400, {"message": f"bad header {sent}"}, ("x-request-id", sent)),
        reply(500, f"<html><title>{sent}</title>".encode(), type="text/html"),
        reply(200, {"unscheduled": False, "message": sent}),
        reply(200, f"no JSON: {sent}".encode()),
        reply(200, {"unscheduled": True, "event_id": sent, sent: sent, "message": [sent]}),
        reply(302, b"", ("Location", f"https://other.example.com/{sent}")),
        f"{sent}\r\n\r\n".encode(),
    ]
    writer.write(answers[number % len(answers)])
    if number % len(answers) == len(answers) - 1:
        writer.close()


def _shown(error: BaseException) -> list[str]:
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    return [str(error), repr(error), *trace.format()]


async def test_a_canary_key_is_in_nothing_that_a_run_leaves_behind(raw_server, caplog):
    """Neither report nor outcomes, errors nor pickles, nor any logger's lines at DEBUG, aiohttp's too."""
    caplog.set_level(logging.DEBUG)
    server = await raw_server(_echo)
    texts = []
    async with MeetStreamClient(KEY, base_url=server.url, retry=ONCE) as client:
        report = await bulk_unschedule(client, [f"evt_{n}" for n in range(70)])
        with pytest.raises(BulkError) as caught:
            report.raise_for_failures()
        texts += [repr(report), json.dumps(report.to_dict()), repr(client), repr(vars(client))]
        texts += _shown(caught.value)
        texts.append(pickle.dumps(caught.value, 0).decode("latin-1"))
        for outcome in report.outcomes:
            texts += [repr(outcome), pickle.dumps(outcome, 0).decode("latin-1")]
            texts += _shown(outcome.error) if outcome.error is not None else []
    assert len(report.outcomes) == 70
    texts += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert [text for text in texts if PIECE in text] == []


@pytest.mark.parametrize("server", ["echo", "drop", "hang"])
async def test_a_tracer_sees_no_key(raw_server, server):
    """The span attributes of an aiohttp instrumentation: method, URL, status, and the error as text."""
    spans: list[str] = []

    async def on_end(session, context, params) -> None:
        spans.append(f"{params.method} {params.url} {params.response.status} {params.response.reason}")

    async def on_exception(session, context, params) -> None:
        error = params.exception
        spans.append(f"{params.method} {params.url} {error!r} {''.join(traceback.format_exception(error))}")

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(on_end)
    trace.on_request_exception.append(on_exception)
    raw = await raw_server({"echo": _echo, "drop": drop, "hang": hang}[server])
    async with MeetStreamClient(
        KEY, base_url=raw.url, retry=ONCE, timeout=0.2, trace_configs=[trace]
    ) as client:
        await bulk_unschedule(client, [f"evt_{n}" for n in range(7)])
    assert len(spans) == 7
    assert [span for span in spans if PIECE in span] == []


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
@pytest.mark.parametrize("borrowed", [False, True], ids=["owned", "borrowed"])
async def test_no_redirect_of_any_code_sends_a_key_to_another_origin(raw_server, status, borrowed):
    """Neither key nor a borrowed session's headers or cookies reach another origin; it gets no request."""
    other = await raw_server(reply(200, {"scheduled_bots": []}))
    server = await raw_server(reply(status, b"", ("Location", f"{other.url}/calendar/scheduled")))
    session = None
    if borrowed:
        session = aiohttp.ClientSession(
            headers={"Authorization": "Basic owner", "X-Access-Key-Secret": "owner"}, cookies={"owner": "1"}
        )
    try:
        meetstream = MeetStreamClient(KEY, base_url=server.url, session=session, retry=ONCE)
        meetbit = MeetBitClient(
            "acme.example.com", "id-canary-1", KEY, base_url=server.url, session=session, retry=ONCE
        )
        async with meetstream, meetbit:
            for call in (
                meetstream.list_scheduled_bots(),
                meetstream.unschedule_event("evt_1"),
                meetstream.delete_scheduled_bot("bot-1"),
                meetbit.cancel_event(1, 2, "note"),
                unschedule_all(meetstream),
            ):
                with pytest.raises(MeetStreamError):
                    await call
    finally:
        if session is not None:
            await session.close()
    assert len(server.requests) == 5
    assert (other.connections, other.requests) == (0, [])
    if borrowed:
        keys = [request.header("authorization") for request in server.requests[:3]]
        assert keys == [[f"Token {KEY}"]] * 3
