"""The items and the bots of an account as JSON values, and back: what differs from a new one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .. import errors
from .._times import read_time
from ..errors import MeetStreamError
from ..meetstream.models import ScheduledBot, UnscheduleResult
from ._facts import DONE
from ._items import key_of
from ._known_bots import KnownBot, KnownBots
from ._verification import Tracked
from .statuses import OutcomeStatus

_ATTRIBUTES = ("event_id", "source", "deduplication_key")
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
    "claimed",
)
_SETS = ("listed", "acted", "credited")
_KNOWN = ("inside", "late", "listed", "absences", "confirmed", "missed", "doubted", "rebooked", "unindexed")
_NEW_BOT = {
    "inside": True,
    "late": False,
    "listed": True,
    "absences": 0,
    "confirmed": False,
    "missed": False,
    "doubted": False,
    "rebooked": False,
    "unindexed": False,
}
_NEW_ITEM: Mapping[str, Any] = {
    **{name: getattr(Tracked(None), name) for name in _ITEM},
    **{name: [] for name in _SETS},
    "aim": None,
    "event_asked": False,
    "tried": None,
    "answered_at": 0.0,
    "result": None,
    "error": None,
    "unsent": None,
}
_DONE_ITEM: Mapping[str, Any] = {
    **_NEW_ITEM,
    "answer": DONE,
    "took_effect": True,
    "sent": "event",
    "attempts": 1,
    "turns": 1,
    "waiting": False,
    "event_asked": True,
    "falls_back": True,
    "listed": True,
    "acted": True,
}
_USUAL: Mapping[str | None, Mapping[str, Any]] = {None: _NEW_ITEM, DONE: _DONE_ITEM}
"""What is not stored of an item, because most of them have it: before and after its first DELETE."""
_NEW_RESULT = UnscheduleResult()
_USUAL_BOT: Mapping[str, Any] = {
    "platform": None,
    "status": "Scheduled",
    "joins": None,
    "is_scheduled": True,
    "attributes": {},
}
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
_ERROR = ("status", "request_id", "retry_after", "hint", "path", "key_rejected", "not_yours", "permanent")


def dump_item(item: Tracked, known: KnownBots, now: float) -> dict[str, Any]:
    """What differs from an item that is new."""
    result, unsent = item.result, item.unsent
    everything = frozenset(item.bots)
    row = {
        **{name: getattr(item, name) for name in _ITEM},
        **{name: _dump_set(getattr(item, name), everything) for name in _SETS},
        "elapsed": round(item.elapsed, 6),
        "fates": item.fates and dict(item.fates),
        "aim": None if item.aim is None else sorted(item.aim),
        "event_asked": item.event_asked,
        "tried": None if item._tried is None else sorted(item._tried),
        "answered_at": item.answered_at - now if item.turns else 0.0,
        "result": result and _dump_result(result, item.event_id),
        "error": item.error and _error(item.error),
        "unsent": unsent and [unsent.status.value, unsent.reason],
    }
    usual = _USUAL.get(item.answer, _NEW_ITEM)
    sparse = {name: value for name, value in row.items() if value != usual[name]}
    if usual is _DONE_ITEM:
        sparse["usual"] = DONE
    if "event_id" not in sparse and item.event_id is not None:
        sparse["event_id"] = item.event_id
    return {**sparse, "bots": [_bot_of(bot, known) for bot in item.bots.values()]}


def _dump_set(ids: frozenset[str], everything: frozenset[str]) -> bool | list[str]:
    """True for all bots of the item."""
    return True if ids and ids == everything else sorted(ids)


def _dump_result(result: UnscheduleResult, event_id: str | None) -> dict[str, Any]:
    row = {name: getattr(result, name) for name in _RESULT}
    sparse = {name: value for name, value in row.items() if value != getattr(_NEW_RESULT, name)}
    return {**sparse, "event_id": True} if event_id is not None and result.event_id == event_id else sparse


def _bot_of(bot: ScheduledBot, known: KnownBots) -> str | dict[str, Any]:
    """Its id where the row is the one that is known of it anyway."""
    one = known.bots.get(bot.bot_id)
    return bot.bot_id if one is not None and one.bot == bot else _bot(bot)


def load_item(stored: Mapping[str, Any], known: KnownBots, now: float) -> Tracked:
    row = {**_USUAL[stored.get("usual")], **stored}
    bots = [known.bots[bot].bot if isinstance(bot, str) else _row(bot) for bot in row["bots"]]
    item = Tracked(row["event_id"], {bot.bot_id: bot for bot in bots})
    for name in _ITEM:
        setattr(item, name, row[name])
    for name in _SETS:
        setattr(item, name, frozenset(item.bots if row[name] is True else row[name]))
    item.aim = None if row["aim"] is None else frozenset(row["aim"])
    item.event_asked = row["event_asked"]
    item._tried = None if row["tried"] is None else set(row["tried"])
    item.answered_at = row["answered_at"] + now if item.turns else 0.0
    if (result := row["result"]) is not None:
        mine = {"event_id": item.event_id} if result.get("event_id") is True else {}
        item.result = UnscheduleResult(**{**result, **mine})
    item.error = row["error"] and _load_error(row["error"])
    if row["unsent"] is not None:
        status, reason = row["unsent"]
        item.unsent = item.left(OutcomeStatus(status), reason)
    return item


def dump_bot(known: KnownBot, *, row: bool = True) -> dict[str, Any]:
    """What differs from a bot that is new. Without its ``row``, it is to be had from an earlier one."""
    if not row:
        return {"bot": known.bot.bot_id, **_evidence(known)}
    key = {} if known.key == key_of(known.bot) else {"key": list(known.key)}
    return {"bot": _bot(known.bot), **key, **_evidence(known)}


def merge_bots(earlier: Mapping[str, Any] | None, later: Mapping[str, Any]) -> dict[str, Any]:
    """The later one, whole."""
    if not isinstance(later["bot"], str) or earlier is None:
        return dict(later)
    return {
        **{name: earlier[name] for name in ("bot", "key") if name in earlier},
        **later,
        "bot": earlier["bot"],
    }


def _evidence(known: KnownBot) -> dict[str, Any]:
    return {name: value for name in _KNOWN if (value := getattr(known, name)) != _NEW_BOT[name]}


def _bot(bot: ScheduledBot) -> dict[str, Any]:
    row = {
        "platform": bot.platform,
        "status": bot.status,
        "joins": dump_time(bot.scheduled_join_time),
        "is_scheduled": bot.is_scheduled,
        "attributes": {n: bot.custom_attributes[n] for n in _ATTRIBUTES if getattr(bot, n) is not None},
    }
    return {"bot_id": bot.bot_id} | {n: value for n, value in row.items() if value != _USUAL_BOT[n]}


def load_bot(row: Mapping[str, Any]) -> KnownBot:
    bot = _row(row["bot"])
    key = load_key(row["key"]) if "key" in row else key_of(bot)
    return KnownBot(bot, key, **{name: row.get(name, _NEW_BOT[name]) for name in _KNOWN})


def _row(stored: Mapping[str, Any]) -> ScheduledBot:
    row = {**_USUAL_BOT, **stored}
    return ScheduledBot(
        row["bot_id"],
        row["platform"],
        row["status"],
        load_time(row["joins"]),
        is_scheduled=row["is_scheduled"],
        custom_attributes=row["attributes"],
    )


def _error(error: MeetStreamError) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "message": error.message,
        "attempts": error.attempts,
        "outcome_unknown": error.outcome_unknown,
        **{
            name: value
            for name in _ERROR
            if (value := getattr(error, name, None)) is not None and value is not False
        },
    }


def _load_error(row: Mapping[str, Any]) -> MeetStreamError:
    fields = dict(row)
    name, message = fields.pop("type"), fields.pop("message")
    kind = getattr(errors, name) if name in errors.__all__ else MeetStreamError
    error: MeetStreamError = kind(message, **fields)
    return error


def load_key(key: list[str]) -> tuple[str, str]:
    kind, name = key
    return kind, name


def dump_time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def load_time(text: str | None) -> datetime | None:
    return None if text is None else read_time(text)
