"""A failing history made as small as it stays failing, and told as a story."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from typing import Any, TypeVar

from .histories import BotSpec, Habits, History
from .ledger import Request

_LISTS = ("interventions", "spells", "faults", "quirks", "changes", "bots", "events", "targets")
"""Longest stories first: what happens, then to whom."""
T = TypeVar("T", History, Habits, BotSpec)
Fails = Callable[[History], bool]


def shrink(history: History, fails: Fails, *, most: int = 2000) -> History:
    """The smallest history that still fails, found by leaving out and by making plain.

    ``fails`` runs a history and says whether the same invariant is broken. At most ``most`` runs.
    """
    search = _Search(fails, most)
    size = None
    while size != (size := (history.size, repr(history))) and search.left > 0:
        for name in _LISTS:
            history = search.shorten(history, name)
        for candidates in (_fewer_options, _plainer_habits, _plainer_values):
            history = search.simplify(history, candidates)
    return history


class _Search:
    """Runs candidates, and counts them."""

    def __init__(self, fails: Fails, most: int) -> None:
        self._fails = fails
        self.left = most

    def _still_fails(self, candidate: History) -> bool:
        self.left -= 1
        return self.left >= 0 and self._fails(candidate)

    def shorten(self, history: History, name: str) -> History:
        """Leave out parts of a list, large ones first."""
        size = len(getattr(history, name))
        while size:
            start = 0
            while start < len(whole := getattr(history, name)):
                candidate = _with(history, name, whole[:start] + whole[start + size :])
                if candidate is not None and self._still_fails(candidate):
                    history = candidate
                else:
                    start += size
            size //= 2
        return history

    def simplify(self, history: History, candidates: Callable[[History], Iterator[History]]) -> History:
        """Take the first candidate that still fails, as long as there is one."""
        while self.left > 0:
            better = next((one for one in candidates(history) if self._still_fails(one)), None)
            if better is None:
                return history
            history = better
        return history


def counted_by_target(history: History, requests: Iterable[Request]) -> History:
    """The same faults, counted by what they were about, which stays when other requests go."""
    faults = {fault.request: fault for fault in history.faults if not fault.of}
    counted = [
        replace(faults[request.number], request=request.nth, of=request.kin)
        for request in requests
        if request.number in faults
    ]
    return replace(history, faults=(*(fault for fault in history.faults if fault.of), *counted))


def _with(history: History, name: str, value: tuple[Any, ...]) -> History | None:
    """The history with a shorter list; None where it would make no sense any more."""
    if name == "targets" and not value:
        return None
    if name == "events":
        names = {event.id for event in value}
        if not value or not set(history.targets) <= names:
            return None
        bots = tuple(bot for bot in history.bots if set(bot.events) <= names)
        return replace(history, events=value, bots=bots)
    return _changed(history, name, value)


def _fewer_options(history: History) -> Iterator[History]:
    for name in ("options", "policy"):
        values: dict[str, Any] = getattr(history, name)
        for key in values:
            if key == "cancel_all_occurrences" and "from_date" in values:
                continue
            if key == "whole_events" and values.get("where") and values.get("cancel_all_occurrences"):
                continue
            yield _changed(history, name, {other: values[other] for other in values if other != key})
    for name in ("timeout", "rate_limit", "consumer", "eager", "lateness"):
        plain = getattr(_PLAIN, name)
        if getattr(history, name) != plain:
            yield _changed(history, name, plain)


def _plainer_habits(history: History) -> Iterator[History]:
    plain = Habits()
    for one in fields(Habits):
        if getattr(history.habits, one.name) != getattr(plain, one.name):
            yield replace(history, habits=_changed(history.habits, one.name, getattr(plain, one.name)))


def _plainer_values(history: History) -> Iterator[History]:
    for number, bot in enumerate(history.bots):
        for name, plain in (
            ("joins", 86400.0),
            ("shows", "time"),
            ("inside", True),
            ("events", bot.events[:1]),
        ):
            if getattr(bot, name) != plain:
                yield _put(history, "bots", number, _changed(bot, name, plain))
    for number, event in enumerate(history.events):
        if event.series is not None:
            yield _put(history, "events", number, replace(event, series=None))
        if event.listed != "event":
            yield _put(history, "events", number, replace(event, listed="event"))
    for number, fault in enumerate(history.faults):
        taken = {(other.of, other.request) for other in history.faults}
        if fault.request > 1 and (fault.of, fault.request - 1) not in taken:
            yield _put(history, "faults", number, replace(fault, request=fault.request - 1))
        if fault.kind != "503":
            yield _put(history, "faults", number, replace(fault, kind="503", seconds=0.0))


def _put(history: History, name: str, number: int, value: Any) -> History:
    values = list(getattr(history, name))
    values[number] = value
    return _changed(history, name, tuple(values))


def _changed(value: T, name: str, to: Any) -> T:
    changes: dict[str, Any] = {name: to}
    return replace(value, **changes)


_PLAIN = History()


def describe(history: History) -> Iterator[str]:
    """What a history has that a plain one has not, a line each."""
    yield f"door {history.door}" + (f", targets {', '.join(history.targets)}" if history.targets else "")
    for name in ("options", "policy"):
        values = getattr(history, name)
        if values:
            yield f"{name}: " + ", ".join(f"{key}={value!r}" for key, value in values.items())
    for name in ("timeout", "rate_limit", "consumer", "eager", "lateness", "knows_bot_event"):
        if getattr(history, name) != getattr(_PLAIN, name):
            yield f"{name}={getattr(history, name)!r}"
    plain = Habits()
    habits = [
        f"{one.name}={getattr(history.habits, one.name)!r}"
        for one in fields(Habits)
        if getattr(history.habits, one.name) != getattr(plain, one.name)
    ]
    if habits:
        yield "the account: " + ", ".join(habits)
    for event in history.events:
        yield f"event {event.id}, listed by {event.listed} id" + (
            f", of {event.series}" if event.series else ""
        )
    for bot in history.bots:
        when = f"joins at {bot.joins:g} s" + ("" if bot.shows == "time" else f", its row shows {bot.shows}")
        side = "" if bot.inside else ", outside of the filter"
        yield f"bot {bot.id} of {' and '.join(bot.events) or 'no event'}, {when}{side}"
    for name in ("changes", "quirks", "faults", "spells", "interventions"):
        for value in getattr(history, name):
            yield f"{value}"
