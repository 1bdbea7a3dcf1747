"""What the client waits for, according to its log: the page would otherwise show a run that stands still."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator

_LOG = logging.getLogger("meetstream_async.http")


class Pauses(logging.Handler):
    """Hears of the pauses of all clients in this process, while it is ``listening``."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._until = 0.0

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        level = _LOG.level
        if _LOG.getEffectiveLevel() > logging.INFO:
            _LOG.setLevel(logging.INFO)
        _LOG.addHandler(self)
        try:
            yield
        finally:
            _LOG.removeHandler(self)
            _LOG.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        fields = vars(record)
        if fields.get("meetstream_event") == "pause":
            self._until = max(self._until, time.monotonic() + fields.get("meetstream_seconds", 0.0))

    def waiting(self) -> str | None:
        """What is waited for, in words; None if nothing is."""
        seconds = self._until - time.monotonic()
        return f"the API asks for a pause: it goes on in {seconds:.0f} s" if seconds >= 1 else None
