"""The limit as a wary pace takes it, where others may share the key unseen. Pure, no I/O."""

from __future__ import annotations

import math

from .let_through import LetThrough

CROWDED = 0.2
"""Share of the bound that is used where others are seen to use the key."""
_CUT = 0.6
_SLOWEST = 0.1
"""Share of its bound below which a wary pace does not fall: the margins of its waits grow anyway."""


def wary_limit(seen: LetThrough, bound: float | None, pace: float | None, since: float, at: float) -> float:
    """Well below what was let through before the refusal ``at``, in requests per second.

    ``since``: when the phase began that it ended. ``pace``: that phase's, None before the first refusal.
    """
    measured = seen.since(at - 2.0) / max(min(at - since, 2.0), 1.0)
    # A first refusal that comes before anything was let through says that others are at it, not how fast.
    least = CROWDED * bound if pace is None and bound is not None else 0.1
    found = min(bound or math.inf, pace or math.inf, max(measured, least) / _CUT)
    return _CUT * max(found, 0.05 if bound is None else _SLOWEST * bound / _CUT)
