"""The judge against invented histories: whatever an account does, no report claims what isn't so."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from meetstream_async import BulkReport, MeetStreamError, OutcomeStatus, UnscheduleOutcome
from meetstream_async.bulk.account_state import AccountState
from meetstream_async.bulk.options import UnscheduleOptions

from .model_account import ZOOM, Account, Bot, Trouble

chance = st.sampled_from([0.0, 0.0, 0.1, 0.4])


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    """An account of up to nine bots, and up to all kinds of trouble."""
    bots: dict[str, Bot] = {}
    filtered = draw(st.booleans())
    for number in range(draw(st.integers(0, 9))):
        event = draw(st.sampled_from(["e1", "e2", "e3", "e4", None]))
        joins = draw(st.sampled_from([1.0, 3.0, 8.0, 5000.0, 5000.0, 5000.0]))
        inside = not filtered or draw(st.booleans())
        bot = Bot(f"b{number}", event, joins, inside, draw(st.integers(0, 5)) > 0)
        bots[bot.id] = bot
    trouble = Trouble(
        lag=draw(st.sampled_from([0.0, 0.0, 2.0, 7.0])),
        omits=draw(chance),
        repeats=draw(chance),
        truncated=draw(st.sampled_from([100, 100, 3])),
        lost_before=draw(chance),
        lost_after=draw(chance),
        takes_one=draw(st.sampled_from([0.0, 0.5, 1.0])),
        foreign=draw(st.sampled_from([0.0, 0.0, 0.5, 1.0])),
        others=draw(st.sampled_from([0.0, 0.0, 0.05])),
        comes_back=draw(st.sampled_from([0.0, 0.0, 0.5, 1.0])),
        withdrawn_rows=draw(st.booleans()),
        refusals=draw(st.sampled_from([0.0, 0.0, 0.1])),
    )
    return Account(draw(st.integers(0, 2**32)), bots, trouble)


def options(account: Account, draw: st.DataObject) -> UnscheduleOptions:
    filtered = any(not bot.inside for bot in account.bots.values())
    return UnscheduleOptions(
        where=ZOOM if filtered else None,
        whole_events=False,
        one_off_bots=draw.draw(st.sampled_from(["report", "delete", "delete"])),
        cancel_by=draw.draw(st.sampled_from(["auto", "auto", "event", "bot"])),
    )


def through_json(state: AccountState, account: Account) -> AccountState:
    """The state as another process would have it."""
    stored = json.loads(json.dumps(state.to_dict(account.now)))
    again = AccountState.from_dict(stored, now=account.now, where=state._options.where)
    assert again.to_dict(account.now) == state.to_dict(account.now)
    again.take_time(account.server_time, account.now)
    return again


def run(
    account: Account, state: AccountState, *, store_every: int = 0, step: float = 0.05
) -> BulkReport[UnscheduleOutcome]:
    """Drive the state to its end, one request at a time."""
    for turn in range(2000):
        if store_every and turn % store_every == 0:
            state = through_json(state, account)
        if state.is_over:
            return state.report()
        state.take_time(account.server_time, account.now)
        request = state.next_request()
        if request is not None:
            account.pass_time(step)
            if store_every:
                # In another process the item is another object.
                stored = state.to_dict(account.now)
                state = AccountState.from_dict(stored, now=account.now, where=state._options.where)
                request = state.in_flight()[0]
            state.take_time(account.server_time, account.now)
            try:
                if request.method == "event":
                    result = account.unschedule(request.id)
                else:
                    result = account.delete(request.id)
            except MeetStreamError as error:
                state.take_error(request, error, now=account.now)
            else:
                state.take_answer(request, result, now=account.now)
            continue
        if (due := state.next_listing(account.now)) is None:
            continue
        account.pass_time(max(due - account.now, 0) + step)
        state.take_listing(account.list(), now=account.now, server_time=account.server_time)
    raise AssertionError("the run does not end")


def check(account: Account, report: BulkReport[UnscheduleOutcome]) -> None:
    """What must be true of every report."""
    bots = account.bots
    hiding = {bot.event for bot in bots.values() if bot.event and bot.id not in account.shown}
    if report.ok:
        left = [
            bot.id
            for bot in bots.values()
            if bot.inside and bot.cancelled_at is None and bot.id in account.shown and bot.event not in hiding
        ]
        assert not left, f"ok, but {left} will join or have joined"
    assert not account.deleted_outside
    keys = Counter(
        ("event", outcome.event_id) if outcome.event_id else ("bot", outcome.bot_ids[0])
        for outcome in report.outcomes
    )
    assert all(count == 1 for count in keys.values())
    mentioned = Counter(bot_id for outcome in report.outcomes for bot_id in outcome.bot_ids)
    assert all(count == 1 for count in mentioned.values())
    for outcome in report.outcomes:
        taken = [bot_id for bot_id in outcome.bot_ids if bots[bot_id].by_us]
        if outcome.status in (OutcomeStatus.FAILED, OutcomeStatus.SKIPPED, OutcomeStatus.NOT_ATTEMPTED):
            assert not taken, f"{outcome.status}, but {taken} were taken"
        if outcome.status in (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED):
            still = {bot.bot_id for bot in report.still_listed}
            wrong = [
                bot_id
                for bot_id in outcome.bot_ids
                if bots[bot_id].cancelled_at is None and bot_id not in still
            ]
            named = bool(still.intersection(outcome.bot_ids))
            wrong = [bot_id for bot_id in wrong if bots[bot_id].event not in hiding]
            assert not wrong or named or not report.complete, f"{outcome.status}, but {wrong} stay"
    assert all(count <= 20 for count in account.requests.values()), account.requests
    assert account.listings <= 200
    assert account.now < 600


@settings(max_examples=2000, deadline=None)
@given(account=accounts(), data=st.data())
def test_no_report_claims_what_is_not_so(account: Account, data: st.DataObject) -> None:
    """Never ok while a selected bot will join, never a bot outside, one outcome each, and an end."""
    state = AccountState(options(account, data), settle=data.draw(st.sampled_from([0.0, 5.0, 15.0])))
    check(account, run(account, state))


@settings(max_examples=300, deadline=None)
@given(account=accounts(), data=st.data())
def test_a_history_that_was_stored_half_way_gets_the_same_verdict(
    account: Account, data: st.DataObject
) -> None:
    """The same history, once in one go and once through JSON at every step, ends in the same report."""
    chosen = options(account, data)
    import copy

    twin = copy.deepcopy(account)
    report = run(account, AccountState(chosen))
    stored = run(twin, AccountState(chosen), store_every=1)
    assert stored.to_dict() == report.to_dict()
