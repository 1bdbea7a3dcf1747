"""The steps of one account's run without the engine, each from what is stored, as after a crash."""

from __future__ import annotations

import asyncio
import json

from meetstream_async import MeetStreamClient
from meetstream_async.jobs import JobOptions
from meetstream_async.jobs.ledger import AccountLedger
from meetstream_async.jobs.names import Json
from meetstream_async.jobs.outcomes import whole
from meetstream_async.jobs.steps import STEPS


def ledger_of(stored: list[Json], options: JobOptions, only: tuple[str, ...] | None = None) -> AccountLedger:
    """What the stored steps say."""
    ledger = AccountLedger(options, only)
    for step in stored:
        ledger.take(step)
    return ledger


async def do_step(client: MeetStreamClient, ledger: AccountLedger, stop: asyncio.Event | None = None) -> Json:
    """The result of the next step, through JSON as through the database."""

    async def connect() -> MeetStreamClient:
        return client

    assert ledger.next_step is not None
    result = await STEPS[ledger.next_step](connect, ledger, stop or asyncio.Event())
    stored: Json = json.loads(json.dumps(result))
    return stored


async def run_in_steps(client: MeetStreamClient, options: JobOptions) -> tuple[Json, list[Json]]:
    """The summary of a run whose worker dies after every step, and the outcomes that it stored."""
    stored: list[Json] = []
    while (ledger := ledger_of(stored, options)).next_step is not None:
        stored.append(await do_step(client, ledger))
    return ledger.summary(), [whole(outcome) for step in stored for outcome in step["outcomes"]]
