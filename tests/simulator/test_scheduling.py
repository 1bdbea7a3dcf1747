"""POST /calendar/schedule/{event_id}, the switch of a recurring event, and the job that books every night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meetstream_async.simulator import SimulatedBot, SimulatedMeetStreamEvent, Simulator
from tests.helpers.simulator import Reply, ask, says

NOW = datetime.now(UTC).replace(microsecond=0)
SOON = NOW + timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0) + timedelta(days=1)


def event(event_id: str = "evt_1", **more: Any) -> SimulatedMeetStreamEvent:
    given = {"start": SOON, "meeting_url": "https://meet.google.com/abc", **more}
    return SimulatedMeetStreamEvent(event_id=event_id, **given)


def free(*events: SimulatedMeetStreamEvent, **more: Any) -> Simulator:
    """An account with these events, and no bot."""
    return Simulator([], meetstream_events=events or [event()], **more)


async def schedule(sim: Simulator, body: Any = None, event_id: str = "evt_1") -> Reply:
    return await ask(sim, "POST", f"/calendar/schedule/{event_id}", body)


async def test_an_event_is_scheduled_in_the_published_shape() -> None:
    """200 with every published field; the bot joins two minutes before the event, and is listed."""
    config = {"bot_name": "Acme notes", "custom_attributes": {"customer": "acme"}, "audio_required": True}
    async with free() as sim:
        reply = await schedule(sim, {"bot_config": config})
        assert reply.status == 200
        answer = reply.json
        (row,) = (await ask(sim, "GET", "/calendar/scheduled_bots")).json["scheduled_bots"]
        record = sim.ledger.bots[answer["bot_id"]]
    joins = SOON - timedelta(minutes=2)
    assert set(answer) == {
        "scheduled", "schedule_id", "bot_id", "schedule_group", "event_id", "scheduled_time",
        "existing_schedules", "occurrence_date", "is_recurring_occurrence", "bot_config",
    }  # fmt: skip
    assert (answer["scheduled"], answer["event_id"], answer["existing_schedules"]) == (True, "evt_1", 0)
    assert answer["schedule_id"].endswith(f"-{record.bot_id[:12]}")
    assert datetime.fromisoformat(answer["scheduled_time"]) == record.join_time == joins
    assert config.items() <= answer["bot_config"].items()
    assert (record.event_id, record.created_by) == ("evt_1", 0)
    assert (row["bot_id"], row["bot_username"]) == (record.bot_id, "Acme notes")
    assert row["custom_attributes"] == {
        "source": "calendar_schedule_api", "event_id": "evt_1", "customer": "acme",
    }  # fmt: skip


async def test_an_unscheduled_event_is_scheduled_again_with_another_bot() -> None:
    """After a DELETE the same event takes a new bot, with new ids."""
    async with Simulator([SimulatedBot("old", "evt_1", join_time=SOON)]) as sim:
        await ask(sim, "DELETE", "/calendar/schedule/evt_1")
        new = (await schedule(sim)).json["bot_id"]
        assert sim.ledger.scheduled_bots == {new}
        assert sim.ledger.events["evt_1"].bot_ids == ("old", new)
        assert sim.ledger.scheduled_events == {"evt_1"}


@pytest.mark.parametrize(("event_id", "name"), [("evt_1", "bot_id"), ("evt_2", "existing_bot_id")])
async def test_a_scheduled_event_is_a_conflict_that_names_its_bot(event_id: str, name: str) -> None:
    """409 with `bot_id` or `existing_bot_id`, as both have been seen; nothing is booked."""
    async with Simulator([SimulatedBot("there", event_id)]) as sim:
        reply = await schedule(sim, event_id=event_id)
        assert sim.ledger.scheduled_bots == {"there"}
    assert (reply.status, reply.json) == (409, {**says("Event is already scheduled"), name: "there"})


@pytest.mark.parametrize("cancelled", [True, False])
async def test_a_known_deduplication_key_gets_the_first_answer_again(cancelled: bool) -> None:
    """200 with the bot of that key, even if it was cancelled: then no bot joins."""
    async with free() as sim:
        first = (await schedule(sim, {"deduplication_key": "key"})).json
        if cancelled:
            await ask(sim, "DELETE", "/calendar/schedule/evt_1")
        again = await schedule(sim, {"bot_config": {"deduplication_key": "key"}})
        assert len(sim.ledger.bots) == 1
        assert bool(sim.ledger.scheduled_bots) is not cancelled
    assert (again.status, again.json["bot_id"]) == (200, first["bot_id"])


@pytest.mark.parametrize(
    "known", [None, event(is_deleted=True), event("evt_2")], ids=["nothing", "tombstone", "another"]
)
async def test_an_unknown_or_deleted_event_is_not_found(known: Any) -> None:
    """404 "Event not found", also for the provider's id of a known event."""
    async with free(*[one for one in [known] if one]) as sim:
        ids = ["evt_9" if known is None else "evt_1", "7vq1", sim.meetstream_events[0].platform_id or ""]
        for event_id in ids:
            reply = await schedule(sim, event_id=event_id)
            assert (reply.status, reply.json) == (404, says("Event not found"))


