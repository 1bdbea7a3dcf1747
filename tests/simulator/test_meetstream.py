"""The simulator speaks MeetStream's documented wire format."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meetstream_async.simulator import SimulatedBot, Simulator
from tests.helpers.simulator import ask, says

LIST_PATHS = ["/calendar/scheduled", "/calendar/schedule", "/calendar/scheduled_bots"]
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


def series(count: int) -> list[SimulatedBot]:
    return [
        SimulatedBot(f"bot-{day}", f"evt_{day}", series="master", join_time=SOON + timedelta(days=day))
        for day in range(count)
    ]


@pytest.mark.parametrize("path", LIST_PATHS)
async def test_every_list_path_shows_the_documented_row(path: str) -> None:
    """Each of the three list paths answers rows with the documented fields and the meeting link."""
    bot = SimulatedBot(
        "bot-1", "evt_1", join_time=SOON, deduplication_key="key123", attributes={"team": "sales"},
        meeting_link="https://meet.google.com/abc",
    )  # fmt: skip
    async with Simulator([bot]) as sim:
        reply = await ask(sim, "GET", path)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json == {
        "scheduled_bots": [
            {
                "bot_id": "bot-1",
                "platform": "google_meet",
                "status": "Scheduled",
                "scheduled_join_time": SOON.isoformat(),
                "custom_attributes": {
                    "source": "calendar_schedule_api",
                    "event_id": "evt_1",
                    "deduplication_key": "key123",
                    "team": "sales",
                },
                "bot_username": "MeetStream Bot",
                "is_scheduled": True,
                "meeting_link": "https://meet.google.com/abc",
            }
        ]
    }


async def test_one_off_rows_carry_no_event() -> None:
    """A one-off bot's row has no custom attributes, or only its source."""
    bots = [SimulatedBot("bare"), SimulatedBot("sourced", source="calendar_integration")]
    async with Simulator(bots) as sim:
        rows = {row["bot_id"]: row for row in (await ask(sim, "GET", LIST_PATHS[0])).json["scheduled_bots"]}
    assert "custom_attributes" not in rows["bare"]
    assert rows["sourced"]["custom_attributes"] == {"source": "calendar_integration"}


@pytest.mark.parametrize("limit", ["0", "101", "-1", "abc", "", "1.5", "+5", "%D9%A3"])
async def test_a_limit_outside_1_to_100_is_refused(limit: str) -> None:
    """A limit other than an integer from 1 to 100 gets 400 with the documented text."""
    async with Simulator(3) as sim:
        reply = await ask(sim, "GET", f"{LIST_PATHS[0]}?limit={limit}")
    assert reply.status == 400
    assert reply.json == says("Invalid limit parameter (must be between 1 and 100).")


async def test_a_listing_is_capped_in_a_stable_order_of_its_own() -> None:
    """At most 100 rows and at most `limit`, always in the same order, which is not that of time."""
    async with Simulator(250, seed=3) as sim:
        full, again, ten = [
            [row["bot_id"] for row in (await ask(sim, "GET", LIST_PATHS[0] + query)).json["scheduled_bots"]]
            for query in ("", "?limit=100", "?limit=10")
        ]
        times = [sim.ledger.bots[bot_id].join_time for bot_id in full]
    assert len(full) == len(set(full)) == 100
    assert full == again
    assert ten == full[:10]
    assert times != sorted(times)


async def test_a_single_event_is_unscheduled_in_the_documented_shape() -> None:
    """One DELETE removes all bots of the event; repeating it is 400, an unknown id 404."""
    bots = [
        SimulatedBot("11111111-2222-3333", "evt_1"),
        SimulatedBot("b2", "evt_1"),
        SimulatedBot("b3", "evt_2"),
    ]
    async with Simulator(bots) as sim:
        reply = await ask(sim, "DELETE", "/calendar/schedule/evt_1")
        again = await ask(sim, "DELETE", "/calendar/schedule/evt_1")
        unknown = await ask(sim, "DELETE", "/calendar/schedule/evt_9")
        listed = (await ask(sim, "GET", LIST_PATHS[0])).json["scheduled_bots"]
    assert reply.status == 200
    answer = reply.json
    ids = answer.pop("cancelled_schedules")
    assert all(one.startswith("bot-") and len(one.split("-")[1]) == 8 for one in ids)
    # The first twelve characters of the bot's id, its hyphens among them.
    assert ids[0].endswith("-11111111-222")
    assert answer == {
        "unscheduled": True,
        "event_id": "evt_1",
        "schedules_cancelled": 2,
        "bots_deleted": 2,
        "cancel_all_occurrences": False,
        "from_date": None,
        "is_recurring_series": False,
    }
    assert (again.status, again.json) == (400, says("Event not scheduled"))
    assert (unknown.status, unknown.json) == (404, says("Event not found"))
    assert [row["bot_id"] for row in listed] == ["b3"]


