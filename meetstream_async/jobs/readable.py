"""Whether what is stored can be read: if not, an error that names the row and shows nothing of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .. import MeetStreamError
from .errors import UnreadableJobError
from .json_rows import refusal


def unreadable(where: str, value: object = None) -> UnreadableJobError:
    """The error for a row; ``value`` is what was found in its place."""
    return UnreadableJobError(f"{where} can't be read: {refusal(value) or 'it is not what jobs store'}")


@contextlib.contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn what goes wrong with a stored value of another shape into UnreadableJobError."""
    wrong = False
    try:
        yield
    except MeetStreamError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        wrong = True
    if wrong:
        raise unreadable(where)
