"""Bots by their own ids: made, moved, listed, looked at; calendars and agents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meetstream_async.simulator import SimulatedBot, Simulator
from tests.helpers.simulator import ask, says

NOW = datetime.now(UTC).replace(microsecond=0)
SOON = NOW + timedelta(days=1)
MEET = "https://meet.google.com/abc-defg-hij"


def body(**more: Any) -> dict[str, Any]:
    return {"meeting_link": MEET, "bot_name": "Acme notes", "join_at": SOON.isoformat(), **more}


async def test_a_created_bot_is_a_one_off_bot() -> None:
    """201 with its id; it is listed with the caller's own attributes and no event."""
    async with Simulator([]) as sim:
        reply = await ask(sim, "POST", "/bots/create_bot", body(custom_attributes={"customer": "acme"}))
        (row,) = (await ask(sim, "GET", "/calendar/scheduled_bots")).json["scheduled_bots"]
        record = sim.ledger.bots[reply.json["bot_id"]]
    assert reply.status == 201
    assert reply.json == {
        "bot_id": record.bot_id, "transcript_id": None, "meeting_url": MEET, "status": "Scheduled",
    }  # fmt: skip
    assert (record.event_id, record.join_time, record.created_by) == (None, SOON, 0)
    assert (row["custom_attributes"], row["meeting_link"]) == ({"customer": "acme"}, MEET)


async def test_a_repeated_idempotency_key_gets_507_and_the_first_answer() -> None:
    """One bot, whatever the second body says; another key makes another bot, and so does none."""
    async with Simulator([]) as sim:

        async def create(key: str | None, **more: Any) -> Any:
            headers = {} if key is None else {"Idempotency-Key": key}
            return await ask(sim, "POST", "/bots/create_bot", body(**more), headers=headers)

        first = await create("one")
        again = await create("one", bot_name="Other")
        assert (first.status, again.status, again.json) == (201, 507, first.json)
        assert len(sim.ledger.bots) == 1
        assert [(await create(key)).status for key in ("two", None, None)] == [201] * 3
        assert len(sim.ledger.bots) == 4
        assert sim.requests[0].idempotency_key == "one"


async def test_without_a_time_a_bot_joins_at_once() -> None:
    """It is in its meeting, not in the listing."""
    async with Simulator([]) as sim:
        answer = (await ask(sim, "POST", "/bots/create_bot", body(join_at=None))).json
        assert answer["status"] == "Joining"
        assert (await ask(sim, "GET", "/calendar/scheduled_bots")).json == {"scheduled_bots": []}
        status = (await ask(sim, "GET", f"/bots/{answer['bot_id']}/status")).json
    assert status == {"bot_id": answer["bot_id"], "status": "InMeeting", "custom_attributes": {}}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "Invalid request body"),
        (b"{", "Invalid request body"),
        (None, "Invalid request body"),
        ({"bot_name": "x"}, "meeting_link is required"),
        ({"meeting_link": MEET}, "bot_name is required"),
        (body(meeting_link="ftp://x"), "Invalid meeting_link"),
        (body(join_at="soon"), "Invalid join_at format"),
        (body(custom_attributes="x"), "custom_attributes must be an object"),
    ],
)
async def test_a_bot_that_cannot_be_made_is_refused(given: Any, words: str) -> None:
    """400 with words that say why."""
    async with Simulator([]) as sim:
        reply = await ask(sim, "POST", "/bots/create_bot", given)
        assert not sim.ledger.bots
    assert (reply.status, reply.json) == (400, says(words))


async def test_a_scheduled_bot_is_moved() -> None:
    """200 with the field that changed; listing, events and ledger follow."""
    later = SOON + timedelta(hours=3)
    bots = [SimulatedBot("b", "evt_1", join_time=SOON), SimulatedBot("c", "evt_1", join_time=SOON)]
    async with Simulator(bots) as sim:
        moved = {"scheduled_join_time": later.isoformat()}
        await ask(sim, "GET", "/calendar/scheduled_bots")
        reply = await ask(sim, "PATCH", "/calendar/scheduled_bots/b", moved)
        rows = (await ask(sim, "GET", "/calendar/scheduled_bots")).json["scheduled_bots"]
        (event,) = (await ask(sim, "GET", "/calendar/events?sync=false")).json["results"]
        record = sim.ledger.bots["b"]
        assert (await ask(sim, "DELETE", "/calendar/schedule/evt_1")).json["bots_deleted"] == 2
    assert (reply.status, reply.json) == (200, {
        "message": "Scheduled bot updated successfully", "bot_id": "b",
        "updated_fields": ["scheduled_join_time"], "schedule_updated": True,
    })  # fmt: skip
    assert {row["bot_id"]: row["scheduled_join_time"] for row in rows}["b"] == later.isoformat()
    assert [bot["id"] for bot in event["bots"]] == ["c", "b"]
    assert (record.join_time, record.moved_by) == (later, 1)


