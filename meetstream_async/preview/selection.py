"""A filter as it was typed: a BotFilter, and attributes whose text may stand for a number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from attrs import field, frozen

from .. import BotFilter, ScheduledBot


@frozen
class Selection:
    """A BotFilter, and the attributes as they were typed: text that may stand for a number."""

    filter: BotFilter
    attributes: Mapping[str, str] = field(factory=dict, hash=False)

    def __call__(self, bot: ScheduledBot) -> bool:
        return self.filter(bot) and all(
            key in bot.custom_attributes and reads_as(bot.custom_attributes[key], text)
            for key, text in self.attributes.items()
        )

    def to_dict(self) -> dict[str, Any]:
        """What was asked for, as JSON values; times in ISO 8601."""
        given = self.filter.to_dict()
        if self.attributes:
            given["attributes"] = dict(self.attributes)
        return given


def reads_as(value: object, text: str) -> bool:
    """Whether an attribute is what was typed: that very text, or the number, true or false it stands for."""
    if isinstance(value, str):
        return value == text
    if not isinstance(value, bool | int | float):
        return False
    try:
        wanted = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return False
    # 1 == True in Python, but not in the API's JSON.
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return isinstance(wanted, int | float) and value == wanted


def _refuse(constant: str) -> NoReturn:
    # NaN and Infinity, which are not JSON.
    raise ValueError(constant)
