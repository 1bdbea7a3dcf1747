"""What is sent to MeetBit: arguments are checked here, before any request. Pure, no I/O."""

from __future__ import annotations

from ..errors import ConfigurationError

MAX_NOTE = 255
"""Characters of a cancel note."""

_MOST_DIGITS = 19
"""Of an id: as many as 64 bits hold."""


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
        raise ConfigurationError(f"{name} holds half a character (a lone surrogate)") from None
    return value
