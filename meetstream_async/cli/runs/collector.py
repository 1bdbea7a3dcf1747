"""How often a program that is nothing but a run looks for garbage."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_EVERY = (20_000, 20, 20)
"""Objects made and not yet freed between two looks. Python's default is 700, which twenty requests that start
together make, and looking takes a run a twelfth of its time."""


@contextlib.contextmanager
def rarely_collecting() -> Iterator[None]:
    """For the block: look less often, and not through what has been loaded until now."""
    before, is_frozen = gc.get_threshold(), gc.get_freeze_count() > 0
    if not is_frozen:
        gc.freeze()
    gc.set_threshold(*_EVERY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not is_frozen:
            gc.unfreeze()
