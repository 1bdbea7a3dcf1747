"""What has changed in an account's state, as JSON values, and the whole of it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._account import Account
from ._account_json import DAMAGED, dump_rest, problem_with
from ._account_rows import dump_bot, dump_item, merge_bots


def dump_changes(state: Account, now: float) -> dict[str, Any]:
    """What differs from the last call."""
    bots, told = state._bots.bots, state._told
    rest = dump_rest(state, now)
    changes = {
        **{name: value for name, value in rest.items() if name not in told or told[name] != value},
        "bots": [
            dump_bot(one, row=bot_id in state._changed_rows)
            for bot_id in dict.fromkeys([*state._changed_rows, *state._changed_bots])
            if (one := bots.get(bot_id)) is not None
        ],
        "items": [dump_item(item, state._bots, now) for item in state._changed.values()],
        "open": [list(key) for key in state._changed if key in state._open],
        "dropped": [list(key) for key in state._dropped],
    }
    state._dropped.clear()
    state._told = rest
    state._changed.clear()
    state._changed_bots.clear()
    state._changed_rows.clear()
    return changes


def merge(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What ``dump`` would have said after the last of these changes."""
    whole: dict[str, Any] = {}
    bots: dict[str, Any] = {}
    items: dict[str, Any] = {}
    is_open: dict[str, list[str]] = {}
    try:
        for part in parts:
            whole.update(part)
            for row in part["bots"]:
                bot_id = row["bot"] if isinstance(row["bot"], str) else row["bot"]["bot_id"]
                bots[bot_id] = merge_bots(bots.get(bot_id), row)
            opened = {repr(key): key for key in part["open"]}
            for key in map(repr, part.get("dropped", ())):
                items.pop(key, None)
                is_open.pop(key, None)
            for row in part["items"]:
                key = repr(list(_key_of(row)))
                items[key] = row
                if key in opened:
                    is_open.setdefault(key, opened[key])
                else:
                    is_open.pop(key, None)
    except DAMAGED as error:
        problem = problem_with(error)
    else:
        whole.pop("dropped", None)
        return {
            **whole,
            "bots": list(bots.values()),
            "items": list(items.values()),
            "open": list(is_open.values()),
        }
    raise problem


def _key_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """The key of an item's row."""
    if row.get("event_id") is not None:
        return "event", row["event_id"]
    bot = row["bots"][0]
    return "bot", bot if isinstance(bot, str) else bot["bot_id"]
