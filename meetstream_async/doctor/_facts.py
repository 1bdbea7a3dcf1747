"""What the doctor asked, and what came back: the ground of every check. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from attrs import frozen
from yarl import URL

from .._http.waits import asked_wait, parse_http_date
from ..errors import InvalidResponseError, MeetStreamError
from ..meetstream.models import MeetStreamEvent, MeetStreamEventPage, ScheduledBotPage

T_co = TypeVar("T_co", covariant=True)

_LIMITS = ("RateLimit-Limit", "X-RateLimit-Limit", "X-Rate-Limit-Limit")
_REMAINING = ("RateLimit-Remaining", "X-RateLimit-Remaining", "X-Rate-Limit-Remaining")
_SECOND = timedelta(seconds=1)


@frozen
class Reading:
    """What the head of a reply says apart from the answer itself."""

    status: int
    ahead: float | None
    """Seconds by which this machine's clock is ahead of the server's, as far as is certain; negative if it is
    behind; None where the reply has no ``Date``."""
    limit: int | None
    """Requests that the API says it allows."""
    remaining: int | None
    """Requests that the API says are left."""
    wait: float | None
    """Seconds that it asks to wait."""


def read_head(status: int, headers: Mapping[str, str], sent: datetime, received: datetime) -> Reading:
    """``sent``, ``received``: by this machine's clock; aware."""
    return Reading(
        status,
        ahead=_ahead(parse_http_date(headers.get("Date")), sent, received),
        limit=_number(headers, _LIMITS),
        remaining=_number(headers, _REMAINING),
        wait=asked_wait(headers) if status >= 400 else None,
    )


def _ahead(date: datetime | None, sent: datetime, received: datetime) -> float | None:
    if date is None:
        return None
    if received < date:
        return (received - date).total_seconds()
    # A ``Date`` is cut to whole seconds, so the server's clock may be that much later.
    return max(0.0, (sent - date - _SECOND).total_seconds())


def _number(headers: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    for name in names:
        text = headers.get(name, "").strip()
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
    return None


@frozen
class Asked(Generic[T_co]):
    """One request, and what came of it: a value or an error."""

    path: str
    seconds: float
    """How long it took."""
    head: Reading | None
    """None where no reply came."""
    value: T_co | None = None
    error: MeetStreamError | None = None

    @property
    def answered(self) -> bool:
        """A server has answered, whatever it said."""
        return self.head is not None or isinstance(self.error, InvalidResponseError)

    @property
    def is_limited(self) -> bool:
        return self.head is not None and self.head.status == 429

    @property
    def was_sent(self) -> bool:
        return self.error is None or self.error.attempts > 0


@frozen(kw_only=True)
class Facts:
    """All that is known of one account, or of one MeetBit address."""

    api: str
    """``MeetStream`` or ``MeetBit``."""
    base_url: URL
    default_url: URL | None = None
    """The public API's."""
    key_prefix_fits: bool = True
    """The key begins as the API's keys do."""
    network: str
    """How the address is reached, in words: with which proxy."""
    misspelt: bool = False
    """The host is a misspelling of the public one, so nothing was sent."""
    first: tuple[Asked[object], ...] = ()
    """MeetBit: the one request."""
    listings: tuple[Asked[ScheduledBotPage], ...] = ()
    settings: Asked[bool] | None = None
    pages: tuple[Asked[MeetStreamEventPage], ...] = ()
    events: tuple[MeetStreamEvent, ...] = ()
    """Each once."""
    events_complete: bool | None = None
    """None where not all pages were asked for."""
    why_incomplete: str | None = None
    repeats: int = 0
    """Pages without a new event, and with more to come."""
    now: datetime
    """By the server's clock where it is known; aware."""

    @property
    def asked(self) -> tuple[Asked[object], ...]:
        """All requests, in no particular order."""
        settings = () if self.settings is None else (self.settings,)
        return (*self.first, *self.listings, *settings, *self.pages)

    @property
    def listing(self) -> ScheduledBotPage | None:
        """The listing, if one was answered."""
        return self.listings[-1].value if self.listings else None
