"""Filters for bots: conditions on a listed bot. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from attrs import field, frozen

from .._pydantic import ROUND_UP, PydanticType
from .._times import read_time
from ..errors import ConfigurationError
from .models import ScheduledBot

_PLATFORMS = {
    "gmeet": "googlemeet",
    "meet": "googlemeet",
    "teams": "microsoftteams",
    "msteams": "microsoftteams",
}
_DISPLAYED = {"googlemeet": "google_meet", "microsoftteams": "microsoft_teams"}
_LONGEST_NAME = 40
_NAMED = 8
"""Platforms that are named at most where another one was looked for."""

_EMPTY = "BotFilter.{} is empty: leave it out, or give a value"
CONDITIONS: Final = ("platform", "before", "after", "name", "attributes")
"""The names of a filter's conditions."""
NO_CONDITION: Final = (
    "a filter needs a condition, or it would select the whole account: give at least one of "
    f"{', '.join(CONDITIONS)}, none of them None"
)


def canonical_platform(name: str) -> str:
    """Normalize spellings of the API and its clients: ``GMeet``, ``google_meet``, ``Google Meet``."""
    plain = "".join(char for char in name.casefold() if char.isalnum())
    return _PLATFORMS.get(plain, plain)


def platform_name(name: str | None) -> str:
    """One spelling for all of a platform's: ``google_meet``, ``microsoft_teams``, ``zoom``; for display.

    Another one's letters and digits in lower case, 40 at most; ``unknown`` for None and for no name at all.
    """
    plain = canonical_platform(name or "")[:_LONGEST_NAME]
    return _DISPLAYED.get(plain, plain) or "unknown"


def _why_no_attribute(wanted: Iterable[str], bots: Iterable[ScheduledBot]) -> str:
    """Which attribute none of these bots has, in words, since upper and lower case differ; "" if none."""
    shown = {key for bot in bots for key in bot.custom_attributes}
    for key in wanted:
        if key not in shown:
            alike = sorted(one for one in shown if one.casefold() == key.casefold())
            hint = f", but {alike[0]!r:.80} is there" if alike else ""
            return f": none has the attribute {key!r:.80}{hint}"
    return ""


