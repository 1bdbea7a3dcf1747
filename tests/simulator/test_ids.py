"""An event has three ids, and which of them a listing shows is the account's affair."""

from __future__ import annotations

import re
from typing import Any

import pytest

from meetstream_async.simulator import SimulatedBot, SimulatedMeetStreamEvent, Simulator
from tests.helpers.simulator import ask, says

IDS = ["event", "provider", "none", "mixed"]


async def listed(sim: Simulator) -> dict[str, Any]:
    rows = (await ask(sim, "GET", "/calendar/scheduled")).json["scheduled_bots"]
    return {row["bot_id"]: row.get("custom_attributes", {}).get("event_id") for row in rows}


@pytest.mark.parametrize("ids", IDS)
async def test_a_listing_shows_the_ids_of_its_world(ids: Any) -> None:
    """MeetStream's own ids, the provider's, none, or some of each; one-off bots have none in any."""
    async with Simulator(60, seed=2, ids=ids, one_off=0.1) as sim:
        shown = await listed(sim)
        kinds = set()
        for bot_id, event_id in shown.items():
            own = sim.ledger.bots[bot_id].event_id
            if own is None:
                assert event_id is None
                continue
            names = {own: "event", sim.ledger.events[own].provider_event_id: "provider", None: "none"}
            kinds.add(names[event_id])
    assert kinds == ({"event", "provider", "none"} if ids == "mixed" else {ids})


@pytest.mark.parametrize("ids", IDS)
async def test_a_delete_takes_the_own_id_in_every_world(ids: Any) -> None:
    """Whatever is listed, `evt_` + 16 hex cancels, and the provider's and iCalendar's ids are refused."""
    async with Simulator(3, ids=ids, series=0, one_off=0, several=0) as sim:
        for record in list(sim.ledger.events.values()):
            assert re.fullmatch(r"evt_[0-9a-f]{16}", record.event_id)
            for other in (record.provider_event_id, record.ical_uid):
                reply = await ask(sim, "DELETE", f"/calendar/schedule/{other}")
                assert (reply.status, reply.json) == (404, says("Event not found"))
            assert record.event_id in sim.ledger.scheduled_events
            assert (await ask(sim, "DELETE", f"/calendar/schedule/{record.event_id}")).status == 200
        assert sim.ledger.scheduled_events == frozenset()


@pytest.mark.parametrize("ids", IDS)
def test_meetbit_holds_the_provider_s_ids_in_every_world(ids: Any) -> None:
    """What the listing of the bots shows does not change what MeetBit knows."""
    sim = Simulator(20, ids=ids)
    assert {event.provider_event_id for event in sim.calendar_events} == {
        record.provider_event_id for record in sim.ledger.events.values()
    }
    assert not any((event.provider_event_id or "").startswith("evt_") for event in sim.calendar_events)


@pytest.mark.parametrize(
    ("foreign_id", "status", "body"),
    [
        ("event_not_found", 404, says("Event not found")),
        ("bot_not_found", 404, says("Bot not found")),
        ("not_found", 404, {"message": "Not Found"}),
        ("bad_request", 400, says("Event not scheduled")),
    ],
)
async def test_a_foreign_id_is_refused_in_four_ways(foreign_id: Any, status: int, body: Any) -> None:
    """`foreign_id` decides the words for an id that is no event's own, and changes nothing else."""
    bot = SimulatedBot("b", "evt_1", provider_event_id="7vq1")
    async with Simulator([bot], ids="provider", foreign_id=foreign_id) as sim:
        assert await listed(sim) == {"b": "7vq1"}
        reply = await ask(sim, "DELETE", "/calendar/schedule/7vq1")
        assert (reply.status, reply.json) == (status, body)
        assert sim.ledger.scheduled_bots == {"b"}
        assert sim.ledger.delete_requests("7vq1") == 1
        assert (await ask(sim, "DELETE", "/calendar/schedule/evt_1")).status == 200


async def test_an_event_without_a_bot_is_not_scheduled() -> None:
    """An event of the calendars that no bot is booked for is known: 400, not 404."""
    event = SimulatedMeetStreamEvent(event_id="evt_free")
    async with Simulator([], meetstream_events=[event]) as sim:
        reply = await ask(sim, "DELETE", "/calendar/schedule/evt_free")
    assert (reply.status, reply.json) == (400, says("Event not scheduled"))


