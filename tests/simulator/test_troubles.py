"""The simulator's scripted trouble does what it says, to the requests that it names."""

import asyncio
import json
from collections import Counter
from typing import Any

import aiohttp
import pytest

from meetstream_async.simulator import RequestRecord, SimulatedBot, Simulator, Trouble
from tests.helpers.simulator import ask, says

EVENT = "/calendar/schedule/evt_1"


def one_bot(*troubles: Trouble, **more: Any) -> Simulator:
    return Simulator([SimulatedBot("b", "evt_1")], troubles=troubles, **more)


@pytest.mark.parametrize(
    ("route", "status", "body"),
    [
        ("unschedule", 400, says("Event not scheduled")),
        ("unschedule", 401, says("Missing user_id in token or invalid authentication.")),
        ("unschedule", 403, says("Invalid API key")),
        ("unschedule", 404, says("Event not found")),
        ("unschedule", 429, {"message": "Too Many Requests"}),
        ("unschedule", 500, says("An error occurred while unscheduling the bot.")),
        ("unschedule", 503, {"message": "Endpoint request timed out"}),
        ("unschedule", 504, {"message": "Endpoint request timed out"}),
        ("unschedule", 599, {"message": "Unknown"}),
        ("list", 404, says("User not found")),
        ("list", 500, says("An error occurred while fetching scheduled bots.")),
        ("delete_bot", 404, says("Bot not found")),
    ],
)
async def test_a_status_comes_in_the_api_s_own_words(route: str, status: int, body: Any) -> None:
    """A trouble with only a status answers as the API or its gateway would, and changes nothing."""
    requests = {
        "unschedule": ("DELETE", EVENT),
        "list": ("GET", "/calendar/scheduled"),
        "delete_bot": ("DELETE", "/calendar/scheduled_bots/b"),
    }
    async with one_bot(Trouble(route, status)) as sim:
        reply = await ask(sim, *requests[route])
        assert sim.ledger.scheduled_bots == {"b"}
        assert sim.requests[0].status == status
    assert reply.status == status
    assert reply.json == body


async def test_a_trouble_hits_so_many_requests_after_letting_some_pass() -> None:
    """`skip` requests pass, `times` are hit, the rest pass; the log says which."""
    trouble = Trouble("list", 503, times=2, skip=1)
    async with one_bot(trouble) as sim:
        statuses = [(await ask(sim, "GET", "/calendar/scheduled")).status for _ in range(5)]
        assert statuses == [200, 503, 503, 200, 200]
        assert [record.trouble for record in sim.requests] == [None, trouble, trouble, None, None]


async def test_the_first_trouble_in_order_wins() -> None:
    """One request is hit by one trouble, the first that matches; the later ones do not count it."""
    async with one_bot(Trouble("*", 500, times=1), Trouble("*", 502, times=1)) as sim:
        assert [(await ask(sim, "GET", "/calendar/scheduled")).status for _ in range(3)] == [500, 502, 200]


async def test_a_trouble_can_pick_its_requests() -> None:
    """`when` sees the record, body and ids included, and limits the trouble to requests it likes."""

    def wanted(record: RequestRecord) -> bool:
        return record.event_id == "evt_1" and record.body == {"cancel_all_occurrences": False}

    async with one_bot(Trouble("unschedule", 500, when=wanted)) as sim:
        assert (await ask(sim, "DELETE", EVENT, {"cancel_all_occurrences": False})).status == 500
        assert (await ask(sim, "DELETE", "/calendar/schedule/evt_2")).status == 404
        assert (await ask(sim, "DELETE", EVENT)).status == 200


async def test_troubles_come_and_go_while_it_runs() -> None:
    """`add_trouble` takes effect at once, `clear_troubles` ends everything, the error rate included."""
    async with one_bot(error_rate=1.0) as sim:
        first = (await ask(sim, "GET", "/calendar/scheduled")).status
        sim.add_trouble(Trouble("list", 429))
        second = (await ask(sim, "GET", "/calendar/scheduled")).status
        sim.clear_troubles()
        third = (await ask(sim, "GET", "/calendar/scheduled")).status
    assert first in (500, 503)
    assert (second, third) == (429, 200)


