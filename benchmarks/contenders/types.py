"""The interface of a contender."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

API_KEY = "ms_benchmark-0123456789abcdef"

Run = Callable[[Sequence[str]], Awaitable[int]]
"""Unschedules the events; returns how many replies confirmed it."""

Opened = Callable[[str, int], AbstractAsyncContextManager[Run]]
"""Opens a contender for a base URL and a number of requests in flight."""
