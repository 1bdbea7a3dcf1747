"""How long a reply asks to wait, in any of the ways in which APIs and gateways say so. Pure, no I/O.

``Retry-After`` has the first word, and the body of an error the last. Rate limits are told in the fields
of the older drafts of the IETF (``RateLimit-Reset``), of newer ones (``RateLimit: "default";r=0;t=2``), and
by the ``X-RateLimit-`` custom.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from multidict import MultiMapping, istr

from .._times import read_time

_LONGEST = 366 * 86400.0
"""Cap, in seconds, for absurd values; loop timers reject infinity."""

_LONGEST_RESET = 3600.0
"""Maximum seconds until a rate limit resets; a larger value means that the header was misread."""

_EPOCH_DIGITS = 9
"""Digits from which on a number is a time since 1970: as a wait it would be three years or more."""

_PART = re.compile(
    r"([0-9]+(?:\.[0-9]+)?) ?"
    r"(?:(ms|milliseconds?)|(s|secs?|seconds?)|(m|mins?|minutes?)|(h|hours?))(?![a-z]) ?"
)
_FACTORS = (0.001, 1.0, 60.0, 3600.0)
_MOST_PARTS = 4
_ISO_DURATION = re.compile(r"p(?:([0-9]+)d)?(?:t(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?)?")

_ASKED = (
    ("Retry-After", 1.0),
    ("Retry-After-Ms", 0.001),
    ("X-Rate-Limit-Retry-After-Seconds", 1.0),
    ("X-RateLimit-Retry-After", 1.0),
    ("X-RateLimit-Reset-After", 1.0),
)
"""Fields that ask for a wait, and the seconds in their unit."""

_ASKED_IN_BODY = (
    ("retry_after", 1.0),
    ("retryAfter", 1.0),
    ("retry-after", 1.0),
    ("retry_after_seconds", 1.0),
    ("retryAfterSeconds", 1.0),
    ("retry_after_ms", 0.001),
    ("retryAfterMs", 0.001),
)
_THROTTLED = re.compile(
    r"\b(?:available|again|retry|wait) (?:in |after |for )?([0-9]+(?:\.[0-9]+)?) ?"
    r"(ms|s|sec|m|min|h|(?:millisecond|second|minute|hour)s?)\b",
    re.IGNORECASE,
)
"""Words of frameworks, such as "Expected available in 17 seconds", "Please try again in 1.5s"."""

# A multidict finds an istr without lower-casing it first.
_LEFT, _NEW = istr("RateLimit-Remaining"), istr("RateLimit")
_LEFT_X, _LEFT_XX = istr("X-RateLimit-Remaining"), istr("X-Rate-Limit-Remaining")
_CUSTOMARY = ("X-RateLimit", "X-Rate-Limit")


def parse_retry_after(value: str | None, date: str | None = None) -> float | None:
    """The wait in seconds that a ``Retry-After`` header asks for, or None if it is unusable.

    Accepts seconds, with or without a unit (``2s``, ``1m30s``, ``PT2S``), an HTTP date or ISO 8601 time, and
    a time since 1970, which is recognized by its nine or more digits. Times are compared with the reply's own
    ``Date`` if there is one, to use the server's clock for both. One in the past means 0.
    """
    if value is None:
        return None
    value = value.strip(' \t\r\n"').casefold()
    if value[:1].isdigit() and "," in value:
        # A repeated header that was joined, perhaps of two that limit: the longer wait binds. An HTTP date
        # starts with a letter.
        told = [parse_retry_after(part, date) for part in value.split(",", 9)[:9]]
        return max((one for one in told if one is not None), default=None)
    if not value.isascii():
        return None
    if value.replace(".", "", 1).isdigit():
        seconds = float(value)
        if len(value.partition(".")[0].lstrip("0")) >= _EPOCH_DIGITS:
            seconds = _since_1970(seconds) - _now(date).timestamp()
        return min(max(seconds, 0.0), _LONGEST)
    if (found := _duration(value)) is not None:
        return min(found, _LONGEST)
    until = parse_http_date(value) or _iso_time(value)
    if until is None:
        return None
    return min(max((until - _now(date)).total_seconds(), 0.0), _LONGEST)


def parse_http_date(value: str | None) -> datetime | None:
    """The aware time of a header such as ``Date``, or None where it is not one."""
    if not value:
        return None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that a reply asks to wait before the next request, or None."""
    for name, unit in _ASKED:
        if name in headers:
            told = [parse_retry_after(value, headers.get("Date")) for value in _all_of(headers, name)]
            if seconds := [one for one in told if one is not None]:
                # A gateway and what is behind it may both ask.
                return max(seconds) * unit
    return None


def _all_of(headers: Mapping[str, str], name: str) -> list[str]:
    """All values of a header, which may be there more than once."""
    if isinstance(headers, MultiMapping):
        return list(headers.getall(name))
    return [headers[name]]


