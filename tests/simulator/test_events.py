"""GET /calendar/events: the bridge from a listed bot to its event's own id, page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest

from meetstream_async.simulator import SimulatedBot, SimulatedMeetStreamEvent, Simulator, Trouble
from tests.helpers.simulator import ask, says

NOW = datetime.now(UTC).replace(microsecond=0)
SOON = NOW + timedelta(days=1)
YEAR = {
    "time_min": (NOW - timedelta(days=366)).isoformat(),
    "time_max": (NOW + timedelta(days=366)).isoformat(),
}


async def page(sim: Simulator, **query: Any) -> Any:
    reply = await ask(sim, "GET", f"/calendar/events?{urlencode({'sync': 'false', **query})}")
    assert reply.status == 200, reply.body
    return reply.json


async def pages(sim: Simulator, **query: Any) -> list[Any]:
    """All pages, up to 60."""
    found = [await page(sim, **query)]
    while found[-1]["next"] is not None and len(found) < 60:
        found.append(await page(sim, **query, cursor=found[-1]["next"]))
    return found


def event(event_id: str, **more: Any) -> SimulatedMeetStreamEvent:
    return SimulatedMeetStreamEvent(event_id=event_id, **{"start": SOON, **more})


async def test_a_result_has_the_documented_fields() -> None:
    """Every field of an event and of its bots, as published."""
    bot = SimulatedBot("b", "evt_1", platform="zoom", join_time=SOON, meeting_link="https://zoom.us/j/1")
    async with Simulator([bot], ids="none") as sim:
        answer = await page(sim)
    (result,) = answer.pop("results")
    assert answer == {"next": None, "previous": None, "has_more": False}
    assert set(result) == {
        "id", "platform", "platform_id", "ical_uid", "calendar_id", "start_time", "end_time", "created_at",
        "updated_at", "meeting_platform", "meeting_url", "is_deleted", "raw", "bots",
    }  # fmt: skip
    assert (result["id"], result["platform"], result["is_deleted"]) == ("evt_1", "google", False)
    assert (result["meeting_platform"], result["meeting_url"]) == ("zoom", "https://zoom.us/j/1")
    assert datetime.fromisoformat(result["start_time"]) == SOON + timedelta(minutes=2)
    assert result["bots"] == [
        {
            "id": "b",
            "status": "Scheduled",
            "scheduled_join_time": SOON.isoformat(),
            "bot_username": "MeetStream Bot",
            "platform": "zoom",
            "is_scheduled": True,
        }
    ]


@pytest.mark.parametrize("ids", ["event", "provider", "none", "mixed"])
async def test_every_listed_bot_is_found_by_its_own_id(ids: Any) -> None:
    """In every world, `bots[].id` leads to the event that DELETE takes, and to the ids MeetBit holds."""
    async with Simulator(150, seed=4, ids=ids) as sim:
        results = [one for found in await pages(sim, limit=100) for one in found["results"]]
        of_bot = {bot["id"]: result for result in results for bot in result.get("bots", ())}
        for bot_id, record in sim.ledger.bots.items():
            if record.event_id is None:
                assert bot_id not in of_bot
                continue
            assert of_bot[bot_id]["id"] == record.event_id
            assert sim.calendar_event(of_bot[bot_id]["platform_id"]) is sim.calendar_event(record.event_id)


async def test_pages_are_unordered_and_cover_every_event_once() -> None:
    """The cursor is opaque; the pages together hold each event once, in an order that is not that of time."""
    async with Simulator(90, seed=3) as sim:
        found = await pages(sim, limit=7, **YEAR)
        ids = [result["id"] for one in found for result in one["results"]]
        again = [result["id"] for one in await pages(sim, limit=7, **YEAR) for result in one["results"]]
        assert sorted(ids) == sorted(event.event_id for event in sim.meetstream_events)
    starts = [datetime.fromisoformat(r["start_time"]) for one in found for r in one["results"]]
    assert ids == again
    assert starts != sorted(starts)
    assert all(one["has_more"] is (one["next"] is not None) for one in found)
    assert all(later["previous"] == earlier["next"] for earlier, later in pairwise(found))
    assert not any(event_id in (one["next"] or "") for one in found for event_id in ids)


async def test_the_limit_is_counted_before_the_filter() -> None:
    """Pages of a narrow question are short or empty with more to come; a full one is not the last."""
    events = [event(f"evt_{n}", start=NOW + timedelta(days=n)) for n in range(20)]
    async with Simulator([], meetstream_events=events) as sim:
        narrow = {"time_min": NOW.isoformat(), "time_max": (NOW + timedelta(hours=36)).isoformat()}
        found = await pages(sim, limit=5, **narrow)
    sizes = [len(one["results"]) for one in found]
    assert len(found) == 5
    assert sum(sizes) == 2
    assert 0 in sizes[:-1]
    assert (sizes[-1], found[-1]["next"]) == (0, None)


async def test_without_a_window_it_is_a_day_back_and_four_weeks_ahead() -> None:
    """time_min and time_max are now - 1 day and now + 28 days by default."""
    events = [event(f"evt_{days}", start=NOW + timedelta(days=days)) for days in (-2, 0, 27, 29)]
    async with Simulator([], meetstream_events=events) as sim:
        shown = {one["id"] for one in (await page(sim))["results"]}
    assert shown == {"evt_0", "evt_27"}


async def test_a_cursor_does_not_remember_the_question() -> None:
    """A page asked for by its cursor alone has the default window: the filters are to be sent again."""
    events = [event(f"evt_{n}", start=NOW + timedelta(days=100 + n)) for n in range(6)]
    async with Simulator([], meetstream_events=events) as sim:
        first = await page(sim, limit=3, **YEAR)
        alone = await page(sim, limit=3, cursor=first["next"])
        again = await page(sim, limit=3, cursor=first["next"], **YEAR)
    assert [len(one["results"]) for one in (first, alone, again)] == [3, 0, 3]


async def test_events_are_filtered_by_calendar_provider_and_account() -> None:
    """`calendar_id`, `provider`, and `account_id` with a provider."""
    events = [
        event("evt_g", calendar_id="ada@example.com"),
        event("evt_h", calendar_id="sales"),
        event("evt_o", platform="outlook"),
    ]
    async with Simulator([], meetstream_events=events) as sim:

        async def shown(**query: Any) -> set[str]:
            return {one["id"] for one in (await page(sim, **query))["results"]}

        assert await shown(calendar_id="sales") == {"evt_h"}
        assert await shown(provider="google") == {"evt_g", "evt_h"}
        assert await shown(provider="google", account_id="ada@example.com") == {"evt_g"}
        assert await shown(provider="outlook", account_id="ada@example.org") == {"evt_o"}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "Invalid limit parameter (must be between 1 and 100)."),
        ("limit=101", "Invalid limit parameter (must be between 1 and 100)."),
        ("time_min=yesterday", "Invalid time_min format"),
        ("time_max=9999-12-31T23:59:59-14:00", "Invalid time_max format"),
        ("cursor=abc", "Invalid cursor"),
        ("cursor=%00%ff", "Invalid cursor"),
        ("provider=icloud", "Invalid provider (must be google or outlook)"),
        ("account_id=ada@example.com", "account_id requires provider"),
    ],
)
async def test_a_bad_question_is_refused(query: str, words: str) -> None:
    """400, with words that say which parameter it is."""
    async with Simulator(1) as sim:
        reply = await ask(sim, "GET", f"/calendar/events?sync=false&{query}")
    assert (reply.status, reply.json) == (400, says(words))


async def test_both_spellings_of_utc_occur() -> None:
    """Some events have their times with `Z`, others with `+00:00`, and each the same throughout."""
    async with Simulator(40) as sim:
        results = (await page(sim, limit=100))["results"]
    names = ("start_time", "end_time", "created_at", "updated_at")
    ends = [{one[name][-1] for name in names} for one in results]
    assert {"Z"} in ends
    assert {"0"} in ends
    assert all(len(end) == 1 for end in ends)


@pytest.mark.parametrize(
    ("switch", "fields"),
    [("always", {"booked": 1, "free": 0}), ("sparse", {"booked": 1}), ("never", {})],
)
async def test_bots_may_be_missing(switch: Any, fields: dict[str, int]) -> None:
    """`event_bots` decides which events carry the field."""
    booked = SimulatedBot("b", "booked", join_time=SOON)
    async with Simulator([booked], meetstream_events=[event("free")], event_bots=switch) as sim:
        results = (await page(sim))["results"]
    assert {one["id"]: len(one["bots"]) for one in results if "bots" in one} == fields


async def test_tombstones_are_shown() -> None:
    """An event that is gone from the calendar is listed as deleted, and may still have its bot."""
    tombstone = event("evt_1", is_deleted=True)
    async with Simulator([SimulatedBot("b", "evt_1")], meetstream_events=[tombstone]) as sim:
        (result,) = (await page(sim))["results"]
    assert (result["is_deleted"], [bot["id"] for bot in result["bots"]]) == (True, ["b"])
    assert result["raw"]["status"] == "cancelled"


async def test_generated_accounts_have_more_than_booked_events() -> None:
    """Beside the bots' events there are free ones and tombstones; explicit accounts hold what was given."""
    events = Simulator(100).meetstream_events
    booked = set(Simulator(100).ledger.events)
    assert sum(one.event_id not in booked and not one.is_deleted for one in events) == 10
    assert sum(one.is_deleted for one in events) == 2
    assert len(Simulator([SimulatedBot("b", "evt_1")]).meetstream_events) == 1


