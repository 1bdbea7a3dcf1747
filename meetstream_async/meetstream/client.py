"""The MeetStream client: one short typed method an endpoint, and the stream of scheduled bots.

Sources: "List Scheduled Bots" and "Unschedule Bot for Event" of the MeetStream API reference, and the
vendor's published clients for ``/calendar/scheduled_bots``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Self

import aiohttp

from .._http.api_errors import route_is_missing
from .._http.client import ApiClient
from .._http.retry import RetryPolicy
from .._http.secrets import Secret
from .._http.session import ApiSession, tell_ignored
from .._http.urls import check_base_url, check_identifier, path_segment
from ..errors import ApiError
from ._replies import read_deleted_bot, read_listing, read_unscheduled
from ._requests import MAX_LIMIT, check_limit, check_series_options, utc_text
from .models import DeletedBot, RejectedRow, ScheduledBot, ScheduledBotPage, UnscheduleResult, soonest_first

_log = logging.getLogger("meetstream_async.meetstream.client")

DEFAULT_BASE_URL = "https://api.meetstream.ai/api/v1"

_LIST_PATHS = ("scheduled", "scheduled_bots")


class MeetStreamClient(ApiClient):
    """An asyncio client of the MeetStream calendar API.

    Opened by ``async with`` or by its first request; closed by the end of the block or ``await close()``.
    Share one client per key: it holds the connections, the pace and the pause after a 429.

    ``api_key`` and ``base_url`` fall back to ``MEETSTREAM_API_KEY`` and ``MEETSTREAM_API_URL``.
    ``session`` lends an ``aiohttp.ClientSession``, which is neither closed nor changed; its middlewares
    do not run on our requests. ``timeout`` is seconds per attempt, body included; ``retry`` bounds the
    whole call. ``rate_limit`` spaces requests evenly, in requests per second. ``trace_configs`` go to
    the session that the client opens itself.

    Raises ConfigurationError for a missing or malformed key, a base URL that a key must not be sent to,
    or any argument out of range. Every call may raise the errors of :mod:`meetstream_async.errors`.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - a frozen value
        timeout: float = 30.0,
        rate_limit: float | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
    ) -> None:
        try:
            secret = Secret.load(api_key, "MEETSTREAM_API_KEY", "api_key")
        finally:
            # A traceback may print this frame's variables.
            del api_key
        if base_url is not None:
            url = check_base_url(base_url, "base_url")
        elif from_environment := os.environ.get("MEETSTREAM_API_URL"):
            url = check_base_url(from_environment, "MEETSTREAM_API_URL")
        else:
            url = check_base_url(DEFAULT_BASE_URL, "the default base URL")
        self._api = ApiSession(
            url,
            {"Authorization": ("Token ", secret)},
            session=session,
            retry=retry,
            timeout=timeout,
            rate_limit=rate_limit,
            trace_configs=trace_configs,
        )
        self._list_path: str | None = None

    async def list_scheduled_bots(self, limit: int = MAX_LIMIT) -> ScheduledBotPage:
        """``GET /calendar/scheduled``: the scheduled bots, in the API's own order, 100 at most.

        The API has no cursor: a page that comes back full is ``truncated``, and what lies behind it can
        only be seen by unscheduling what is before it. Raises ConfigurationError unless ``limit`` is an
        int from 1 to 100, and InvalidResponseError where the reply has no list of bots.
        """
        return await self._list(limit)

    def iter_scheduled_bots(self, limit: int = MAX_LIMIT) -> ScheduledBotStream:
        """One listing as an async iterator of ScheduledBot, soonest first.

        Its ``truncated`` and ``rejected`` are known once the first bot is. Raises as
        ``list_scheduled_bots`` does.
        """
        return ScheduledBotStream(self, check_limit(limit))

    async def unschedule_event(
        self,
        event_id: str,
        cancel_all_occurrences: bool | None = None,
        from_date: datetime | None = None,
    ) -> UnscheduleResult:
        """``DELETE /calendar/schedule/{event_id}``: unschedule the bot of a calendar event.

        ``cancel_all_occurrences`` takes the whole recurring series; ``from_date``, an aware datetime
        that is sent as UTC, only its occurrences from then on. Raises EventNotScheduledError,
        InvalidFromDateError, MasterEventNotFoundError, EventNotFoundError and the other errors of
        :mod:`meetstream_async.errors`; ``outcome_unknown`` on them says that a request may have taken
        effect. After a lost answer, "Event not scheduled" is success, with ``inferred`` set.
        """
        check_identifier(event_id, "event_id")
        check_series_options(cancel_all_occurrences, from_date)
        result, _ = await self._unschedule(event_id, cancel_all_occurrences, from_date)
        return result

    async def delete_scheduled_bot(self, bot_id: str) -> DeletedBot:
        """``DELETE /calendar/scheduled_bots/{bot_id}``: delete a scheduled bot by its own id.

        For bots without a calendar event. After a lost answer, 404 is success, with ``inferred`` set.
        """
        check_identifier(bot_id, "bot_id")
        deleted, _ = await self._delete_bot(bot_id)
        return deleted

    # --- for the rooms below, which count attempts and wait for their turn themselves -----------------

    async def _list(self, limit: int, *, slot_taken: bool = False) -> ScheduledBotPage:
        check_limit(limit)
        query = {"limit": str(limit)}
        deadline = self._api.deadline()
        first_error: ApiError | None = None
        sent = 0
        for name in (self._list_path,) if self._list_path else _LIST_PATHS:
            reply = await self._api.request(
                "GET", f"/calendar/{name}", query=query, slot_taken=slot_taken, deadline=deadline, sent=sent
            )
            slot_taken, sent = False, reply.attempts
            try:
                page, ignored = read_listing(reply, limit)
            except ApiError as exc:
                error = exc
            else:
                self._list_path = name
                self._tell(page, ignored)
                return page
            if first_error is not None:
                first_error.attempts = error.attempts
                first_error.hint = f"/calendar/{name} answered {error.status} {error.message}"
                break
            first_error = error
            if self._list_path or not route_is_missing(error):
                break
        assert first_error is not None
        raise first_error

    def _tell(self, page: ScheduledBotPage, ignored: list[str]) -> None:
        if page.truncated:
            _log.info(
                "a listing came back full (%d rows); there may be more bots",
                page.limit,
                extra={"event": "truncated", "limit": page.limit},
            )
        for row in page.rejected:
            _log.warning(
                "a row of the listing can't be read and is left alone: %s %s",
                row.path,
                row.reason,
                extra={"event": "rejected_row", "path": row.path, "reason": row.reason},
            )
        tell_ignored(ignored)

    async def _unschedule(
        self,
        event_id: str,
        cancel_all_occurrences: bool | None,
        from_date: datetime | None,
        *,
        uncertain: bool = False,
        slot_taken: bool = False,
    ) -> tuple[UnscheduleResult, int]:
        """The result and the number of attempts. ``uncertain``: an earlier call may have taken effect."""
        body: dict[str, Any] = {}
        if cancel_all_occurrences is not None:
            body["cancel_all_occurrences"] = cancel_all_occurrences
        if from_date is not None:
            body["from_date"] = utc_text(from_date)
        reply = await self._api.request(
            "DELETE",
            f"/calendar/schedule/{path_segment(event_id)}",
            body=body or None,
            slot_taken=slot_taken,
            uncertain=uncertain,
        )
        result, ignored = read_unscheduled(reply, event_id, series=bool(cancel_all_occurrences))
        tell_ignored(ignored)
        return result, reply.attempts

    async def _delete_bot(
        self, bot_id: str, *, uncertain: bool = False, slot_taken: bool = False
    ) -> tuple[DeletedBot, int]:
        """The reply and the number of attempts. ``uncertain``: an earlier call may have taken effect."""
        path = f"/calendar/scheduled_bots/{path_segment(bot_id)}"
        reply = await self._api.request("DELETE", path, slot_taken=slot_taken, uncertain=uncertain)
        deleted, ignored = read_deleted_bot(reply)
        tell_ignored(ignored)
        return deleted, reply.attempts


class ScheduledBotStream:
    """One listing as an async iterator of ScheduledBot, soonest first; bots without a time come last.

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
