"""How much is measured: everything in some minutes, or a first look in less than one."""

from __future__ import annotations

from attrs import frozen


@frozen
class Size:
    name: str
    ratio_rounds: int
    ratio_events: int


FULL = Size("full", ratio_rounds=60, ratio_events=500)
QUICK = Size("quick", ratio_rounds=12, ratio_events=300)
