"""The simulator is faithful: the vendor's own client lists and unschedules against it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meetstream_async.simulator import SimulatedBot, SimulatedMeetStreamEvent, Simulator
from tests.helpers.accounts import bot, plain_account

pytestmark = pytest.mark.compat


def vendor(sim: Simulator, **arguments: Any) -> Any:
    # Imported here, so that the default run does without the extra.
    from meetstream import AsyncMeetStream

    return AsyncMeetStream(
        **{"api_key": sim.api_key, "base_url": sim.base_url, "max_retries": 0, **arguments}
    )


async def test_the_vendors_client_lists_and_unschedules_every_bot():
    """List, DELETE each event, list again: the ledger agrees."""
    async with plain_account(30, seed=3) as sim, vendor(sim) as client:
        listed = await client.calendar.list_scheduled_bots()
        assert len(listed["scheduled_bots"]) == 30
        for row in listed["scheduled_bots"]:
            answer = await client.calendar.unschedule_event(row["custom_attributes"]["event_id"])
            assert answer["unscheduled"] is True
        assert (await client.calendar.list_scheduled_bots())["scheduled_bots"] == []
    assert sim.ledger.scheduled_events == frozenset()


async def test_the_vendors_client_deletes_a_one_off_bot():
    """By the bot's own id."""
    async with Simulator([bot(1, None)]) as sim, vendor(sim) as client:
        answer = await client.calendar.delete_scheduled_bot("bot-0001")
    assert answer["bot_id"] == "bot-0001"
    assert sim.ledger.scheduled_bots == frozenset()


@pytest.mark.parametrize(
    ("event_id", "error", "says"),
    [
        ("evt_unknown", "NotFoundError", "Event not found"),
        ("evt_0001", "BadRequestError", "Event not scheduled"),
    ],
)
async def test_the_vendors_client_reads_the_refusals(event_id, error, says):
    """Each documented text arrives as that client's own error."""
    import meetstream

    async with Simulator([bot(1)]) as sim, vendor(sim) as client:
        await client.calendar.unschedule_event("evt_0001")
        with pytest.raises(getattr(meetstream, error), match=says):
            await client.calendar.unschedule_event(event_id)


async def test_the_vendors_client_is_told_of_a_wrong_key():
    """403 for a key that was rejected."""
    import meetstream

    async with plain_account(1) as sim, vendor(sim, api_key="ms_wrong") as client:
        with pytest.raises(meetstream.PermissionError):
            await client.calendar.list_scheduled_bots()


# --- every method it has -------------------------------------------------------------------------------

GOOGLE = {f"google_{name}": "x" for name in ("client_id", "client_secret", "refresh_token")}
OUTLOOK = {f"microsoft_{name}": "x" for name in ("client_id", "client_secret", "refresh_token")}
SOON = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0).isoformat()
MEET = {"meeting_link": "https://meet.google.com/abc-defg-hij", "bot_name": "Acme notes", "join_at": SOON}
AGENT = {"agent_name": "Mia", "mode": "realtime", "model": {"provider": "x"}}

