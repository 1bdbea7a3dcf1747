"""An account's state as JSON values, and back."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from ..errors import ConfigurationError
from ._account import Account
from ._account_rows import dump_bot, dump_item, dump_time, load_bot, load_item, load_key, load_time
from ._event_states import AWAITED, READ, UNASKED
from .options import UnscheduleOptions, Where

VERSION = 1

_OPTIONS = ("cancel_all_occurrences", "one_off_bots", "whole_events", "dry_run", "cancel_by")
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


def dump(state: Account, now: float) -> dict[str, Any]:
    """The state; times of the monotonic clock as seconds from ``now``."""
    return {
        **dump_rest(state, now),
        "bots": [dump_bot(one) for one in state._bots.bots.values()],
        "items": [dump_item(item, state._bots, now) for item in state._items.values()],
        "open": [list(key) for key in state._open],
    }


def dump_rest(state: Account, now: float) -> dict[str, Any]:
    """All but what there is one of for each event and bot."""
    options, bots, patience = state._options, state._bots, state._patience
    return {
        "version": VERSION,
        "options": {
            **{name: getattr(options, name) for name in _OPTIONS},
            "from_date": dump_time(options.from_date),
            "filtered": options.where is not None,
        },
        **{name.strip("_"): getattr(state, name) for name in _FLAGS},
        "events": state._events,
        "events_problem": state._events_problem,
        "last_answer": state._last_answer - now,
        "check_at": state._check_at - now,
        "patience": [patience.rows, patience.since - now, patience.pause, patience.proved],
        "page": None if state._page is None else list(state._page),
        "reasons": dict(state._reasons),
        "remaining": list(state._remaining),
        "aliases": {event_id: list(key) for event_id, key in state._aliases.items()},
        "outside": _lists(bots.outside),
        "undecided": _lists(bots.undecided),
        "passed": sorted(bots.passed),
        "withdrawn": sorted(bots.withdrawn),
        "index": dict(bots.index),
        "several": _lists(bots.several),
        "index_is_whole": bots.index_is_whole,
        "listing_is_whole": bots.listing_is_whole,
        "was_whole": bots.was_whole,
        "unjudged": sorted(bots.unjudged),
        "backlog": [list(item.key) for item in (*state._held, *state._backlog)],
        "between": [list(item.key) for item in state._between],
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
            from_date=load_time(stored["from_date"]),
            **{name: stored[name] for name in _OPTIONS},
        )
    except DAMAGED as error:
        problem = problem_with(error)
    raise problem


def load(state: Account, data: Mapping[str, Any], now: float) -> None:
    """The inverse of ``dump``, into a new state with the stored options."""
    try:
        _load(state, data, now)
        return
    except DAMAGED as error:
        problem = problem_with(error)
    raise problem


DAMAGED = (KeyError, TypeError, AttributeError, IndexError, ValueError)


def problem_with(error: Exception) -> ConfigurationError:
    if isinstance(error, ConfigurationError):
        return error
    return ConfigurationError(f"not a stored account state: {type(error).__name__}: {error}")


def _load(state: Account, data: Mapping[str, Any], now: float) -> None:
    for name in _FLAGS:
        setattr(state, name, data[name.strip("_")])
    # States that were stored before there was an index of events do not have these.
    state._events, state._events_problem = data.get("events", UNASKED), data.get("events_problem")
    state._last_answer, state._check_at = data["last_answer"] + now, data["check_at"] + now
    patience = state._patience
    patience.rows, patience.since, patience.pause, patience.proved = data["patience"]
    patience.since += now
    if data["page"] is not None:
        limit, truncated, rejected = data["page"]
        state._page = limit, truncated, rejected
    state._reasons = Counter(data["reasons"])
    state._remaining = tuple(data["remaining"])
    state._aliases = {event_id: load_key(key) for event_id, key in data["aliases"].items()}
    bots = state._bots
    for row in data["bots"]:
        known = load_bot(row)
        bots.bots[known.bot.bot_id] = known
    bots.outside = {event_id: set(ids) for event_id, ids in data["outside"].items()}
    bots.undecided = {event_id: set(ids) for event_id, ids in data["undecided"].items()}
    bots.passed, bots.withdrawn = set(data.get("passed", ())), set(data["withdrawn"])
    bots.index = dict(data["index"])
    bots.several = {bot_id: set(ids) for bot_id, ids in data.get("several", {}).items()}
    for bot_id, own_ids in bots.several.items():
        for own_id in own_ids:
            bots.also.setdefault(own_id, set()).add(bot_id)
    bots.indexed = set(bots.index.values()).union(*bots.several.values())
    bots.index_is_whole = data["index_is_whole"]
    bots.listing_is_whole, bots.was_whole = data["listing_is_whole"], data["was_whole"]
    bots.unjudged = set(data["unjudged"])
    for row in data["items"]:
        item = load_item(row, bots, now)
        state._items[item.key] = item
    state._backlog = deque(state._items[load_key(key)] for key in data["backlog"])
    state._between = deque(state._items[load_key(key)] for key in data["between"])
    if state._events in (AWAITED, READ):
        # Whoever was reading them is gone.
        state._events = UNASKED
    state._open = {load_key(key): state._items[load_key(key)] for key in data["open"]}


def _lists(sets: Mapping[str, set[str]]) -> dict[str, list[str]]:
    return {name: sorted(values) for name, values in sets.items()}
