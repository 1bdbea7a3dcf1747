"""The live view of a job looks as often as it can afford."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from meetstream_async.cli.terminal import following
from meetstream_async.jobs import AccountStatus, JobState, JobStatus


@pytest.mark.parametrize(
    ("seconds", "waits"),
    [(0.0, [0.1, 0.12, 0.144, 0.1728]), (0.2, [2.0] * 4), (5.0, [3.0] * 4)],
    ids=["quick", "slow", "very slow"],
)
async def test_slow_looks_are_made_less_often(
    monkeypatch: pytest.MonkeyPatch, seconds: float, waits: list[float]
) -> None:
    """A look of 0.2 s is made every two seconds, which is a tenth of the time; the longest wait is three."""
    now, waited, left = 0.0, [], len(waits)

    async def look(job_id: str) -> JobStatus:
        nonlocal now, left
        now += seconds
        left -= 1
        state = JobState.RUNNING if left >= 0 else JobState.SUCCEEDED
        return JobStatus(job_id, state, (AccountStatus("acme", state),))

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(following, "job_status", look)
    monkeypatch.setattr(following, "pause", wait)
    monkeypatch.setattr(following, "time", SimpleNamespace(monotonic=lambda: now))
    assert (await following.follow("x")).ok
    assert waited == pytest.approx(waits)
