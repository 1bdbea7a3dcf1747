"""Reading the events of the calendars while a run goes on: within bounds, and never at the run's expense."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from .._http.rate_limit import WaitTooLongError
from .._logs import log_fields
from .._tasks import pause
from ..errors import MeetStreamError, NotFoundError
from ..meetstream.events import EventPages, FetchPage
from ..meetstream.models import MeetStreamEvent
from ._summary import pause_before

MOST_SECONDS = 60.0
"""Seconds that reading all events may take."""
HOLD_SECONDS = 15.0
"""Seconds that items wait for them."""
PAGE_SECONDS = 10.0
"""Seconds that one page may take, all attempts together."""
_BREATH = 0.005
"""Seconds between reading a page, taking it in, and asking for the next one. Each keeps the process busy for
milliseconds; requests whose answers came meanwhile go on, and do not stay behind the pages for good."""

_SOON_READ = 3
"""Pages that are read without."""

_log = logging.getLogger("meetstream_async.bulk")


class EventReader(Protocol):
    """A state that is fed with events."""

    def take_events(self, events: Iterable[MeetStreamEvent], *, complete: bool = False) -> None: ...
    def take_events_error(self, reason: str) -> None: ...
    def release_held(self) -> None: ...


def why_unread(error: MeetStreamError | WaitTooLongError | TimeoutError) -> str:
    """Why the events can't be had, for a report."""
    if isinstance(error, NotFoundError):
        return f"no calendar's events can be read ({error.status} {error.message})"
    if isinstance(error, MeetStreamError):
        return f"the calendar events can't be read ({type(error).__name__}: {error})"
    if isinstance(error, WaitTooLongError):
        return pause_before(error.seconds, "the calendar events")
    return "the calendar events take too long"


def why_partly_read(why_incomplete: str | None) -> str | None:
    """The same where the pages ended early; None if they did not."""
    return why_incomplete and f"not all calendar events are known: {why_incomplete}"


async def read_events(
    state: EventReader,
    fetch: FetchPage,
    changed: Callable[[], object] = lambda: None,
    is_urgent: Callable[[], bool] = lambda: True,
) -> None:
    """Read all events into a state that expects them. An error ends it, and is told to the state only.

    ``changed`` is called when the state has heard of something. ``is_urgent``: whether there would be
    nothing else to do without them.
    """
    pages = EventPages(fetch)
    loop = asyncio.get_running_loop()
    held_until, many = loop.time() + HOLD_SECONDS, 0
    breathes_until = held_until + HOLD_SECONDS
    try:
        async with asyncio.timeout(MOST_SECONDS):
            async for events in pages:
                many += len(events) > 0
                breathes = (
                    bool(events) and many > _SOON_READ and loop.time() < breathes_until and not is_urgent()
                )
                if breathes:
                    await pause(_BREATH)
                state.take_events(events)
                if loop.time() >= held_until:
                    state.release_held()
                changed()
                if breathes:
                    await pause(_BREATH)
    except (MeetStreamError, WaitTooLongError, TimeoutError) as error:
        problem: str | None = why_unread(error)
    else:
        problem = why_partly_read(pages.why_incomplete)
    if problem is None:
        state.take_events((), complete=True)
    else:
        _log.warning("%s; the run goes on without", problem, extra=log_fields("no_events", reason=problem))
        state.take_events_error(problem)
    changed()
