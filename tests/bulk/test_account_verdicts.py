"""Verdicts of AccountState at their edges: what an answer or a listing may not be taken for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meetstream_async import (
    AccountState,
    EventNotScheduledError,
    RequestTimeoutError,
    ScheduledBot,
    ScheduledBotPage,
    UnscheduleResult,
)
from meetstream_async.bulk.account_state import CancelRequest
from meetstream_async.bulk.options import UnscheduleOptions

START = datetime(2031, 5, 1, 9, tzinfo=UTC)


def _bot(name: str, event: str = "evt_e1") -> ScheduledBot:
    joins = START + timedelta(hours=1)
    return ScheduledBot(name, scheduled_join_time=joins, custom_attributes={"event_id": event})


def _look(state: AccountState, now: float, *bots: ScheduledBot) -> None:
    time = START + timedelta(seconds=now)
    state.take_listing(ScheduledBotPage(bots, 100, False), now=now, server_time=time)


def _asked(state: AccountState) -> CancelRequest:
    request = state.next_request()
    assert request is not None
    return request


def test_what_an_answer_said_is_not_called_inferred() -> None:
    """A clear answer stays what it is when the listing bears it out."""
    state = AccountState()
    _look(state, 0, _bot("b1"))
    answer = UnscheduleResult(unscheduled=True, event_id="evt_e1")
    state.take_answer(_asked(state), answer, now=1)
    _look(state, 1)
    (outcome,) = state.report().outcomes
    assert (outcome.status, outcome.reason, outcome.result) == ("unscheduled", None, answer)


def test_a_listing_that_comes_after_a_stop_still_counts() -> None:
    """An item whose second try was cut off is judged by what is seen of it."""
    state = AccountState()
    _look(state, 0, _bot("b1"))
    state.take_error(_asked(state), RequestTimeoutError("no answer", attempts=1, outcome_unknown=True), now=0)
    _look(state, 1, _bot("b1"))
    state.stop("the run was stopped")
    _look(state, 2)
    _look(state, 3)
    assert [outcome.status for outcome in state.report().outcomes] == ["unscheduled"]


@pytest.mark.parametrize(
    ("options", "goes_on"), [({}, True), ({"cancel_by": "event"}, False), ({"cancel_by": "bot"}, False)]
)
def test_a_refused_event_that_stays_listed_goes_by_bot_only_where_that_is_allowed(
    options: dict[str, Any], goes_on: bool
) -> None:
    """With cancel_by="event" nothing but its own id is sent; with "bot" it never was."""
    state = AccountState(UnscheduleOptions(**options), settle=0)
    _look(state, 0, _bot("b1"))
    refused = EventNotScheduledError("Event not scheduled", status=400, attempts=1)
    methods = []
    for now in range(6):
        while (request := state.next_request()) is not None:
            methods.append(request.method)
            state.take_error(request, refused, now=now)
        _look(state, now, _bot("b1"))
    assert state.is_over
    assert len(methods) <= 4
    assert ("bot" in methods and "event" in methods) is goes_on
