"""How replies are read that ask for a wait."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from meetstream_async import bulk_unschedule
from meetstream_async._http.waits import asked_wait, parse_retry_after, wait_for_limit, wait_in
from tests.helpers.raw_server import reply
from tests.helpers.single_calls import Start, client

YEAR = 366 * 86400.0
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["retry_after", "detail"]), inner),
    max_leaves=5,
)


# --- Retry-After ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("7, 9", 9.0),
        ("9 ,7", 9.0),
        ("7, soon", 7.0),
        ("7,", 7.0),
        ("2.5", 2.5),
        ("120", 120.0),
        ("9" * 20, YEAR),
        ("9" * 400, YEAR),
        ("", None),
        (".", None),
        ("-5", None),
        ("1e3", None),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("1.2.3", None),
        ("٣", None),
        ("Fri, 20 Dec 2024 12:00:30 GMT", 30.0),
        ("Fri, 20 Dec 2024 13:00:30 +0100", 30.0),
        ("Friday, 20-Dec-24 12:00:30 GMT", 30.0),
        ("Fri, 20 Dec 2024 11:59:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", YEAR),
        ("Fri, 99 Dec 2024 12:00:30 GMT", None),
        ("2s", 2.0),
        ("2 S", 2.0),
        ("2 seconds", 2.0),
        ("1500ms", 1.5),
        ("2min", 120.0),
        ("1 hour", 3600.0),
        ("PT2S", 2.0),
        ("PT1H1M0.5S", 3660.5),
        ("PT", None),
        ("P", None),
        ("2 fortnights", None),
        ("1m30s", 90.0),
        ("6m0s", 360.0),
        ("1h 2m 3s 500ms", 3723.5),
        ("1s1s1s1s1s", None),
        ("1m30", None),
        ("P1DT2S", 86402.0),
        ('"2"', 2.0),
        ("2024-12-20T12:00:30Z", 30.0),
        ("2024-12-20T13:00:30+01:00", 30.0),
        ("2024-12-20 12:00:30", 30.0),
        ("2024-12-20", None),
        ("99999999", YEAR),
        ("1734696030", 30.0),
        ("1734696030.5", 30.5),
        ("1734696030000", 30.0),
        ("1734696030000000", 30.0),
        ("1734695999", 0.0),
        ("999999999", 0.0),
    ],
)
def test_retry_after_is_read_in_seconds(value: str | None, seconds: float | None) -> None:
    """Seconds, decimals and dates are read against the reply's Date; anything else says nothing."""
    assert parse_retry_after(value, "Fri, 20 Dec 2024 12:00:00 GMT") == seconds


@pytest.mark.parametrize("date", [None, "", "garbage"])
def test_without_a_usable_date_header_our_own_clock_serves(date: str | None) -> None:
    """A Retry-After date of a reply without Date is measured from now."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    seconds = parse_retry_after(until, date)
    assert seconds is not None
    assert 90 < seconds <= 100


@given(st.text(), st.none() | st.text())
def test_any_header_is_a_sane_wait_or_none(value: str, date: str | None) -> None:
    """No Retry-After raises, and none makes a negative or endless wait."""
    seconds = parse_retry_after(value, date)
    assert seconds is None or 0 <= seconds <= YEAR


# --- rate limits ---------------------------------------------------------------------------------------

NOW = {"Date": "Fri, 20 Dec 2024 12:00:00 GMT"}
LIMITS = [
    ({"RateLimit-Remaining": "0", "RateLimit-Reset": "2"}, 2.0, 2.0),
    ({"RateLimit-Remaining": "3", "RateLimit-Reset": "2"}, None, 2.0),
    ({"RateLimit-Remaining": "0", "RateLimit-Reset": "1734696030"}, 30.0, 30.0),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1734696008"}, 8.0, 8.0),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1734696008000"}, 8.0, 8.0),
    ({"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "2"}, 2.0, 2.0),
    ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "900", "Retry-After": "1"}, None, None),
    ({"X-RateLimit-Reset": "2"}, None, 2.0),
    ({"RateLimit": "limit=5, remaining=0, reset=2"}, 2.0, 2.0),
    ({"RateLimit": "limit=5, remaining=4, reset=2"}, None, None),
    ({"RateLimit": '"default";r=0;t=2', "RateLimit-Policy": '"default";q=5;w=1'}, 2.0, 2.0),
    ({"RateLimit": '"default";r=0', "RateLimit-Policy": '"burst";q=9;w=7, "default";q=5;w=3'}, 3.0, 3.0),
    ({"RateLimit": '"burst";r=0;t=2, "daily";r=90;t=3000'}, 2.0, 2.0),
    ({"RateLimit": '"default";r=5;t=2'}, None, None),
    ({"RateLimit-Remaining": "0", "RateLimit-Reset": "999999"}, 3600.0, 3600.0),
    ({"RateLimit": "nonsense;;=,"}, None, None),
    ({}, None, None),
]


@pytest.mark.parametrize(("fields", "seconds", "refused"), LIMITS)
def test_an_exhausted_limit_is_waited_for_however_it_is_told(
    fields: dict[str, str], seconds: float | None, refused: float | None
) -> None:
    """Fields of the older and newer drafts, and the customary ones; at a 429 even if something remains."""
    headers = CIMultiDict(fields | NOW)
    assert wait_for_limit(headers, refused=False) == seconds
    assert wait_for_limit(headers, refused=True) == refused


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"Retry-After": "2"}, 2.0),
        ({"retry-after-ms": "2000"}, 2.0),
        ({"X-Rate-Limit-Retry-After-Seconds": "2"}, 2.0),
        ({"X-RateLimit-Reset-After": "2.5"}, 2.5),
        ({"Retry-After": "soon", "retry-after-ms": "500"}, 0.5),
        ({"Retry-After": "3", "retry-after-ms": "500"}, 3.0),
    ],
)
def test_other_fields_serve_where_there_is_no_retry_after(fields: dict[str, str], seconds: float) -> None:
    """Retry-After has the first word."""
    assert asked_wait(CIMultiDict(fields | NOW)) == seconds


def test_of_two_headers_the_longer_wait_counts() -> None:
    """A gateway and what is behind it may both limit; one that can't be read takes nothing from the other."""
    for values in (["2", "5"], ["5", "2"], ["soon", "5"], ["2, 5", "3"]):
        assert asked_wait(CIMultiDict([("Retry-After", value) for value in values])) == 5
    assert asked_wait(CIMultiDict([("Retry-After", "soon"), ("Retry-After-Ms", "5000")])) == 5


