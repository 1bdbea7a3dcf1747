"""Simulated accounts for the bulk tests, and a client for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from meetstream_async import BulkReport, MeetStreamClient, OutcomeStatus, RetryPolicy
from meetstream_async.simulator import SimulatedBot, Simulator

QUICK = RetryPolicy(initial_wait=0.01, max_wait=0.05)


def connect(sim: Simulator, **arguments: Any) -> MeetStreamClient:
    """A client of the simulator with short waits between attempts."""
    return MeetStreamClient(sim.api_key, base_url=sim.base_url, **{"retry": QUICK, **arguments})


def plain_account(count: int, **arguments: Any) -> Simulator:
    """``count`` events with one bot each."""
    return Simulator(count, series=0, one_off=0, several=0, **arguments)


def bot(number: int, event: str | None = "", **fields: Any) -> SimulatedBot:
    """One bot; by default with its own event, joining in an hour and ``number`` minutes."""
    event_id = f"evt_{number:04x}" if event == "" else event
    join_time = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1, minutes=number)
    return SimulatedBot(f"bot-{number:04d}", event_id, **{"join_time": join_time, **fields})


async def event_ids(client: MeetStreamClient) -> list[str]:
    """The event ids in one listing."""
    return [bot.event_id async for bot in client.iter_scheduled_bots() if bot.event_id]


def deletes(sim: Simulator) -> list[str | None]:
    """The event ids of the DELETEs that the simulator saw, in order of arrival."""
    return [request.event_id for request in sim.requests if request.route == "unschedule"]


def listings(sim: Simulator) -> int:
    return sum(request.route == "list" for request in sim.requests)


def statuses(report: BulkReport[Any]) -> dict[str, int]:
    """The counts that are not zero, after checking that they agree with the outcomes."""
    assert Counter(outcome.status for outcome in report.outcomes) == +Counter(dict(report.counts))
    return {status: count for status, count in report.counts.items() if count}


def assert_true_to_the_ledger(report: BulkReport[Any], sim: Simulator) -> None:
    """Check that each event has one outcome, and that exactly the events reported so are unscheduled."""
    named = [outcome.event_id for outcome in report.outcomes if outcome.event_id is not None]
    assert len(named) == len(set(named))
    gone = {
        outcome.event_id
        for outcome in report.outcomes
        if outcome.status in (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED)
        and outcome.event_id is not None
    }
    assert gone == sim.ledger.unscheduled_events
    _assert_no_event_lost(named, sim.ledger.scheduled_events, report)


def _assert_no_event_lost(named: Iterable[str], scheduled: Iterable[str], report: BulkReport[Any]) -> None:
    missed = set(scheduled) - set(named)
    assert not missed or not report.complete


def two_an_event(count: int, **fields: Any) -> list[SimulatedBot]:
    """Bots for tomorrow, two an event, every other event on zoom."""
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    return [
        SimulatedBot(
            f"bot-{n}",
            f"evt_{n // 2:04x}",
            platform=("zoom", "google_meet")[n // 2 % 2],
            join_time=soon,
            **fields,
        )
        for n in range(count)
    ]


def on_zoom(account: list[SimulatedBot]) -> set[str]:
    return {one.bot_id for one in account if one.platform == "zoom"}
