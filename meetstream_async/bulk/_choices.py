"""Which request takes an item, and why some are left alone. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from .._http.urls import check_identifier
from ..errors import ConfigurationError
from ..meetstream.models import ScheduledBot
from ._evidence import is_calendar_bot, is_withdrawn
from ._items import EventItem
from .options import UnscheduleOptions
from .report import Method
from .statuses import SkipReason

ONE_OFF: Final = SkipReason.ONE_OFF.value
SHARED: Final = SkipReason.SHARED.value
HIDDEN: Final = SkipReason.HIDDEN.value
NO_EVENT_ID: Final = SkipReason.NO_EVENT_ID.value
NOT_ITS_OWN_ID: Final = SkipReason.NOT_ITS_OWN_ID.value
KEPT: Final = SkipReason.KEPT.value
WITHDRAWN: Final = SkipReason.WITHDRAWN.value


def choose(
    item: EventItem, options: UnscheduleOptions, *, shared: bool = False, safe: bool = True
) -> str | None:
    """Set the way that an item goes; returns why it is left alone, if so.

    ``shared``: a bot outside the filter belongs to the event. ``safe``: the event's DELETE takes no bot
    that was not agreed to, as far as can be known.
    """
    if item.skipped is not None:
        return item.skipped
    if item.event_id is None:
        bot = next(iter(item.bots.values()))
        if not is_calendar_bot(bot) and item.request_id is None:
            item.way = "bot"
            return None if options.one_off_bots == "delete" else ONE_OFF
        if options.cancel_by == "event" or options.cancel_all_occurrences:
            return NO_EVENT_ID
    elif options.cancel_all_occurrences and item.bots and not item.is_certain:
        return NOT_ITS_OWN_ID
    elif shared and options.cancel_by != "bot" and not options.whole_events:
        return SHARED
    way = way_of(item, options, safe=safe)
    if way is None:
        return HIDDEN
    item.way = way
    item.falls_back = way == "event" and may_go_by_bot(item, options)
    return None


def way_of(item: EventItem, options: UnscheduleOptions, *, safe: bool) -> Method | None:
    """Which request it takes, if any may be sent. ``safe``: as for ``choose``."""
    if options.cancel_by == "bot":
        return "bot"
    if item.event_id is not None and safe and (item.is_certain or not may_go_by_bot(item, options)):
        return "event"
    return "bot" if may_go_by_bot(item, options) else None


def may_go_by_bot(item: EventItem, options: UnscheduleOptions) -> bool:
    """Its bots are known, and no option speaks of events only."""
    return bool(item.bots) and options.cancel_by != "event" and not options.cancel_all_occurrences


def sort_out(item: EventItem, options: UnscheduleOptions) -> None:
    """Take the bots out of an item that are no work: not scheduled any more, or kept with ``from_date``.

    Where none is left, they stay, and the item is to be skipped.
    """
    if _take_out(item, WITHDRAWN, is_withdrawn) and options.from_date is not None:
        _take_out(item, KEPT, options.spares)


def _take_out(item: EventItem, reason: str, is_out: Callable[[ScheduledBot], bool]) -> bool:
    """Whether a bot is left."""
    out = [bot_id for bot_id, bot in item.bots.items() if is_out(bot)]
    if out and len(out) == len(item.bots):
        item.skipped = reason
        return False
    for bot_id in out:
        del item.bots[bot_id]
    return True


def left_alone(reasons: Counter[str], options: UnscheduleOptions) -> tuple[str, ...]:
    """What was left although it was asked for, by the reasons of what was skipped."""
    left = []
    if (count := reasons[ONE_OFF]) and options.one_off_bots == "report":
        subject = "1 one-off bot has" if count == 1 else f"{count} one-off bots have"
        left.append(f"{subject} no calendar event and will join")
    if count := reasons[SHARED]:
        left.append(f"{_events_were(count)} left alone: shared with bots outside the filter")
    if count := reasons[HIDDEN]:
        left.append(f"{_events_were(count)} left alone: the full listing may hide more of their bots")
    if count := reasons[NO_EVENT_ID]:
        subject = "1 calendar bot was" if count == 1 else f"{count} calendar bots were"
        left.append(f"{subject} left alone: no event id")
    if count := reasons[NOT_ITS_OWN_ID]:
        left.append(f"{_events_were(count)} left alone: series options need MeetStream's own event ids")
    return tuple(left)


def _events_were(count: int) -> str:
    return "1 event was" if count == 1 else f"{count} events were"


def check_target(target: object, options: UnscheduleOptions, name: str) -> object:
    """A target that can be acted on. Raises ConfigurationError for any other; ``name`` is for its text."""
    if isinstance(target, str):
        check_identifier(target, name)
        if options.cancel_by == "bot":
            raise ConfigurationError(f"{name} is an event id, but cancel_by='bot' needs bots")
        if options.where is not None:
            raise ConfigurationError(f"{name} is an event id, but `where` selects bots; pass bots with it")
    elif isinstance(target, ScheduledBot):
        check_identifier(target.bot_id, f"{name}.bot_id")
        if target.event_id is not None:
            check_identifier(target.event_id, f"{name}.event_id")
    else:
        raise ConfigurationError(f"{name} must be a ScheduledBot or an event id, not {type(target).__name__}")
    return target
