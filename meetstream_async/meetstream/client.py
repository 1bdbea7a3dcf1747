"""The MeetStream client: one short typed method per endpoint, and the stream of scheduled bots.

Sources: "List Scheduled Bots" and "Unschedule Bot for Event" of the MeetStream API reference, and the
vendor's published clients for ``/calendar/scheduled_bots``, ``/calendar/events`` and ``/bots``.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import aiohttp

from .._http.client import ApiClient
from .._http.network import choose_network
from .._http.pace_store import check_pace_store
from .._http.retry import RetryPolicy
from .._http.secrets import Secret
from .._http.session import ApiSession
from .._http.urls import check_base_url
from . import _bot_requests, _requests
from ._replies import ERROR_TEXTS
from ._requests import MAX_LIMIT
from .bots import BotDetail, CreatedBot, MovedBot, ScheduleResult
from .events import MeetStreamEventStream
from .models import (
    DeletedBot,
    MeetStreamEventPage,
    RejectedRow,
    ScheduledBot,
    ScheduledBotPage,
    UnscheduleResult,
    soonest_first,
)

DEFAULT_BASE_URL = "https://api.meetstream.ai/api/v1"


class MeetStreamClient(ApiClient):
    """An asyncio client of the MeetStream calendar API.

    Opened by ``async with`` or by the first request; closed at the end of the block or by ``await close()``.
    Share one client per key: it owns the connections, the rate limit and the pause after a 429.

    api_key: by default ``MEETSTREAM_API_KEY``.
    base_url: by default ``MEETSTREAM_API_URL``, else the public address.
    session: an ``aiohttp.ClientSession`` to borrow: it is neither closed nor changed, and its middlewares do
        not run on our requests.
    retry: how often and for how long a whole call is retried.
    timeout: seconds per attempt, body included.
    rate_limit: requests per second at most, evenly spaced, retries included. None finds what the API allows.
    trace_configs: aiohttp's, for the session that the client opens itself.
    proxy: the URL of an HTTP proxy, with its user and password if it needs them. It, ``ssl_context`` and
        ``trust_env`` are for a session of the client's own, and may not be given together with ``session``.
        Loopback addresses are reached without a proxy.
    ssl_context: checks the server's certificate, in place of the default one.
    trust_env: take the proxy from ``HTTPS_PROXY`` and ``NO_PROXY``; ``.netrc`` is never read.
    pace_store: a SQLite file, or a PostgreSQL URL, by which processes with one key share their pace; by
        default ``MEETSTREAM_PACE_STORE``.
    user_agent: the application's name and version, in printable ASCII, which is added to our ``User-Agent``.

    Raises ConfigurationError for a missing or malformed key, a base URL that a key must not be sent to,
    or any argument out of range. Every call may raise the errors of :mod:`meetstream_async.errors`.
    """

    _error_texts = ERROR_TEXTS

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - immutable
        timeout: float = 30.0,
        rate_limit: float | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        trust_env: bool = False,
        pace_store: str | os.PathLike[str] | None = None,
        user_agent: str | None = None,
    ) -> None:
        try:
            secret = Secret.load(api_key, "MEETSTREAM_API_KEY", "api_key")
        finally:
            # Tracebacks may show this frame's variables.
            del api_key
        if base_url is not None:
            url = check_base_url(base_url, "base_url", secret)
        elif from_environment := os.environ.get("MEETSTREAM_API_URL"):
            url = check_base_url(from_environment, "MEETSTREAM_API_URL", secret)
        else:
            url = check_base_url(DEFAULT_BASE_URL, "the default base URL")
        try:
            network = choose_network(
                url, session=session, proxy=proxy, ssl_context=ssl_context, trust_env=trust_env
            )
        finally:
            # It may contain a password.
            del proxy
        self.api: ApiSession = ApiSession(
            url,
            {"Authorization": ("Token ", secret)},
            session=session,
            retry=retry,
            timeout=timeout,
            rate_limit=rate_limit,
            trace_configs=trace_configs,
            network=network,
            pace_store=check_pace_store(pace_store, "MEETSTREAM_PACE_STORE"),
            user_agent=user_agent,
        )

    async def list_scheduled_bots(self, limit: int = MAX_LIMIT) -> ScheduledBotPage:
        """``GET /calendar/scheduled``: the scheduled bots, in the API's own order, at most 100.

        The API has no cursor: a full page is marked ``truncated``, and the bots beyond it only become visible
        once some of these are unscheduled. Raises ConfigurationError unless ``limit`` is an int from 1 to
        100, and InvalidResponseError if the reply has no list of bots.
        """
        return (await self.api.call(_requests.list_scheduled_bots(limit))).value

    def iter_scheduled_bots(self, limit: int = MAX_LIMIT) -> ScheduledBotStream:
        """One listing as an async iterator of ScheduledBot, soonest first.

        ``limit``: rows to ask for, at most 100. Its ``truncated`` and ``rejected`` are set once the first bot
        has been returned. Raises as ``list_scheduled_bots``.
        """
        return ScheduledBotStream(self, _requests.check_limit(limit))

    async def list_calendar_events(
        self,
        *,
        time_min: datetime | None = None,
        time_max: datetime | None = None,
        limit: int = MAX_LIMIT,
        cursor: str | None = None,
    ) -> MeetStreamEventPage:
        """``GET /calendar/events``: one page of the connected calendars' events, with their bots.

        ``time_min``, ``time_max``: aware datetimes; the API's default is from a day ago to 28 days ahead.
        ``limit``: rows to ask for, at most 100. ``cursor``: the ``next`` of another page, which was asked for
        with the same times. MeetStream is never told to read the calendars again, since that may move or
        cancel bots. Raises ConfigurationError for bad arguments, NotFoundError where no calendar is
        connected, and InvalidResponseError if the reply has no list of events.
        """
        request = _requests.list_calendar_events(time_min, time_max, limit, cursor)
        return (await self.api.call(request)).value

    def iter_calendar_events(
        self, *, time_min: datetime | None = None, time_max: datetime | None = None
    ) -> MeetStreamEventStream:
        """All pages of ``list_calendar_events`` as an async iterator of MeetStreamEvent, each once.

        ``time_min``, ``time_max``: aware datetimes. Its ``complete`` and ``why_incomplete`` are set at its
        end. Raises as ``list_calendar_events``; the next step after an error asks for the same page again.
        """
        _requests.list_calendar_events(time_min, time_max)

        async def fetch(cursor: str | None) -> MeetStreamEventPage:
            return await self.list_calendar_events(time_min=time_min, time_max=time_max, cursor=cursor)

        return MeetStreamEventStream(fetch)

    async def unschedule_event(
        self,
        event_id: str,
        cancel_all_occurrences: bool | None = None,
        from_date: datetime | None = None,
    ) -> UnscheduleResult:
        """``DELETE /calendar/schedule/{event_id}``: unschedule the bot of a calendar event.

        ``cancel_all_occurrences`` unschedules the whole recurring series; ``from_date``, an aware datetime
        that is sent as UTC, only its occurrences from that time on. Raises EventNotScheduledError,
        InvalidFromDateError, MasterEventNotFoundError, EventNotFoundError and the other errors of
        :mod:`meetstream_async.errors`; their ``outcome_unknown`` tells whether a request may have taken
        effect. After a lost response, "Event not scheduled" counts as success, with ``inferred`` set.
        """
        request = _requests.unschedule_event(event_id, cancel_all_occurrences, from_date)
        return (await self.api.call(request)).value

    async def delete_scheduled_bot(self, bot_id: str) -> DeletedBot:
        """``DELETE /calendar/scheduled_bots/{bot_id}``: delete a scheduled bot by its own id.

        The surest way to remove one bot: it never removes another one of its event. A 404 after a lost
        response is an error with ``outcome_unknown``, since a wrong id would get the same response.
        """
        return (await self.api.call(_requests.delete_scheduled_bot(bot_id))).value

    async def schedule_event(
        self, event_id: str, bot_config: Mapping[str, Any] | None = None
    ) -> ScheduleResult:
        """``POST /calendar/schedule/{event_id}``: schedule a bot for a calendar event.

        ``event_id``: MeetStream's own id (``evt_…``). ``bot_config``: the fields of the bot, such as
        ``bot_name`` and ``custom_attributes``, as JSON values; without ``join_at``, since the API decides how
        long before the meeting a bot joins, and without a ``deduplication_key``. Raises
        EventAlreadyScheduledError, with the ``bot_id`` that the event has, and EventNotFoundError.

        The API takes no idempotency key here, so a request that may have taken effect is not sent again:
        ``outcome_unknown`` is set on its error, and a listing tells.
        """
        return (await self.api.call(_bot_requests.schedule_event(event_id, bot_config))).value

    async def create_bot(
        self,
        meeting_link: str,
        bot_name: str,
        *,
        join_at: datetime | None = None,
        custom_attributes: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> CreatedBot:
        """``POST /bots/create_bot``: create a bot without a calendar event.

        ``meeting_link``: an https URL. ``join_at``: an aware datetime, sent as UTC; None joins at once.
        ``custom_attributes``: JSON values, which the listing shows. ``config``: further fields of the body,
        as JSON values. ``idempotency_key``: 1 to 255 printable ASCII characters; the API answers a repeated
        one with its first answer (``repeated`` is set then). Without a key, a request that may have taken
        effect is not sent again.
        """
        request = _bot_requests.create_bot(
            meeting_link,
            bot_name,
            join_at=join_at,
            custom_attributes=custom_attributes,
            config=config,
            idempotency_key=idempotency_key,
        )
        return (await self.api.call(request)).value

    async def get_bot_detail(self, bot_id: str) -> BotDetail:
        """``GET /bots/{bot_id}/detail``: one bot, with the configuration that it was made with.

        Raises NotFoundError for an unknown bot; one that was cancelled may be unknown. Raises
        InvalidResponseError if the reply is not about that bot.
        """
        return (await self.api.call(_bot_requests.get_bot_detail(bot_id))).value

    async def move_scheduled_bot(self, bot_id: str, join_time: datetime) -> MovedBot:
        """``PATCH /calendar/scheduled_bots/{bot_id}``: let a scheduled bot join at another time.

        ``join_time``: an aware datetime that lies ahead, sent as UTC and rounded up to the second.
        """
        return (await self.api.call(_bot_requests.move_scheduled_bot(bot_id, join_time))).value


class ScheduledBotStream:
    """One listing as an async iterator of ScheduledBot, soonest first; bots without a join time come last.

    ``truncated`` and ``rejected`` are those of the listing; None and empty until it has been read.
    """

    def __init__(self, client: MeetStreamClient, limit: int) -> None:
        self._client = client
        self._limit = limit
        self._bots: Iterator[ScheduledBot] | None = None
        self.truncated: bool | None = None
        self.rejected: tuple[RejectedRow, ...] = ()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ScheduledBot:
        if self._bots is None:
            page = await self._client.list_scheduled_bots(self._limit)
            self.truncated, self.rejected = page.truncated, page.rejected
            self._bots = iter(soonest_first(page.bots))
        for bot in self._bots:
            return bot
        raise StopAsyncIteration
