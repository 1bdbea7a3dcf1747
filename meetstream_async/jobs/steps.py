"""The steps of one account's run: list the account, send a chunk of cancels, close.

Each step returns a JSON object that is stored as it is. A step interrupted by a crash runs again from the
state before it; what it had already sent is then found to be done.

A step that is stored costs more than the requests of a small account. So a chunk behind which nothing else
is to be sent is looked at within its own step, as far as one prompt listing goes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from .. import (
    ApiError,
    ConfigurationError,
    MeetStreamClient,
    MeetStreamError,
    cancel_waiting,
    list_account,
)
from .ledger import CHUNK, AccountLedger
from .names import Json, rejected

_PROMPT = 2.0
"""Seconds that the listing behind a chunk may take; what was sent is not stored before it."""

Connect = Callable[[], Awaitable[MeetStreamClient]]


async def list_bots(connect: Connect, ledger: AccountLedger, stop: asyncio.Event) -> Json:
    """List until there is something to do, or nothing to wait for. ``stop`` ends it between two listings."""
    try:
        client = await connect()
        await list_account(
            client, ledger.state, max_pause=ledger.options.max_pause, stop=stop, clock=ledger.now
        )
    except MeetStreamError as error:
        ledger.state.take_listing_error(describe(error, ledger.reference))
    return ledger.result("list")


async def unschedule(connect: Connect, ledger: AccountLedger, stop: asyncio.Event) -> Json:
    """Send a chunk of cancels, and look at what became of the last one.

    After ``stop`` is set nothing new is sent; the rest is left for later.
    """
    ledger.give()
    if (reason := ledger.beyond_most()) is not None:
        ledger.state.stop(reason)
        return ledger.result("unschedule")
    try:
        client = await connect()
    except ConfigurationError as error:
        ledger.state.stop(describe(error, ledger.reference))
    else:
        await cancel_waiting(
            client,
            ledger.state,
            most=CHUNK,
            stop=stop,
            clock=ledger.now,
            **ledger.options.bulk().to_dict(),
        )
        if ledger.is_listing_due() and not stop.is_set():
            await _list_once(client, ledger)
    return ledger.result("unschedule")


async def _list_once(client: MeetStreamClient, ledger: AccountLedger) -> None:
    """List the account once. What that leaves open is left to a step of its own, and so is a slow listing."""
    once = asyncio.Event()
    # It ends after the listing in flight, which nothing is waited for.
    asyncio.get_running_loop().call_soon(once.set)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PROMPT):
                await list_account(
                    client, ledger.state, max_pause=ledger.options.max_pause, stop=once, clock=ledger.now
                )
    except MeetStreamError as error:
        ledger.state.take_listing_error(describe(error, ledger.reference))


async def close(connect: Connect, ledger: AccountLedger, stop: asyncio.Event) -> Json:
    """Some of the outcomes that are missing when the run ends."""
    return ledger.close()


STEPS: dict[str, Callable[[Connect, AccountLedger, asyncio.Event], Awaitable[Json]]] = {
    "list": list_bots,
    "unschedule": unschedule,
    "close": close,
}


def describe(error: MeetStreamError, reference: str) -> str:
    """Class and text of an error. ``reference``: where the key is found, named if it was rejected."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, ApiError) and error.key_rejected:
        text += f"; {rejected(reference)}"
    elif isinstance(error, ApiError) and error.refused_in_front:
        text += "; something in front of the API refused (a firewall, a proxy or a CDN), not the key's fault"
    return text
