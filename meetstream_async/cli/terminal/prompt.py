"""Ask for confirmation on a terminal, and enforce ``--max``."""

from __future__ import annotations

import sys

from ..exit_codes import Refused
from .display import DISPLAY
from .output import say


def ask(words: str | None, undone: str = "nothing was unscheduled") -> None:
    """Have the user type the words that confirm a run. Raises Refused for anything else.

    ``words`` is None if there is nothing to do, and so nothing to confirm.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(f"cannot ask for confirmation without a terminal: add --yes to proceed; {undone}")
    if words is None:
        return
    with DISPLAY.loud(needed=True):
        say("")
        say("Type ", (words, "bold"), " to continue, anything else to abort:")
    # Not input(), which writes its prompt to stdout, where only results go.
    if sys.stdin.readline().strip() != words:
        raise Refused(f"not confirmed; {undone}")


def check_most(
    count: int, most: int | None, *, unbounded: str | None = None, done: str = "cancelled"
) -> None:
    """Enforce ``--max``. Raises Refused if more would be cancelled, or if the number is unknown.

    ``done``: what is done with them, in a word.
    """
    if most is None:
        return
    if count > most:
        least = "at least " if unbounded else ""
        raise Refused(f"{least}{count} would be {done}, more than --max {most}; nothing was sent")
    if unbounded:
        raise Refused(f"--max {most} can't be guaranteed: {unbounded}; nothing was sent")
