"""How often a program that only works through jobs looks for garbage."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_EVERY = (20_000, 20, 20)
"""Objects made and not yet freed between two looks; Python's default is 700, which a worker makes in an
account, and looking costs it a twelfth of its time."""


@contextlib.contextmanager
def rarely_collecting() -> Iterator[None]:
    """For the block: look less often, and not through what has been loaded until now."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_EVERY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
