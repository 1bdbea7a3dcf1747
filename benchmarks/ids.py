"""Event ids that look like the API's own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count


def event_id(number: int) -> str:
    return f"evt_{number:032x}"


class FreshIds:
    """New ids each time, since yarl would cache repeated URLs."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = count()

    def take(self, amount: int) -> list[str]:
        return [event_id(next(self._numbers)) for _ in range(amount)]
