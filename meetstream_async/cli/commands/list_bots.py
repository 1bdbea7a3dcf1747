"""The command `list`: one listing, soonest first."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ... import RejectedRow, ScheduledBot
from ...preview import Selection
from ..exit_codes import ExitCode
from ..inputs.accounts import meetstream_account
from ..runs.process import run_async
from ..terminal.output import clean, plural, print_json, say, show
from ..terminal.tables import bot_to_dict, bots_table
from ..terminal.waiting import Waiting


def list_bots(
    limit: int, as_json: bool, timeout: float, key_file: Path | None, selection: Selection | None
) -> ExitCode:
    """Print the scheduled bots that match the selection."""
    account = meetstream_account(key_file, timeout=timeout)

    async def read(_: asyncio.Event) -> tuple[list[ScheduledBot], bool, tuple[RejectedRow, ...]]:
        async with Waiting("the listing"), account.client() as client:
            stream = client.iter_scheduled_bots(limit)
            bots = [bot async for bot in stream]
            return bots, bool(stream.truncated), stream.rejected

    with account.explaining():
        listed, truncated, rejected = run_async(read)
    bots = listed if selection is None else list(filter(selection, listed))
    if as_json:
        print_json(
            {
                "bots": [bot_to_dict(bot) for bot in bots],
                "limit": limit,
                "truncated": truncated,
                "rejected": [
                    {"index": row.index, "path": row.path, "reason": row.reason} for row in rejected
                ],
            }
        )
    elif bots:
        show(bots_table(bots), results=True)
    outside = "" if selection is None else f" inside the filter, {len(listed) - len(bots)} outside"
    say(f"{plural(len(bots), 'scheduled bot')}{outside}")
    if selection is not None and listed and not bots:
        say(("warning:", "yellow"), f" {clean(selection.why_none(listed), 1000)}")
    if truncated:
        say(
            ("warning:", "yellow"),
            f" the listing is full ({limit} rows): there may be more bots, and some may join sooner",
        )
    for row in rejected:
        say(("warning:", "yellow"), f" a row can't be read: {clean(row.path)} {clean(row.reason)}")
    return ExitCode.OK
