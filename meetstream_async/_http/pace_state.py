"""The state of a pace as JSON values, for a store that several processes share. Pure, no I/O.

What belongs to one process stays out of it: the bound, and the starts that it counts.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from attrs import astuple

from .let_through import SPAN, LetThrough
from .pace import Pace
from .pace_probes import Probes
from .pace_strays import Strays
from .pace_windows import Ended, Guess, KeptWindow, Window

FORMAT = 1

_PACE = (
    "_slot", "paused_until", "last_let_through", "_in_a_row", "_warnings", "_left", "_left_until", "is_free",
    "_ramp",
)  # fmt: skip
_FINDER = (
    "_count", "_since", "_rate", "limit", "_burst", "_burst_seconds", "_last_began", "_busy", "_last", "_cut",
    "_cut_at", "round_trip", "_rest", "findings",
)  # fmt: skip
_TIMES = {
    "_slot", "paused_until", "last_let_through", "_left_until",
    "_since", "_last_began", "_last", "_cut", "_cut_at",
}  # fmt: skip


def to_state(pace: Pace) -> dict[str, Any]:
    """What others need to go on from here."""
    finder = pace.finder
    own, found = vars(pace), vars(finder)
    return {
        "format": FORMAT,
        "pace": [_plain(own[name]) for name in _PACE],
        "finder": [_plain(found[name]) for name in _FINDER],
        "seen": found["_seen"].to_list(),
        "ended": None if found["_ended"] is None else astuple(found["_ended"]),
        "probes": astuple(found["_probes"]),
        "strays": astuple(found["_strays"]),
        "guess": astuple(found["_guess"]),
        **_kept_state(found["_kept"]),
    }


def _kept_state(kept: KeptWindow) -> dict[str, Any]:
    return {
        "window": None if kept.window is None else astuple(kept.window),
        "starts": list(kept.starts),
        "kept": [_plain(kept.scout), kept.may_scout, kept.windows, kept.doubt_after],
    }


def take_state(pace: Pace, state: dict[str, Any]) -> None:
    """Go on from there. Raises ValueError, KeyError or TypeError for what is no state of this format."""
    if state["format"] != FORMAT:
        raise ValueError("another format")
    own = dict(zip(_PACE, map(_float, state["pace"]), strict=True))
    found = dict(zip(_FINDER, map(_float, state["finder"]), strict=True))
    found["_seen"] = LetThrough((int(span), int(count)) for span, count in state["seen"])
    found["_ended"] = None if state["ended"] is None else Ended(*state["ended"])
    found["_probes"] = Probes(*state["probes"])
    found["_guess"] = Guess(*state["guess"])
    phases, *held = state["strays"]
    found["_strays"] = Strays([(rate, count) for rate, count in phases], *held)
    window = None if state["window"] is None else Window(*state["window"])
    starts = deque(state["starts"], maxlen=None if window is None else window.most)
    found["_kept"] = KeptWindow(window, starts, *map(_float, state["kept"]))
    vars(pace).update(own, is_free=own["is_free"] and pace.finder.bound is None)
    vars(pace.finder).update(found)


def move_state(state: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The same for a clock that shows so much more. Raises as ``take_state`` does."""
    moved = {
        part: [
            _later(value, seconds) if name in _TIMES else value
            for name, value in zip(names, state[part], strict=True)
        ]
        for part, names in (("pace", _PACE), ("finder", _FINDER))
    }
    spans = round(seconds / SPAN)
    seen = [(span + spans, count) for span, count in state["seen"]]
    starts = [start + seconds for start in state["starts"]]
    scout, *rest = state["kept"]
    return {**state, **moved, "seen": seen, "starts": starts, "kept": [_later(scout, seconds), *rest]}


def _later(value: Any, seconds: float) -> Any:
    if isinstance(value, list | tuple):
        at, told, sent = value
        return [at + seconds, told, sent + seconds]
    # No time, or one that is infinitely far away.
    return value + seconds if value and not isinstance(value, str) else value


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _float(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return float(value) if isinstance(value, str) else value
