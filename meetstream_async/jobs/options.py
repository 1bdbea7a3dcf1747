"""The options of a job, which are those of ``unschedule_all``, as values that can be stored."""

from __future__ import annotations

import json
import math
from typing import Any

from attrs import fields, frozen

from .. import BotFilter, BulkOptions, ClientOptions, ConfigurationError, UnscheduleOptions

_BULK = BulkOptions[Any]()
_CLIENT = ClientOptions()


@frozen(kw_only=True)
class JobOptions(UnscheduleOptions):
    """The options of ``unschedule_all`` that a job can carry, each account on its own.

    ``where`` is a BotFilter: a function can't be stored. ``max_concurrency`` and ``rate_limit`` cap the
    requests of one account, ``timeout`` one attempt (seconds). The others are those of
    :func:`meetstream_async.unschedule_all`. Raises ConfigurationError as it does.
    """

    where: BotFilter | None = None
    """Selects bots; None selects all."""
    max_concurrency: int = _BULK.max_concurrency
    """Requests in flight at most."""
    rate_limit: float | None = _CLIENT.rate_limit
    """Requests per second at most; None sets no limit."""
    settle: float = 15.0
    """Seconds without progress for which rows that should be gone are waited for."""
    max_pause: float = _BULK.max_pause
    """Seconds. A run stops where the API asks for a longer pause."""
    stop_after_failures: int = _BULK.stop_after_failures
    """Targets in a row that fail because no server works, before the run stops."""
    timeout: float = _CLIENT.timeout
    """Seconds per attempt, body included."""
    max_events: int | None = None
    """An account in which more events, and bots without one, would be unscheduled is stopped; None sets no
    limit. Behind a full listing, where nobody can count, it stops before it would pass the limit."""

    def __attrs_post_init__(self) -> None:
        if self.where is not None and not isinstance(self.where, BotFilter):
            raise ConfigurationError(f"where must be a BotFilter in a job, not {type(self.where).__name__}")
        if self.where is not None and not _is_storable(self.where.to_dict()):
            raise ConfigurationError(
                "where can't be stored: attributes must be JSON values, and text Unicode"
            )
        for name in ("settle", "max_pause"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ConfigurationError(f"{name} must be a number of seconds, 0 or more, not {value!r}")
        most = self.max_events
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 0):
            raise ConfigurationError(f"max_events must be an int, 0 or more, or None, not {most!r}")
        super().__attrs_post_init__()
        self.bulk()
        ClientOptions(timeout=self.timeout, rate_limit=self.rate_limit)

    def bulk(self) -> BulkOptions[Any]:
        """How the run of one account goes."""
        return BulkOptions(**{name: getattr(self, name) for name in _BULK.to_dict()})

    def to_dict(self) -> dict[str, Any]:
        """Every option as JSON values; times in ISO 8601."""
        return {option.name: getattr(self, option.name) for option in fields(JobOptions)} | super().to_dict()


def _is_storable(values: dict[str, Any]) -> bool:
    """Comes back from the database as it was: a tuple would not, nor would half a character or a NUL."""
    try:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return "\\u0000" not in text and bool(json.loads(text) == values)