@given(
    st.dictionaries(
        st.sampled_from(["RateLimit", "RateLimit-Policy", "RateLimit-Reset", "X-RateLimit-Reset"]), st.text()
    )
)
def test_any_fields_are_a_sane_wait_or_none(fields: dict[str, str]) -> None:
    """No field raises, and none makes a negative or endless wait."""
    for refused in (False, True):
        seconds = wait_for_limit(CIMultiDict(fields), refused=refused)
        assert seconds is None or 0 <= seconds <= 3600


# --- in the body ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"retry_after": 2}, 2.0),
        ({"retry_after": 0.5, "message": "slow down"}, 0.5),
        ({"retry_after": "2s"}, 2.0),
        ({"retryAfter": 2}, 2.0),
        ({"retry_after_seconds": "2"}, 2.0),
        ({"retry_after_ms": 2000}, 2.0),
        ({"error": {"code": 429, "retry_after": 2}}, 2.0),
        ({"detail": "Request was throttled. Expected available in 17 seconds."}, 17.0),
        ({"detail": "Request was throttled. Expected available in 1 second."}, 1.0),
        ({"retry-after": 2}, 2.0),
        ({"retryAfterSeconds": 2, "retryAfterMs": 9}, 2.0),
        ({"retryAfterMs": 1500}, 1.5),
        ({"message": "Rate limit exceeded, retry in 2 seconds"}, 2.0),
        ({"error": {"message": "Please try again in 1.5s."}}, 1.5),
        ({"message": "Wait 2 minutes"}, 120.0),
        ({"message": "Retry after 250ms"}, 0.25),
        ({"message": "retry 3 times"}, None),
        ({"message": "Too Many Requests"}, None),
        ({"retry_after": None, "detail": None, "error": "throttled"}, None),
        ({"retry_after": True}, None),
        ({"retry_after": -1}, None),
        ({"retry_after": math.inf}, None),
        ({"retry_after": [2]}, None),
        ([{"retry_after": 2}], None),
        ("2", None),
    ],
)
def test_the_body_of_an_error_may_tell_the_wait(error: object, seconds: float | None) -> None:
    """As gateways and frameworks do, in a field or in words."""
    assert wait_in(error) == seconds


@given(st.dictionaries(st.sampled_from(["retry_after", "detail", "error"]), JSON))
def test_any_body_is_a_sane_wait_or_none(error: object) -> None:
    """No JSON raises, and none makes a negative or endless wait."""
    seconds = wait_in(error)
    assert seconds is None or 0 <= seconds <= YEAR


# --- on the wire ---------------------------------------------------------------------------------------


async def test_a_time_since_1970_is_no_wait_of_decades(raw_server: Start) -> None:
    """The call goes on once that time has come."""
    soon = str(int(time.time()) + 1)
    server = await raw_server(reply(429, b"", ("Retry-After", soon)), reply(200, {"unscheduled": True}))
    async with client(server) as c:
        await c.unschedule_event("evt_1")
    assert time.time() >= int(soon)


async def test_an_absurd_wait_ends_the_run_with_its_length(raw_server: Start) -> None:
    """Nobody sleeps for a year: the call fails now, and the run says how long the API asked for."""
    server = await raw_server(reply(429, b"", ("Retry-After", "31536000")))
    async with client(server) as c:
        report = await bulk_unschedule(c, ["evt_1", "evt_2", "evt_3"], max_concurrency=1)
    assert len(server.requests) == 1
    assert "31536000" in (report.reason or "")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "body", [b'{"retry_after": 0.4}', b'{"detail": "Expected available in 0.4 seconds."}']
)
async def test_a_wait_that_only_the_body_tells_binds_the_client(
    raw_server: Start, status: int, body: bytes
) -> None:
    """The call itself, and everybody else with its key."""
    done = reply(200, {"unscheduled": True})
    server = await raw_server(reply(status, body), done, done)
    async with client(server) as c:
        first = asyncio.create_task(c.unschedule_event("evt_1"))
        while not c.api.rate_limiter.paused_for() > 0.3:
            await asyncio.sleep(0.001)
        began = time.monotonic()
        await c.unschedule_event("evt_2")
        await first
        assert time.monotonic() - began > 0.25


async def test_a_header_has_the_first_word(raw_server: Start) -> None:
    """What its body says is not added."""
    server = await raw_server(
        reply(429, b'{"retry_after": 900}', ("Retry-After", "0")), reply(200, {"unscheduled": True})
    )
    async with client(server) as c:
        await asyncio.wait_for(c.unschedule_event("evt_1"), 20)
    assert len(server.requests) == 2
