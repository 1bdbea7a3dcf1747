"""Times as text: RFC 3339 and ISO 8601, read the same way at every door. Pure, no I/O.

Knows nothing of the package, so every folder may use it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

REAL: Mapping[str, type[datetime]] = MappingProxyType(
    {"datetime": next(kind for kind in datetime.__mro__ if kind.__module__ == "datetime")}
)
"""What `datetime` means in annotations, although a test that freezes the clock puts a subclass in its place,
maybe while this module is imported. In a mapping, where such a test does not look."""

_from_iso = REAL["datetime"].fromisoformat

_END_OF_DAY = re.compile(r"(.*\d[T ])24(:?00(?::?00(?:[.,]0+)?)?(?![\d:]).*)")
_LEAP_SECOND = re.compile(r"(.*\d[T ]\d\d:?\d\d:?)60(?!\d)(.*)")
_PART_OF_A_MINUTE = re.compile(r"(.*\d[T ]\d\d)(?::?(\d\d))?[.,](\d+)(?![\d:.,])(.*)", re.ASCII)
_ORDINAL = re.compile(r"(\d{4})-?(\d{3})([T ].*)", re.ASCII)
_ANNOTATIONS = re.compile(r"(?:\[[\w./+:=-]+\])+$", re.ASCII)
"""Of RFC 9557, such as ``[Asia/Kolkata]``. One with an exclamation mark would have to be understood."""
_BEYOND_MICROSECONDS = re.compile(r"[.,]\d{6}0*[1-9]")


def read_time(text: str, *, up: bool = False) -> datetime:
    """The time that a text in RFC 3339 or ISO 8601 gives; naive if the text has no offset.

    Beside what ``datetime.fromisoformat`` reads: a small ``t`` and ``z``, the sign for minus, a leap second
    (``:60``), which is the start of the next minute, ``24:00``, which is the start of the next day, the day
    of a year (``2031-121``), a fraction of an hour or a minute, and annotations as of RFC 9557 behind an
    offset, which add nothing to it. Digits after the microsecond are cut off,
    or rounded up to the next microsecond with ``up``. Raises ValueError for any other text.
    """
    if not up and text.isascii():
        # Nearly every time is plain, and looking for the odd ones takes twice as long as reading it.
        try:
            moment = _from_iso(text)
        except ValueError:
            pass
        else:
            # Python takes the fraction of a minute for one of a second.
            if not moment.microsecond or _PART_OF_A_MINUTE.fullmatch(text) is None:
                return moment
    word = _ANNOTATIONS.sub("", text).upper().replace("\N{MINUS SIGN}", "-")
    more = timedelta(0)
    if found := _ORDINAL.fullmatch(word):
        word = f"{_day_of(int(found[1]), int(found[2]))}{found[3]}"
    if found := _END_OF_DAY.fullmatch(word):
        word, more = f"{found[1]}00{found[2]}", timedelta(days=1)
    elif found := _LEAP_SECOND.fullmatch(word):
        word, more = f"{found[1]}59{found[2]}", timedelta(seconds=1)
    elif found := _PART_OF_A_MINUTE.fullmatch(word):
        before, minute, digits, after = found.groups()
        whole = 3_600_000_000 if minute is None else 60_000_000
        parts, rest = divmod(whole * int(digits), 10 ** len(digits))
        word, more = f"{before}:{minute or '00'}{after}", timedelta(microseconds=parts + (up and rest > 0))
    if up and _BEYOND_MICROSECONDS.search(word):
        more += timedelta(microseconds=1)
    moment = _from_iso(word)
    try:
        return moment + more
    except OverflowError:
        raise ValueError("the time is after the end of the calendar") from None


def _day_of(year: int, day: int) -> str:
    """The date of a day of a year, from 1. Raises ValueError for one that is not in it."""
    if not 1 <= day <= REAL["datetime"](year, 12, 31).timetuple().tm_yday:
        raise ValueError("the year has no such day")
    return str((REAL["datetime"](year, 1, 1) + timedelta(days=day - 1)).date())


def time_of(value: object, *, up: bool = False) -> object:
    """The value with text read as a time; for the validators of models, which judge what it returns.

    Raises ValueError for text that is not a time, and for other types: a number is not taken for an epoch.
    """
    if value is None or isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("a time must be an ISO 8601 string")
    try:
        return read_time(value, up=up)
    except ValueError:
        raise ValueError("the time is not an ISO 8601 datetime") from None


def whole_second(moment: datetime, *, up: bool) -> datetime:
    """An aware time cut down to the second, or rounded up to the next one.

    Raises OverflowError if it is out of range in UTC.
    """
    start = moment.astimezone(UTC)
    cut = start.replace(microsecond=0)
    return (cut + timedelta(seconds=1) if up and cut < start else cut).astimezone(moment.tzinfo)