@pytest.mark.parametrize(
    ("bot_id", "given", "status", "words"),
    [
        ("b", None, 400, "scheduled_join_time is required"),
        ("b", {"join_at": SOON.isoformat()}, 400, "scheduled_join_time is required"),
        ("b", {"scheduled_join_time": "soon"}, 400, "Invalid scheduled_join_time format"),
        ("b", {"scheduled_join_time": "2020-01-01T00:00:00Z"}, 400,
         "scheduled_join_time must be in the future"),
        ("in", {"scheduled_join_time": SOON.isoformat()}, 400, "Bot is not scheduled"),
        ("gone", {"scheduled_join_time": SOON.isoformat()}, 404, "Bot not found"),
        ("no", {"scheduled_join_time": SOON.isoformat()}, 404, "Bot not found"),
        ("theirs", {"scheduled_join_time": SOON.isoformat()}, 403,
         "Bot does not belong to the authenticated user."),
    ],
)  # fmt: skip
async def test_what_cannot_be_moved_is_refused(bot_id: str, given: Any, status: int, words: str) -> None:
    """400, 403 and 404 in the words of the DELETE."""
    bots = [SimulatedBot("b"), SimulatedBot("gone"), SimulatedBot("in", join_time=NOW)]
    async with Simulator(bots, foreign_bots=["theirs"]) as sim:
        await ask(sim, "DELETE", "/calendar/scheduled_bots/gone")
        reply = await ask(sim, "PATCH", f"/calendar/scheduled_bots/{bot_id}", given)
    assert (reply.status, reply.json) == (status, says(words))


async def test_bots_are_listed_with_filters_and_pages() -> None:
    """By status, platform, day and attributes; fifty at a time."""
    bots = [
        SimulatedBot("zoom", platform="zoom", attributes={"count": 5, "customer": "acme"}, join_time=SOON),
        SimulatedBot("meet", join_time=SOON + timedelta(days=3), attributes={"customer": "acme"}),
        SimulatedBot("past", join_time=NOW - timedelta(hours=5)),
    ]
    async with Simulator(bots) as sim:

        async def listed(query: str) -> set[str]:
            answer = (await ask(sim, "GET", f"/bots?{query}")).json
            assert (answer["hasNextPage"], answer["nextCursor"]) == (False, None)
            return {row["bot_id"] for row in answer["bots"]}

        assert await listed("") == {"zoom", "meet", "past"}
        assert await listed("status=Stopped") == {"past"}
        assert await listed("platform=Zoom") == {"zoom"}
        assert await listed("custom_attr[count]=5") == {"zoom"}
        assert await listed("custom_attr[customer]=acme&platform=GMeet") == {"meet"}
        assert await listed(f"from={SOON:%Y-%m-%d}&to={SOON:%Y-%m-%d}") == {"zoom"}
        assert (await ask(sim, "GET", "/bots?from=soon")).status == 400
    async with Simulator(120) as sim:
        found, cursor = [], ""
        while cursor is not None:
            page = (await ask(sim, "GET", f"/bots?cursor={cursor}")).json
            found += [row["bot_id"] for row in page["bots"]]
            cursor = page["nextCursor"]
        assert (len(found), set(found)) == (120, set(sim.ledger.bots))


async def test_a_bot_s_detail_is_a_full_snapshot() -> None:
    """What it was made with, its attributes and its state; after a cancel it is not found."""
    async with Simulator([SimulatedBot("b", "evt_1")]) as sim:
        made = (await ask(sim, "POST", "/bots/create_bot", body(video_required=True))).json["bot_id"]
        detail = (await ask(sim, "GET", f"/bots/{made}/detail")).json["bot_details"]
        of_event = (await ask(sim, "GET", "/bots/b/detail")).json["bot_details"]
        await ask(sim, "DELETE", f"/calendar/scheduled_bots/{made}")
        gone = await ask(sim, "GET", f"/bots/{made}/detail")
    assert detail["RequestPayload"] == body(video_required=True)
    assert (detail["BotID"], detail["Status"], detail["Platform"]) == (made, "Scheduled", "GMeet")
    assert (detail["BotUsername"], detail["MeetingLink"]) == ("Acme notes", MEET)
    assert of_event["custom_attributes"]["event_id"] == "evt_1"
    assert (gone.status, gone.json) == (404, says("Bot not found"))