CALENDAR: dict[str, tuple[tuple[Any, ...], Callable[[Any], bool]]] = {
    "list": ((), lambda told: told["total"] == len(told["calendars"]) == 3),
    "events": ((), lambda told: {"evt_free", "evt_b", "evt_s"} == {one["id"] for one in told["results"]}),
    "schedule_event": (("evt_free",), lambda told: told["scheduled"] is True),
    "unschedule_event": (("evt_b",), lambda told: told["bots_deleted"] == 1),
    "list_scheduled_bots": ((), lambda told: len(told["scheduled_bots"]) >= 2),
    "reschedule_bot": (("bot-1", SOON), lambda told: told["schedule_updated"] is True),
    "delete_scheduled_bot": (("bot-1",), lambda told: told["bot_id"] == "bot-1"),
    "enable_auto_schedule": (({"default_bot_config": {"bot_name": "N"}},),
                             lambda told: told["auto_schedule_enabled"] is True),
    "disable_auto_schedule": ((), lambda told: told["auto_schedule_enabled"] is False),
    "auto_schedule_settings": ((), lambda told: told["auto_schedule_enabled"] is False),
    "toggle_recurrence": (({"event_id": "evt_s", "recurring_enabled": False},), lambda told: told == {}),
    "connect_google": ((GOOGLE,), lambda told: told["platform"] == "google"),
    "connect_outlook": ((OUTLOOK,), lambda told: told["platform"] == "outlook"),
    "disconnect": ((), lambda told: "message" in told),
}  # fmt: skip
BOTS: dict[str, tuple[tuple[Any, ...], Callable[[Any], bool]]] = {
    "create": ((MEET,), lambda told: told["status"] == "Scheduled"),
    "list": ((), lambda told: {"in", "over", "bot-1"} <= {one["bot_id"] for one in told["bots"]}),
    "status": (("in",), lambda told: told["status"] == "InMeeting"),
    "detail": (("over",), lambda told: told["bot_details"]["Status"] == "Stopped"),
    "summary": (("over",), lambda told: "bot_details" in told),
    "remove": (("in",), lambda told: "message" in told),
    "delete_data": (("over",), lambda told: told["deleted_objects"] == 3),
    "audio": (("over",), lambda told: "audio_url" in told),
    "video": (("over",), lambda told: "video_url" in told),
    "audio_streams": (("over",), lambda told: told["bot_id"] == "over"),
    "recording_streams": (("over",), lambda told: "video_url" in told),
    "screenshots": (("over",), lambda told: told["screenshots"] == []),
    "participants": (("over",), lambda told: told == []),
    "chats": (("over",), lambda told: told["chatMessages"] == []),
    "speaker_timeline": (("over",), lambda told: told["chunks"] == []),
    "send_message": (("in", "Hello"), lambda told: told["command"] == "send_message"),
    "send_image": (("in", "https://example.com/a.png"), lambda told: told["command"] == "send_image"),
    "pause_recording": (("in",), lambda told: told["status"] == "success"),
    "resume_recording": (("in",), lambda told: told["status"] == "success"),
    "wait_for_audio": (("over",), lambda told: "audio_url" in told),
    "wait_for_video": (("over",), lambda told: "video_url" in told),
}
MIA: dict[str, tuple[tuple[Any, ...], Callable[[Any], bool]]] = {
    "create": ((AGENT,), lambda told: told["agent_config"]["AgentName"] == "Mia"),
    "list": ((), lambda told: told == {"agent_configs": [], "count": 0}),
}
METHODS = [
    (group, name) for group, table in (("calendar", CALENDAR), ("bots", BOTS), ("mia", MIA)) for name in table
]


def whole_account() -> Simulator:
    """One bot in each state, and events with and without bots."""
    now = datetime.now(UTC)
    bots = [
        SimulatedBot("in", join_time=now - timedelta(minutes=5)),
        SimulatedBot("over", join_time=now - timedelta(hours=5)),
        SimulatedBot("bot-1", "evt_b"),
        SimulatedBot("bot-2", "evt_s", series="evt_s"),
    ]
    return Simulator(bots, meetstream_events=[SimulatedMeetStreamEvent(event_id="evt_free")])


@pytest.mark.parametrize(("group", "name"), METHODS, ids=lambda value: str(value))
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_every_method_of_the_vendors_client_is_answered(kind: str, group: str, name: str) -> None:
    """Each is a call of its own on a whole account, and reads what it asked for."""
    import meetstream

    arguments, read = {"calendar": CALENDAR, "bots": BOTS, "mia": MIA}[group][name]
    async with whole_account() as sim:
        if kind == "async":
            async with vendor(sim) as client:
                told = await getattr(getattr(client, group), name)(*arguments)
        else:
            with meetstream.MeetStream(api_key=sim.api_key, base_url=sim.base_url, max_retries=0) as client:
                told = await asyncio.to_thread(getattr(getattr(client, group), name), *arguments)
    assert read(told), told


def test_no_method_of_the_vendors_client_is_missing() -> None:
    """The tables name every public method of its calendar and bot resources."""
    from meetstream.resources.bots import AsyncBots, Bots
    from meetstream.resources.calendar import AsyncCalendar, Calendar

    for kinds, table in (((Calendar, AsyncCalendar), CALENDAR), ((Bots, AsyncBots), BOTS)):
        for kind in kinds:
            assert {name for name in vars(kind) if not name.startswith("_")} == set(table)


async def test_the_vendors_client_creates_a_bot_once() -> None:
    """With an idempotency key a repeat is 507, which it reads as the first answer."""
    async with Simulator([]) as sim, vendor(sim) as client:
        first = await client.bots.create(MEET, idempotency_key="one")
        again = await client.bots.create(MEET, idempotency_key="one")
        assert [request.status for request in sim.requests] == [201, 507]
    assert first == again
    assert len(sim.ledger.bots) == 1


async def test_the_vendors_client_is_told_what_is_not_ready_or_taken() -> None:
    """202 and 409 arrive as its own errors, with the words."""
    import meetstream

    async with whole_account() as sim, vendor(sim) as client:
        with pytest.raises(meetstream.NotReadyError, match="Not ready yet"):
            await client.bots.audio("in")
        with pytest.raises(meetstream.ConflictError, match="already scheduled"):
            await client.calendar.schedule_event("evt_b")
