"""What a contender is to the measuring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

API_KEY = "ms_benchmark-0123456789abcdef"

Run = Callable[[Sequence[str]], Awaitable[int]]
"""Unschedules the events; returns how many replies said so."""

Opened = Callable[[str, int], AbstractAsyncContextManager[Run]]
"""Opens a contender at a base URL with so many requests in flight."""
