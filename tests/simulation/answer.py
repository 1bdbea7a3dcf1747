"""One answer of the API, as it goes back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .account import Life


@dataclass
class Answer:
    """What goes back."""

    status: int
    body: bytes
    said: str
    story: str = ""
    wait: str | None = None
    """How a wait is told: "seconds" or "date"."""
    content_type: str = "application/json"
    shown: dict[Life, float | None] | None = None
    truncated: bool = False
    made_at: float = 0.0


def answer_of(status: int, value: Any, said: str, story: str = "", **more: Any) -> Answer:
    """An answer in JSON."""
    return Answer(status, json.dumps(value).encode(), said, story or json.dumps(value)[:90], **more)
