"""An account's state as JSON values, and back."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .. import errors
from ..errors import ConfigurationError, MeetStreamError
from ..meetstream.models import ScheduledBot, UnscheduleResult
from ._account import Account
from ._known_bots import KnownBot
from ._verification import Tracked
from .options import UnscheduleOptions, Where
from .report import OutcomeStatus

VERSION = 1

_ATTRIBUTES = ("event_id", "source", "deduplication_key")
_OPTIONS = ("cancel_all_occurrences", "one_off_bots", "whole_events", "dry_run", "cancel_by")
_ITEM = (
    "event_id",
    "skipped",
    "request_id",
    "certain",
    "way",
    "falls_back",
    "alone",
    "series",
    "until_empty",
    "uncertain",
    "answer",
    "fates",
    "took_effect",
    "sent",
    "attempts",
    "elapsed",
    "waiting",
    "in_flight",
    "turns",
    "retries",
    "repeats",
    "own_turns",
)
_SETS = ("listed", "acted", "credited")
_KNOWN = ("inside", "late", "listed", "absences", "confirmed", "missed", "doubted")
_FLAGS = (
    "_only_given",
    "_at_work",
    "_listings",
    "_fruitless",
    "_acted",
    "_verified",
    "_finished",
    "_listing_failure",
    "_stopped",
    "_settle",
)
_RESULT = (
    "unscheduled",
    "cancelled",
    "event_id",
    "master_event_id",
    "schedules_cancelled",
    "bots_deleted",
    "cancel_all_occurrences",
    "is_recurring_series",
    "occurrences_affected",
    "inferred",
)
_ERROR = ("status", "request_id", "retry_after", "hint", "path")


def dump(state: Account, now: float) -> dict[str, Any]:
    """The state; times of the monotonic clock as seconds from ``now``."""
    options, bots, patience = state._options, state._bots, state._patience
    return {
        "version": VERSION,
        "options": {
            **{name: getattr(options, name) for name in _OPTIONS},
            "from_date": _text(options.from_date),
            "filtered": options.where is not None,
        },
        **{name.strip("_"): getattr(state, name) for name in _FLAGS},
        "last_answer": state._last_answer - now,
        "look_at": state._look_at - now,
        "patience": [patience.rows, patience.since - now, patience.look, patience.proved],
        "page": None if state._page is None else list(state._page),
        "reasons": dict(state._reasons),
        "remaining": list(state._remaining),
        "aliases": {event_id: list(key) for event_id, key in state._aliases.items()},
        "bots": [_known(one) for one in bots.bots.values()],
        "outside": _lists(bots.outside),
        "undecided": _lists(bots.undecided),
        "withdrawn": sorted(bots.withdrawn),
        "index": dict(bots.index),
        "index_is_whole": bots.index_is_whole,
        "listing_is_whole": bots.listing_is_whole,
        "was_whole": bots.was_whole,
        "unjudged": sorted(bots.unjudged),
        "items": [_item(item, now) for item in state._items.values()],
        "backlog": [list(item.key) for item in state._backlog],
        "between": [list(item.key) for item in state._between],
        "open": [list(key) for key in state._open],
    }


def load_options(data: Mapping[str, Any], where: Where | None) -> UnscheduleOptions:
    """The options of a stored state. Raises ConfigurationError for data of another kind."""
    try:
        if data["version"] != VERSION:
            raise ConfigurationError(
                f"a stored account state of version {data['version']!r} can't be read here"
            )
        stored = data["options"]
        if stored["filtered"] and where is None:
            raise ConfigurationError("this state was made with a filter; pass `where` to go on with it")
        return UnscheduleOptions(
            where=where if stored["filtered"] else None,
            from_date=_time(stored["from_date"]),
            **{name: stored[name] for name in _OPTIONS},
        )
    except _DAMAGED as error:
        problem = _problem(error)
    raise problem


def load(state: Account, data: Mapping[str, Any], now: float) -> None:
    """The inverse of ``dump``, into a new state with the stored options."""
    try:
        _load(state, data, now)
        return
    except _DAMAGED as error:
        problem = _problem(error)
    raise problem


_DAMAGED = (KeyError, TypeError, AttributeError, IndexError, ValueError)


def _problem(error: Exception) -> ConfigurationError:
    if isinstance(error, ConfigurationError):
        return error
    return ConfigurationError(f"not a stored account state: {type(error).__name__}: {error}")


def _load(state: Account, data: Mapping[str, Any], now: float) -> None:
    for name in _FLAGS:
        setattr(state, name, data[name.strip("_")])
    state._last_answer, state._look_at = data["last_answer"] + now, data["look_at"] + now
    patience = state._patience
    patience.rows, patience.since, patience.look, patience.proved = data["patience"]
    patience.since += now
    if data["page"] is not None:
        limit, truncated, rejected = data["page"]
        state._page = limit, truncated, rejected
    state._reasons = Counter(data["reasons"])
    state._remaining = tuple(data["remaining"])
    state._aliases = {event_id: _key(key) for event_id, key in data["aliases"].items()}
    bots = state._bots
    for row in data["bots"]:
        known = KnownBot(_row(row["bot"]), _key(row["key"]), **{name: row[name] for name in _KNOWN})
        bots.bots[known.bot.bot_id] = known
    bots.outside = {event_id: set(ids) for event_id, ids in data["outside"].items()}
    bots.undecided = {event_id: set(ids) for event_id, ids in data["undecided"].items()}
    bots.withdrawn = set(data["withdrawn"])
    bots.index = dict(data["index"])
    bots.index_is_whole = data["index_is_whole"]
    bots.listing_is_whole, bots.was_whole = data["listing_is_whole"], data["was_whole"]
    bots.unjudged = set(data["unjudged"])
    for row in data["items"]:
        item = _load_item(row, now)
        state._items[item.key] = item
    state._backlog = deque(state._items[_key(key)] for key in data["backlog"])
    state._between = deque(state._items[_key(key)] for key in data["between"])
    state._open = {_key(key): state._items[_key(key)] for key in data["open"]}


def _item(item: Tracked, now: float) -> dict[str, Any]:
    result, unsent = item.result, item.unsent
    return {
        **{name: getattr(item, name) for name in _ITEM},
        **{name: sorted(getattr(item, name)) for name in _SETS},
        "fates": item.fates and dict(item.fates),
        "aim": None if item.aim is None else sorted(item.aim),
        "event_asked": item.event_asked,
        "tried": None if item._tried is None else sorted(item._tried),
        "not_before": item.not_before - now,
        "bots": [_bot(bot) for bot in item.bots.values()],
        "result": result and {name: getattr(result, name) for name in _RESULT},
        "error": item.error and _error(item.error),
        "unsent": unsent and [unsent.status.value, unsent.reason],
    }


def _load_item(row: Mapping[str, Any], now: float) -> Tracked:
    bots = [_row(bot) for bot in row["bots"]]
    item = Tracked(row["event_id"], {bot.bot_id: bot for bot in bots})
    for name in _ITEM:
        setattr(item, name, row[name])
    for name in _SETS:
        setattr(item, name, frozenset(row[name]))
    item.aim = None if row["aim"] is None else frozenset(row["aim"])
    item.event_asked = row["event_asked"]
    item._tried = None if row["tried"] is None else set(row["tried"])
    item.not_before = row["not_before"] + now
    item.result = row["result"] and UnscheduleResult(**row["result"])
    item.error = row["error"] and _load_error(row["error"])
    if row["unsent"] is not None:
        status, reason = row["unsent"]
        item.unsent = item.left(OutcomeStatus(status), reason)
    return item


def _known(known: KnownBot) -> dict[str, Any]:
    return {
        "bot": _bot(known.bot),
        "key": list(known.key),
        **{name: getattr(known, name) for name in _KNOWN},
    }


def _bot(bot: ScheduledBot) -> dict[str, Any]:
    attributes = {name: bot.custom_attributes[name] for name in _ATTRIBUTES if getattr(bot, name) is not None}
    return {
        "bot_id": bot.bot_id,
        "platform": bot.platform,
        "status": bot.status,
        "joins": _text(bot.scheduled_join_time),
        "is_scheduled": bot.is_scheduled,
        "attributes": attributes,
    }


def _row(row: Mapping[str, Any]) -> ScheduledBot:
    return ScheduledBot(
        row["bot_id"],
        row["platform"],
        row["status"],
        _time(row["joins"]),
        is_scheduled=row["is_scheduled"],
        custom_attributes=row["attributes"],
    )


def _error(error: MeetStreamError) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "message": error.message,
        "attempts": error.attempts,
        "outcome_unknown": error.outcome_unknown,
        **{name: getattr(error, name) for name in _ERROR if getattr(error, name, None) is not None},
    }


def _load_error(row: Mapping[str, Any]) -> MeetStreamError:
    fields = dict(row)
    name, message = fields.pop("type"), fields.pop("message")
    kind = getattr(errors, name) if name in errors.__all__ else MeetStreamError
    error: MeetStreamError = kind(message, **fields)
    return error


def _lists(sets: Mapping[str, set[str]]) -> dict[str, list[str]]:
    return {name: sorted(values) for name, values in sets.items()}


def _key(key: list[str]) -> tuple[str, str]:
    kind, name = key
    return kind, name


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
