"""How a Retry-After header is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetstream_async._http.retry import parse_retry_after

YEAR = 366 * 86400.0


# --- Retry-After ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("7, 9", 7.0),
        ("7 ,9", 7.0),
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
