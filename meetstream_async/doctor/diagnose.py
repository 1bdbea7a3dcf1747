"""Ask the API, one GET at a time, and hand what it answers to the checks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from yarl import URL

from .._http.api_errors import route_is_missing
from .._http.call import Context, Remark, Request, Route
from .._http.reply import Reply
from .._http.retry import is_retried
from .._http.session import ApiSession
from ..errors import ApiError, ClientSetupError, ConfigurationError, InvalidResponseError, MeetStreamError
from ..meetbit.client import MeetBitClient
from ..meetstream import auto_schedule_enabled, list_calendar_events, list_scheduled_bots
from ..meetstream.client import DEFAULT_BASE_URL, MeetStreamClient
from ..meetstream.events import EventPages
from ..meetstream.models import MeetStreamEvent, MeetStreamEventPage, ScheduledBotPage
from ._facts import Asked, Facts, read_head
from ._hosts import is_misspelt
from ._verdict import judge
from .diagnosis import Diagnosis

T = TypeVar("T")

MOST_REQUESTS: Final = 7
MOST_SECONDS: Final = 10.0
_LISTING_SECONDS: Final = 6.0
_OTHER_SECONDS: Final = 2.5
"""For one page, or the settings: what is slower would be too slow for a run, too."""
_DAY = timedelta(days=1)
_KEY_PREFIX = "ms_"


async def diagnose(client: MeetStreamClient | MeetBitClient, *, strict: bool = False) -> Diagnosis:
    """Look at an account before the first run: what works, which ids it shows, how cancels will go.

    Sends GETs only, one after the other, at most seven within ten seconds; nothing is changed. A listing that
    fails is asked for once more, and nothing else is retried. What goes wrong is a check that says so, not an
    exception. ``strict``: a warning makes the diagnosis not ok. Of MeetBit, whose API has nothing to ask for,
    one GET of its address checks configuration, TLS and clock; its keys are not checked.

    Raises ConfigurationError for anything but a client, and for one that is closed or belongs to another
    event loop.
    """
    if not isinstance(client, MeetStreamClient | MeetBitClient):
        raise ConfigurationError(f"client must be a client of this package, not {type(client).__name__}")
    questions = _Questions(client)
    if isinstance(client, MeetBitClient):
        await questions.ask_meetbit()
    else:
        await questions.ask_meetstream()
    return judge(questions.facts(), strict=strict)


class _Questions:
    """The requests of one diagnosis, within their bounds."""

    def __init__(self, client: MeetStreamClient | MeetBitClient) -> None:
        self._api = client.api
        self._is_meetbit = isinstance(client, MeetBitClient)
        client.api.open()
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + MOST_SECONDS
        self._sent = 0
        self._key_accepted = False
        self._facts: dict[str, Any] = {}

    def facts(self) -> Facts:
        api = self._api
        return Facts(
            api="MeetBit" if self._is_meetbit else "MeetStream",
            base_url=api.base_url,
            default_url=None if self._is_meetbit else URL(DEFAULT_BASE_URL),
            key_prefix_fits=self._is_meetbit or api.credentials[0].begins_with(_KEY_PREFIX),
            network=_network(self._api),
            now=api.server_time(),
            **self._facts,
        )

    async def ask_meetbit(self) -> None:
        """One GET of the address: whatever it answers shows the way there, and the time."""
        asked = await self._ask(Request(Route("GET", ("",)), _anything), "", _LISTING_SECONDS)
        self._facts["first"] = () if asked is None else (asked,)

    async def ask_meetstream(self) -> None:
        if is_misspelt(self._api.base_url.host or "", URL(DEFAULT_BASE_URL).host or ""):
            self._facts["misspelt"] = True
            return
        page = await self._ask_for_bots()
        if page is None:
            return
        self._facts["settings"] = await self._ask(
            auto_schedule_enabled(), "/calendar/auto-schedule/settings", _OTHER_SECONDS
        )
        await self._ask_for_events(page)

    async def _ask_for_bots(self) -> ScheduledBotPage | None:
        """The listing, at the path that works; once more after a failure that may pass."""
        request = list_scheduled_bots()
        tries: list[Asked[ScheduledBotPage]] = []
        for path in request.route.paths:
            while (asked := await self._ask(request, path, _LISTING_SECONDS)) is not None:
                if tries and not asked.was_sent:
                    # The pause that it asked for is longer than the doctor waits.
                    return None
                tries.append(asked)
                self._facts["listings"] = tuple(tries)
                if len(tries) > 1 or not _may_pass(asked):
                    break
            if asked is None or asked.value is not None:
                return None if asked is None else asked.value
            if not _asks_for_another_path(asked.error):
                return None
        return None

    async def _ask_for_events(self, page: ScheduledBotPage) -> None:
        """As many pages of events as the bounds allow, of the time in which the listed bots join."""
        joins = [bot.scheduled_join_time for bot in page.bots if bot.scheduled_join_time is not None]
        first: datetime | None = None
        last: datetime | None = None
        # At the ends of the calendar there is no day before or after, or none in UTC.
        with suppress(OverflowError):
            if joins:
                first, last = (min(joins) - _DAY).astimezone(UTC), (max(joins) + _DAY).astimezone(UTC)
        asked_for: list[Asked[MeetStreamEventPage]] = []

        async def fetch(cursor: str | None) -> MeetStreamEventPage:
            request = list_calendar_events(first, last, cursor=cursor)
            asked = await self._ask(request, request.route.paths[0], _OTHER_SECONDS)
            if asked is None:
                raise _OutOfBoundsError
            asked_for.append(asked)
            if asked.value is None:
                raise _OutOfBoundsError
            return asked.value

        pages = EventPages(fetch)
        events: list[MeetStreamEvent] = []
        repeats = 0
        try:
            async for new in pages:
                events += new
                repeats += not new and pages.complete is None
        except _OutOfBoundsError:
            pass
        self._facts |= {
            "pages": tuple(asked_for),
            "events": tuple(events),
            "events_complete": pages.complete,
            "why_incomplete": pages.why_incomplete,
            "repeats": repeats,
        }

    async def _ask(self, request: Request[T], path: str, seconds: float) -> Asked[T] | None:
        """One GET. None where the bounds allow no more."""
        left = self._end - self._loop.time()
        if self._sent >= MOST_REQUESTS or left <= 0.0:
            return None
        sent, began = datetime.now(UTC), time.monotonic()
        outcome = await self._api.probe(request, path, min(seconds, left))
        took = time.monotonic() - began
        if isinstance(outcome, ClientSetupError):
            raise outcome
        if isinstance(outcome, MeetStreamError):
            self._sent += bool(outcome.attempts)
            return Asked(path, took, None, error=outcome)
        self._sent += 1
        head = read_head(outcome.status, outcome.headers, sent, datetime.now(UTC))
        context = Context(attempts=1, key_accepted=self._key_accepted)
        try:
            value, _ = request.read(outcome, context)
        except (ApiError, InvalidResponseError) as error:
            return Asked(path, took, head, error=error.with_traceback(None))
        self._key_accepted = True
        return Asked(path, took, head, value)


class _OutOfBoundsError(Exception):
    """No further page is asked for."""


def _anything(reply: Reply, _: Context) -> tuple[int, Sequence[Remark]]:
    return reply.status, ()


def _may_pass(asked: Asked[Any]) -> bool:
    """The same request may be answered a moment later."""
    if asked.head is not None:
        return is_retried(asked.head.status)
    return not getattr(asked.error, "permanent", True) and not isinstance(asked.error, TimeoutError)


def _asks_for_another_path(error: MeetStreamError | None) -> bool:
    return isinstance(error, ApiError) and (route_is_missing(error) or error.refused_in_front)


def _network(api: ApiSession) -> str:
    """How the address is reached, in words."""
    if api.is_borrowed:
        return "through a session of the caller's"
    proxy = api.network.proxy
    return "directly" if proxy is None else f"through the proxy {proxy}"
