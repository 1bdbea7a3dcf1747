"""How far the events of the calendars are known in a run. Plain strings, since a state is stored as JSON."""

from __future__ import annotations

from typing import Final

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
