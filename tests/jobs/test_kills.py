"""A job survives SIGKILL at any moment, and nothing is lost or reported twice."""

from __future__ import annotations

import asyncio
import random
import re
from pathlib import Path

import pytest

from meetstream_async.jobs import JobEngine, JobState, job_status
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.jobs import (
    GOOD,
    KILLS,
    Program,
    account,
    assert_each_event_once,
    ended,
    environment,
    everything,
    sent,
    serving,
    until,
    write_toml,
)

ACCOUNTS, EVENTS = 20, 60
AT_ONCE, LATENCY, LONGEST = (8, 0.015, 1.2) if KILLS == 3 else (3, 0.12, 2.6)
"""Accounts at once, seconds of each answer, and the longest time from a start to its kill.

Slow enough that the last kill, too, finds something to cut off.
"""


def all_sent(simulators: list[Simulator]) -> bool:
    """Nothing is left but the account whose listing hangs."""
    return not any(simulator.ledger.scheduled_events for simulator in simulators[:-1])


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(240)
async def test_kills_at_random_moments_lose_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed again and again, the job ends with every event unscheduled and one good outcome for each."""
    moments = random.Random(KILLS)
    simulators = [account(number, EVENTS, latency=LATENCY) for number in range(ACCOUNTS)]
    killing = True
    # The job must not be over before its last kill.
    simulators[-1].add_trouble(Trouble("list", hang=True, when=lambda _: killing))
    async with serving(simulators):
        program = Program(
            f"sqlite:///{tmp_path}/jobs.sqlite", environment(simulators), tmp_path / "program.log"
        )
        toml = write_toml(tmp_path / "accounts.toml", simulators)
        again = ("run", toml, "--id", "killed", "--yes", "--accounts-at-once", AT_ONCE, "--concurrency", 3)
        repeated = []
        for kill in range(KILLS):
            done = {event for simulator in simulators for event in simulator.ledger.unscheduled_events}
            before = sent(simulators)
            process = await program.start(*again)
            if kill % 2:
                await asyncio.sleep(moments.uniform(0.2, LONGEST))
            else:
                # In the midst of its DELETEs, however slowly this machine starts a program.
                enough = before.total() + moments.randrange(1, 50)
                await until(lambda enough=enough: sent(simulators).total() >= enough or all_sent(simulators))
            process.kill()
            assert await ended(process) == -9
            repeated.append(sum((sent(simulators) - before)[event] for event in done))
        killing = False
        before = sent(simulators)
        done = {event for simulator in simulators for event in simulator.ledger.unscheduled_events}
        assert await program.run(*again) == 0
        repeated.append(sum((sent(simulators) - before)[event] for event in done))

        # A kill makes at most one chunk of each account under way go out again.
        assert max(repeated) <= AT_ONCE * EVENTS
        async with JobEngine(program.database):
            status = await job_status("killed")
            outcomes = await everything("killed")
        assert status.state is JobState.SUCCEEDED
        statuses = assert_each_event_once(outcomes, simulators)
        assert set(statuses) <= GOOD
        assert statuses["unscheduled"] > 0
        # What was sent again shows as such, never as a failure.
        inferred = sum("inferred" in (outcome.reason or "") for outcome in outcomes)
        resent = sum(1 for count in sent(simulators).values() if count > 1)
        assert resent > 0
        assert statuses["already_unscheduled"] + inferred <= resent
        if KILLS > 3:
            with capsys.disabled():
                print(f"\n{KILLS} kills: {dict(statuses)}, sent again after each: {repeated}")  # noqa: T201
        assert not re.search(r"ms_canary|Traceback", program.log.read_text())
