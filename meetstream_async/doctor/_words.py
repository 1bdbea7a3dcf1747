"""Counts, times and errors in words. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from .._http.secrets import clean_text
from ..errors import ApiError, InvalidResponseError, MeetStreamError

_LONGEST = 200
"""Characters that are shown of an error: its text may be a server's."""


def count(number: int, noun: str) -> str:
    """1 event, 2 events."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def span(seconds: float) -> str:
    """A length of time in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    if seconds < 0.1:
        return "less than 0.1 s"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def moment(time: datetime) -> str:
    """In UTC, to the second."""
    try:
        return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return time.isoformat()


def words_of(error: MeetStreamError | None) -> str:
    """What went wrong, without the number of attempts."""
    if error is None:
        return "nothing"
    if isinstance(error, ApiError):
        hint = f" ({error.hint})" if error.hint else ""
        # The page of a gateway begins with its status, mostly.
        text = f"{error.status} {error.message.removeprefix(f'{error.status} ')}{hint}"
    elif isinstance(error, InvalidResponseError):
        text = f"{error.message} at {error.path}"
    else:
        text = error.message
    return clean_text(text, _LONGEST)