async def test_a_series_is_cancelled_in_the_documented_shape() -> None:
    """`cancel_all_occurrences` cancels every occurrence and answers without `unscheduled`."""
    async with Simulator(series(4)) as sim:
        reply = await ask(sim, "DELETE", "/calendar/schedule/evt_1", {"cancel_all_occurrences": True})
        assert sim.ledger.scheduled_events == frozenset()
        again = await ask(sim, "DELETE", "/calendar/schedule/evt_1", {"cancel_all_occurrences": True})
    assert reply.status == 200
    answer = reply.json
    assert len(answer.pop("cancelled_schedules")) == 4
    assert answer == {
        "cancelled": True,
        "master_event_id": "master",
        "from_date": None,
        "occurrences_affected": 4,
        "schedules_cancelled": 4,
    }
    assert (again.status, again.json) == (400, says("Event not scheduled"))


async def test_one_occurrence_goes_alone_without_the_series_option() -> None:
    """A DELETE without options takes one occurrence and says that it belongs to a series."""
    async with Simulator(series(3)) as sim:
        reply = await ask(sim, "DELETE", "/calendar/schedule/evt_1", {})
        assert sim.ledger.unscheduled_events == {"evt_1"}
    assert reply.json["is_recurring_series"] is True


@pytest.mark.parametrize(
    "form", ["{:%Y-%m-%dT%H:%M:%SZ}", "{:%Y-%m-%dT%H:%M:%S+00:00}", "{:%Y-%m-%d %H:%M:%S}"]
)
async def test_from_date_keeps_earlier_occurrences(form: str) -> None:
    """Only occurrences that begin at `from_date` or later are cancelled."""
    from_date = form.format(SOON + timedelta(days=2))
    async with Simulator(series(4)) as sim:
        options = {"cancel_all_occurrences": True, "from_date": from_date}
        reply = await ask(sim, "DELETE", "/calendar/schedule/evt_0", options)
        assert sim.ledger.scheduled_events == {"evt_0", "evt_1"}
    assert (reply.json["occurrences_affected"], reply.json["from_date"]) == (2, from_date)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"cancel_all_occurrences": True, "from_date": "tomorrow"}, "Invalid from_date format"),
        ({"cancel_all_occurrences": True, "from_date": 1734652800}, "Invalid from_date format"),
        ({"cancel_all_occurrences": True}, "Master event ID not found"),
        ({"cancel_all_occurrences": "yes"}, "cancel_all_occurrences must be a boolean"),
        (["cancel_all_occurrences"], "Invalid request body"),
        (b"{not json", "Invalid request body"),
    ],
)
async def test_bad_options_are_refused_in_documented_words(body: Any, words: str) -> None:
    """A bad `from_date`, a series option without a series and a malformed body change nothing: 400."""
    async with Simulator([SimulatedBot("b", "evt_1")]) as sim:
        reply = await ask(sim, "DELETE", "/calendar/schedule/evt_1", body)
        assert (reply.status, reply.json) == (400, says(words))
        assert sim.ledger.scheduled_events == {"evt_1"}


async def test_a_bot_is_deleted_by_its_own_id() -> None:
    """A scheduled bot is 200, one gone or unknown 404, another user's 403, one that has joined 400."""
    seconds = [0.0]
    bots = [SimulatedBot("one-off"), SimulatedBot("joins", join_time=datetime.now(UTC) + timedelta(hours=1))]
    async with Simulator(bots, foreign_bots=["theirs"], clock=lambda: seconds[0]) as sim:
        done = await ask(sim, "DELETE", "/calendar/scheduled_bots/one-off")
        seconds[0] = 3700.0
        statuses = [
            (await ask(sim, "DELETE", f"/calendar/scheduled_bots/{bot}")).status
            for bot in ("one-off", "unknown", "theirs", "joins")
        ]
        assert sim.ledger.bot_delete_requests("one-off") == 2
        assert sim.ledger.bots["one-off"].applied_by == 0
        assert sim.ledger.scheduled_bots == {"joins"}
    assert done.status == 200
    assert done.json["bot_id"] == "one-off"
    assert done.json["message"]
    assert statuses == [404, 404, 403, 400]


async def test_bots_that_have_joined_are_neither_listed_nor_unscheduled() -> None:
    """A bot that has joined is not listed, its event is 400, and the ledger still has it."""
    seconds = [0.0]
    bot = SimulatedBot("b", "evt_1", join_time=datetime.now(UTC) + timedelta(hours=1))
    async with Simulator([bot], clock=lambda: seconds[0]) as sim:
        assert len((await ask(sim, "GET", LIST_PATHS[0])).json["scheduled_bots"]) == 1
        seconds[0] = 3700.0
        assert (await ask(sim, "GET", LIST_PATHS[0])).json == {"scheduled_bots": []}
        assert (await ask(sim, "DELETE", "/calendar/schedule/evt_1")).json == says("Event not scheduled")
        assert sim.ledger.scheduled_events == {"evt_1"}


async def test_a_missing_user_is_404_on_every_route() -> None:
    """With `user_missing` every route answers "User not found" and changes nothing."""
    async with Simulator([SimulatedBot("b", "evt_1")], user_missing=True) as sim:
        for method, path in [("GET", LIST_PATHS[0]), ("DELETE", "/calendar/schedule/evt_1")]:
            reply = await ask(sim, method, path)
            assert (reply.status, reply.json) == (404, says("User not found"))
        assert sim.ledger.scheduled_bots == {"b"}
