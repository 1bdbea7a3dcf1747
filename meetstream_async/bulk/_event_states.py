"""How far the events of the calendars are known in a run, and which of them matter. Pure.

The states are plain strings, since a state of an account is stored as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

_DAY = timedelta(days=1)
_YEAR = timedelta(days=366)

UNASKED: Final = "unasked"
"""The events of the calendars have not been asked for."""
AWAITED: Final = "awaited"
"""They are being read, and items whose cancel depends on them wait."""
READ: Final = "read"
"""They are being read, and nothing waits."""
KNOWN: Final = "known"
"""All of them are known."""
UNKNOWN: Final = "unknown"
"""Not all of them could be had."""
CONFIRMED: Final = "confirmed"
"""They were read once more, after all answers."""


def window(times: Sequence[datetime | None], whole: bool, now: datetime) -> tuple[datetime, datetime]:
    """From when to when events matter: around what is known, or a year where that is not all.

    ``times``: when bots join, or meetings begin and end; ``whole``: there are no others.
    """
    known = [time for time in times if time is not None]
    if not known or len(known) < len(times) or not whole:
        return min([now, *known]) - _DAY, max([now + _YEAR, *known]) + _DAY
    return min(known) - _DAY, max(known) + _DAY
