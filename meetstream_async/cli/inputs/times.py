"""Parse times as an operator types them: ISO 8601 with an offset, or relative to now."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from ..._times import read_time, whole_second
from ..exit_codes import Refused
from ..terminal.output import clean, say

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_RELATIVE = re.compile(r"([+-])((?:\d{1,9}[smhdw])+)", re.ASCII)
_AGE = re.compile(r"(\d{1,9}[smhdw])+", re.ASCII)
_EXAMPLES = "such as 2026-05-01T09:00:00+02:00, 2026-05-01T07:00:00Z, +2h, -30m, +3d, now, today or tomorrow"


def parse_time(
    text: str, option: str, now: datetime | None = None, *, up: bool = False, whole: bool = False
) -> datetime:
    """An aware time. Raises Refused, naming the option, for invalid or ambiguous text.

    A day in ``+3d`` is 24 hours; ``today`` and ``tomorrow`` are the starts of the local days. Relative times
    are whole seconds, and times finer than a microsecond are cut down; with ``up`` both are rounded up.
    With ``whole`` every time is a whole second.
    """
    now = whole_second(now or datetime.now(UTC), up=up)
    word = text.strip()
    try:
        if word.lower() == "now":
            return now
        if word.lower() in ("today", "tomorrow"):
            day = now.astimezone().date() + timedelta(days=word.lower() == "tomorrow")
            return day_start(day)
        if match := _RELATIVE.fullmatch(word):
            span = _span(match[2])
            return now + span if match[1] == "+" else now - span
        moment = read_time(word, up=up)
        if moment.utcoffset() is not None:
            # A time that has no UTC equivalent could neither be compared nor shown.
            moment.astimezone(UTC)
            return whole_second(moment, up=up) if whole else moment
    except OverflowError:
        raise Refused(f"{option} '{clean(text, 60)}' is out of range") from None
    except ValueError:
        raise Refused(f"{option} '{clean(text, 60)}' is not a time: give one {_EXAMPLES}") from None
    shown = moment.isoformat()
    raise Refused(
        f"{option} '{clean(text, 60)}' has no UTC offset, so it is ambiguous: "
        f"write {shown}Z for UTC, or {shown}{_offset(moment)} for local time"
    )


def day_start(day: date, zone: tzinfo | None = None) -> datetime:
    """The first moment of a day, or of the one after it where a zone has skipped the whole day.

    zone: None stands for local time.
    """
    midnight = datetime.combine(day, time(), UTC)
    # No zone is more than 16 hours from UTC, so the day begins in between.
    before, after = midnight - timedelta(days=1), midnight + timedelta(days=1)
    offsets = [moment.astimezone(zone).utcoffset() or timedelta(0) for moment in (before, after)]
    for start in sorted(midnight - offset for offset in offsets):
        local = start.astimezone(zone)
        if local.replace(tzinfo=UTC) == midnight:
            return local
    # The clocks skip midnight: look for the second at which they do.
    while after - before > timedelta(seconds=1):
        middle = whole_second(before + (after - before) / 2, up=False)
        before, after = (middle, after) if middle.astimezone(zone).date() < day else (before, middle)
    return after.astimezone(zone)


def parse_age(text: str, option: str) -> timedelta:
    """A duration such as ``30d`` or ``1d12h``. Raises Refused, naming the option, for anything else."""
    try:
        if _AGE.fullmatch(text.strip()):
            age = _span(text.strip())
            datetime.now(UTC) - age
            return age
    except OverflowError:
        raise Refused(f"{option} '{clean(text, 60)}' is out of range") from None
    raise Refused(f"{option} '{clean(text, 60)}' is not a duration: give one such as 30d, 12h or 1d12h")


def _span(text: str) -> timedelta:
    counts = re.findall(r"(\d+)(\w)", text, re.ASCII)
    return timedelta(seconds=sum(int(count) * _SECONDS[unit] for count, unit in counts))


def both(moment: datetime) -> str:
    """The time in UTC and in local time."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    try:
        local = moment.astimezone()
    except (OverflowError, OSError, ValueError):
        return f"{utc.isoformat()}Z"
    return f"{utc.isoformat()}Z, local {local.strftime('%a %d %b %Y %H:%M:%S')} {_offset(moment)}"


def echo(option: str, text: str, moment: datetime) -> None:
    """Show on stderr how a time was understood."""
    say((option, "bold"), f" {clean(text, 60)} is {both(moment)}")


def _offset(moment: datetime) -> str:
    try:
        text = moment.astimezone().strftime("%z")
    except (OverflowError, OSError, ValueError):
        return "+00:00"
    return f"{text[:3]}:{text[3:5]}"
