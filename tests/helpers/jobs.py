"""Many simulated accounts, jobs over them, and the program that runs the jobs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import frozen

from meetstream_async.jobs import JobAccount, JobOutcome, job_outcomes
from meetstream_async.simulator import SimulatedBot, Simulator
from tests.helpers import program
from tests.helpers.command_line import surroundings

SIZE = os.environ.get("MEETSTREAM_PROOF", "short")
KILLS = 3 if SIZE == "short" else 25
GOOD = {"unscheduled", "already_unscheduled"}


def far(number: int, account: int = 0) -> SimulatedBot:
    """A bot with its own event that joins tomorrow, long after the test."""
    joins = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1, minutes=number)
    return SimulatedBot(f"bot-{account}-{number:04d}", f"evt_{account}_{number:04d}", join_time=joins)


def account(number: int, events: int, **arguments: Any) -> Simulator:
    """One account with this number of events, and a unique key."""
    key = f"ms_canary_{number:04d}_5e7ad0c4b1"
    return Simulator([far(n, number) for n in range(events)], number + 1, api_key=key, **arguments)


@contextlib.asynccontextmanager
async def serving(simulators: Iterable[Simulator]) -> AsyncIterator[list[Simulator]]:
    """All accounts, on their ports."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(simulator) for simulator in simulators]


@contextlib.contextmanager
def serving_aside(simulators: Iterable[Simulator]) -> Iterator[list[Simulator]]:
    """The same in a thread, for a test that runs the program in its own process."""
    with ThreadPoolExecutor(1) as thread, asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        loop = thread.submit(runner.get_loop).result()
        serve = thread.submit(loop.run_forever)

        def there(work: Coroutine[Any, Any, Any]) -> Any:
            return asyncio.run_coroutine_threadsafe(work, loop).result()

        try:
            yield [there(stack.enter_async_context(simulator)) for simulator in simulators]
        finally:
            there(stack.aclose())
            loop.call_soon_threadsafe(loop.stop)
            serve.result()


def variable(number: int) -> str:
    return f"JOBS_TEST_KEY_{number}"


def environment(simulators: list[Simulator]) -> dict[str, str]:
    """The environment variables with the keys."""
    return {variable(number): simulator.api_key for number, simulator in enumerate(simulators)}


def job_accounts(simulators: list[Simulator]) -> list[JobAccount]:
    """The accounts as a job references them."""
    return [
        JobAccount(f"customer-{number}", api_key_env=variable(number), base_url=simulator.base_url)
        for number, simulator in enumerate(simulators)
    ]


def write_toml(path: Path, simulators: list[Simulator]) -> Path:
    """The accounts as an accounts file."""
    path.write_text(
        "".join(
            f'[accounts.{given.name}]\napi_key_env = "{given.api_key_env}"\nbase_url = "{given.base_url}"\n'
            for given in job_accounts(simulators)
        )
    )
    return path


async def everything(job_id: str, **arguments: Any) -> list[JobOutcome]:
    """All outcomes stored so far."""
    return [outcome async for outcome in job_outcomes(job_id, follow=False, **arguments)]


def assert_each_event_once(outcomes: Iterable[JobOutcome], simulators: list[Simulator]) -> Counter[str]:
    """Check one outcome for each event of each account, all events unscheduled. Returns the statuses."""
    outcomes = list(outcomes)
    named = Counter((outcome.account, outcome.event_id) for outcome in outcomes)
    assert set(named.values()) <= {1}
    there = {
        (f"customer-{number}", event_id)
        for number, simulator in enumerate(simulators)
        for event_id in simulator.ledger.events
    }
    assert set(named) == there
    assert [simulator.ledger.scheduled_events for simulator in simulators] == [frozenset()] * len(simulators)
    return Counter(outcome.status.value for outcome in outcomes)


def sent(simulators: Iterable[Simulator]) -> Counter[str]:
    """The number of DELETEs for each event."""
    return Counter(
        request.event_id or ""
        for simulator in simulators
        for request in simulator.requests
        if request.route == "unschedule"
    )


@frozen
class Program:
    """The program with its own database, as a user starts it."""

    database: str
    keys: dict[str, str]
    log: Path

    async def start(self, *arguments: object) -> program.Program:
        """Start it; both streams go to the log."""
        given = surroundings(None, MEETSTREAM_JOBS_DATABASE_URL=self.database, **self.keys)
        with open(self.log, "ab") as log:  # noqa: ASYNC230 - a small file of ours
            return await program.start(
                "jobs", *arguments, environment=given, stdout=log.fileno(), stderr=log.fileno()
            )

    async def run(self, *arguments: object, patience: float = 60.0) -> int | None:
        """Run it to its end."""
        process = await self.start(*arguments)
        return await ended(process, patience)


async def ended(process: program.Program, patience: float = 60.0) -> int | None:
    """Its exit code."""
    try:
        return await asyncio.wait_for(process.wait(), patience)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(condition: Any, patience: float = 20.0) -> None:
    """Wait for something that another process does."""
    limit = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        await asyncio.sleep(0.02)
