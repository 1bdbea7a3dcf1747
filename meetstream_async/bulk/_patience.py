"""How long a run waits for rows that should be gone. Pure."""

from __future__ import annotations

from attrs import define

from ._verification import FIRST_CHECK, LONGEST_CHECK


@define(eq=False)
class Patience:
    """How long rows that should be gone are waited for."""

    rows: int | None = None
    since: float = 0.0
    pause: float = FIRST_CHECK
    proved: bool = False
    """The one look beyond ``settle`` was taken, for bots that one listing only does not show."""

    def lasts(self, rows: int, now: float, settle: float) -> bool:
        # Only a new minimum counts as progress: the listing may flicker.
        if self.rows is None or rows < self.rows:
            self.rows, self.since = rows, now
        return now - self.since < settle

    def next_check(self, now: float, settle: float) -> float:
        at = min(now + self.pause, max(self.since + settle, now))
        self.pause = min(2 * self.pause, LONGEST_CHECK)
        return max(at, now + 0.01)
