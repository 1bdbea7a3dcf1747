"""The options of a job, which are those of ``unschedule_all``, as values that can be stored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from attrs import asdict, fields, frozen

from .. import BotFilter, ConfigurationError, MeetStreamClient, stream_unschedule


@frozen(kw_only=True)
class JobOptions:
    """The options of ``unschedule_all`` that a job can carry, each account on its own.

    ``where`` is a BotFilter: a function can't be stored. ``max_concurrency`` and ``rate_limit`` cap the
    requests of one account, ``timeout`` one attempt (seconds). The others are those of
    :func:`meetstream_async.unschedule_all`. Raises ConfigurationError as it does.
    """

    where: BotFilter | None = None
    cancel_all_occurrences: bool | None = None
    from_date: datetime | None = None
    one_off_bots: Literal["report", "skip", "delete"] = "report"
    whole_events: bool = False
    dry_run: bool = False
    max_concurrency: int = 5
    rate_limit: float | None = None
    settle: float = 15.0
    max_pause: float = 300.0
    stop_after_failures: int = 20
    timeout: float = 30.0

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
        # The library checks its own arguments, and neither call does any I/O.
        client = MeetStreamClient(
            "not-a-key-only-checks-the-rest", timeout=self.timeout, rate_limit=self.rate_limit
        )
        stream_unschedule(client, (), where=self.where, whole_events=self.whole_events, **self.for_bulk())

    def for_bulk(self) -> dict[str, Any]:
        """The arguments of ``bulk_unschedule``, less those that select."""
        return {
            "max_concurrency": self.max_concurrency,
            "cancel_all_occurrences": self.cancel_all_occurrences,
            "from_date": self.from_date,
            "one_off_bots": self.one_off_bots,
            "dry_run": self.dry_run,
            "max_pause": self.max_pause,
            "stop_after_failures": self.stop_after_failures,
        }

    def to_dict(self) -> dict[str, Any]:
        """Every option as JSON values; times in ISO 8601."""
        values = asdict(self, recurse=False)
        values["where"] = None if self.where is None else self.where.to_dict()
        values["from_date"] = None if self.from_date is None else self.from_date.isoformat()
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> JobOptions:
        """The inverse of ``to_dict``. Raises ConfigurationError for unknown names and unreadable times."""
        given = dict(values)
        unknown = given.keys() - {option.name for option in fields(cls)}
        if unknown:
            # An option that is ignored could cancel too much.
            raise ConfigurationError(f"unknown option of a job: {', '.join(sorted(map(str, unknown)))}")
        if isinstance(where := given.get("where"), Mapping):
            given["where"] = BotFilter.from_dict(where)
        if isinstance(text := given.get("from_date"), str):
            try:
                given["from_date"] = datetime.fromisoformat(text)
            except ValueError:
                raise ConfigurationError(f"from_date {text!r} is not an ISO 8601 datetime") from None
        return cls(**given)


def _is_storable(values: dict[str, Any]) -> bool:
    """Comes back from the database as it was: a tuple would not, nor would half a character or a NUL."""
    try:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError):
        return False
    return "\\u0000" not in text and bool(json.loads(text) == values)
