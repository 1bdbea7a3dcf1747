"""Bots that a listing shows more than once, and not always alike. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TypeVar

from ..meetstream.models import ScheduledBot
from ._evidence import is_in_meeting, is_withdrawn

T = TypeVar("T")
K = TypeVar("K")


def by_id(bots: Iterable[ScheduledBot]) -> dict[str, ScheduledBot]:
    """The rows of a listing; of a repeated bot, the one that calls for most care, else the last.

    One that has joined before one that is going to, that before a cancelled one; and one that names the event
    before one that does not.
    """
    return _foremost(bots, attrgetter("bot_id"))


def one_each(targets: Iterable[T], repeated: Mapping[str, Sequence[ScheduledBot]]) -> Iterable[T]:
    """Targets of which each bot is left with one row for each of its events, chosen as ``by_id`` does.

    ``repeated``: what ``repeated_in`` finds among them.
    """
    if not repeated:
        return targets
    chosen: dict[str, set[int]] = {}
    for bot_id, rows in repeated.items():
        of_event: dict[str | None, ScheduledBot] = _foremost(rows, attrgetter("event_id"))
        if len(of_event) > 1:
            # It is the event's then, whatever the row without one says.
            of_event.pop(None, None)
        chosen[bot_id] = set(map(id, of_event.values()))
    return [
        target
        for target in targets
        if not isinstance(target, ScheduledBot)
        or target.bot_id not in chosen
        or id(target) in chosen[target.bot_id]
    ]


def repeated_in(bots: Iterable[ScheduledBot]) -> Mapping[str, Sequence[ScheduledBot]]:
    """All rows of the bots that are there more than once."""
    rows = list(bots)
    if len({bot.bot_id for bot in rows}) == len(rows):
        return {}
    of_bot: dict[str, list[ScheduledBot]] = defaultdict(list)
    for bot in rows:
        of_bot[bot.bot_id].append(bot)
    return {bot_id: found for bot_id, found in of_bot.items() if len(found) > 1}


def _foremost(rows: Iterable[ScheduledBot], name_of: Callable[[ScheduledBot], K]) -> dict[K, ScheduledBot]:
    """By name, the row that calls for most care, else the last."""
    found: dict[K, ScheduledBot] = {}
    for row in rows:
        name = name_of(row)
        known = found.get(name)
        if known is None or _care(row) >= _care(known):
            found[name] = row
    return found


def _care(row: ScheduledBot) -> tuple[int, bool]:
    state = 2 if is_in_meeting(row) else 0 if is_withdrawn(row) else 1
    return state, not row.is_one_off
