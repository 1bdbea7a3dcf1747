"""What the simulator says: dialects of refusals, answers of changes, and rows that the docs find."""

from __future__ import annotations

import asyncio
import fnmatch
import json
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from meetstream_async.simulator import SimulatedBot, SimulatedEvent, Simulator
from tests.helpers.simulator import ask, cancel, says

GONE = "Event not scheduled"
DIALECTS = [
    ("both", {"error": GONE, "message": GONE}),
    ("message", {"message": GONE}),
    ("error", {"error": GONE}),
    ("error_status", {"error": GONE, "status_code": 400}),
    ("detail", {"detail": GONE}),
    ("nested", {"error": {"message": GONE}}),
    ("problem", {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": GONE}),
]


async def gone(sim: Simulator) -> Any:
    await ask(sim, "DELETE", "/calendar/schedule/evt_1")
    return await ask(sim, "DELETE", "/calendar/schedule/evt_1")


def one_bot(**more: Any) -> Simulator:
    return Simulator([SimulatedBot("b", "evt_1")], **more)


@pytest.mark.parametrize(("dialect", "body"), DIALECTS)
async def test_a_refusal_comes_in_one_of_seven_bodies(dialect: Any, body: Any) -> None:
    """`dialect` decides the fields that hold the words."""
    async with one_bot(dialect=dialect) as sim:
        reply = await gone(sim)
    assert (reply.status, reply.json) == (400, body)
    assert reply.headers["content-type"].startswith("application/problem" if dialect == "problem" else "app")


async def test_a_refusal_may_be_plain_text() -> None:
    """The words alone, also of a wrong key."""
    async with one_bot(dialect="text") as sim:
        reply = await gone(sim)
        refused = await ask(sim, "GET", "/calendar", key="Token wrong")
    assert (reply.body, reply.headers["content-type"]) == (GONE.encode(), "text/plain; charset=utf-8")
    assert refused.body == b"Invalid API key"


async def test_a_delete_without_an_id_is_a_bad_request() -> None:
    """400 "Missing bot_id"; the path without a name below it is another one."""
    async with one_bot() as sim:
        missing = await ask(sim, "DELETE", "/calendar/scheduled_bots/")
        other = await ask(sim, "DELETE", "/calendar/scheduled_bots")
        assert sim.ledger.scheduled_bots == {"b"}
    assert (missing.status, missing.json) == (400, says("Missing bot_id"))
    assert other.status == 405


async def test_a_conflict_keeps_its_bot_in_every_dialect() -> None:
    """Further fields of a refusal stay where they are."""
    async with one_bot(dialect="detail") as sim:
        reply = await ask(sim, "POST", "/calendar/schedule/evt_1")
    assert reply.json == {"detail": "Event is already scheduled", "bot_id": "b"}


@pytest.mark.parametrize("path", ["/calendar/scheduled", "/elsewhere", "/calendar/schedule/evt_1"])
@pytest.mark.parametrize(
    ("key", "status", "words"),
    [
        ("", 401, "Missing user_id in token or invalid authentication."),
        ("Token wrong", 403, "Invalid API key"),
    ],
)
async def test_who_asks_is_settled_before_what(path: str, key: str, status: int, words: str) -> None:
    """Without the right key, unknown paths and methods are refused as all others are."""
    async with one_bot() as sim:
        reply = await ask(sim, "GET", path, key=key)
    assert (reply.status, reply.json) == (status, says(words))


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        ("message", 200, b'{"message": "Bot unscheduled successfully"}'),
        ("empty_object", 200, b"{}"),
        ("no_content", 202, b""),
    ],
)
async def test_a_delete_may_answer_less(answer: Any, status: int, body: bytes) -> None:
    """Whatever is said, the bot is gone."""
    async with one_bot(unschedule_answer=answer) as sim:
        reply = await ask(sim, "DELETE", "/calendar/schedule/evt_1")
        assert sim.ledger.scheduled_bots == frozenset()
    assert (reply.status, reply.body) == (status, body)


async def test_meetbit_may_answer_nulls_or_nothing() -> None:
    """Every field but the ids may be null, and a 202 has no content; the event is cancelled."""
    event = SimulatedEvent(event_id=7, calendar_id=3, provider_event_id="7vq1")
    async with Simulator([], events=[event]) as sim:
        full = (await cancel(sim, event)).json["data"]
    async with Simulator([], events=[event], meetbit_answer="nulls") as sim:
        nulls = (await cancel(sim, event)).json["data"]
    async with Simulator([], events=[event], meetbit_answer="no_content") as sim:
        nothing = await cancel(sim, event)
        assert sim.ledger.cancelled_events == {7}
    assert nulls == dict.fromkeys(full) | {"id": 7, "calendar_id": 3, "provider_event_id": "7vq1"}
    assert (full["canceled_by_type"], full["attendees"][0]["status"]) == ("customer", 1)
    assert (nothing.status, nothing.body) == (202, b"")