def _same_value(value: object, wanted: object) -> bool:
    # 1 == True in Python, but not in the API's JSON.
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _check_text(instance: object, attribute: Any, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise ConfigurationError(f"BotFilter.{attribute.name} must be a string, not {type(value).__name__}")
    if not value.strip() or (attribute.name == "platform" and not canonical_platform(value)):
        raise ConfigurationError(_EMPTY.format(attribute.name))


def _check_time(instance: object, attribute: Any, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, datetime):
        raise ConfigurationError(f"BotFilter.{attribute.name} must be a datetime, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise ConfigurationError(
            f"BotFilter.{attribute.name} has no time zone; pass an aware datetime, "
            "such as datetime.now(timezone.utc)"
        )


def _says_nothing(wanted: object) -> bool:
    if isinstance(wanted, str):
        return not wanted.strip()
    return wanted is None or (isinstance(wanted, Sized) and not len(wanted))


def _check_attributes(instance: object, attribute: Any, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError("BotFilter.attributes must map names of custom attributes to their values")
    if not value:
        raise ConfigurationError(_EMPTY.format("attributes"))
    for key, wanted in value.items():
        if not key.strip() or _says_nothing(wanted):
            # An unset variable: it would select the bots of nobody in particular.
            raise ConfigurationError(_EMPTY.format(f"attributes[{key!r:.80}]"))


@frozen
class BotFilter(PydanticType):
    """Selects bots: all conditions must match, and a missing value never matches.

    ``before`` and ``after`` are aware datetimes (``after <= join time < before``), ``platform`` in any
    spelling, ``name`` a glob over the whole of ``bot_username`` in upper or lower case, ``attributes`` exact
    values of custom attributes, none of them None or empty. At least one condition is needed: for the whole
    account use no filter.
    Raises ConfigurationError for arguments of other types, empty ones, and a filter without a condition.
    """

    platform: str | None = field(default=None, validator=_check_text)
    """The platform, in any of its spellings."""
    before: datetime | None = field(default=None, validator=_check_time)
    """Bots that join before this aware datetime."""
    after: datetime | None = field(default=None, validator=_check_time, metadata=ROUND_UP)
    """Bots that join at this aware datetime or later."""
    name: str | None = field(default=None, validator=_check_text)
    """A glob for the bot's whole name, such as ``Acme *``; upper and lower case are the same."""
    attributes: Mapping[str, Any] | None = field(default=None, validator=_check_attributes, hash=False)
    """Names of custom attributes, and the exact values that they must have."""

    def __attrs_post_init__(self) -> None:
        if all(getattr(self, name) is None for name in CONDITIONS):
            # What was meant to narrow a run down, such as an unset variable, must not widen it.
            raise ConfigurationError(f"{NO_CONDITION}; for the whole account pass no filter (where=None)")

    def __call__(self, bot: ScheduledBot) -> bool:
        return self._matches_times(bot.scheduled_join_time) and self.matches_but_for_times(bot)

    def judge(self, bot: ScheduledBot) -> bool | None:
        """Whether it selects a bot that only the calendars' events show, and so without its attributes.

        None where that depends on an attribute, or on another value that the bot lacks.
        """
        joins = bot.scheduled_join_time
        if joins is not None and not self._matches_times(joins):
            return False
        if bot.platform is not None and not self._matches_platform(bot):
            return False
        if bot.bot_username is not None and not self._matches_name(bot):
            return False
        unknown = self.attributes is not None or (
            (joins is None and (self.before is not None or self.after is not None))
            or (bot.platform is None and self.platform is not None)
            or (bot.bot_username is None and self.name is not None)
        )
        return None if unknown else True

    def _matches_times(self, joins: datetime | None) -> bool:
        if joins is None:
            return self.before is None and self.after is None
        early = self.before is None or joins < self.before
        return early and (self.after is None or joins >= self.after)

    def matches_but_for_times(self, bot: ScheduledBot) -> bool:
        """Whether all conditions but ``before`` and ``after`` match."""
        return (
            self._matches_platform(bot)
            and self._matches_name(bot)
            and all(
                key in bot.custom_attributes and _same_value(bot.custom_attributes[key], wanted)
                for key, wanted in (self.attributes or {}).items()
            )
        )

    def _matches_platform(self, bot: ScheduledBot) -> bool:
        return self.platform is None or (
            bot.platform is not None and canonical_platform(bot.platform) == canonical_platform(self.platform)
        )

    def _matches_name(self, bot: ScheduledBot) -> bool:
        return self.name is None or (
            bot.bot_username is not None and fnmatchcase(bot.bot_username.casefold(), self.name.casefold())
        )

    def why_none(self, bots: Iterable[ScheduledBot]) -> str:
        """Why the filter selects none of these bots, in words; mostly a platform or name is misspelt."""
        listed = list(bots)
        words = f"the filter selects none of {len(listed)} listed bots"
        if not any(map(self._matches_platform, listed)):
            names = sorted({platform_name(bot.platform) for bot in listed})
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            listed_names = ", ".join(names[:_NAMED]) + more
            words += f": none is on {platform_name(self.platform)}; listed are {listed_names}"
        elif not any(map(self._matches_name, listed)):
            words += ": the name has to match a bot's whole name, with * for any text"
        else:
            words += _why_no_attribute(self.attributes or {}, listed)
        return words

    def to_dict(self) -> dict[str, Any]:
        """The conditions as JSON values; times in ISO 8601."""
        conditions: dict[str, Any] = {}
        for name in CONDITIONS:
            value = getattr(self, name)
            if value is not None:
                if isinstance(value, datetime):
                    value = value.isoformat()
                conditions[name] = dict(value) if isinstance(value, Mapping) else value
        return conditions

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BotFilter:
        """The inverse of ``to_dict``. Raises ConfigurationError for unknown names and unreadable times.

        And as the class does: values without a condition are no filter.
        """
        if not isinstance(values, Mapping):
            raise ConfigurationError(f"a filter must be an object, not {type(values).__name__}")
        conditions = dict(values)
        unknown = conditions.keys() - set(CONDITIONS)
        if unknown:
            # Ignoring a misspelt condition would select too many bots.
            raise ConfigurationError(f"unknown filter condition: {', '.join(sorted(map(str, unknown)))}")
        for name in ("before", "after"):
            text = conditions.get(name)
            if isinstance(text, str):
                try:
                    conditions[name] = read_time(text, up=name == "after")
                except ValueError:
                    raise ConfigurationError(
                        f"BotFilter.{name} {text!r} is not an ISO 8601 datetime"
                    ) from None
        return cls(**conditions)
