"""A test of a user's, with the fixtures as a type checker sees them. Checked, never run."""

from __future__ import annotations

import pytest

from meetstream_async import MeetBitClient, MeetStreamClient, cancel_meetings, unschedule_all
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble


@pytest.mark.meetstream_simulator(bots=[SimulatedBot("b-1", "evt_1")], troubles=[Trouble("unschedule", 503)])
async def test_an_outage_is_told(
    meetstream_client: MeetStreamClient, meetstream_simulator: Simulator
) -> None:
    report = await unschedule_all(meetstream_client, settle=0)
    assert not report.ok
    assert report.counts["unknown"] == 1
    assert meetstream_simulator.ledger.scheduled_events == {"evt_1"}


async def test_meetings(
    meetbit_client: MeetBitClient, meetstream_client: MeetStreamClient, meetstream_simulator: Simulator
) -> None:
    targets = [(event.calendar_id, event.event_id) for event in meetstream_simulator.calendar_events[:3]]
    for meeting in await cancel_meetings(meetbit_client, meetstream_client, targets, "Moved."):
        assert meeting.ok, meeting.error or meeting.reason
        assert meeting.calendar_event is not None
        assert [outcome.status for outcome in meeting.bots] == ["unscheduled"]


def test_a_command(meetstream_environment: dict[str, str]) -> None:
    assert meetstream_environment["MEETSTREAM_API_KEY"]