async def test_the_examples_of_the_docs_find_rows() -> None:
    """`--name 'Acme *'` and `customer=acme` select some of a generated account, and not all of it."""
    async with Simulator(100, seed=7) as sim:
        rows = (await ask(sim, "GET", "/calendar/scheduled")).json["scheduled_bots"]
    named = [row for row in rows if fnmatch.fnmatch(row["bot_username"], "Acme *")]
    customers = Counter(row.get("custom_attributes", {}).get("customer") for row in rows)
    assert 10 < len(named) < 50
    assert len(named) <= customers["acme"] < 50
    assert customers["globex"]
    assert customers[None]


async def test_a_generated_one_off_bot_shows_no_sign_of_a_calendar() -> None:
    """Neither an event nor a source: attributes of the caller's own, or none at all."""
    async with Simulator(100, seed=7, one_off=0.2) as sim:
        rows = (await ask(sim, "GET", "/calendar/scheduled")).json["scheduled_bots"]
        alone = [row for row in rows if sim.ledger.bots[row["bot_id"]].event_id is None]
    attributes = [row.get("custom_attributes") for row in alone]
    assert len(alone) == 20
    assert {json.dumps(one) for one in attributes} == {"null", '{"customer": "globex"}'}


async def test_bots_may_join_soon_be_in_meetings_or_long_over() -> None:
    """Shares of the bots join within ten minutes, joined within the last thirty, or hours ago."""
    async with Simulator(100, soon=0.1, in_meeting=0.05, past=0.03) as sim:
        wait = [bot.join_time - datetime.now(UTC) for bot in sim.ledger.bots.values()]
        rows = (await ask(sim, "GET", "/calendar/scheduled")).json["scheduled_bots"]
    assert sum(timedelta(0) < one <= timedelta(minutes=10) for one in wait) == 10
    assert sum(-timedelta(minutes=31) < one <= timedelta(0) for one in wait) == 5
    assert sum(-timedelta(hours=27) < one < -timedelta(hours=1) for one in wait) == 3
    assert len(rows) == 92
    with pytest.raises(ValueError, match="soon, in_meeting and past"):
        Simulator(100, soon=0.9, past=0.2)


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nNo colon ms_key\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/v1/bots/create_bot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nms_key",
        b"POST /api/v1/bots/create_bot HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: 5\r\n\r\nabcde",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: ms_key" + b"a" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_a_malformed_request_is_a_plain_400(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log, without a traceback or the bytes that came; the next request is served."""
    async with Simulator(1) as sim:
        host, port = sim.base_url.split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(raw)
        status = await reader.readline()
        writer.close()
        assert (await ask(sim, "GET", "/calendar/scheduled")).status == 200
    assert b" 400 " in status
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("meetstream_async.simulator", logging.WARNING)
    assert record.exc_info is None
    assert record.getMessage().startswith("a request cannot be read: ")
    assert "ms_key" not in caplog.text


@pytest.mark.parametrize(
    "body", [b"\xff", b"[" * 5000, b'{"a": NaN}', b'{"bot_config": ' + b'{"x":' * 1000 + b"1" + b"}" * 1001]
)
async def test_a_body_that_is_not_json_is_refused(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Bytes, abysses and numbers that are none: 400, as for any bad body."""
    async with one_bot() as sim:
        reply = await ask(sim, "POST", "/calendar/schedule/evt_1", body)
        assert not sim.requests[0].body_readable
    assert (reply.status, reply.json) == (400, says("Invalid request body"))
    assert not caplog.records


async def test_a_body_that_is_too_long_is_refused() -> None:
    """More than a mebibyte: 413."""
    async with one_bot() as sim:
        reply = await ask(sim, "POST", "/bots/create_bot", b'"' + b"a" * 2**20 + b'"')
    assert reply.status == 413


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_it_listens_to_others_if_it_is_told_to(host: str, caplog: pytest.LogCaptureFixture) -> None:
    """An address that is not a loopback one is warned of; the URL is one that works here."""
    async with Simulator(1) as sim:
        assert not caplog.records
        assert sim.base_url.startswith("http://127.0.0.1:")
    try:
        async with Simulator(1, host=host) as sim:
            assert (await ask(sim, "GET", "/calendar/scheduled")).status == 200
    except OSError:
        assert host == "::", "this machine has no IPv6"
        return
    assert [record.getMessage() for record in caplog.records] == [
        f"the simulator listens on {host}: whoever reaches this machine can use it"
    ]


async def test_the_date_of_a_reply_is_the_simulator_s() -> None:
    """The header follows the clock, so that a client can judge by it what has joined."""
    seconds = [0.0]
    async with Simulator(1, clock=lambda: seconds[0]) as sim:
        early = parsedate_to_datetime((await ask(sim, "GET", "/calendar")).headers["date"])
        seconds[0] = 86_400.0
        late = parsedate_to_datetime((await ask(sim, "GET", "/calendar")).headers["date"])
    assert timedelta(hours=23, minutes=59) < late - early < timedelta(hours=24, minutes=1)
