"""What is sent to MeetStream: arguments are checked here, before any request. Pure, no I/O."""

from __future__ import annotations

from datetime import UTC, datetime

from ..errors import ConfigurationError

MAX_LIMIT = 100
"""Rows that one listing shows at most."""


def check_series_options(cancel_all_occurrences: object, from_date: object) -> None:
    """Raises ConfigurationError for options that the API would refuse, or read as another time."""
    if cancel_all_occurrences is not None and not isinstance(cancel_all_occurrences, bool):
        raise ConfigurationError(
            f"cancel_all_occurrences must be True, False or None, not {cancel_all_occurrences!r}"
        )
    if from_date is None:
        return
    if not isinstance(from_date, datetime):
        raise ConfigurationError(f"from_date must be a datetime, not {type(from_date).__name__}")
    if from_date.utcoffset() is None:
        raise ConfigurationError(
            "from_date has no time zone; pass an aware datetime, such as datetime.now(timezone.utc)"
        )
    if cancel_all_occurrences is not True:
        raise ConfigurationError("from_date needs cancel_all_occurrences=True")
    try:
        utc_text(from_date)
    except OverflowError:
        raise ConfigurationError(f"from_date {from_date.isoformat()} is out of range in UTC") from None


def utc_text(time: datetime) -> str:
    return time.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def check_limit(limit: object) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise ConfigurationError(f"limit must be an int from 1 to {MAX_LIMIT}, not {limit!r}")
    return limit
