"""Say what a command waits for once it takes over a second: which attempt, and why the last one failed."""

from __future__ import annotations

import asyncio
import logging
import time
from types import TracebackType
from typing import Self

from ..._tasks import end, pause
from .output import clean, say

_FIRST, _EVERY = 1.0, 3.0
"""Seconds before the first line, and between two."""
_CLIENT_LOG = logging.getLogger("meetstream_async.http")


class Waiting(logging.Handler):
    """Around the requests of a command that shows no bar. ``what`` is waited for, in words."""

    def __init__(self, what: str) -> None:
        super().__init__(logging.INFO)
        self._what = what
        self._attempt = 1
        self._why = ""
        self._begun = 0.0
        self._level = logging.NOTSET
        self._lines: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._begun = time.monotonic()
        self._level = _CLIENT_LOG.level
        if _CLIENT_LOG.getEffectiveLevel() > logging.INFO:
            _CLIENT_LOG.setLevel(logging.INFO)
        _CLIENT_LOG.addHandler(self)
        self._lines = asyncio.create_task(self._tell())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _CLIENT_LOG.removeHandler(self)
        _CLIENT_LOG.setLevel(self._level)
        if self._lines is not None:
            await end(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        fields = vars(record)
        if fields.get("meetstream_event") == "retry":
            self._attempt = int(fields.get("meetstream_attempt", 0)) + 1
            self._why = f" after {clean(fields.get('meetstream_reason', ''), 120)}"
        elif fields.get("meetstream_event") == "pause":
            self._why = f"; the API asks for a pause of {fields.get('meetstream_seconds', 0.0):.0f} s"

    async def _tell(self) -> None:
        await pause(_FIRST)
        while True:
            seconds = time.monotonic() - self._begun
            say(f"waiting for {self._what} for {seconds:.0f} s: attempt {self._attempt}{self._why}")
            await pause(_EVERY)
