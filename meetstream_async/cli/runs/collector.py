"""How often a program that is nothing but a run looks for garbage."""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import Iterator

_EVERY = (20_000, 20, 20)
"""Objects made and not yet freed between two looks. Python's default is 700, which twenty requests that start
together make, and looking takes a run a twelfth of its time."""


@functools.cache
def _leave_out_what_is_loaded() -> None:
    """Once: it stays for as long as the process, and counting what is left out already takes a while."""
    gc.freeze()


@contextlib.contextmanager
def rarely_collecting() -> Iterator[None]:
    """For the block: look less often, and not through what has been loaded until now."""
    before = gc.get_threshold()
    _leave_out_what_is_loaded()
    gc.set_threshold(*_EVERY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
