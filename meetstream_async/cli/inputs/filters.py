"""Turn a command's filter options into one function of a bot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ... import BotFilter, ConfigurationError
from ...preview import Selection
from ..exit_codes import Refused
from ..terminal.output import clean
from .options import Filter
from .times import both, echo, parse_time


def select(
    *,
    platform: str | None = None,
    before: str | None = None,
    after: str | None = None,
    name: str | None = None,
    attributes: Sequence[str] = (),
    now: datetime | None = None,
) -> Selection | None:
    """The selection for these options, None without any; times are echoed on stderr.

    Raises Refused for options that can't be parsed, and for filters that can't match any bot.
    """
    if platform is before is after is name is None and not attributes:
        return None
    for option, value in (("--platform", platform), ("--name", name)):
        if value is not None and not value.strip():
            raise Refused(f"{option} is empty, so it names no bot; omit it, or give a value")
    now = now or datetime.now(UTC)
    start = _time("--after", after, now)
    end = _time("--before", before, now)
    if start is not None and end is not None and start >= end:
        raise Refused("--after is not earlier than --before: no bot can join in between")
    wanted: dict[str, str] = {}
    for pair in attributes:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise Refused(f"--attr '{clean(pair, 60)}' is not KEY=VALUE")
        if key in wanted:
            raise Refused(f"--attr {clean(key, 60)} is given twice, but a bot has only one value for it")
        if not text:
            raise Refused(f"--attr '{clean(pair, 60)}' has no value: omit it, or give one")
        wanted[key] = text
    if platform is None and name is None and start is None and end is None:
        return Selection(None, wanted)
    try:
        return Selection(BotFilter(platform=platform, before=end, after=start, name=name), wanted)
    except ConfigurationError:
        # Of text that is not blank, only a platform of punctuation marks.
        raise Refused(f"--platform '{clean(platform, 60)}' names no platform; omit it, or give one") from None


def selection_of(options: Filter, now: datetime | None = None) -> Selection | None:
    """The same for the options as a group."""
    return select(
        platform=options.platform,
        before=options.before,
        after=options.after,
        name=options.name,
        attributes=options.attr or (),
        now=now,
    )


def words(selection: Selection) -> list[str]:
    """The conditions as text, one line each."""
    attributes = [f"{clean(key, 60)}={clean(text, 60)}" for key, text in selection.attributes.items()]
    conditions = selection.filter
    if conditions is None:
        return attributes
    names = [
        f"{name} {clean(value, 60)}"
        for name, value in (("platform", conditions.platform), ("name", conditions.name))
        if value is not None
    ]
    times = [
        f"{name} {both(value)}"
        for name, value in (("from", conditions.after), ("before", conditions.before))
        if value is not None
    ]
    return names + attributes + times


def _time(option: str, text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    moment = parse_time(text, option, now, up=option == "--after")
    echo(option, text, moment)
    return moment