async def test_rows_can_stay_listed_with_their_state() -> None:
    """`listed_states` adds bots in meetings, stopped and cancelled ones; each row says which it is."""
    bots = [
        SimulatedBot("soon"),
        SimulatedBot("gone", "evt_1"),
        SimulatedBot("in", join_time=NOW - timedelta(minutes=5)),
        SimulatedBot("past", join_time=NOW - timedelta(hours=5)),
    ]
    states = ("Scheduled", "InMeeting", "Stopped", "Cancelled")
    async with Simulator(bots, listed_states=states) as sim:
        await ask(sim, "DELETE", "/calendar/schedule/evt_1")
        rows = (await ask(sim, "GET", "/calendar/scheduled_bots")).json["scheduled_bots"]
        replies = [await ask(sim, "DELETE", f"/calendar/scheduled_bots/{bot.bot_id}") for bot in bots[1:]]
        (event,) = (await ask(sim, "GET", "/calendar/events?sync=false")).json["results"]
        assert (await ask(sim, "GET", "/bots/gone/status")).json["status"] == "Cancelled"
    assert {row["bot_id"]: (row["status"], row["is_scheduled"]) for row in rows} == {
        "soon": ("Scheduled", True),
        "gone": ("Cancelled", False),
        "in": ("InMeeting", False),
        "past": ("Stopped", False),
    }
    assert [(reply.status, reply.json["message"]) for reply in replies] == [
        (400, "Bot is not scheduled"),
        (400, "Cannot delete active bot"),
        (400, "Bot is not scheduled"),
    ]
    assert [bot["status"] for bot in event["bots"]] == ["Cancelled"]


async def test_calendars_are_listed_connected_and_disconnected() -> None:
    """Without one, the list is empty and events are 404; credentials are needed, and not logged."""
    google = {f"google_{name}": "top-secret" for name in ("client_id", "client_secret", "refresh_token")}
    async with Simulator(1) as sim:
        before = (await ask(sim, "GET", "/calendar")).json
        gone = await ask(sim, "POST", "/calendar/disconnect", google)
        again = await ask(sim, "POST", "/calendar/disconnect", {})
        empty = (await ask(sim, "GET", "/calendar")).json
        assert (await ask(sim, "GET", "/calendar/events?sync=false")).status == 404
        refused = await ask(sim, "POST", "/calendar/create_calendar", {"google_client_id": "x"})
        back = await ask(sim, "POST", "/calendar/create_calendar", google)
        assert "top-secret" not in repr(sim.requests)
    assert (before["total"], len(before["calendars"])) == (3, 3)
    assert (gone.status, again.status, empty["total"]) == (200, 404, 0)
    assert (refused.status, refused.json) == (400, says("google_client_secret is required"))
    assert (back.status, back.json["platform"]) == (200, "google")
    assert {row["id"] for row in back.json["calendars"]} < {row["id"] for row in before["calendars"]}


async def test_recordings_come_after_the_meeting() -> None:
    """202 before its end, 200 after it, 404 once erased; commands work in the meeting alone."""
    bots = [SimulatedBot("in", join_time=NOW - timedelta(minutes=5)), SimulatedBot("soon")]
    async with Simulator(bots) as sim:
        assert (await ask(sim, "GET", "/bots/soon/get_audio")).status == 202
        assert (await ask(sim, "POST", "/bots/soon/pause_recording")).status == 409
        assert (await ask(sim, "POST", "/bots/in/send_message", {})).status == 400
        sent = await ask(sim, "POST", "/bots/in/send_message", {"message": "Hello"})
        assert sent.json == {"status": "success", "bot_id": "in", "command": "send_message"}
        assert (await ask(sim, "GET", "/bots/soon/remove_bot")).status == 400
        assert (await ask(sim, "GET", "/bots/in/remove_bot")).status == 200
        assert (await ask(sim, "GET", "/bots/in/get_audio")).json.keys() == {"audio_url"}
        assert (await ask(sim, "DELETE", "/bots/in/delete")).json["deleted_objects"] == 3
        assert (await ask(sim, "GET", "/bots/in/get_audio")).status == 404
        assert sim.ledger.scheduled_bots >= {"soon"}


async def test_agents_are_kept() -> None:
    """/mia makes, shows, changes and deletes configurations."""
    async with Simulator(0) as sim:
        wanted = {"agent_name": "Mia", "mode": "realtime", "model": {"provider": "x"}}
        assert (await ask(sim, "POST", "/mia", {"agent_name": "Mia"})).status == 400
        made = await ask(sim, "POST", "/mia", wanted)
        agent_id = made.json["agent_config_id"]
        assert made.status == 201
        changed = await ask(sim, "PUT", "/mia", {"agent_config_id": agent_id, "agent_name": "Ada"})
        assert changed.json["agent_config"]["AgentName"] == "Ada"
        shown = (await ask(sim, "GET", f"/mia?agent_config_id={agent_id}")).json
        assert (shown["count"], shown["agent_configs"][0]["AgentName"]) == (1, "Ada")
        assert (await ask(sim, "DELETE", f"/mia?agent_config_id={agent_id}")).status == 200
        for method, path in [("DELETE", "/mia"), ("GET", f"/mia?agent_config_id={agent_id}")]:
            assert (await ask(sim, method, path)).status == 404
        assert (await ask(sim, "GET", "/mia")).json == {"agent_configs": [], "count": 0}
