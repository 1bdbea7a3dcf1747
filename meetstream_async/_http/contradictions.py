"""A 2xx whose body says that it failed: read in one place for every API. Pure, no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from attrs import frozen

from .reply import Reply, json_type, parse_json
from .secrets import clean_text

# In one spelling, see _spelt: servers write errorMessage, error_message and ErrorMessage.
_COMPLAINTS = frozenset({"err", "iserror", "exception", "fault"})
"""And all that begins with "error"."""
_NO_COMPLAINTS = frozenset({"", "0", "none", "null", "nil", "n/a", "false", "ok", "success", "no error"})
"""What an error of a success may be called."""
_FLAGS = frozenset({
    "success", "succeeded", "successful", "issuccess", "issuccessful", "ok", "acknowledged", "unscheduled",
    "cancelled",
})  # fmt: skip
_COUNTED_FLAGS = frozenset({"canceled", "deleted"})
"""What may be a number or a time as well: only false contradicts."""
_STATUSES = frozenset({"status", "statuscode", "httpstatus", "httpstatuscode"})
_WRAPPERS = frozenset({"data", "result", "response", "body"})
"""What some gateways put an answer into, as an object or as its JSON."""
_FAILURES = frozenset({"error", "fail", "failed", "failure", "unsuccessful"})
"""Words for a status or a result that failed."""
_REFUSALS = frozenset({"rejected", "refused", "denied", "aborted"})
"""The same of an answer itself: what it wraps, such as an event, may have a state of that name."""
_PHRASES = {one.phrase.casefold(): one.value for one in HTTPStatus if one >= 400 and one != HTTPStatus.GONE}
"""Some gateways say nothing else. "Gone" may be what was wanted."""
_COUNTS = ("schedules_cancelled", "bots_deleted")
_SAYS_NOTHING = frozenset({
    "event_id", "master_event_id", "cancelled_schedules", "cancel_all_occurrences", "from_date",
    "is_recurring_series", "unscheduled", "cancelled", *_COUNTS, "occurrences_affected", "scheduled_bots",
    "results", "next", "message", "bot_id", "event",
})  # fmt: skip
"""Documented names: where an answer has no other, only some of their values can contradict a success."""
_BROKEN = re.compile(
    r"\b(?:server|internal|backend|gateway|unexpected|unknown) error\b|\btimed out\b"
    r"|^(?:an )?(?:error|exception)\b|^failed\b|^(?:could not|cannot|can't|unable to)\b|\bwent wrong\b"
    r"|\bnot (?:be |been )?(?:unscheduled|cancell?ed|deleted|removed)\b"
    r"|^no(?:thing| [\w ]{1,40}) (?:was|were|has been|have been)"
    r" (?:unscheduled|cancell?ed|deleted|removed)\b",
    re.IGNORECASE,
)
"""The text of an answer that affirms nothing, where something broke."""
_STATUS_LINE = re.compile(r"([1-5][0-9]{2})(?: .*)?", re.ASCII)
"""``404`` and ``404 Not Found``."""
_REFUSED = re.compile(
    r"(?:the )?(?:scheduled )?(?:event|bot|user|schedule|resource)(?: [\w-]+){0,3}"
    r" not (?:found|scheduled|exist)\.?",
    re.IGNORECASE,
)
"""The same of a refusal, such as "Event not scheduled". An empty listing may say so, too."""
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
        return _in_words(reply, data) if "message" in data else None
    found = _in_fields(reply, data, "$") or _in_wrappers(reply, data)
    if found is not None:
        return found
    if reply.status == 207:
        return Contradiction("$", "says that a part may have failed", False)
    affected = data.get("occurrences_affected")
    if type(affected) is int and affected == 0:
        return Contradiction("$.occurrences_affected", "says that no occurrence was affected", False)
    if affected is None and all(type(data.get(name)) is int and data[name] == 0 for name in _COUNTS):
        return Contradiction(f"$.{_COUNTS[0]}", "says that nothing was cancelled or deleted", False)
    return _in_words(reply, data)


def _in_fields(reply: Reply, data: Mapping[str, Any], path: str) -> Contradiction | None:
    """By a flag, a status, a complaint or a part that failed."""
    named = [(name, _spelt(name), value) for name, value in data.items()]
    status = _status(named)
    for name, spelt, value in named:
        if _is_unset(spelt, value):
            return _told(reply, path, name, value, refuses=status is None or status[1] < 500)
    if status is not None:
        name, code = status
        return _told(reply, path, name, str(code), refuses=code < 500)
    for name, spelt, value in named:
        if (spelt in _STATUSES or spelt == "result") and _failed(value, path):
            return _told(reply, path, name, value)
        if spelt == "result" and value is False:
            return _told(reply, path, name, value)
    for name, spelt, value in named:
        if (spelt in _COMPLAINTS or spelt.startswith("error")) and _complains(value):
            return _told(reply, path, name, value)
        # As services of AWS name what they raise.
        if name == "__type" and isinstance(value, str) and value.endswith(("Exception", "Error")):
            return _told(reply, path, name, value)
    for name, spelt, value in named:
        # Such as failed_occurrences and occurrences_failed: a part of a series.
        if "fail" in spelt and value and not isinstance(value, str):
            return _told(reply, path, name, value)
    return None


def _complains(value: object) -> bool:
    inner = list(value.values()) if isinstance(value, Mapping) else [value]
    return any(one.strip().casefold() not in _NO_COMPLAINTS if isinstance(one, str) else one for one in inner)


def _failed(value: object, path: str) -> bool:
    word = value.strip().casefold() if isinstance(value, str) else ""
    return word in _FAILURES or (path == "$" and word in _REFUSALS)


def _in_wrappers(reply: Reply, data: Mapping[str, Any]) -> Contradiction | None:
    for name, value in data.items():
        if _spelt(name) in _WRAPPERS:
            inner = parse_json(value.encode(), reply.redact) if isinstance(value, str) else value
            if isinstance(inner, dict) and (found := _in_fields(reply, inner, f"$.{name}")) is not None:
                return found
    return None


def _in_words(reply: Reply, data: Mapping[str, Any]) -> Contradiction | None:
    text = data.get("message")
    if not isinstance(text, str) or data.get("unscheduled") or data.get("cancelled"):
        return None
    text = text.strip()
    lists = "scheduled_bots" in data or "results" in data
    code = _PHRASES.get(text.casefold().rstrip("."))
    if code is not None and not (lists and code == HTTPStatus.NOT_FOUND):
        return _told(reply, "$", "message", text, refuses=code < 500)
    refused = not lists and _REFUSED.fullmatch(text) is not None
    return _told(reply, "$", "message", text, refuses=refused) if refused or _BROKEN.search(text) else None


def _told(reply: Reply, path: str, name: str, value: object, *, refuses: bool = False) -> Contradiction:
    shown = clean_text(name, 60, reply.scrub)
    return Contradiction(f"{path}.{shown}", f"says {shown}: {_shown(reply, value)}", refuses)


def _spelt(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _is_unset(spelt: str, value: object) -> bool:
    """Whether a field is a flag that is there and not set."""
    word = value.casefold() if isinstance(value, str) else value
    if spelt in _COUNTED_FLAGS:
        return word is False or word == "false"
    return spelt in _FLAGS and not (value is None or value is True or value == 1 or word == "true")


def _status(named: Sequence[tuple[str, str, Any]]) -> tuple[str, int] | None:
    places = [(name, value) for name, spelt, value in named if spelt in _STATUSES]
    for name, spelt, inner in named:
        if spelt == "error" and isinstance(inner, Mapping):
            places += [
                (f"{name}.{within}", value)
                for within, value in inner.items()
                if _spelt(within) in _STATUSES or _spelt(within) == "code"
            ]
    for name, value in places:
        if isinstance(value, str):
            value = _STATUS_LINE.fullmatch(value.strip())
            value = None if value is None else int(value[1])
        if isinstance(value, int | float) and not isinstance(value, bool) and 400 <= value <= 599:
            return name, int(value)
    return None


def _shown(reply: Reply, value: object) -> str:
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        text = json_type(value)
    return clean_text(text, _MOST, reply.scrub)
