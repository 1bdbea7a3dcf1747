"""AccountState.changes: what is stored step by step gives the same state as all of it at once."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from meetstream_async import AccountState, ConfigurationError, MeetStreamError, ScheduledBot
from meetstream_async.meetstream.models import ScheduledBotPage
from tests.helpers.invented_accounts import invented
from tests.helpers.model_account import Account


def in_any_order(stored: dict[str, Any]) -> dict[str, Any]:
    """The state but for the order of bots and of what is looked at again, which decides nothing."""
    return {**stored, "open": sorted(stored["open"]), "bots": sorted(stored["bots"], key=repr)}


NOT_STORED = {"began", "fatal", "problem", "_successes", "_made"}
"""Of a call in flight, or of events that no account's state has; or made of what is stored."""


def known(state: AccountState) -> dict[str, dict[str, Any]]:
    """All that is known of each event and bot, whatever it is called; of rows and errors, what they say."""
    things = {repr(key): item for key, item in state._items.items()} | dict(state._bots.bots)
    return {
        name: {
            field.name: shown(getattr(thing, field.name))
            for field in attrs.fields(type(thing))
            if field.name not in NOT_STORED
        }
        for name, thing in things.items()
    }


def shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shown(one) for name, one in value.items()}
    if isinstance(value, ScheduledBot):
        return value.bot_id, value.event_id, value.status, value.is_scheduled, value.scheduled_join_time
    if isinstance(value, MeetStreamError):
        return str(value)
    return shown(attrs.asdict(value, recurse=False)) if attrs.has(type(value)) else value


def one_step(account: Account, state: AccountState) -> None:
    """A request and its answer, or a listing."""
    state.take_time(account.server_time, account.now)
    request = state.next_request()
    account.pass_time(0.05)
    if request is not None:
        try:
            result = account.unschedule(request.id) if request.method == "event" else None
            if request.method == "bot":
                account.delete(request.id)
        except MeetStreamError as error:
            state.take_error(request, error, now=account.now)
        else:
            state.take_answer(request, result, now=account.now)
    elif (due := state.next_listing(account.now)) is not None:
        account.pass_time(max(due - account.now, 0))
        state.take_listing(account.list(), now=account.now, server_time=account.server_time)


SLOW = pytest.mark.slow


@pytest.mark.parametrize("first", [0, *(pytest.param(one, marks=SLOW) for one in (50, 100, 150))])
def test_the_changes_of_all_steps_are_the_whole_state(first: int) -> None:
    """After every step of an invented history, whatever account it is."""
    for seed in range(first, first + 50):
        account, options, settle = invented(seed)
        state = AccountState(options, settle=settle)
        told: list[dict[str, Any]] = []
        for _ in range(60):
            if state.is_over:
                break
            one_step(account, state)
            told.append(json.loads(json.dumps(state.changes(0.0))))
            if len(told) % 3:
                continue
            again = AccountState.from_dict(told, now=0.0, where=options.where)
            assert in_any_order(again.to_dict(0.0)) == in_any_order(state.to_dict(0.0)), f"seed {seed}"


@pytest.mark.parametrize("seed", range(0, 100, 5))
def test_all_that_is_known_of_events_and_bots_is_stored(seed: int) -> None:
    """Whatever is added to what is known: not only what the stored form has a name for."""
    account, options, settle = invented(seed)
    state = AccountState(options, settle=settle)
    for step in range(60):
        if state.is_over:
            break
        one_step(account, state)
        if step % 4 == 0:
            stored = json.loads(json.dumps(state.to_dict(0.0)))
            assert known(AccountState.from_dict(stored, now=0.0, where=options.where)) == known(state)


def test_a_step_stores_what_it_changed_and_not_the_account() -> None:
    """The thousandth event takes no more room than the first."""
    state, sizes = AccountState(), []
    for number in range(200):
        row = ScheduledBot(f"b{number}", custom_attributes={"event_id": f"e{number}"})
        state.take_listing(ScheduledBotPage((row,), 1, truncated=True), now=float(number))
        request = state.next_request()
        assert request is not None
        state.take_answer(request, now=float(number))
        sizes.append(len(json.dumps(state.changes(0.0))))
    assert max(sizes[1:]) < 700
    assert max(sizes[100:]) < 1.1 * max(sizes[1:100])


def test_what_came_to_stand_is_told_once() -> None:
    """An outcome that a listing may still change is not told."""
    state = AccountState()
    rows = [ScheduledBot(name, custom_attributes={"event_id": event}) for name, event in PAIRS]
    state.take_listing(ScheduledBotPage(tuple(rows), 100, truncated=False), now=0.0)
    while (request := state.next_request()) is not None:
        state.take_answer(request, now=1.0)
    assert [outcome.event_id for outcome in state.settled()] == ["evt_e1"]
    state.changes(0.0)
    assert list(state.settled()) == []


PAIRS = (("b1", "evt_e1"), ("b2", "evt_e2"), ("b3", "evt_e2"))
"""An event with one bot, and one with two."""


@pytest.mark.parametrize("data", [[], [{}], [{"version": 1}], [7], 7], ids=str)
def test_what_is_no_row_of_changes_is_refused(data: Any) -> None:
    """As a ConfigurationError."""
    with pytest.raises(ConfigurationError):
        AccountState.from_dict(data, now=0)