def test_the_ids_are_those_of_google_and_outlook() -> None:
    """Google: base32hex, an instance adds its start; Outlook: a long base64 id; uids are a series' own."""
    sim = Simulator(200, seed=5, series=0.5)
    for event in sim.meetstream_events:
        assert event.platform_id is not None
        assert event.ical_uid is not None
        if event.platform == "outlook":
            assert re.fullmatch(r"AAKk[\w=-]{80,}", event.platform_id)
            assert re.fullmatch(r"040000008200E00074C5B7101A82E008[0-9A-F]{80}", event.ical_uid)
        else:
            instance = r"(_\d{8}T\d{6}Z)" if event.series else "()"
            found = re.fullmatch(rf"([0-9a-v]{{26}}){instance}", event.platform_id)
            assert found
            assert event.ical_uid == f"{found[1]}@google.com"
    platform_ids = [event.platform_id for event in sim.meetstream_events]
    assert len(set(platform_ids)) == len(platform_ids)
    in_series = [event for event in sim.meetstream_events if event.series and event.platform == "google"]
    assert len({event.ical_uid for event in in_series}) < len(in_series)


@pytest.mark.parametrize(
    ("removes", "left"), [("event", set()), ("occurrence", {"b1", "b2"}), ("nothing", {"b0", "b1", "b2"})]
)
async def test_a_series_may_be_one_event_with_many_bots(removes: Any, left: set[str]) -> None:
    """With `series_as="master"` only the master exists; a DELETE of its id takes what `removes` says."""
    bots = [SimulatedBot(f"b{day}", f"evt_{day}", series="evt_master") for day in range(3)]
    async with Simulator(bots, series_as="master", removes=removes) as sim:
        assert set((await listed(sim)).values()) == {"evt_master"}
        assert (await ask(sim, "DELETE", "/calendar/schedule/evt_0")).status == 404
        reply = await ask(sim, "DELETE", "/calendar/schedule/evt_master")
        assert reply.json["is_recurring_series"] is True
        assert sim.ledger.scheduled_bots == left


async def test_an_event_of_the_calendars_can_be_replaced() -> None:
    """Listing, ledger and events follow the event's new ids at once."""
    async with Simulator([SimulatedBot("b", "evt_1")], ids="provider") as sim:
        await listed(sim)
        sim.add_meetstream_event(SimulatedMeetStreamEvent(event_id="evt_1", platform_id="new"))
        assert await listed(sim) == {"b": "new"}
        assert sim.ledger.events["evt_1"].provider_event_id == "new"
        assert [event.platform_id for event in sim.meetstream_events] == ["new"]
        sim.add_meetstream_event(SimulatedMeetStreamEvent(event_id="evt_2"))
        reply = await ask(sim, "DELETE", "/calendar/schedule/evt_2")
    assert (reply.status, reply.json) == (400, says("Event not scheduled"))


async def test_older_paths_delete_a_bot_where_they_are_on() -> None:
    """`bot_paths` decides under which paths a bot goes by its own id; by default the published one alone."""
    bots = [SimulatedBot(name) for name in "abc"]
    paths = ["/calendar/scheduled_bots/a", "/calendar/scheduled/b", "/calendar/schedule/c"]
    async with Simulator(bots) as sim:
        assert [(await ask(sim, "DELETE", path)).status for path in paths] == [200, 404, 404]
    async with Simulator(bots, bot_paths=("scheduled", "schedule")) as sim:
        assert [(await ask(sim, "DELETE", path)).status for path in paths] == [404, 200, 200]
        assert sim.ledger.scheduled_bots == {"a"}


async def test_list_paths_can_be_missing() -> None:
    """A path that is not among `list_paths` is a gateway's 404."""
    async with Simulator(1, list_paths="scheduled_bots") as sim:
        assert (await ask(sim, "GET", "/calendar/scheduled")).json == {"message": "Not Found"}
        assert (await ask(sim, "GET", "/calendar/schedule")).status == 404
        assert (await ask(sim, "GET", "/calendar/scheduled_bots")).status == 200


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"ids": "uid"}, "ids must be 'event', 'provider', 'none' or 'mixed'"),
        ({"foreign_id": "404"}, "foreign_id must be"),
        ({"list_paths": ["events"]}, "list_paths must be among 'scheduled'"),
        ({"bot_paths": "bots"}, "bot_paths must be among"),
        ({"removes": "all"}, "removes must be 'event', 'occurrence' or 'nothing'"),
        ({"listing_lag": -1}, "listing_lag must be finite and not negative"),
        ({"event_bots": "few"}, "event_bots must be"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_switches_that_make_no_sense_are_refused(switches: dict[str, Any], words: str) -> None:
    """The error names the switch and what it takes."""
    with pytest.raises((ValueError, TypeError), match=words):
        Simulator(1, **switches)
