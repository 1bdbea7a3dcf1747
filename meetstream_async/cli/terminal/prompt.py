"""Asking for consent on a terminal, and the bound of ``--max``."""

from __future__ import annotations

import sys

from ..exit_codes import Refused
from .output import say


def ask(words: str | None, undone: str = "nothing was unscheduled") -> None:
    """Have the human type what is going to happen. Raises Refused for anything else.

    ``words`` is None where there is nothing to do, and so nothing to ask.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(f"nobody can be asked without a terminal: add --yes to go on; {undone}")
    if words is None:
        return
    say("")
    say("Type ", (words, "bold"), " to go on, anything else to leave:")
    # Not input(), which writes to stdout, where only results go.
    if sys.stdin.readline().strip() != words:
        raise Refused(f"not confirmed; {undone}")


def check_most(count: int, most: int | None, *, unbounded: str | None = None) -> None:
    """Heed ``--max``. Raises Refused where more would be cancelled, or where nobody knows how many."""
    if most is None:
        return
    if count > most:
        least = "at least " if unbounded else ""
        raise Refused(f"{least}{count} would be cancelled, more than --max {most}; nothing was sent")
    if unbounded:
        raise Refused(f"--max {most} can't be kept: {unbounded}; nothing was sent")
