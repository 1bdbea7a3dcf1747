"""The ids that came before, in little memory and without a doubt: no two ids are ever taken for one. Pure."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"[0-9a-f]{32}")
_HEADS = 8
"""Beginnings that get a set of their own; ids of one API have one."""


class Seen:
    """A set of ids that keeps each as a number, which takes half the memory of the text.

    Not as a hash: two ids with the same one would make one target disappear.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, set[int]] = {}
        """By what comes before the 32 hexadecimal digits that an id ends in."""
        self._others: set[int] = set()

    def add(self, identifier: str) -> bool:
        """Remember an id; whether it is new."""
        digits = identifier[-32:]
        if _DIGITS.fullmatch(digits):
            head = identifier[:-32]
            numbers = self._numbers.get(head)
            if numbers is None and len(self._numbers) < _HEADS:
                numbers = self._numbers[head] = set()
            if numbers is not None:
                return _add(numbers, int(digits, 16))
        # The first byte keeps the zeros apart that an id may begin with.
        return _add(self._others, int.from_bytes(b"\1" + identifier.encode("utf-8", "surrogatepass"), "big"))


def _add(numbers: set[int], number: int) -> bool:
    if number in numbers:
        return False
    numbers.add(number)
    return True