@pytest.mark.parametrize(
    ("trouble", "status", "applied"),
    [
        (Trouble("unschedule", 503), 503, False),
        (Trouble("unschedule", 503, apply="before"), 503, True),
        (Trouble("unschedule", drop="before"), None, False),
        (Trouble("unschedule", drop="after"), None, True),
        (Trouble("unschedule", half_body=True), 200, True),
        (Trouble("unschedule", 503, half_body=True), 503, False),
        (Trouble("unschedule", html=True, status=502), 502, False),
        (Trouble("unschedule", body="gone", apply="before"), 200, True),
        (Trouble("unschedule", latency=0.001), 200, True),
        (Trouble("unschedule", missing_route=True), 404, False),
    ],
)
async def test_the_ledger_knows_what_took_effect(trouble: Trouble, status: int | None, applied: bool) -> None:
    """Whatever was answered, the ledger tells whether and by which request the change was applied."""
    async with one_bot(trouble) as sim:
        reply = await ask(sim, "DELETE", EVENT)
        event = sim.ledger.events["evt_1"]
        assert reply.status == status == sim.requests[0].status
        assert event.scheduled is not applied
        assert event.applied_by == (0 if applied else None)
        assert (event.unscheduled_at is not None) == applied
        assert event.delete_requests == sim.ledger.delete_requests("evt_1") == 1


async def test_trouble_applies_nothing_for_a_stranger() -> None:
    """A trouble that lets the change happen first does so only for a request with the right key."""
    async with one_bot(Trouble("unschedule", 503, apply="before")) as sim:
        assert (await ask(sim, "DELETE", EVENT, key="Token wrong")).status == 503
        assert sim.ledger.scheduled_bots == {"b"}