@pytest.mark.parametrize(
    ("known", "body", "words"),
    [
        ({"meeting_platform": None}, None, "No meeting link found for this event"),
        ({"start": NOW - timedelta(hours=1)}, None, "Event has already started"),
        ({}, ["list"], "Invalid request body"),
        ({}, b"{no", "Invalid request body"),
        ({}, {"bot_config": "x"}, "bot_config must be an object"),
        ({}, {"bot_config": {"bot_name": 5}}, "bot_name must be a string"),
        ({}, {"bot_config": {"custom_attributes": []}}, None),
        ({}, {"bot_config": {"custom_attributes": [1]}}, "custom_attributes must be an object"),
        ({}, {"deduplication_key": {}}, "deduplication_key must be a string"),
        ({}, {"occurrence_date": "soon"}, "Invalid occurrence_date format"),
        ({}, {"bot_config": {"join_at": 5}}, "Invalid join_at format"),
        ({}, {"occurrence_limit": 53}, "occurrence_limit must be between 1 and 52"),
    ],
)
async def test_what_cannot_be_scheduled_is_refused(known: Any, body: Any, words: str | None) -> None:
    """400 with words that say why, and no bot."""
    async with free(event(**known)) as sim:
        reply = await schedule(sim, body)
        assert len(sim.ledger.bots) == (words is None)
    if words is not None:
        assert (reply.status, reply.json) == (400, says(words))


async def test_a_join_time_of_one_s_own_loses_the_lead_twice() -> None:
    """`join_at` in the configuration is taken for the event's time: the bot comes two minutes earlier."""
    async with free() as sim:
        joins = SOON - timedelta(minutes=2)
        answer = (await schedule(sim, {"bot_config": {"join_at": joins.isoformat()}})).json
        assert sim.ledger.bots[answer["bot_id"]].join_time == joins - timedelta(minutes=2)


async def test_a_late_bot_joins_at_once() -> None:
    """An event that begins within the lead still gets its bot, in the future."""
    async with free(event(start=datetime.now(UTC) + timedelta(seconds=60))) as sim:
        answer = (await schedule(sim)).json
        wait = sim.ledger.bots[answer["bot_id"]].join_time - datetime.now(UTC)
    assert timedelta(0) < wait < timedelta(seconds=2)


async def test_all_occurrences_are_scheduled_up_to_the_limit() -> None:
    """Each free occurrence of the series gets a bot of its own, at its own time."""
    bots = [
        SimulatedBot(f"b{day}", f"evt_{day}", series="evt_m", join_time=SOON + timedelta(days=day))
        for day in range(5)
    ]
    async with Simulator(bots) as sim:
        await ask(sim, "DELETE", "/calendar/schedule/evt_0", {"cancel_all_occurrences": True})
        body = {"schedule_all_occurrences": True, "occurrence_limit": 4}
        answer = (await schedule(sim, body, "evt_0")).json
        assert answer["is_recurring_occurrence"] is True
        assert sim.ledger.scheduled_events == {"evt_0", "evt_1", "evt_2", "evt_3"}
        times = sorted(sim.ledger.bots[bot].join_time for bot in sim.ledger.scheduled_bots)
        await schedule(sim, {"schedule_all_occurrences": True}, "evt_4")
        assert len(sim.ledger.scheduled_bots) == 5
    assert times == [SOON + timedelta(days=day) for day in range(4)]


async def test_a_master_takes_a_bot_for_each_occurrence_date() -> None:
    """With `occurrence_date` one event holds several bots; the same date twice is a conflict."""
    async with free(event(series="evt_1")) as sim:
        dates = [(SOON + timedelta(days=day)).isoformat() for day in (0, 7, 7)]
        replies = [await schedule(sim, {"occurrence_date": date}) for date in dates]
        assert len(sim.ledger.scheduled_bots) == 2
    assert [reply.status for reply in replies] == [200, 200, 409]
    assert [reply.json["existing_schedules"] for reply in replies[:2]] == [0, 1]


