"""One worker for the tests that need no more: starting an engine and stopping it takes two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from meetstream_async.jobs import JobEngine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobEngine]:
    """A worker on a SQLite file."""
    path = tmp_path_factory.mktemp("jobs") / "jobs.sqlite"
    worker = JobEngine(f"sqlite:///{path}", worker_id="tested", accounts_at_once=10)
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        patch.setattr("meetstream_async.jobs.runtime._POLL_JOBS", 0.1)
        runner.run(worker.open())
        try:
            yield worker
        finally:
            runner.run(worker.close())
