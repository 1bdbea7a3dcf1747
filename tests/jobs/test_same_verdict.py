"""The same history gets the same verdict from a job as from ``unschedule_all``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meetstream_async import BotFilter, UnscheduleOptions, unschedule_all
from meetstream_async.jobs import JobOptions
from tests.helpers.job_steps import run_in_steps
from tests.helpers.scripted_api import DONE, GONE, NO_BOT, Api, Reply, first, in_seconds, row, rows, serving

pytestmark = pytest.mark.usefixtures("quick_checks")

ACME = BotFilter(attributes={"customer": "acme"})
START = datetime.now(UTC) + timedelta(days=2)
NO: Reply = (403, {"message": "no"})
NOT_YOURS: Reply = (403, {"error": "Bot does not belong to the authenticated user."})


def customer(bot: str, event: str, name: str) -> dict[str, Any]:
    return row(bot, event, attributes={"customer": name})


def deleted(bot: str) -> Reply:
    return 200, {"bot_id": bot}


def after(*pages: Reply) -> Callable[[int], Reply]:
    """One listing after the other, and the last one for ever."""
    return lambda number: pages[min(number, len(pages) - 1)]


def in_turn(*answers: Reply) -> Callable[[str], Reply]:
    """One answer after the other, and the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def until_deleted(*listed: dict[str, Any], **fields: Any) -> Api:
    """Rows that only a DELETE of their bot takes off the listing."""
    gone: list[str] = []

    def delete(bot: str) -> Reply:
        gone.append(bot)
        return deleted(bot)

    def listing(_: int) -> Reply:
        return rows(*(one for one in listed if one["bot_id"] not in gone), **fields)

    return Api(listing, lambda _: (404, {"error": "Event not found"}), delete)


CROWD = [customer(f"a{number}", f"e{number}", "acme") for number in range(99)]
HISTORIES: dict[str, tuple[Callable[[], Api], dict[str, Any]]] = {
    "all is done": (lambda: Api(first(row("b1"), row("b2", "evt_2"))), {}),
    "no join time": (lambda: Api(first(row("b1", joins=None)), lambda _: GONE), {}),
    "joined by its time": (lambda: Api(first(row("b1", joins=in_seconds(-1))), lambda _: GONE), {}),
    "in its meeting": (lambda: Api(first(row("b1", status="InMeeting")), lambda _: GONE), {}),
    "the server's clock is ahead": (
        lambda: Api(first(row("b1", joins=in_seconds(60))), lambda _: GONE, clock=timedelta(minutes=2)),
        {},
    ),
    "somebody else was there first": (lambda: Api(first(row("b1")), lambda _: GONE), {}),
    "a one-off bot that somebody else deleted": (
        lambda: Api(first(row("b1", None))),
        {"one_off_bots": "delete"},
    ),
    "a one-off bot": (lambda: Api(after(rows(row("b1", None)))), {}),
    "the last listing fails": (lambda: Api(after(rows(row("b1")), NO), lambda _: GONE), {}),
    "still listed where the next listing fails": (
        lambda: Api(after(rows(row("b1")), rows(row("b1")), NO)),
        {},
    ),
    "still listed": (lambda: Api(after(rows(row("b1"), row("b2", "evt_2")), rows(row("b2", "evt_2")))), {}),
    "the calendar's id": (lambda: until_deleted(row("b1", "7vq1google")), {}),
    "a calendar bot without an event id": (
        lambda: Api(first(row("b1", None, attributes={"source": "calendar_integration"})), delete=deleted),
        {},
    ),
    "a bot outside, seen once": (
        lambda: Api(
            after(
                rows(customer("g1", "evt_both", "globex"), *CROWD),
                rows(customer("a", "evt_both", "acme")),
            ),
            delete=deleted,
        ),
        {"where": ACME},
    ),
    "bots may hide": (
        lambda: until_deleted(customer("a", "evt_1", "acme"), has_more=True),
        {"where": ACME},
    ),
    "bots may hide, by event": (
        lambda: Api(after(rows(customer("a", "evt_1", "acme"), has_more=True))),
        {"where": ACME, "cancel_by": "event"},
    ),
    "rows that are no work": (lambda: Api(after(rows(row("b1", status="Cancelled")))), {}),
    "a row that turns to cancelled": (
        lambda: Api(after(rows(row("b1")), rows(row("b1", status="Cancelled")))),
        {},
    ),
    "kept occurrences, and nothing affected": (
        lambda: Api(
            after(rows(row("b1"), row("b2", "evt_2", (START + timedelta(days=1)).isoformat()))),
            lambda _: (200, {"cancelled": True, "occurrences_affected": 0}),
        ),
        {"cancel_all_occurrences": True, "from_date": START},
    ),
    "an empty selection": (
        lambda: Api(after(rows(row("b1")))),
        {"where": BotFilter(platform="zoom")},
    ),
    "no time to filter by": (
        lambda: Api(after(rows(row("b1", joins=None)))),
        {"where": BotFilter(before=datetime.now(UTC))},
    ),
    "a part took effect": (
        lambda: Api(after(rows(row("b1"), row("b2")), rows(row("b2"))), in_turn(DONE, NOT_YOURS)),
        {},
    ),
    "answers are lost": (lambda: Api(first(row("b1")), lambda _: (503, {"message": "no"})), {}),
    "refused": (lambda: Api(after(rows(row("b1"))), lambda _: NOT_YOURS), {}),
    "the key is rejected": (
        lambda: Api(after(rows(row("b1"), row("b2", "evt_2"))), lambda _: (401, {"message": "no"})),
        {"max_concurrency": 1},
    ),
    "an event's rows go one by one": (
        lambda: Api(after(rows(row("b1"), row("b2")), rows(row("b2")), rows()), delete=lambda _: NO_BOT),
        {},
    ),
}


def shown(outcome: dict[str, Any]) -> tuple[str, ...]:
    """The event, its bots, and what became of them; by which request, listings in mid-run decide."""
    said = outcome["reason"] if outcome["inferred"] or outcome["status"] != "unscheduled" else None
    return (outcome["event_id"] or "", *outcome["bot_ids"], outcome["status"], said or "")


@pytest.mark.parametrize("name", HISTORIES)
async def test_a_history_gets_the_same_verdict_at_both_doors(name: str) -> None:
    """Every outcome, what is still listed, complete, ok and the reason, though a job's worker dies often."""
    make, given = HISTORIES[name]
    options = JobOptions(settle=0.6, **given)
    async with serving(make()) as client:
        keywords = UnscheduleOptions.keywords(options)
        expected = await unschedule_all(
            client, settle=0.6, max_concurrency=options.max_concurrency, **keywords
        )
    async with serving(make()) as client:
        summary, outcomes = await run_in_steps(client, options)
    assert sorted(map(shown, outcomes)) == sorted(shown(one.to_dict()) for one in expected.outcomes)
    assert summary == {
        "counts": {status: count for status, count in expected.counts.items() if count},
        "still_listed": len(expected.still_listed),
        "still_listed_bots": [bot.bot_id for bot in expected.still_listed],
        "complete": expected.complete,
        "ok": expected.ok,
        "reason": expected.reason,
    }
