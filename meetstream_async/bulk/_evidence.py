"""What a row of a listing and a refusal of the API say about a bot. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ..errors import (
    BadRequestError,
    InvalidFromDateError,
    MasterEventNotFoundError,
    MeetStreamError,
    NotFoundError,
    RateLimitError,
    ServerError,
    TransportError,
    UserNotFoundError,
)
from ..meetstream.models import ScheduledBot

RESOLUTION: Final = timedelta(seconds=1)
"""The ``Date`` header is cut to whole seconds, so the server's clock may be this much later."""

_IN_MEETING = frozenset({"inmeeting", "incall", "joined", "joining"})

_CANCELLED = frozenset({"cancelled", "canceled"})


def _state(bot: ScheduledBot) -> str:
    return "".join(char for char in bot.status.casefold() if char.isalpha()) if bot.status else ""


def is_in_meeting(bot: ScheduledBot) -> bool:
    """The row says that the bot has joined."""
    return bot.status is not None and bot.status != "Scheduled" and _state(bot) in _IN_MEETING


def is_cancelled(bot: ScheduledBot) -> bool:
    """The row says that the bot was cancelled."""
    return bot.status is not None and bot.status != "Scheduled" and _state(bot) in _CANCELLED


def is_withdrawn(bot: ScheduledBot) -> bool:
    """The row says that the bot is not going to join: it is cancelled, stopped, or not scheduled."""
    if bot.status is None or bot.status == "Scheduled":
        return bot.is_scheduled is False
    if is_in_meeting(bot):
        return False
    return bot.is_scheduled is False or is_cancelled(bot) or _state(bot) == "stopped"


def is_calendar_bot(bot: ScheduledBot) -> bool:
    """The row shows that a calendar scheduled the bot, whether or not it names the event."""
    return not bot.is_one_off


def lies_ahead(bot: ScheduledBot, time: datetime | None) -> bool:
    """The bot is known to join later than the server's ``time``; never true of an unknown time."""
    joins = bot.scheduled_join_time
    return time is not None and joins is not None and joins > time + RESOLUTION and not is_in_meeting(bot)


def time_has_come(bot: ScheduledBot, time: datetime | None) -> bool:
    """The bot may have joined by the server's ``time``; never true of an unknown time."""
    joins = bot.scheduled_join_time
    return is_in_meeting(bot) or (time is not None and joins is not None and joins <= time + RESOLUTION)


def joins_later(row: ScheduledBot, other: ScheduledBot) -> bool:
    """Of two rows of one bot; never true of an unknown time."""
    one, two = row.scheduled_join_time, other.scheduled_join_time
    return one is not None and two is not None and one > two


def may_succeed_later(error: MeetStreamError | None) -> bool:
    """No server that works took the request, or the API had no time for it: it may go better later."""
    return isinstance(error, ServerError | TransportError | RateLimitError)


def says_not_scheduled(error: MeetStreamError) -> bool:
    """ "Event not scheduled", "Bot is not scheduled"."""
    return isinstance(error, BadRequestError) and "not scheduled" in error.message.casefold()


def says_no_such_bot(error: MeetStreamError) -> bool:
    """ "Bot not found", which a gateway's "Not Found" for a missing route is not."""
    return isinstance(error, NotFoundError) and "bot" in error.message.casefold()


def may_be_another_id(error: MeetStreamError) -> bool:
    """A refusal that an id of another kind would get as well."""
    if isinstance(error, UserNotFoundError | InvalidFromDateError | MasterEventNotFoundError):
        return False
    return isinstance(error, NotFoundError | BadRequestError)
