"""Many accounts: what a job of them costs in time, memory and disk."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from meetstream_async.jobs import JobEngine, job_status
from tests.helpers.jobs import (
    SIZE,
    Program,
    account,
    assert_each_event_once,
    environment,
    everything,
    sent,
    serving,
    write_toml,
)

ACCOUNTS = {"short": 0, "middle": 100, "full": 1000}[SIZE]
EVENTS = 20


@pytest.mark.soak
@pytest.mark.skipif(SIZE == "short", reason="takes MEETSTREAM_PROOF=middle or full")
async def test_many_accounts_in_one_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each event has one DELETE and one outcome; memory and disk stay small."""
    simulators = [account(number, EVENTS) for number in range(ACCOUNTS)]
    async with serving(simulators):
        program = Program(
            f"sqlite:///{tmp_path}/jobs.sqlite", environment(simulators), tmp_path / "program.log"
        )
        toml = write_toml(tmp_path / "accounts.toml", simulators)
        started = time.monotonic()
        assert await program.run("run", toml, "--id", "many", "--yes", patience=900.0) == 0
        seconds = time.monotonic() - started
        async with JobEngine(program.database):
            status = await job_status("many")
            outcomes = await everything("many")
        assert assert_each_event_once(outcomes, simulators) == {"unscheduled": ACCOUNTS * EVENTS}
        assert set(sent(simulators).values()) == {1}
    assert status.submitted is not None
    assert status.ended is not None
    working = (status.ended - status.submitted).total_seconds()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak, core = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
    size = sum(file.stat().st_size for file in tmp_path.glob("jobs.sqlite*"))  # noqa: ASYNC240
    with capsys.disabled():
        print(  # noqa: T201 - the figures of docs/jobs.md
            f"\n{ACCOUNTS} accounts x {EVENTS} events: {working:.0f} s ({seconds:.0f} s with the program's "
            f"start and end), {ACCOUNTS / working:.1f} accounts/s, "
            f"{ACCOUNTS * EVENTS / working:.0f} events/s; {core:.0f} s of a core; peak {peak:.0f} MiB; "
            f"database {size / 2**20:.1f} MiB, {size / ACCOUNTS:.0f} bytes an account"
        )
    assert peak < 400
    assert size / ACCOUNTS < 40_000
