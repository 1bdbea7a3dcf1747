"""Refusals that come whatever the pace is: one node of several refuses, or each tenth request. Pure, no I/O.

A limit that is met refuses less once requests are slower. Where refusals go on although the pace has come
down, and as many requests as before get through between two of them, it is not lowered further: else it would
come down for ever. What it was is tried again, and more than that, as long as it costs no further refusals.
"""

from __future__ import annotations

from attrs import define, field

_PHASES = 8
"""Refusals that no probe had met."""
_FEW = 3.0
"""Requests between two of them on average that tell a refused tenth from a limit far below the pace."""
_SLOWER = 0.85
"""The pace of the later half of them, as a share of that of the first half."""
_NO_BETTER = 1.5
_TRIED = 8
"""Refusals after which a pace that is held is judged."""
_HIGHER = 2.0
_USED = 0.5
_PATIENCE = 4
"""Times as long until the pace is raised again, once that was in vain."""


@define
class Strays:
    """What became of the last phases."""

    phases: list[tuple[float, int]] = field(factory=list)
    """Their pace in requests per second, and how many requests were let through."""
    held: float = 0.0
    """Requests per second below which the pace does not fall; 0 while refusals are those of a limit."""
    lowest: float = 0.0
    """What the pace had come down to."""
    usual: float = 0.0
    """Requests between two refusals then."""
    wait: int = 1
    waited: int = 0
    """Of so many judgements in favour of the pace that is held, how many there were."""
    used: bool = False
    """As many as it allows were let through, or nearly so."""

    def judge(self, pace: float, count: int, seconds: float, found: float, *, risen: bool) -> float:
        """The limit after a refusal at this pace, when so many were let through in so many seconds.

        ``found``: as a limit explains it; ``risen``: a probe met it.
        """
        if risen and not self.held:
            del self.phases[:2]
            return found
        self.phases.append((pace, count))
        if self.held:
            # A pace that only concurrency bounds says nothing of a higher one.
            self.used = self.used or count >= _USED * self.held * max(seconds, 0.1)
            if len(self.phases) >= _TRIED:
                self._judge_held()
        elif len(self.phases) >= _PHASES:
            self._look()
        return max(found, self.held)

    def _look(self) -> None:
        half = _PHASES // 2
        del self.phases[:-_PHASES]
        (first, before), (last, after) = _mean(self.phases[:half]), _mean(self.phases[half:])
        if before + after >= 2.0 * _FEW and last < _SLOWER * first and after < _NO_BETTER * before:
            self.held, self.lowest, self.usual = self.phases[0][0], last, (before + after) / 2.0
            self.phases, self.wait, self.waited = [], 1, 0

    def _judge_held(self) -> None:
        count = _mean(self.phases)[1]
        self.phases = []
        if count >= 3.0 * self.usual:
            # They have ended, or nearly so.
            self.held = 0.0
        elif count >= 0.7 * self.usual:
            self.waited += self.used
            self.used = False
            if self.waited >= self.wait:
                self.held, self.waited = self.held * _HIGHER, 0
        elif count < 0.4 * self.usual:
            # These are refusals of a limit.
            self.held, self.wait, self.waited = self.held / _HIGHER, self.wait * _PATIENCE, 0
            if self.held < self.lowest:
                self.held = 0.0


def _mean(phases: list[tuple[float, int]]) -> tuple[float, float]:
    return sum(pace for pace, _ in phases) / len(phases), sum(count for _, count in phases) / len(phases)
