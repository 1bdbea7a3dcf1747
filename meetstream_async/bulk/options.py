"""The options of bulk runs, as values that check themselves."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Generic, Literal, TypeAlias, get_args

from attrs import frozen

from ..errors import ConfigurationError
from ..meetstream import check_series_options
from ..meetstream.filters import BotFilter
from ..meetstream.models import ScheduledBot
from ._operation import OutcomeT

Where: TypeAlias = Callable[[ScheduledBot], object]

OneOffBots: TypeAlias = Literal["report", "skip", "delete"]

CancelBy: TypeAlias = Literal["auto", "event", "bot"]


@frozen(eq=False)
class UnscheduleOptions:
    """Which bots to take, and how. Raises ConfigurationError for options that contradict each other."""

    where: Where | None = None
    cancel_all_occurrences: bool | None = None
    from_date: datetime | None = None
    one_off_bots: OneOffBots = "report"
    whole_events: bool = False
    dry_run: bool = False
    cancel_by: CancelBy = "auto"

    def __attrs_post_init__(self) -> None:
        check_series_options(self.cancel_all_occurrences, self.from_date)
        if self.where is not None and not is_plain_function(self.where):
            raise ConfigurationError(
                "where must be a BotFilter or a plain function of a bot, "
                f"not {'async' if callable(self.where) else type(self.where).__name__}"
            )
        if self.one_off_bots not in get_args(OneOffBots):
            raise ConfigurationError(
                f"one_off_bots must be 'report', 'skip' or 'delete', not {self.one_off_bots!r}"
            )
        if self.cancel_by not in get_args(CancelBy):
            raise ConfigurationError(f"cancel_by must be 'auto', 'event' or 'bot', not {self.cancel_by!r}")
        if self.cancel_by == "bot" and self.cancel_all_occurrences:
            raise ConfigurationError("cancel_all_occurrences takes a series by its event, not by its bots")
        for name in ("whole_events", "dry_run"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"{name} must be True or False, not {getattr(self, name)!r}")
        if self.where is not None and self.cancel_all_occurrences and not self.whole_events:
            raise ConfigurationError(
                "cancel_all_occurrences takes bots that the filter may leave out; "
                "pass whole_events=True as well to accept that"
            )

    def selects(self, bot: ScheduledBot) -> bool:
        """Whether the bot lies inside the filter. Raises ConfigurationError for an async one."""
        if self.where is None:
            return True
        selected = self.where(bot)
        if inspect.isawaitable(selected):
            if inspect.iscoroutine(selected):
                selected.close()
            # It would be true for every bot.
            raise ConfigurationError("where must be a plain function of a bot; this one has to be awaited")
        return bool(selected)

    def spares(self, bot: ScheduledBot) -> bool:
        """Whether the bot joins before the part of its series that is asked for, and stays."""
        return self.from_date is not None and BotFilter(before=self.from_date)(bot)


@frozen(eq=False)
class BulkOptions(Generic[OutcomeT]):
    """The options that every bulk run has. Raises ConfigurationError for values out of range."""

    max_concurrency: int
    max_pause: float
    stop_after_failures: int
    on_outcome: Callable[[OutcomeT], object] | None
    stop: asyncio.Event | None = None
    """Set by the caller, it ends the run gracefully."""

    def __attrs_post_init__(self) -> None:
        for name in ("max_concurrency", "stop_after_failures"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name} must be an int, 1 or more, not {value!r}")
        pause = self.max_pause
        if isinstance(pause, bool) or not isinstance(pause, int | float) or not pause >= 0:
            raise ConfigurationError(f"max_pause must be a number of seconds, 0 or more, not {pause!r}")
        if self.on_outcome is not None and not is_plain_function(self.on_outcome):
            raise ConfigurationError(
                "on_outcome must be a plain function; for an async consumer iterate over a stream"
            )
        if self.stop is not None and not isinstance(self.stop, asyncio.Event):
            raise ConfigurationError(f"stop must be an asyncio.Event, not {type(self.stop).__name__}")


def is_plain_function(value: object) -> bool:
    """Callable, and not to be awaited: a coroutine that nobody awaits would be true, and do nothing."""
    return callable(value) and not any(
        inspect.iscoroutinefunction(function) for function in (value, type(value).__call__)
    )
