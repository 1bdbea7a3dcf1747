"""A filter as typed by a person: a BotFilter, and attributes whose text may stand for a number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from attrs import field, frozen

from .. import BotFilter, ConfigurationError, ScheduledBot


@frozen
class Selection:
    """A BotFilter, and attributes as typed: text that may stand for a number or boolean.

    Raises ConfigurationError without any condition.
    """

    filter: BotFilter | None
    """None if there are attributes alone."""
    attributes: Mapping[str, str] = field(factory=dict, hash=False)

    def __attrs_post_init__(self) -> None:
        if self.filter is None and not self.attributes:
            raise ConfigurationError("a selection needs a condition, or it would select the whole account")
        for key, text in self.attributes.items():
            if not key.strip() or not text.strip():
                raise ConfigurationError(f"the attribute {key!r:.80} has no value to compare: leave it out")

    def judge(self, bot: ScheduledBot) -> bool | None:
        """As ``BotFilter.judge``: None where what only the calendars' events tell of the bot does not say."""
        judged = True if self.filter is None else self.filter.judge(bot)
        return None if judged and self.attributes else judged

    def __call__(self, bot: ScheduledBot) -> bool:
        return (self.filter is None or self.filter(bot)) and self._matches_attributes(bot)

    def _matches_attributes(self, bot: ScheduledBot) -> bool:
        return all(
            key in bot.custom_attributes and reads_as(bot.custom_attributes[key], text)
            for key, text in self.attributes.items()
        )

    def cannot_judge(self, bot: ScheduledBot) -> bool:
        """Whether all conditions match but those of time, and the bot has no time that they could judge."""
        where = self.filter
        if where is None or bot.scheduled_join_time is not None or not (where.before or where.after):
            return False
        return where.matches_but_for_times(bot) and self._matches_attributes(bot)

    def why_none(self, bots: Iterable[ScheduledBot]) -> str:
        """Why it selects none of these bots, in words."""
        listed = list(bots)
        if self.attributes and (self.filter is None or any(map(self.filter, listed))):
            return BotFilter(attributes=self.attributes).why_none(listed)
        assert self.filter is not None
        return self.filter.why_none(listed)

    def to_dict(self) -> dict[str, Any]:
        """The conditions as JSON values; times in ISO 8601."""
        conditions = {} if self.filter is None else self.filter.to_dict()
        if self.attributes:
            conditions["attributes"] = dict(self.attributes)
        return conditions


def reads_as(value: object, text: str) -> bool:
    """Whether an attribute equals the typed text, or the number or boolean that the text stands for."""
    if isinstance(value, str):
        return value == text
    if not isinstance(value, bool | int | float):
        return False
    try:
        wanted = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    # 1 == True in Python, but not in the API's JSON.
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return isinstance(wanted, int | float) and value == wanted


def _refuse(constant: str) -> NoReturn:
    # NaN and Infinity, which are not JSON.
    raise ValueError(constant)
