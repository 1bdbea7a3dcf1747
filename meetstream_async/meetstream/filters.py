"""Which bots are meant: conditions on a listed bot. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from attrs import field, frozen

from .._pydantic import Schemed
from ..errors import ConfigurationError
from .models import ScheduledBot

_PLATFORMS = {
    "gmeet": "googlemeet",
    "meet": "googlemeet",
    "teams": "microsoftteams",
    "msteams": "microsoftteams",
}


def canonical_platform(name: str) -> str:
    """One spelling for all that the API and its clients use: ``GMeet``, ``google_meet``, ``Google Meet``."""
    plain = "".join(char for char in name.casefold() if char.isalnum())
    return _PLATFORMS.get(plain, plain)


def _same_value(value: object, wanted: object) -> bool:
    # 1 == True in Python, but not in the API's JSON.
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _check_text(instance: object, attribute: Any, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"BotFilter.{attribute.name} must be a string, not {type(value).__name__}")


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


def _check_attributes(instance: object, attribute: Any, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError("BotFilter.attributes must map names of custom attributes to their values")


@frozen
class BotFilter(Schemed):
    """Selects bots: all that is given must match, and a missing value never matches.

    ``before`` and ``after`` are aware datetimes (``after <= join time < before``), ``platform`` in any
    spelling, ``name`` a glob over ``bot_username``, ``attributes`` exact values of custom attributes.
    Raises ConfigurationError for arguments of another kind.
    """

    platform: str | None = field(default=None, validator=_check_text)
    """The platform, in any of its spellings."""
    before: datetime | None = field(default=None, validator=_check_time)
    """Bots that join before this time, which needs an offset."""
    after: datetime | None = field(default=None, validator=_check_time)
    """Bots that join at this time or later; it needs an offset."""
    name: str | None = field(default=None, validator=_check_text)
    """A glob over the name of the bot, such as ``Acme *``."""
    attributes: Mapping[str, Any] | None = field(default=None, validator=_check_attributes, hash=False)
    """Custom attributes and the exact values that they must have."""

    def __call__(self, bot: ScheduledBot) -> bool:
        if self.platform is not None and (
            bot.platform is None or canonical_platform(bot.platform) != canonical_platform(self.platform)
        ):
            return False
        joins = bot.scheduled_join_time
        if self.before is not None and (joins is None or joins >= self.before):
            return False
        if self.after is not None and (joins is None or joins < self.after):
            return False
        if self.name is not None and (
            bot.bot_username is None or not fnmatchcase(bot.bot_username, self.name)
        ):
            return False
        return all(
            key in bot.custom_attributes and _same_value(bot.custom_attributes[key], wanted)
            for key, wanted in (self.attributes or {}).items()
        )

    def to_dict(self) -> dict[str, Any]:
        """What is set, as JSON values; times in ISO 8601."""
        given: dict[str, Any] = {}
        for name in ("platform", "before", "after", "name", "attributes"):
            value = getattr(self, name)
            if value is not None:
                if isinstance(value, datetime):
                    value = value.isoformat()
                given[name] = dict(value) if isinstance(value, Mapping) else value
        return given

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BotFilter:
        """The inverse of ``to_dict``. Raises ConfigurationError for unknown names and unreadable times."""
        if not isinstance(values, Mapping):
            raise ConfigurationError(f"a filter is an object, not {type(values).__name__}")
        given = dict(values)
        unknown = given.keys() - {"platform", "before", "after", "name", "attributes"}
        if unknown:
            # A misspelt condition that is ignored would select too many bots.
            raise ConfigurationError(f"unknown filter condition: {', '.join(sorted(map(str, unknown)))}")
        for name in ("before", "after"):
            text = given.get(name)
            if isinstance(text, str):
                try:
                    given[name] = datetime.fromisoformat(text)
                except ValueError:
                    raise ConfigurationError(f"BotFilter.{name} {text!r} is no ISO 8601 time") from None
        return cls(**given)
