"""How MeetStream writes and reads values."""

from datetime import UTC, datetime
from typing import Any


def iso(moment: datetime) -> str:
    """A time in UTC, as listings write it."""
    return moment.astimezone(UTC).isoformat()


def parse_time(value: object) -> datetime | None:
    """An ISO 8601 datetime; one without a time zone is taken as UTC. None if it is not one."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def parse_limit(value: str | None, default: int, most: int = 100) -> int | None:
    """A limit from a query: an integer from 1 to `most`, or the default. None if it is out of range."""
    if value is None:
        return default
    good = value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= most
    return int(value) if good else None


def without_nones(values: dict[str, Any]) -> dict[str, Any]:
    """The items that have a value."""
    return {key: value for key, value in values.items() if value is not None}
