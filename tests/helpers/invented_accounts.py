"""Accounts with trouble that nobody scripted, each from a seed."""

from __future__ import annotations

import random
from typing import Any

from meetstream_async import UnscheduleOptions
from tests.helpers.model_account import ZOOM, Account, Bot, Trouble

EVENTS = ["e1", "e2", "e3", "e4", None]
JOINS = [1.0, 3.0, 8.0, 5000.0, 5000.0, 5000.0]
CHANCE = [0.0, 0.0, 0.1, 0.4]
TROUBLES: dict[str, list[Any]] = {
    "lag": [0.0, 0.0, 2.0, 7.0],
    "omits": CHANCE,
    "repeats": CHANCE,
    "truncated": [100, 100, 3],
    "lost_before": CHANCE,
    "lost_after": CHANCE,
    "takes_one": [0.0, 0.5, 1.0],
    "foreign": [0.0, 0.0, 0.5, 1.0],
    "others": [0.0, 0.0, 0.05],
    "comes_back": [0.0, 0.0, 0.5, 1.0],
    "withdrawn_rows": [True, False],
    "refusals": [0.0, 0.0, 0.1],
}


def invented(seed: int) -> tuple[Account, UnscheduleOptions, float]:
    """An account with its trouble, and the options and the patience of a run over it, all from a seed."""
    dice = random.Random(seed)
    pick = dice.choice
    filtered = pick([True, False])
    bots: dict[str, Bot] = {}
    for number in range(dice.randrange(10)):
        event, joins = pick(EVENTS), pick(JOINS)
        inside = not filtered or pick([True, False])
        bots[f"b{number}"] = Bot(f"b{number}", event, joins, inside, pick([True] * 5 + [False]))
    trouble = Trouble(**{name: pick(values) for name, values in TROUBLES.items()})
    options = UnscheduleOptions(
        where=ZOOM if any(not bot.inside for bot in bots.values()) else None,
        one_off_bots=pick(["report", "delete", "delete"]),
        cancel_by=pick(["auto", "auto", "event", "bot"]),
    )
    return Account(seed, bots, trouble), options, pick([0.0, 5.0, 15.0])
