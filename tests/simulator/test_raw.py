"""The simulator on the wire: who is let in, which route a path is, and that an id is one segment."""

import pytest

from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.simulator import ask


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        ("{key}", 401),
        ("Bearer {key}", 401),
        ("Token ", 401),
        ("Token wrong", 403),
        ("Token {key}", 200),
    ],
)
async def test_only_the_token_scheme_and_the_right_key_are_accepted(authorization: str, status: int) -> None:
    """Anything except `Token <key>` gets 401, a wrong key 403, and no record or repr contains it."""
    async with Simulator(3) as sim:
        reply = await ask(sim, "GET", "/calendar/scheduled", key=authorization.format(key=sim.api_key))
        assert reply.status == status
        assert "message" in reply.json or status == 200
        assert reply.headers["x-request-id"] == "sim-0"
        assert sim.requests[0].authorized == (status == 200)
        assert sim.api_key not in repr([sim, sim.requests, sim.ledger])
        assert "wrong" not in repr([sim, sim.requests])


async def test_an_unauthorized_delete_changes_nothing() -> None:
    """A DELETE without the key is counted and removes nothing."""
    async with Simulator([SimulatedBot("b", "evt_1")]) as sim:
        assert (await ask(sim, "DELETE", "/calendar/schedule/evt_1", key="Token wrong")).status == 403
        assert sim.ledger.scheduled_events == {"evt_1"}
        assert sim.ledger.delete_requests("evt_1") == 1


async def test_a_key_that_slips_into_a_request_is_not_logged() -> None:
    """A key in a query or body is masked in the log."""
    async with Simulator(1) as sim:
        await ask(sim, "GET", f"/calendar/scheduled?token={sim.api_key}")
        await ask(sim, "DELETE", "/calendar/schedule/evt_1", {"key": sim.api_key})
        assert sim.api_key not in repr(sim.requests)
        assert sim.requests[0].query == {"token": "***"}


@pytest.mark.parametrize(
    ("encoded", "event_id"),
    [
        ("a%2Fb%3Dc%2Bd%40x%252F%2E%2e", "a/b=c+d@x%2F.."),
        ("a+b=c@d", "a+b=c@d"),
        ("%E2%9C%93%20%3F%23", "✓ ?#"),
        ("100%25", "100%"),
    ],
)
async def test_an_event_id_is_one_percent_encoded_segment(encoded: str, event_id: str) -> None:
    """An id is decoded exactly once and comes back unchanged; the log keeps what was on the wire."""
    async with Simulator([SimulatedBot("b", event_id)]) as sim:
        reply = await ask(sim, "DELETE", f"/calendar/schedule/{encoded}")
        assert (reply.status, reply.json["event_id"]) == (200, event_id)
        assert sim.requests[0].raw_path == f"/api/v1/calendar/schedule/{encoded}"
        assert sim.requests[0].event_id == event_id
        assert sim.ledger.unscheduled_events == {event_id}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/calendar/schedule/evt_1", 405),
        ("HEAD", "/calendar/schedule/evt_1", 405),
        ("POST", "/calendar/scheduled", 405),
        ("DELETE", "/calendar/schedule", 405),
        ("GET", "/calendar/scheduled_bots/b", 405),
        ("DELETE", "/calendar/schedule/", 404),
        ("DELETE", "/calendar/schedule/a/b", 404),
        ("GET", "/elsewhere", 404),
        ("GET", "/../v2/calendar/scheduled", 404),
    ],
)
async def test_other_routes_answer_as_a_gateway_does(method: str, path: str, status: int) -> None:
    """A wrong method is 405, a wrong path 404, neither is hit by trouble, and nothing is removed."""
    async with Simulator([SimulatedBot("b", "evt_1")], troubles=[Trouble(status=503)]) as sim:
        reply = await ask(sim, method, path)
        assert reply.status == status
        assert sim.requests[0].route is None
        assert sim.ledger.scheduled_bots == {"b"}
    if method != "HEAD":
        assert reply.json == {"message": "Not Found" if status == 404 else "Method Not Allowed"}