async def test_a_master_holds_the_bots_of_all_its_occurrences() -> None:
    """With `series_as="master"` one result has several bots, soonest first."""
    bots = [
        SimulatedBot(f"b{day}", f"evt_{day}", series="evt_m", join_time=SOON + timedelta(days=day))
        for day in (2, 0, 1)
    ]
    async with Simulator(bots, series_as="master") as sim:
        (result,) = (await page(sim))["results"]
    assert result["id"] == "evt_m"
    assert [bot["id"] for bot in result["bots"]] == ["b0", "b1", "b2"]


async def test_a_bot_that_has_joined_or_gone_is_told() -> None:
    """A bot in its meeting is shown as such; one that was removed is gone."""
    seconds = [0.0]
    bots = [SimulatedBot(name, "evt_1", join_time=NOW + timedelta(hours=1)) for name in "ab"]
    async with Simulator(bots, clock=lambda: seconds[0]) as sim:
        await ask(sim, "DELETE", "/calendar/scheduled_bots/a")
        seconds[0] = 3700.0
        (result,) = (await page(sim))["results"]
    assert [(bot["id"], bot["status"], bot["is_scheduled"]) for bot in result["bots"]] == [
        ("b", "InMeeting", False)
    ]


@pytest.mark.parametrize(
    ("query", "noted"),
    [
        ("?sync=false", 0),
        ("", 1),
        ("?sync=true", 1),
        ("?sync=", 1),
        ("?sync=false&cleanup_duplicates=true", 1),
    ],
)
async def test_a_sync_is_a_side_effect_in_the_ledger(query: str, noted: int) -> None:
    """`sync` other than `false`, its absence included, and a clean-up are noted with their request."""
    async with Simulator(1) as sim:
        await ask(sim, "GET", "/calendar/scheduled")
        await ask(sim, "GET", f"/calendar/events{query}")
        assert sim.ledger.syncs == (1,) * noted


