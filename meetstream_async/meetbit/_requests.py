"""Requests to MeetBit as values: arguments are checked here, before anything is sent. Pure, no I/O.

Source: "Cancel Event" of the MeetBit API reference.
"""

from __future__ import annotations

from functools import partial

from .._http.call import Request, Route
from ..errors import ConfigurationError
from ._replies import read_cancelled
from .models import CancelledEvent

MAX_NOTE = 255
"""Maximum length of a cancel note, in characters."""

_MOST_DIGITS = 19
"""Maximum number of digits of an id (enough for 64 bits)."""

_CANCEL = Route("POST", ("/calendars/",), "cancel_event", "{calendar_id}/events/{event_id}/cancel")


def cancel_event(calendar_id: int | str, event_id: int | str, cancel_note: str) -> Request[CancelledEvent]:
    """``POST /calendars/{calendar_id}/events/{event_id}/cancel``. Raises ConfigurationError."""
    calendar, event = check_id(calendar_id, "calendar_id"), check_id(event_id, "event_id")
    return Request(
        _CANCEL,
        partial(read_cancelled, calendar_id=calendar, event_id=event),
        rest=f"{calendar}/events/{event}/cancel",
        body={"cancel_note": check_note(cancel_note, "cancel_note")},
    )


def check_id(value: object, name: str) -> int:
    """A positive int, from itself or its decimal string. Raises ConfigurationError."""
    number = value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 10**_MOST_DIGITS:
        shown = repr(value)[:40] if isinstance(value, str | int | float) else type(value).__name__
        raise ConfigurationError(f"{name} must be a positive int or its decimal string, not {shown}")
    return number


def check_note(value: object, name: str) -> str:
    """A text of 1 to 255 characters. Raises ConfigurationError."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string, not {type(value).__name__}")
    if not value.strip():
        raise ConfigurationError(f"{name} is empty; the API requires a note")
    if len(value) > MAX_NOTE:
        raise ConfigurationError(f"{name} has {len(value)} characters; at most {MAX_NOTE} are allowed")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{name} contains a lone surrogate") from None
    return value
