"""When a pace that was found is doubted: a probe finds out whether the limit has risen. Pure, no I/O."""

from __future__ import annotations

from attrs import define

_FIRST = 2.0
_PRICE = 15.0
"""The first probe comes after 2 s and fifteen times the pause that it may cost, and each one in vain puts the
next one off. Where the limit has just changed, some come sooner: it may change again."""
_LATER = 1.25
_DEAREST = 28.0
"""Times the pause that a probe may cost: at most that long until the next one, if it is no more than 30 s."""
_LONGEST = 30.0
_FEW = 20
"""Requests that tell little of the limit."""
_SOON = 1.0
_EAGER = 6
"""Early probes after a change."""
_REQUESTS = 80.0
"""Requests between two probes at least, so that few are refused where the limit is low."""
_FAR = 4.0
"""How far a limit must have fallen to be doubted after ten requests: it is more likely to rise again."""
_SAME = 0.15
"""Share by which two limits that were found may differ and be the same."""


@define
class Probes:
    """Seconds of use until the next probe, and how many early ones are left."""

    hold: float = 0.0
    eager: int = 0
    steady: float = 0.0
    """The last limit that was met again, long after a change."""

    def begin(self, limit: float, wait: float) -> None:
        """There is a first limit, and a refusal costs a pause of ``wait`` seconds."""
        self.hold = max(_FIRST + _PRICE * wait, _REQUESTS / limit)

    def plan(self, before: float | None, limit: float, wait: float, count: int) -> None:
        """A limit was found, by ``count`` requests; ``before``: the one that was believed."""
        first = max(_FIRST + _PRICE * wait, _REQUESTS / limit)
        if before is None:
            self.hold = first if count >= _FEW else max(first / 2, _REQUESTS / limit)
        elif abs(limit - before) > _SAME * before:
            self.eager = _EAGER
            share = 2.0 if limit * _FAR > self.steady else 8.0
            self.hold = max(_SOON + 2.0 * wait, _REQUESTS / limit / share)
        elif self.eager:
            self.eager -= 1
        else:
            self.steady = limit
            self.hold = min(_LATER * self.hold, max(first, min(_DEAREST * wait, _LONGEST)))
