"""The one list of invariants that today's product is known to break. It only ever gets shorter."""

from __future__ import annotations

KNOWN: dict[str, str] = {}
"""Name of the invariant, or of one kind of case of it, to what is wrong."""


def is_known(invariant: str) -> bool:
    return invariant in KNOWN