async def test_half_a_body_promises_the_whole_length() -> None:
    """The header names the whole length, half of it arrives, then the connection ends."""
    async with Simulator(20, troubles=[Trouble("list", half_body=True, times=1)]) as sim:
        half = await ask(sim, "GET", "/calendar/scheduled")
        whole = await ask(sim, "GET", "/calendar/scheduled")
        sim.add_trouble(Trouble("list", half_body=True))
        async with aiohttp.ClientSession(headers={"Authorization": f"Token {sim.api_key}"}) as session:
            response = await session.get(f"{sim.base_url}/calendar/scheduled")
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
    assert int(half.headers["content-length"]) == len(whole.body)
    assert half.body == whole.body[: len(whole.body) // 2]


@pytest.mark.parametrize(
    ("trouble", "content_type", "start"),
    [
        (Trouble("list", html=True), "text/html; charset=utf-8", b"<html>"),
        (Trouble("list", body=b"\xff\xfe"), "application/json", b"\xff\xfe"),
        (Trouble("list", body="Access Denied.", content_type="text/plain"), "text/plain", b"Access Denied."),
    ],
)
async def test_a_body_is_sent_as_it_is(trouble: Trouble, content_type: str, start: bytes) -> None:
    """HTML and raw bodies come with status 200 and their content type."""
    async with one_bot(trouble) as sim:
        reply = await ask(sim, "GET", "/calendar/scheduled")
    assert (reply.status, reply.headers["content-type"]) == (200, content_type)
    assert reply.body.startswith(start)


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2026 07:28:00 GMT", 3, 0.5])
async def test_retry_after_and_headers_are_sent_as_written(value: str | int | float) -> None:
    """`Retry-After` and further headers reach the client as they were given."""
    async with one_bot(Trouble("*", 429, retry_after=value, headers={"X-Amzn-RequestId": "abc"})) as sim:
        reply = await ask(sim, "GET", "/calendar/scheduled")
    assert (reply.headers["retry-after"], reply.headers["x-amzn-requestid"]) == (str(value), "abc")


@pytest.mark.parametrize(
    ("status", "message"),
    [(None, "Not Found"), (403, "Missing Authentication Token"), (405, "Method Not Allowed")],
)
async def test_a_route_can_be_missing(status: int | None, message: str) -> None:
    """One list path can be missing while the other one answers."""
    trouble = Trouble("list", status, missing_route=True, when=lambda r: r.path.endswith("/scheduled"))
    async with one_bot(trouble) as sim:
        missing = await ask(sim, "GET", "/calendar/scheduled")
        other = await ask(sim, "GET", "/calendar/scheduled_bots")
    assert (missing.status, missing.json) == (status or 404, {"message": message})
    assert other.status == 200


@pytest.mark.parametrize(("limit", "bad", "good"), [(100, 4, 96), (5, 9, 0), (10, 3, 7)])
async def test_unreadable_rows_take_the_place_of_good_ones(limit: int, bad: int, good: int) -> None:
    """A listing with bad rows stays within the limit; no bad row names a bot or event that exists."""
    async with Simulator(120, troubles=[Trouble("list", bad_rows=bad)]) as sim:
        rows = (await ask(sim, "GET", f"/calendar/scheduled?limit={limit}")).json["scheduled_bots"]
        known = [row for row in rows if isinstance(row, dict) and row.get("bot_id") in sim.ledger.bots]
        strange = [row for row in rows if row not in known]
        assert (len(rows), len(known)) == (limit, good)
        assert not any(event_id in json.dumps(strange) for event_id in sim.ledger.events)


async def test_a_hanging_request_ends_when_its_client_leaves() -> None:
    """A request that is never answered is in flight, and alive, until its client goes away and no longer."""
    async with one_bot(Trouble("unschedule", hang=True)) as sim:
        before = asyncio.all_tasks()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ask(sim, "DELETE", EVENT)
        await ask(sim, "GET", "/calendar/scheduled")
        assert (sim.in_flight, sim.max_in_flight, sim.requests[0].status) == (0, 1, None)
        for _ in range(20):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        assert sim.ledger.scheduled_bots == {"b"}


async def test_a_change_holds_although_the_client_did_not_wait() -> None:
    """A slow DELETE whose client gives up has taken effect."""
    async with one_bot(Trouble("unschedule", latency=30)) as sim:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ask(sim, "DELETE", EVENT)
        assert sim.ledger.unscheduled_events == {"evt_1"}


async def delete_all(
    troubles: list[Trouble], order: int, **more: Any
) -> tuple[dict[str | None, Any], Simulator]:
    bots = [SimulatedBot(f"b{n}", f"evt_{n}") for n in range(200)]
    async with Simulator(bots, seed=5, troubles=troubles, **more) as sim:
        gate = asyncio.Semaphore(20)

        async def one(number: int) -> None:
            async with gate:
                await ask(sim, "DELETE", f"/calendar/schedule/evt_{number}")

        await asyncio.gather(*(one(number) for number in list(range(200))[::order]))
    return {r.event_id: (r.trouble, r.status) for r in sim.requests}, sim


async def test_rates_are_the_same_for_the_same_seed_in_any_order() -> None:
    """Every kind of trouble hits its share of requests, the same ones in any order of arrival."""
    troubles = Trouble.every_kind(0.4, slow=0.001, retry_after=0)
    forward, sim = await delete_all(troubles, 1)
    backward, _ = await delete_all(troubles, -1)
    hits = Counter(record.trouble for record in sim.requests if record.trouble is not None)
    assert forward == backward
    assert set(hits) == set(troubles)
    assert 60 <= hits.total() <= 100


async def test_the_error_rate_applies_half_of_what_it_fails() -> None:
    """`error_rate` answers 500 or 503 to its share of requests; about half of them took effect."""
    outcomes, sim = await delete_all([], 1, error_rate=0.5)
    failed = {event_id for event_id, (trouble, _) in outcomes.items() if trouble is not None}
    applied = failed & sim.ledger.unscheduled_events
    assert {status for _, status in outcomes.values()} == {200, 500, 503}
    assert 80 <= len(failed) <= 120
    assert 0.35 <= len(applied) / len(failed) <= 0.65


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_the_shares_of_every_kind_add_up(rate: float) -> None:
    """The kinds' shares, each of what the earlier ones let pass, are equal and make up the rate."""
    passed, shares = 1.0, []
    for trouble in Trouble.every_kind(rate):
        assert trouble.rate is not None
        shares.append(passed * trouble.rate)
        passed -= shares[-1]
    assert sum(shares) == pytest.approx(rate)
    assert shares == pytest.approx([rate / len(shares)] * len(shares))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"route": ""},
        {"status": 99},
        {"status": 500, "times": 0},
        {"status": 500, "rate": 1.1},
        {"status": 500, "skip": -1},
        {"latency": -1.0},
        {"latency": float("nan")},
        {"status": 500, "apply": "after"},
        {"drop": "between"},
        {"drop": "before", "apply": "before"},
        {"drop": "before", "status": 500},
        {"hang": True, "drop": "after"},
        {"hang": True, "half_body": True},
        {"html": True, "body": "x"},
        {"route": "list", "bad_rows": 2, "status": 500},
        {"bad_rows": 2},
        {"missing_route": True, "status": 500},
        {"status": 500, "content_type": "text/plain"},
        {"status": 500, "headers": {"X": "a\r\nb"}},
    ],
)
def test_a_trouble_that_makes_no_sense_is_refused(arguments: dict[str, Any]) -> None:
    """Bad or contradicting arguments raise a ValueError that names the problem."""
    with pytest.raises(ValueError, match="Trouble: "):
        Trouble(**arguments)


def test_a_trouble_on_an_unknown_route_is_refused() -> None:
    """A misspelt route would hit nothing, so it is refused when added."""
    with pytest.raises(ValueError, match="no route 'unscheduled'"):
        Simulator(1, troubles=[Trouble("unscheduled", 500)])