async def test_without_a_calendar_there_are_no_events() -> None:
    """404 for the events and for the settings of auto-scheduling; the listing of the bots works."""
    async with Simulator(1, calendar_connected=False) as sim:
        for path in ("/calendar/events?sync=false", "/calendar/auto-schedule/settings"):
            reply = await ask(sim, "GET", path)
            assert (reply.status, reply.json) == (404, says("No calendar connected"))
        assert (await ask(sim, "GET", "/calendar/scheduled")).status == 200


@pytest.mark.parametrize("enabled", [True, False])
async def test_the_settings_of_auto_scheduling_are_told(enabled: bool) -> None:
    """Whether the daily job is on, and with which bot."""
    async with Simulator(1, auto_schedule=enabled) as sim:
        reply = await ask(sim, "GET", "/calendar/auto-schedule/settings")
    assert reply.status == 200
    assert reply.json["auto_schedule_enabled"] is enabled
    assert isinstance(reply.json["default_bot_config"], dict)


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_events_can_fail_alone(status: int) -> None:
    """A trouble of this route leaves the others alone."""
    async with Simulator(1, troubles=[Trouble("events", status)]) as sim:
        assert (await ask(sim, "GET", "/calendar/events?sync=false")).status == status
        assert (await ask(sim, "GET", "/calendar/scheduled")).status == 200


async def test_pages_can_be_endless() -> None:
    """`has_more` for ever, and no cursor twice."""
    async with Simulator(3, troubles=[Trouble("events", paging="endless")]) as sim:
        found = await pages(sim)
    assert len(found) == len({one["next"] for one in found}) == 60
    assert all(one["has_more"] for one in found)


async def test_a_cursor_can_be_repeated() -> None:
    """`next` leads to the same page again."""
    async with Simulator(3, troubles=[Trouble("events", paging="repeated")]) as sim:
        first = await page(sim, limit=2)
        second = await page(sim, limit=2, cursor=first["next"])
        third = await page(sim, limit=2, cursor=second["next"])
    assert first["next"] == second["next"] == third["next"]
    assert first["results"] == second["results"] == third["results"]


async def test_empty_pages_can_come_in_between() -> None:
    """Empty pages with more to come, after which the events follow."""
    async with Simulator(3, series=0, troubles=[Trouble("events", paging="empty", times=4)]) as sim:
        found = await pages(sim)
    assert [len(one["results"]) for one in found] == [0, 0, 0, 0, 3]
    assert len({one["next"] for one in found}) == 5


@pytest.mark.parametrize(
    "arguments",
    [{"route": "list", "paging": "empty"}, {"paging": "none"}, {"paging": "empty", "status": 500}],
)
def test_paging_troubles_are_for_the_api_s_own_pages(arguments: dict[str, Any]) -> None:
    """Another route, another kind, or a response in its place raise a ValueError."""
    with pytest.raises(ValueError, match="paging"):
        Trouble(**{"route": "events", **arguments})


def test_an_event_of_the_calendars_that_cannot_exist_is_refused() -> None:
    """Without an id, with an unknown platform or naive times."""
    for arguments in ({"event_id": ""}, {"platform": "icloud"}, {"start": datetime(2030, 1, 1)}):
        with pytest.raises(ValueError, match="SimulatedMeetStreamEvent: "):
            SimulatedMeetStreamEvent(**{"event_id": "evt_1", **arguments})  # type: ignore[arg-type]
