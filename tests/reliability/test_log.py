"""The log alone tells what a run went through."""

from __future__ import annotations

import json
import logging

import pytest

from meetstream_async import bulk_unschedule, unschedule_all
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import bot, connect, deletes, listings
from tests.helpers.proof import all_event_ids


def _lines(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, object]]:
    return [vars(record) for record in caplog.records if vars(record).get("meetstream_event") == event]


@pytest.fixture(autouse=True)
def _all_levels(caplog):
    caplog.set_level(logging.DEBUG, "meetstream_async")


@pytest.mark.slow
async def test_every_repeated_request_has_one_line(caplog):
    """Requests are first attempts and retries, and each retry is a line with method, path, reason, wait."""
    async with Simulator([bot(n) for n in range(60)]) as sim, connect(sim) as client:
        for trouble in Trouble.every_kind(0.3, retry_after=0.01, slow=0.01):
            sim.add_trouble(trouble)
        report = await bulk_unschedule(client, all_event_ids(sim), max_concurrency=3)
        sent = len(deletes(sim))
    retries = _lines(caplog, "retry")
    assert retries
    # A target that goes back begins a call anew, and has a line for that.
    repeated = len(retries) + len(_lines(caplog, "goes_back"))
    assert repeated == sent - 60 == sum(outcome.attempts for outcome in report.outcomes) - 60
    for line in retries:
        assert line["meetstream_method"] == "DELETE"
        assert str(line["meetstream_path"]).rpartition("/")[2] in {f"evt_{n:04x}" for n in range(60)}
        assert line["meetstream_reason"]
        assert isinstance(line["meetstream_attempt"], int)
        assert isinstance(line["meetstream_wait"], float)


async def test_every_429_has_one_line(caplog):
    """With the seconds for which the client pauses."""
    async with Simulator([bot(n) for n in range(30)]) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("unschedule", 429, retry_after=0.05, rate=0.2))
        await bulk_unschedule(client, all_event_ids(sim))
    met = [request for request in sim.requests if request.status == 429]
    assert met
    assert [(line["meetstream_seconds"], line["meetstream_status"]) for line in _lines(caplog, "pause")] == [
        (0.05, 429)
    ] * len(met)


async def test_every_stop_truncation_and_rejection_has_one_line(caplog):
    """A full listing, each row that can't be read, and why the run ended."""
    async with Simulator([bot(n) for n in range(120)]) as sim, connect(sim) as client:
        sim.add_trouble(Trouble("list", bad_rows=3, times=1))
        sim.add_trouble(Trouble("unschedule", 401, skip=20))
        report = await unschedule_all(client)
    assert len(_lines(caplog, "truncated")) == listings(sim) == 1
    assert len({str(line["meetstream_path"]) for line in _lines(caplog, "rejected_row")}) == 3
    (stop,) = _lines(caplog, "stop")
    assert str(stop["meetstream_reason"]) in str(report.reason)


async def test_the_fields_of_every_line_are_json(caplog):
    """So that a formatter of structured logs needs no special case."""
    async with Simulator([bot(n) for n in range(120)]) as sim, connect(sim) as client:
        for trouble in Trouble.every_kind(0.3, retry_after=0.01, slow=0.01):
            sim.add_trouble(trouble)
        await unschedule_all(client, settle=1, stop_after_failures=1)
    plain = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
    assert caplog.records
    for record in caplog.records:
        fields = {name: value for name, value in vars(record).items() if name not in plain}
        assert "meetstream_event" in fields
        assert json.loads(json.dumps(fields)) == fields
