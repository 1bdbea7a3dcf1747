"""How far apart the starts of a bounded client are."""

from __future__ import annotations

from meetstream_async._http.pace_bound import JITTER


def apart(rate: float) -> float:
    """Seconds between two starts: what the bound asks for, and the margin for the network."""
    most = max(1, int(rate))
    return (most / rate + JITTER) / most
