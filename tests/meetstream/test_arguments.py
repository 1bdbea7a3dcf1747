"""What the client refuses before it sends anything."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses as Mocked

from meetstream_async import ConfigurationError, MeetStreamClient
from tests.helpers.credentials import API, KEY
from tests.helpers.meetstream import Call, client

NOON = datetime(2024, 12, 20, 12, tzinfo=UTC)


# --- refused before anything is sent -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"api_key": None}, "no key"),
        ({"api_key": ""}, "api_key is empty"),
        ({"api_key": KEY + "\n"}, "line break"),
        ({"api_key": f"Token {KEY}"}, "the key alone"),
        ({"api_key": 5}, "must be a string"),
        ({"base_url": "http://api.example.com/v1"}, "unencrypted"),
        ({"base_url": ""}, "base_url must be a URL"),
        ({"base_url": 5}, "base_url must be a URL"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": math.nan}, "timeout"),
        ({"timeout": math.inf}, "timeout"),
        ({"timeout": "30"}, "timeout"),
        ({"timeout": None}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"timeout": aiohttp.ClientTimeout(total=5)}, "timeout"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": -5}, "rate_limit"),
        ({"rate_limit": math.nan}, "rate_limit"),
        ({"rate_limit": "5"}, "rate_limit"),
        ({"rate_limit": True}, "rate_limit"),
        ({"retry": None}, "retry must be a RetryPolicy"),
        ({"retry": 3}, "retry must be a RetryPolicy"),
        ({"retry": {"max_attempts": 3}}, "retry must be a RetryPolicy"),
        ({"session": "session"}, "session must be an aiohttp.ClientSession"),
        ({"session": aiohttp.ClientSession}, "session must be an aiohttp.ClientSession"),
    ],
)
def test_an_unusable_argument_of_the_client_is_refused(options: dict[str, Any], says: str) -> None:
    """The constructor names what is wrong, and never shows the key."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        MeetStreamClient(**{"api_key": KEY, "base_url": API} | options)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        *(
            (lambda c, n=limit: c.list_scheduled_bots(n), "limit must be an int from 1 to 100")
            for limit in (0, 101, -1, True, "100", 50.0, None)
        ),
        *(
            (lambda c, i=identifier: c.unschedule_event(i), "event_id")
            for identifier in ("", ".", "..", "evt\n", "evt\x00", "evt\x7f", "evt\ud800", None, 5, b"evt")
        ),
        *(
            (lambda c, i=identifier: c.delete_scheduled_bot(i), "bot_id")
            for identifier in ("", ".", "..", "bot\r\n", "bot\x00", None, 5)
        ),
        (lambda c: c.unschedule_event("e", True, datetime(2024, 12, 20)), "no time zone"),
        (lambda c: c.unschedule_event("e", True, "2024-12-20T00:00:00Z"), "must be a datetime"),
        (lambda c: c.unschedule_event("e", True, NOON.date()), "must be a datetime"),
        (lambda c: c.unschedule_event("e", None, NOON), "needs cancel_all_occurrences=True"),
        (lambda c: c.unschedule_event("e", False, NOON), "needs cancel_all_occurrences=True"),
        (lambda c: c.unschedule_event("e", "yes"), "cancel_all_occurrences must be"),
        (lambda c: c.unschedule_event("e", 1), "cancel_all_occurrences must be"),
        (
            lambda c: c.unschedule_event(
                "e", True, datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))
            ),
            "out of range",
        ),
    ],
)
async def test_an_unusable_argument_of_a_call_is_refused_without_a_request(
    mocked: Mocked, call: Call, says: str
) -> None:
    """The error names the argument, and nothing has been sent."""
    async with client() as c:
        with pytest.raises(ConfigurationError, match=says) as caught:
            await call(c)
    assert caught.value.attempts == 0
    assert mocked.requests == {}


@pytest.mark.parametrize("limit", [0, 101, True])
async def test_a_stream_refuses_its_limit_when_it_is_made(limit: Any) -> None:
    """iter_scheduled_bots does not wait for its first bot to complain."""
    with pytest.raises(ConfigurationError, match="limit"):
        client().iter_scheduled_bots(limit)


async def test_constructing_does_no_io(mocked: Mocked) -> None:
    """Neither a client nor a stream that nobody reads sends anything."""
    client().iter_scheduled_bots()
    assert mocked.requests == {}


def test_a_client_is_made_without_a_running_loop() -> None:
    """A module may make its client at import time."""
    assert client().base_url == API
