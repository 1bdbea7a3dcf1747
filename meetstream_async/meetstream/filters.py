"""Filters for bots: conditions on a listed bot. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from attrs import field, frozen

from .._pydantic import ROUND_UP, Schemed
from .._times import read_time
from ..errors import ConfigurationError
from .models import ScheduledBot

_PLATFORMS = {
    "gmeet": "googlemeet",
    "meet": "googlemeet",
    "teams": "microsoftteams",
    "msteams": "microsoftteams",
}


def canonical_platform(name: str) -> str:
    """Normalize spellings of the API and its clients: ``GMeet``, ``google_meet``, ``Google Meet``."""
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
    """Selects bots: all conditions must match, and a missing value never matches.

    ``before`` and ``after`` are aware datetimes (``after <= join time < before``), ``platform`` in any
    spelling, ``name`` a glob over ``bot_username``, ``attributes`` exact values of custom attributes.
    Raises ConfigurationError for arguments of other types.
    """

    platform: str | None = field(default=None, validator=_check_text)
    """The platform, in any of its spellings."""
    before: datetime | None = field(default=None, validator=_check_time)
    """Bots that join before this aware datetime."""
    after: datetime | None = field(default=None, validator=_check_time, metadata=ROUND_UP)
    """Bots that join at this aware datetime or later."""
    name: str | None = field(default=None, validator=_check_text)
    """A glob for the bot's name, such as ``Acme *``."""
    attributes: Mapping[str, Any] | None = field(default=None, validator=_check_attributes, hash=False)
    """Names of custom attributes, and the exact values that they must have."""

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
        """The conditions as JSON values; times in ISO 8601."""
        conditions: dict[str, Any] = {}
        for name in ("platform", "before", "after", "name", "attributes"):
            value = getattr(self, name)
            if value is not None:
                if isinstance(value, datetime):
                    value = value.isoformat()
                conditions[name] = dict(value) if isinstance(value, Mapping) else value
        return conditions

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BotFilter:
        """The inverse of ``to_dict``. Raises ConfigurationError for unknown names and unreadable times."""
        if not isinstance(values, Mapping):
            raise ConfigurationError(f"a filter must be an object, not {type(values).__name__}")
        conditions = dict(values)
        unknown = conditions.keys() - {"platform", "before", "after", "name", "attributes"}
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
