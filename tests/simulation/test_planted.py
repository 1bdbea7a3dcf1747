"""The simulation finds faults: each invariant catches a product that breaks it, and tells it in short."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

import meetstream_async as product
from meetstream_async import BulkReport, MeetStreamClient, OutcomeStatus

from .__main__ import main
from .generate import history
from .histories import BotSpec, EventSpec, Fault, History
from .invariants import check
from .many import run_many, shrunk, tell, verdict
from .run import Verdict, play, simulating

Door = Callable[..., Any]
_forgotten: list[asyncio.Task[Any]] = []


def _doors(unschedule_all: Door) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(product), "unschedule_all": unschedule_all})


async def _says_ok_without_asking(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    await client.list_scheduled_bots()
    report = await product.unschedule_all(client, **{**options, "dry_run": True})
    return attrs.evolve(report, ok=True)


async def _sends_two_at_once(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    page = await client.list_scheduled_bots()
    ids = [bot.event_id for bot in page.bots if bot.event_id]
    await asyncio.gather(*(client.unschedule_event(one) for one in ids * 2), return_exceptions=True)
    return await product.unschedule_all(client, **options)


async def _takes_more_slots(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    return await product.unschedule_all(client, **{**options, "max_concurrency": 20})


async def _ignores_the_filter(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    return await product.unschedule_all(client, **{**options, "where": None})


async def _waits_for_ever(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    report = await product.unschedule_all(client, **options)
    await asyncio.Event().wait()
    return report


async def _asks_for_ever(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    while True:
        await client.list_scheduled_bots()
        await asyncio.sleep(10)


async def _leaves_a_task(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    _forgotten.append(asyncio.create_task(asyncio.sleep(1000)))
    return await product.unschedule_all(client, **options)


async def _runs_on(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    async def later() -> None:
        await asyncio.sleep(5)
        await client.list_scheduled_bots()

    _forgotten.append(asyncio.create_task(later()))
    return await product.unschedule_all(client, **options)


async def _forgets_to_await(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    client.list_scheduled_bots()  # type: ignore[unused-coroutine]
    return await product.unschedule_all(client, **options)


async def _breaks_down(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    raise KeyError("a bot")


async def _calls_done_failed(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    return await _rewritten(client, options, lambda one: [attrs.evolve(one, status=OutcomeStatus.FAILED)])


async def _calls_done_skipped(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    return await _rewritten(client, options, lambda one: [attrs.evolve(one, status=OutcomeStatus.SKIPPED)])


async def _loses_outcomes(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    return await _rewritten(client, options, lambda one: [])


async def _doubles_outcomes(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    return await _rewritten(client, options, lambda one: [one, one])


async def _rewritten(
    client: MeetStreamClient, options: dict[str, Any], change: Callable[[Any], list[Any]]
) -> BulkReport[Any]:
    report = await product.unschedule_all(client, **options)
    return attrs.evolve(report, outcomes=tuple(new for one in report.outcomes for new in change(one)))


async def _does_not_hear_stop(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    return await product.unschedule_all(client, **{**options, "stop": None})


async def _does_it_dry(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    return await product.unschedule_all(client, **{**options, "dry_run": False})


async def _does_not_wait(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    try:
        return await product.unschedule_all(client, **options)
    finally:
        # A client of its own, which has not been told to wait.
        async with MeetStreamClient("ms_0123456789", base_url=client.base_url) as other:
            await asyncio.gather(other.list_scheduled_bots(), return_exceptions=True)


async def _takes_on_and_on(client: MeetStreamClient, **options: Any) -> BulkReport[Any]:
    report = await product.unschedule_all(client, **options)
    for _ in range(100):
        ids = [one.event_id for one in report.outcomes if one.event_id]
        await asyncio.gather(*(client.unschedule_event(one) for one in ids[:1]), return_exceptions=True)
    return report


PLANTED: list[tuple[Door, str]] = [
    (_says_ok_without_asking, "false-ok/scheduled"),
    (_sends_two_at_once, "one-at-a-time"),
    (_takes_more_slots, "in-flight"),
    (_ignores_the_filter, "outside"),
    (_waits_for_ever, "ends"),
    (_asks_for_ever, "ends"),
    (_leaves_a_task, "left"),
    (_runs_on, "runs-on"),
    (_forgets_to_await, "warning"),
    (_breaks_down, "crash"),
    (_calls_done_failed, "failed-took-effect"),
    (_calls_done_skipped, "sent-anyway"),
    (_loses_outcomes, "one-outcome"),
    (_doubles_outcomes, "one-outcome"),
    (_doubles_outcomes, "counts"),
    (_does_not_hear_stop, "after-stop"),
    (_does_it_dry, "dry-run"),
    (_does_not_wait, "early/503"),
    (_takes_on_and_on, "repeats"),
]


USUAL = {"false-ok/scheduled", "one-at-a-time", "outside", "ends", "one-outcome", "after-stop", "dry-run"}
"""Invariants whose first fault is planted in the default run; the others are as dear, and found alike."""


def _planted() -> Iterator[Any]:
    seen: set[str] = set()
    for door, invariant in PLANTED:
        usual = invariant in USUAL and invariant not in seen
        seen.add(invariant)
        name = f"{door.__name__}-{invariant}"
        yield pytest.param(door, invariant, id=name, marks=() if usual else pytest.mark.slow)


@pytest.mark.parametrize(("door", "invariant"), list(_planted()))
def test_a_product_that_breaks_an_invariant_is_found(door: Door, invariant: str) -> None:
    """A fault that is planted into the product shows in the first few hundred histories."""
    doors = _doors(door)
    with simulating() as shared:
        for seed in (seed for seed in range(2000) if history(seed).door == "all"):
            if invariant in verdict(history(seed), shared, doors=doors).names():
                return
    pytest.fail(f"{door.__name__} was not found")


def test_a_failing_history_is_shrunk_to_what_matters() -> None:
    """Of all that a history holds, a planted fault that needs one bot is told with one bot."""
    _, one = _shrunk()
    left = one.history
    assert "false-ok/scheduled" in one.names()
    assert (len(left.bots), len(left.events)) == (1, 1)
    assert left.faults + left.spells + left.quirks + left.changes + left.interventions == ()
    assert {**left.options, **left.policy} == {}


def test_a_story_says_what_happened_and_how_to_repeat_it() -> None:
    """A shrunk history is told as requests, answers and changes in their order, with its command."""
    seed, one = _shrunk()
    story = tell(seed, one)
    assert f"python -m tests.simulation {seed}" in story
    assert "→ 1: GET /api/v1/calendar/scheduled" in story
    assert "the report: ok=True" in story
    times = [float(line.split()[0]) for line in story.splitlines() if line.startswith("     ")]
    assert times == sorted(times)


@cache
def _shrunk() -> tuple[int, Verdict]:
    """The largest of some histories that a planted fault makes fail, and what is left of it."""
    doors = _doors(_says_ok_without_asking)
    found = run_many([seed for seed in range(60) if history(seed).door == "all"], doors=doors).found
    seed = max(found["false-ok/scheduled"], key=lambda seed: history(seed).size)
    return seed, shrunk(seed, "false-ok/scheduled", doors=doors)


def test_faults_of_other_requests_stay_when_one_is_left_out() -> None:
    """A history that counts its faults by target fails the same request when another target goes."""
    events = (EventSpec("evt_0"), EventSpec("evt_1"))
    bots = (BotSpec("b0", ("evt_0",)), BotSpec("b1", ("evt_1",)))
    fault = Fault(1, "404 html", of="evt_1")
    with simulating() as shared:
        whole = play(History(events=events, bots=bots, faults=(fault,)), shared)
        part = play(History(events=events[1:], bots=bots[1:], faults=(fault,)), shared)
    for played in (whole, part):
        assert next(one.status for one in played.ledger.deletes() if one.target == "evt_1") == 404


def test_a_history_repeats_exactly() -> None:
    """The same seed tells the same story, to the millisecond."""
    with simulating() as shared:
        for seed in range(0, 60, 5):
            stories = [verdict(history(seed), shared, with_story=True).story for _ in range(2)]
            assert stories[0] == stories[1]


def test_a_calm_account_breaks_nothing() -> None:
    """Where nothing goes wrong, every invariant holds and every bot goes."""
    events = tuple(EventSpec(f"evt_{number}") for number in range(30))
    bots = tuple(BotSpec(f"b{number}", (event.id,)) for number, event in enumerate(events))
    with simulating() as shared:
        played = play(History(events=events, bots=bots), shared)
    assert check(played) == []
    assert played.ending.report.ok
    assert {life.cause for life in played.server.account.lives} == {"ours"}


def test_the_command_runs_many_and_says_how_fast(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line tells how many histories were run, how many a second, and what was found."""
    assert main(["--histories", "30", "--from-seed", "0"]) == 0
    assert "30 histories" in capsys.readouterr().out


def test_the_command_tells_one_history(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line tells the story of a seed."""
    main(["7", "--as-it-is"])
    assert "again: python -m tests.simulation 7" in capsys.readouterr().out
