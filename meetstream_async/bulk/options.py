"""The options of bulk runs as values that check themselves, and the one place of their defaults.

The bulk functions take each option as a keyword argument and build these values once. Jobs, FastAPI, the
command line and the console carry the values themselves.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Generic, Literal, Self, TypeAlias, get_args

from attrs import fields, frozen

from .._times import read_time
from ..errors import ConfigurationError
from ..meetstream import check_series_options
from ..meetstream.filters import BotFilter
from ..meetstream.models import ScheduledBot
from ._operation import OutcomeT

Where: TypeAlias = Callable[[ScheduledBot], object]

OneOffBots: TypeAlias = Literal["report", "skip", "delete"]

CancelBy: TypeAlias = Literal["auto", "event", "bot"]


@frozen(kw_only=True)
class UnscheduleOptions:
    """What a run selects, and what it does with an event.

    ``keywords()`` gives the keyword arguments of ``bulk_unschedule``, ``stream_unschedule`` and
    ``unschedule_all``. Raises ConfigurationError for options that contradict each other.
    """

    where: Where | None = None
    """Selects bots: a BotFilter, or a plain function of a bot. None selects all."""
    cancel_all_occurrences: bool | None = None
    """Unschedule the whole series of a recurring event. None leaves the parameter out of the request."""
    from_date: datetime | None = None
    """Of a series, only the occurrences from this aware datetime on; needs ``cancel_all_occurrences``."""
    one_off_bots: OneOffBots = "report"
    """Bots without an event: leave them, and the report is not ok ("report"); leave them ("skip"); delete
    them by their own ids ("delete")."""
    whole_events: bool = False
    """Also take events that have bots outside ``where``."""
    dry_run: bool = False
    """Say what would be done, and send nothing that changes anything."""
    cancel_by: CancelBy = "auto"
    """Cancel by the event's DELETE where it takes no other bot, else by the bots' own ids ("auto"), or one
    way only ("event", "bot")."""

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

    def keywords(self) -> dict[str, Any]:
        """As keyword arguments of the functions that unschedule."""
        return {option.name: getattr(self, option.name) for option in fields(UnscheduleOptions)}

    def to_dict(self) -> dict[str, Any]:
        """Every option as a JSON value; times in ISO 8601.

        Raises ConfigurationError unless ``where`` is None or a BotFilter: a function can't be stored.
        """
        if self.where is not None and not isinstance(self.where, BotFilter):
            kind = type(self.where).__name__
            raise ConfigurationError(f"only a BotFilter can be stored as where, not {kind}")
        return {
            **UnscheduleOptions.keywords(self),
            "where": None if self.where is None else self.where.to_dict(),
            "from_date": None if self.from_date is None else self.from_date.isoformat(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``. Raises ConfigurationError for unknown names and unreadable times."""
        given = _known(cls, values)
        if isinstance(where := given.get("where"), Mapping):
            given["where"] = BotFilter.from_dict(where)
        if isinstance(text := given.get("from_date"), str):
            try:
                given["from_date"] = read_time(text, up=True)
            except ValueError:
                raise ConfigurationError(f"from_date {text!r} is not an ISO 8601 datetime") from None
        return cls(**given)

    def selects(self, bot: ScheduledBot) -> bool:
        """Whether the bot lies inside the filter. Raises ConfigurationError for one that can't say no."""
        if self.where is None:
            return True
        selected = self.where(bot)
        if inspect.isawaitable(selected):
            if inspect.iscoroutine(selected):
                selected.close()
            # It would be true for every bot.
            raise ConfigurationError("where must be a plain function of a bot; this one has to be awaited")
        if _is_always_true(selected):
            kind = type(selected).__name__
            raise ConfigurationError(f"where must return whether a bot is selected; {kind} is always true")
        return bool(selected)

    def spares(self, bot: ScheduledBot) -> bool:
        """Whether the bot joins before the part of its series that is asked for, and stays."""
        return self.from_date is not None and BotFilter(before=self.from_date)(bot)


@frozen(kw_only=True)
class BulkOptions(Generic[OutcomeT]):
    """How a run goes: what every bulk function takes, whatever it does with its targets.

    ``keywords()`` gives the keyword arguments of the bulk functions. Raises ConfigurationError for values
    out of range.
    """

    max_concurrency: int = 5
    """Requests in flight at most."""
    max_pause: float = 300.0
    """Seconds. A run stops where the API asks for a longer pause."""
    stop_after_failures: int = 20
    """Targets in a row that fail because no server works, before the run stops."""
    on_outcome: Callable[[OutcomeT], object] | None = None
    """Called with each outcome as it happens. Not stored."""
    stop: asyncio.Event | None = None
    """Set by the caller, it ends the run gracefully. Not stored."""

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

    def keywords(self) -> dict[str, Any]:
        """As keyword arguments of the bulk functions that return a report."""
        return {option.name: getattr(self, option.name) for option in fields(BulkOptions)}

    def to_dict(self) -> dict[str, Any]:
        """The numbers, as JSON values: ``on_outcome`` and ``stop`` belong to one process."""
        return {name: value for name, value in BulkOptions.keywords(self).items() if name not in _NOT_STORED}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``. Raises ConfigurationError for unknown names."""
        for name in _NOT_STORED:
            if name in values:
                raise ConfigurationError(f"{name} can't be stored")
        return cls(**_known(cls, values))


_NOT_STORED: Final = ("on_outcome", "stop")

UNSCHEDULE_DEFAULTS: Final = UnscheduleOptions()
"""Where the signatures of functions and models take their defaults from."""
BULK_DEFAULTS: Final[BulkOptions[Any]] = BulkOptions()
"""Where the signatures of functions and models take their defaults from."""


def _known(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the values. Raises ConfigurationError for names that are not options of the class."""
    unknown = values.keys() - {option.name for option in fields(cls)}
    if unknown:
        # An option that is ignored could cancel too much.
        raise ConfigurationError(f"unknown option: {', '.join(sorted(map(str, unknown)))}")
    return dict(values)


def _is_always_true(value: object) -> bool:
    """A mistake, such as a function that was not called, or one that yields."""
    return value is NotImplemented or callable(value) or isinstance(value, Iterator | AsyncIterator)


def is_plain_function(value: object) -> bool:
    """Callable, and not to be awaited: a coroutine that nobody awaits would be true, and do nothing."""
    return callable(value) and not any(
        inspect.iscoroutinefunction(function) for function in (value, type(value).__call__)
    )
