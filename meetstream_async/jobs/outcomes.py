"""How an outcome is stored in a step: without what most of them have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .names import Json

_USUAL: Mapping[str, Any] = {
    "bot_ids": [],
    "method": None,
    "inferred": False,
    "reason": None,
    "attempts": 1,
    "error": None,
    "request_id": None,
}


def sparse(outcome: Json) -> Json:
    """What is stored of it."""
    return {name: value for name, value in outcome.items() if name not in _USUAL or value != _USUAL[name]}


def whole(stored: Mapping[str, Any]) -> Json:
    """The opposite; also of one that was stored whole."""
    return {**_USUAL, **stored}
