"""A 2xx whose body says that it failed: read in one place for every API. Pure, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from .reply import Reply, json_type
from .secrets import clean_text

_COMPLAINTS = ("error", "errors", "errorMessage")
_FLAGS = ("success", "ok", "unscheduled", "cancelled")
_STATUSES = ("status", "statusCode", "status_code")
_FAILURES = frozenset({"error", "fail", "failed", "failure"})
"""Words for a status that failed."""
_COUNTS = ("schedules_cancelled", "bots_deleted")
_SAYS_NOTHING = frozenset({
    "event_id", "master_event_id", "cancelled_schedules", "cancel_all_occurrences", "from_date",
    "is_recurring_series", "unscheduled", "cancelled", *_COUNTS, "occurrences_affected", "scheduled_bots",
    "results", "next", "message", "bot_id", "event",
})  # fmt: skip
"""Documented names: where an answer has no other, only some of their values can contradict a success."""
_MOST = 200
"""Characters of a complaint that are shown."""


@frozen
class Contradiction:
    """What a body says against its own status."""

    path: str
    """Where, such as ``$.error``."""
    text: str
    """What, for people."""
    refuses: bool
    """It says that nothing was done; else nobody knows."""


def contradiction(reply: Reply, data: Mapping[str, Any]) -> Contradiction | None:
    """The first sign of failure in the object that a 2xx holds; None as nearly always."""
    if (
        reply.status != 207
        and data.keys() <= _SAYS_NOTHING
        and data.get("unscheduled", True) is True
        and data.get("cancelled", True) is True
        and data.get("bots_deleted", True)
        and data.get("occurrences_affected", True)
    ):
        return None
    status, flag = _status(data), _flag(data)
    if flag is not None:
        refuses = status is None or status[1] < 500
        return Contradiction(f"$.{flag}", f"says {flag}: {_shown(reply, data[flag])}", refuses)
    if status is not None:
        name, code = status
        return Contradiction(f"$.{name}", f"says {name}: {code}", code < 500)
    for name in _STATUSES:
        value = data.get(name)
        if isinstance(value, str) and value.strip().casefold() in _FAILURES:
            return Contradiction(f"$.{name}", f"says {name}: {_shown(reply, value)}", False)
    for name in _COMPLAINTS:
        if data.get(name):
            return Contradiction(f"$.{name}", f"says {name}: {_shown(reply, data[name])}", False)
    for name, value in data.items():
        # Such as failed_occurrences and occurrences_failed: a part of a series.
        if "fail" in name and value and not isinstance(value, str):
            shown = clean_text(name, 60, reply.scrub)
            return Contradiction(f"$.{shown}", f"says {shown}: {_shown(reply, value)}", False)
    if reply.status == 207:
        return Contradiction("$", "says that a part may have failed", False)
    affected = data.get("occurrences_affected")
    if type(affected) is int and affected == 0:
        return Contradiction("$.occurrences_affected", "says that no occurrence was affected", False)
    if affected is None and all(type(data.get(name)) is int and data[name] == 0 for name in _COUNTS):
        return Contradiction(f"$.{_COUNTS[0]}", "says that nothing was cancelled or deleted", False)
    return None


def _flag(data: Mapping[str, Any]) -> str | None:
    for name in _FLAGS:
        value = data.get(name)
        if value is None or value is True or value == 1:
            continue
        if not (isinstance(value, str) and value.casefold() == "true"):
            return name
    return None


def _status(data: Mapping[str, Any]) -> tuple[str, int] | None:
    inner = data.get("error")
    places = [(name, data.get(name)) for name in _STATUSES]
    if isinstance(inner, Mapping):
        places += [(f"error.{name}", inner.get(name)) for name in (*_STATUSES, "code")]
    for name, value in places:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
            value = int(value)
        if type(value) is int and 400 <= value <= 599:
            return name, value
    return None


def _shown(reply: Reply, value: object) -> str:
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        text = json_type(value)
    return clean_text(text, _MOST, reply.scrub)
