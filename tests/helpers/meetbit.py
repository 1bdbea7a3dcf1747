"""Clients of MeetBit, their keys, and what the API answers."""

from __future__ import annotations

from aioresponses import aioresponses as Mocked

from meetstream_async import MeetBitClient, MeetStreamError, OutcomeStatus, RetryPolicy
from meetstream_async.simulator import Simulator
from tests.helpers.accounts import QUICK
from tests.helpers.clock import run_virtual
from tests.helpers.raw_server import reply

ID = "mb_id_canary-4be1907c52"
SECRET = "mb_secret_canary-91d27f60ae35b8"
KEYS = {"access_key_id": ID, "access_key_secret": SECRET}


URL_1_2 = "https://acme.example.com/api/public/v2.0/calendars/1/events/2/cancel"


AT_ONCE = RetryPolicy(initial_wait=0)
ONCE = RetryPolicy(max_attempts=1)


def free(events=10, bots=0, **arguments):
    """A simulator whose MeetBit has no rate limit."""
    return Simulator(bots, events=events, meetbit_rate=None, meetbit_tenant_rate=None, **arguments)


def meetbit(sim, **arguments):
    """A client of the simulator that waits little between attempts, and for no pace."""
    options = {"retry": QUICK, "rate_limit": None, **arguments}
    return MeetBitClient(
        access_key_id=sim.access_key_id,
        access_key_secret=sim.access_key_secret,
        base_url=sim.meetbit_base_url,
        **options,
    )


def client(server, **options):
    """A client of a scripted server."""
    return MeetBitClient(base_url=server.url, **KEYS, **{"retry": AT_ONCE, "rate_limit": None} | options)


def pairs(sim):
    """All calendar events as targets."""
    return [(event.calendar_id, event.event_id) for event in sim.calendar_events]


GOOD = reply(200, {"message": "ok", "data": {"id": 2}})
UNREADABLE = [
    (b"<html>OK</html>", "$"),
    (b"Event canceled.", "$"),
    (b"\xff\xfe", "$"),
    (b"null", "$"),
    (b"[]", "$"),
    (b'"ok"', "$"),
    (b"{}", "$.data"),
    (b'{"data": null}', "$.data"),
    (b'{"data": []}', "$.data"),
    (b'{"data": {}}', "$.data.id"),
    (b'{"data": {"id": null}}', "$.data.id"),
    (b'{"data": {"id": "2"}}', "$.data.id"),
    (b'{"data": {"id": true}}', "$.data.id"),
    (b'{"data": {"id": 2.0}}', "$.data.id"),
    (b'{"data": {"id": 0}}', "$.data.id"),
    (b'{"message": "Server error", "data": {"id": 2}}', "$.message"),
    (b'{"data": ' * 5000, "$"),
]


def read_answer(body, status=200):
    """The result of a call with this response: a CancelledEvent, or the error."""

    async def main():
        with Mocked() as mocked:
            mocked.post(URL_1_2, status=status, body=body)
            async with MeetBitClient("acme.example.com", **KEYS) as c:
                try:
                    return await c.cancel_event(1, 2, "x")
                except MeetStreamError as error:
                    return error

    return run_virtual(main())


PLAIN = "text/plain; charset=utf-8"


def assert_true_to_the_ledger(report, sim):
    """Each event has one outcome; what is called cancelled is cancelled, and nothing certain is left out."""
    ids = {status: set() for status in OutcomeStatus}
    for outcome in report.outcomes:
        ids[outcome.status].add(outcome.event_id)
    assert len(report.outcomes) == sum(map(len, ids.values()))
    assert ids["cancelled"] <= sim.ledger.cancelled_events <= ids["cancelled"] | ids["unknown"]
