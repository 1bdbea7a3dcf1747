"""Listing again while a run goes on: through an outage, and what a failure means."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from .._http.api_errors import why_no_other_can_succeed
from .._http.rate_limit import WaitTooLongError
from .._tasks import pause
from ..errors import MeetStreamError, RateLimitError, ServerError, TransportError
from ..meetstream.models import ScheduledBotPage
from ._summary import pause_before
from .account_state import AccountState

Listing: TypeAlias = tuple[ScheduledBotPage, float]
"""A listing, and when it was asked for."""

Fetch: TypeAlias = Callable[[], Awaitable[Listing]]


async def fetch_through_an_outage(fetch: Fetch, longest_outage: float) -> Listing:
    """A listing; the server has answered before, so it is waited for as long as the targets do."""
    loop = asyncio.get_running_loop()
    until = loop.time() + longest_outage
    while True:
        try:
            try:
                return await fetch()
            except RateLimitError:
                # A 429 that the call could not wait for: like a target, it goes back once, at its turn.
                return await fetch()
        except (ServerError, TransportError) as error:
            if loop.time() >= until or why_no_other_can_succeed(error) is not None:
                raise
        await pause(longest_outage / 20)


async def list_again(state: AccountState, fetch: Fetch, longest_outage: float) -> Listing | str | None:
    """A listing. If there is none, the state is told why; returns the reason if that ends the run."""
    try:
        return await fetch_through_an_outage(fetch, longest_outage)
    except WaitTooLongError as exc:
        state.take_listing_error(pause_before(exc.seconds, "a listing"))
    except MeetStreamError as error:
        failed = "could not verify that they are gone" if state.only_given else "a later listing failed"
        state.take_listing_error(f"{failed}: {type(error).__name__}: {error}")
        return why_no_other_can_succeed(error)
    return None