def wait_in(error: object) -> float | None:
    """Seconds that the JSON of an error asks to wait, for a reply whose headers say nothing; or None."""
    if not isinstance(error, dict):
        return None
    for name, unit in _ASKED_IN_BODY:
        told = error.get(name)
        if isinstance(told, str | int | float) and (seconds := parse_retry_after(str(told))) is not None:
            return seconds * unit
    for name in ("detail", "message"):
        if isinstance(text := error.get(name), str) and (found := _THROTTLED.search(text)):
            return parse_retry_after(f"{found[1]} {found[2]}")
    return wait_in(error.get("error"))


def tells_a_limit(headers: Mapping[str, str]) -> bool:
    """Whether a reply says how much of a limit is left. Asked for every reply; nearly all say nothing."""
    # Not a loop, which takes twice as long.
    return _LEFT in headers or _NEW in headers or _LEFT_X in headers or _LEFT_XX in headers


def limit_left(headers: Mapping[str, str]) -> tuple[int, float] | None:
    """How many more requests may start, and within how many seconds; None if the reply does not say both."""
    found: list[tuple[int, float]] = []
    for family in ("RateLimit", *_CUSTOMARY):
        seconds = parse_retry_after(headers.get(f"{family}-Reset"), headers.get("Date"))
        _add_left(found, headers.get(f"{family}-Remaining", ""), seconds)
    for remaining, seconds in _structured(headers):
        _add_left(found, remaining or "", seconds)
    return min(found, default=None)


def _add_left(found: list[tuple[int, float]], left: str, seconds: float | None) -> None:
    left = left.strip()
    if left.isascii() and left.isdigit() and len(left) < 10 and seconds and seconds <= _LONGEST_RESET:
        found.append((int(left), seconds))


def limit_size(headers: Mapping[str, str]) -> int | None:
    """How many requests the limit lets through in all, or None. Only the old field of its own is read."""
    size = headers.get("RateLimit-Limit", "").partition(",")[0].strip()
    return int(size) if size.isascii() and size.isdigit() and len(size) < 10 else None


def wait_for_limit(headers: Mapping[str, str], *, refused: bool) -> float | None:
    """Seconds until an exhausted rate limit resets, or None.

    refused: the reply is a 429, so that a limit is exhausted whatever the fields say of it.
    """
    waits = [
        seconds
        for remaining, seconds in _structured(headers)
        if seconds is not None and (remaining == "0" or (remaining is None and refused))
    ]
    waits += _separate(headers, refused)
    return min(max(waits), _LONGEST_RESET) if waits else None


def _separate(headers: Mapping[str, str], refused: bool) -> Iterator[float]:
    """From fields of their own for what remains and for the time of the reset."""
    told = refused and asked_wait(headers) is not None
    for family in ("RateLimit", *_CUSTOMARY):
        exhausted = headers.get(f"{family}-Remaining", "").strip() == "0"
        # The customary field often tells of another, longer limit than the one that was hit.
        if exhausted or (refused and not (told and family in _CUSTOMARY)):
            seconds = parse_retry_after(headers.get(f"{family}-Reset"), headers.get("Date"))
            if seconds is not None:
                yield seconds


def _structured(headers: Mapping[str, str]) -> Iterator[tuple[str | None, float | None]]:
    """What remains, and the seconds until the reset, of each limit that a structured field names.

    From ``RateLimit: limit=5, remaining=0, reset=2`` and ``RateLimit: "default";r=0;t=2``.
    """
    text = headers.get("RateLimit")
    if text is None:
        return
    windows = {name: values.get("w") for name, values in _items(headers.get("RateLimit-Policy", ""))}
    for name, values in _items(_separated(text)):
        told = values.get("t") or values.get("reset") or windows.get(name)
        seconds = parse_retry_after(told, headers.get("Date"))
        yield values.get("r", values.get("remaining")), seconds


def _separated(text: str) -> str:
    """The older draft separates the parts of its only item by commas."""
    return text.replace(",", ";") if "reset=" in text.casefold() else text


def _items(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The items of a structured field: each one's name, and its parameters."""
    for item in text.split(","):
        parts = [part.strip().casefold() for part in item.split(";")]
        name = "" if "=" in parts[0] else parts[0].strip('"')
        yield name, {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in parts)}


def _duration(value: str) -> float | None:
    """Seconds of ``2s``, ``2 minutes``, ``1m30s`` or ``PT2S``."""
    seconds, at = 0.0, 0
    for _ in range(_MOST_PARTS):
        if (found := _PART.match(value, at)) is None:
            break
        number, *units = found.groups()
        seconds += float(number) * next(factor for unit, factor in zip(units, _FACTORS, strict=True) if unit)
        at = found.end()
    if at and at == len(value):
        return seconds
    found = _ISO_DURATION.fullmatch(value)
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def _iso_time(value: str) -> datetime | None:
    if "t" not in value and " " not in value:
        return None
    try:
        found = read_time(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _since_1970(number: float) -> float:
    """Seconds since 1970, of seconds, milliseconds or microseconds."""
    for _ in range(2):
        if number >= 1e11:
            number /= 1000
    return number


def _now(date: str | None) -> datetime:
    return parse_http_date(date) or datetime.fromtimestamp(time.time(), UTC)
