"""The simulator is faithful: the vendor's own client lists and unschedules against it."""

from __future__ import annotations

from typing import Any

import pytest

from meetstream_async.simulator import Simulator
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