async def test_recurrence_is_toggled() -> None:
    """200 with an empty object; 400 without the fields or for a single event, 404 for an unknown one."""
    path = "/calendar/toggle-recurrence"
    async with free(event(), event("evt_s", series="evt_s")) as sim:
        for body, status, answer in [
            ({"event_id": "evt_s", "recurring_enabled": False}, 200, {}),
            ({"event_id": "evt_s"}, 400, says("event_id and recurring_enabled are required")),
            (None, 400, says("event_id and recurring_enabled are required")),
            ({"event_id": "evt_1", "recurring_enabled": True}, 400, says("Event is not recurring")),
            ({"event_id": "evt_9", "recurring_enabled": True}, 404, says("Event not found")),
        ]:
            reply = await ask(sim, "POST", path, body)
            assert (reply.status, reply.json) == (status, answer)


async def test_auto_scheduling_is_turned_on_and_off() -> None:
    """Both answer with the state, which the settings show afterwards."""
    base = "/calendar/auto-schedule"
    config = {"bot_name": "Nightly", "video_required": False}
    async with Simulator(0) as sim:
        on = await ask(sim, "POST", f"{base}/enable", {"default_bot_config": config})
        shown = (await ask(sim, "GET", f"{base}/settings")).json
        off = await ask(sim, "POST", f"{base}/disable")
        again = (await ask(sim, "GET", f"{base}/settings")).json
        bad = await ask(sim, "POST", f"{base}/enable", {"default_bot_config": {"bot_name": 5}})
        list_ = await ask(sim, "POST", f"{base}/enable", [])
    assert shown == {"auto_schedule_enabled": True, "default_bot_config": config}
    assert on.json == {"message": "Auto-scheduling enabled successfully", **shown}
    assert (off.status, again["auto_schedule_enabled"]) == (200, False)
    assert (bad.status, bad.json) == (400, says("Invalid default_bot_config"))
    assert (list_.status, list_.json) == (400, says("Invalid request body"))


async def test_the_nightly_job_books_cancelled_bots_again() -> None:
    """What begins within 24 hours and has no bot gets one, with the default configuration; once."""
    bots = [SimulatedBot("soon", "evt_1", join_time=NOW + timedelta(hours=5)),
            SimulatedBot("later", "evt_2", join_time=NOW + timedelta(days=2))]  # fmt: skip
    further = [event("evt_gone", start=NOW + timedelta(hours=3), is_deleted=True),
               event("evt_room", start=NOW + timedelta(hours=3), meeting_platform=None),
               event("evt_off", start=NOW + timedelta(hours=3), series="evt_off")]  # fmt: skip
    async with Simulator(bots, meetstream_events=further) as sim:
        for event_id in ("evt_1", "evt_2"):
            await ask(sim, "DELETE", f"/calendar/schedule/{event_id}")
        assert sim.run_nightly_job() == ()
        await ask(sim, "POST", "/calendar/auto-schedule/enable", {"default_bot_config": {"bot_name": "N"}})
        off = {"event_id": "evt_off", "recurring_enabled": False}
        await ask(sim, "POST", "/calendar/toggle-recurrence", off)
        (booked,) = sim.run_nightly_job()
        assert sim.run_nightly_job() == ()
        record = sim.ledger.bots[booked]
        (row,) = (await ask(sim, "GET", "/calendar/scheduled_bots")).json["scheduled_bots"]
    assert (record.event_id, record.created_by) == ("evt_1", None)
    assert record.join_time == NOW + timedelta(hours=5)
    assert (row["bot_username"], row["custom_attributes"]["source"]) == ("N", "calendar_auto_schedule")


async def test_the_nightly_job_runs_at_midnight_of_the_clock() -> None:
    """The first request after 00:00 UTC finds its work done."""
    seconds = [0.0]
    bot = SimulatedBot("b", "evt_1", join_time=MIDNIGHT + timedelta(hours=5))
    async with Simulator([bot], auto_schedule=True, clock=lambda: seconds[0]) as sim:
        await ask(sim, "DELETE", "/calendar/schedule/evt_1")
        assert (await ask(sim, "GET", "/calendar/scheduled_bots")).json["scheduled_bots"] == []
        seconds[0] = (MIDNIGHT - datetime.now(UTC)).total_seconds() + 60
        rows = (await ask(sim, "GET", "/calendar/scheduled_bots")).json["scheduled_bots"]
    assert [row["custom_attributes"]["event_id"] for row in rows] == ["evt_1"]
