"""The pages of ``GET /calendar/events``, which end whatever the API sends.

A cursor is a place in a database: pages are unordered, and may be short or empty with more to come.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Self, TypeAlias

from .models import MeetStreamEvent, MeetStreamEventPage

FetchPage: TypeAlias = Callable[[str | None], Awaitable[MeetStreamEventPage]]
"""Returns the page at a cursor; the first one for None."""

MOST_FRUITLESS: Final = 10
"""Pages in a row without a new event, after which no more are asked for."""
MOST_PAGES: Final = 1000
"""Pages that are asked for at most: 100,000 events."""


class EventPages:
    """The pages as an async iterator, each with those of its events that no page before it had.

    ``complete`` and ``why_incomplete`` are None until the end. After an error, the next step asks for the
    same page again.
    """

    def __init__(self, fetch: FetchPage, most_pages: int = MOST_PAGES) -> None:
        self._fetch = fetch
        self._most_pages = most_pages
        self._cursor: str | None = None
        self._cursors: set[str] = set()
        self._seen: set[str] = set()
        self._pages = 0
        self._fruitless = 0
        self._rejected = 0
        self.complete: bool | None = None
        self.why_incomplete: str | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[MeetStreamEvent, ...]:
        if self.complete is not None:
            raise StopAsyncIteration
        page = await self._fetch(self._cursor)
        self._pages += 1
        self._rejected += len(page.rejected)
        new = {event.id: event for event in page.events if event.id not in self._seen}
        self._seen.update(new)
        self._fruitless = 0 if new else self._fruitless + 1
        self._go_on(page)
        return tuple(new.values())

    def _go_on(self, page: MeetStreamEventPage) -> None:
        """Take up the next cursor, or end."""
        cursor = page.next
        if not cursor:
            if page.has_more:
                self._end("the API says that there are more events, and not where")
            elif self._rejected:
                self._end(f"{self._rejected} of the events and their bots can't be read")
            else:
                self.complete = True
        elif cursor in self._cursors:
            self._end("the API leads back to a page that it has shown before")
        elif self._fruitless >= MOST_FRUITLESS:
            self._end(f"{self._fruitless} pages in a row had no new event, with more to come")
        elif self._pages >= self._most_pages:
            self._end(f"there are more than {self._pages} pages of events")
        else:
            self._cursors.add(cursor)
            self._cursor = cursor

    def _end(self, why: str) -> None:
        self.complete, self.why_incomplete = False, why


class MeetStreamEventStream:
    """The events of the connected calendars as an async iterator of MeetStreamEvent, each once.

    ``complete``: whether these are all; None until the end. ``why_incomplete``: what speaks against it: the
    API repeats itself, does not come to an end, or sent events that can't be read. After an error, the next
    step asks for the same page again. An event that moves meanwhile may be missed.
    """

    def __init__(self, fetch: FetchPage) -> None:
        self._pages = EventPages(fetch)
        self._events: Iterator[MeetStreamEvent] = iter(())

    @property
    def complete(self) -> bool | None:
        """Whether all events were seen; None until the end."""
        return self._pages.complete

    @property
    def why_incomplete(self) -> str | None:
        """Why not all events were seen, if so."""
        return self._pages.why_incomplete

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MeetStreamEvent:
        while True:
            for event in self._events:
                return event
            self._events = iter(await anext(self._pages))
