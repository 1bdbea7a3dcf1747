"""`diagnose` against every world of ids and every fault of the simulator: what it says, word for word.

The texts are in ``tests/doctor/golden/``. After a change of the words, ``GOLDEN=write pytest tests/doctor``
writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, field, frozen

from meetstream_async import Diagnosis, MeetBitClient, MeetStreamClient, RetryPolicy, diagnose
from meetstream_async.doctor import diagnose as module
from meetstream_async.simulator import SimulatedBot, Simulator, SlidingWindow, TokenBucket, Trouble

GOLDEN = Path(__file__).parent / "golden"
FAR = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10)
PERSONAL = ("Ada", "ada@", "pwd=", "Budget", "Lovelace")
QUICK = RetryPolicy(initial_wait=0.01, max_wait=0.01)


def bots() -> list[SimulatedBot]:
    """Five bots of four events, one of them in a series, and a one-off bot, with personal data everywhere."""

    def bot(number: int, event_id: str | None, **more: Any) -> SimulatedBot:
        return SimulatedBot(
            f"bot-{number}",
            event_id,
            join_time=FAR + timedelta(hours=number),
            bot_username="Ada's notetaker",
            meeting_link=f"https://meet.example.com/{number}?pwd=sesame",
            attributes={"event_summary": "Budget of Ada", "scheduled_by": "ada@example.com"},
            **more,
        )

    events = [f"evt_{number:016x}" for number in range(1, 5)]
    return [
        *(bot(number, event_id) for number, event_id in enumerate(events[:3])),
        bot(3, events[2]),
        bot(4, events[3], platform="zoom", series=f"evt_{9:016x}"),
        bot(5, None, platform="zoom"),
    ]


def many(count: int = 130) -> list[SimulatedBot]:
    """More than a listing shows."""
    return [evolve(bots()[0], bot_id=f"bot-{n}", event_id=f"evt_{n:016x}") for n in range(count)]


@frozen
class Case:
    """One account, and what goes wrong with it."""

    world: Mapping[str, Any] = field(factory=dict)
    troubles: tuple[Trouble, ...] = ()
    key: str | None = None
    listing_seconds: float = 6.0
    other_seconds: float = 2.5


def world(**switches: Any) -> Case:
    return Case(switches)


def fault(*troubles: Trouble) -> Case:
    return Case(troubles=troubles)


def body(text: str, status: int | None = None, route: str = "list", **more: Any) -> Trouble:
    return Trouble(route, status, body=text, **more)


CASES: dict[str, Case] = {
    # Worlds.
    **{f"ids_{ids}": world(ids=ids) for ids in ("event", "provider", "none", "mixed")},
    **{
        f"ids_{ids}_no_calendar": world(ids=ids, calendar_connected=False)
        for ids in ("event", "provider", "none", "mixed")
    },
    **{f"event_bots_{shown}": world(event_bots=shown) for shown in ("always", "never")},
    "series_as_master": world(series_as="master"),
    "listed_states": world(listed_states=("Scheduled", "InMeeting", "Stopped", "Cancelled")),
    "list_path_scheduled_bots": world(list_paths="scheduled_bots"),
    "list_path_none": world(list_paths=()),
    "auto_schedule": world(auto_schedule=True),
    "no_bots": world(bots=()),
    "one_off_bots_only": world(bots=bots()[5:]),
    "full_listing": world(bots=many()),
    "more_events_than_the_bounds_allow": world(bots=many(650)),
    "user_missing": world(user_missing=True),
    "wrong_key": Case(key="ms_canary_of_another_account_0123456789"),
    "strange_key": Case(key="canary-of-a-strange-shape-0123456789"),
    **{
        f"dialect_{dialect}": evolve(world(dialect=dialect), key="ms_wrong_0123456789abcdef")
        for dialect in ("message", "error", "error_status", "detail", "nested", "problem", "text")
    },
    "token_bucket": world(limit=TokenBucket(rate=0.01, burst=2)),
    "sliding_window": world(limit=SlidingWindow(2, 60)),
    # Faults of the listing.
    **{
        f"list_{status}": fault(Trouble("list", status))
        for status in (301, 400, 401, 403, 404, 405, 408, 409, 422, 429, 500, 501, 502, 503, 504)
    },
    "list_429_retry_after": fault(Trouble("list", 429, retry_after=30)),
    "list_503_once": fault(Trouble("list", 503, times=1)),
    "list_403_html": fault(Trouble("list", 403, html=True)),
    "list_403_html_at_one_path": fault(
        Trouble("list", 403, html=True, when=lambda record: record.path.endswith("scheduled"))
    ),
    "list_403_forbidden": fault(body('{"message": "Forbidden"}', 403)),
    "list_502_html": fault(Trouble("list", 502, html=True)),
    "list_200_html": fault(Trouble("list", html=True)),
    "list_not_json": fault(body("not json")),
    "list_empty_body": fault(body("")),
    "list_null": fault(body("null")),
    "list_no_list": fault(body("{}")),
    "list_error_in_200": fault(body('{"scheduled_bots": [], "error": "database"}')),
    **{
        f"list_missing_route_{status}": fault(Trouble("list", status, missing_route=True))
        for status in (403, 404, 405)
    },
    "list_drop_before": fault(Trouble("list", drop="before")),
    "list_drop_after": fault(Trouble("list", drop="after")),
    "list_drop_once": fault(Trouble("list", drop="before", times=1)),
    "list_half_body": fault(Trouble("list", half_body=True)),
    "list_bad_rows": fault(Trouble("list", bad_rows=3)),
    "list_bad_times": fault(
        body('{"scheduled_bots": [{"bot_id": "bot-0", "scheduled_join_time": "tomorrow"}]}')
    ),
    "list_hang": Case(troubles=(Trouble("list", hang=True),), listing_seconds=0.2),
    "list_no_date": fault(Trouble("*", headers={"Date": ""})),
    "list_wrong_date": fault(Trouble("*", headers={"Date": "Mon, 01 Jan 2024 00:00:00 GMT"})),
    "limit_headers": fault(Trouble("*", headers={"RateLimit-Limit": "60", "RateLimit-Remaining": "12"})),
    # Faults of the events.
    **{
        f"events_{status}": fault(Trouble("events", status))
        for status in (400, 401, 403, 404, 405, 429, 500, 502, 503, 504)
    },
    "events_403_html": fault(Trouble("events", 403, html=True)),
    "events_502_html": fault(Trouble("events", 502, html=True)),
    "events_not_json": fault(body("not json", route="events")),
    "events_no_list": fault(body("{}", route="events")),
    "events_bad_rows": fault(body('{"results": [7, {"id": null}], "next": null}', route="events")),
    "events_missing_route": fault(Trouble("events", missing_route=True)),
    "events_paging_empty": fault(Trouble("events", paging="empty")),
    "events_paging_endless": fault(Trouble("events", paging="endless")),
    "events_paging_repeated": fault(Trouble("events", paging="repeated")),
    "events_drop": fault(Trouble("events", drop="before")),
    "events_half_body": fault(Trouble("events", half_body=True)),
    "events_hang": Case(troubles=(Trouble("events", hang=True),), other_seconds=0.8),
    "events_second_page_fails": Case(
        {"bots": many()},
        (Trouble("events", 500, skip=1),),
    ),
    # Faults of the settings.
    **{f"settings_{status}": fault(Trouble("auto_schedule", status)) for status in (403, 404, 429, 500)},
    "settings_not_json": fault(body("not json", route="auto_schedule")),
    "settings_strange": fault(body('{"auto_schedule_enabled": "yes"}', route="auto_schedule")),
    "settings_hang": Case(troubles=(Trouble("auto_schedule", hang=True),), other_seconds=0.8),
    # Faults of everything.
    "all_503": fault(Trouble("*", 503)),
    "all_403_html": fault(Trouble("*", 403, html=True)),
    "all_drop": fault(Trouble("*", drop="before")),
}  # fmt: skip


def golden(name: str, found: Diagnosis) -> tuple[str, str]:
    """What the file says, and what was found, without what differs from run to run."""
    lines = [f"{check.name}: {check.status}: {check.detail}" for check in found.checks]
    text = "\n".join([f"ok={found.ok} ids={found.ids} requests={found.requests}", *lines, found.verdict, ""])
    for pattern, instead in (
        (r"127\.0\.0\.1:\d+", "HOST"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
        (r"(less than )?\d+(\.\d+)? (s|d)\b(?! differ)", "SPAN"),
    ):
        text = re.sub(pattern, instead, text)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return path.read_text("utf-8"), text


async def diagnosed(case: Case, monkeypatch: pytest.MonkeyPatch) -> tuple[Diagnosis, Simulator, str]:
    """What is found, the account afterwards, and the key that was used."""
    monkeypatch.setattr(module, "_LISTING_SECONDS", case.listing_seconds)
    monkeypatch.setattr(module, "_OTHER_SECONDS", case.other_seconds)
    async with Simulator(**{"bots": bots(), **case.world}, troubles=case.troubles) as sim:
        key = case.key or sim.api_key
        async with MeetStreamClient(key, base_url=sim.base_url, retry=QUICK) as client:
            return await diagnose(client), sim, key


@pytest.mark.parametrize("name", CASES)
async def test_a_diagnosis_says_what_is_wrong(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """For each world and fault: these words, few GETs one at a time, no change, no key, no personal data."""
    caplog.set_level(logging.DEBUG, "meetstream_async")
    found, sim, key = await diagnosed(CASES[name], monkeypatch)
    expected, text = golden(name, found)
    assert text == expected
    assert {record.method for record in sim.requests} <= {"GET"}
    assert len(sim.requests) <= found.requests <= 7
    assert sim.max_in_flight <= 1
    assert not sim.ledger.syncs
    assert all(record.delete_requests == 0 for record in sim.ledger.events.values())
    shown = " ".join([repr(found), json.dumps(found.to_dict()), text, *map(str, map(vars, caplog.records))])
    assert [word for word in (key, *PERSONAL) if word in shown] == []


def test_no_golden_text_is_left_over() -> None:
    """Each text belongs to a case."""
    assert {path.stem for path in GOLDEN.iterdir()} == {*CASES, "meetbit"}


async def test_of_meetbit_only_the_way_there_is_checked() -> None:
    """One GET; the keys are called unchecked."""
    async with Simulator(3) as sim:
        keys = {"access_key_id": sim.access_key_id, "access_key_secret": sim.access_key_secret}
        async with MeetBitClient(base_url=sim.meetbit_base_url, **keys) as client:
            found = await diagnose(client)
        expected, text = golden("meetbit", found)
        assert text == expected
        assert [record.method for record in sim.requests] == ["GET"]
        assert sim.access_key_secret not in repr(found)
