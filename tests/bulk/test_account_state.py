"""AccountState as a value: what it asks for next, and what it makes of what it is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from meetstream_async import (
    AccountState,
    BotFilter,
    ConfigurationError,
    ConnectionFailedError,
    EventBot,
    EventNotScheduledError,
    MeetStreamEvent,
    NotFoundError,
    RequestTimeoutError,
    ScheduledBot,
    ScheduledBotPage,
    ServerError,
    SkipReason,
    UnscheduleResult,
)
from meetstream_async.bulk.account_state import CancelRequest
from meetstream_async.bulk.options import UnscheduleOptions
from meetstream_async.bulk.report import NOT_LOOKED_UP
from meetstream_async.bulk.statuses import OutcomeStatus

START = datetime(2031, 5, 1, 9, tzinfo=UTC)
LOST = RequestTimeoutError("no answer", attempts=1, outcome_unknown=True)
NOT_SCHEDULED = EventNotScheduledError("Event not scheduled", status=400, attempts=1)
NO_BOT = NotFoundError("Bot not found", status=404, attempts=1)


def bot(name: str, event: str | None = "evt_e1", joins: float = 3600, **fields: Any) -> ScheduledBot:
    """A bot that joins so many seconds after the start."""
    attributes = {} if event is None else {"event_id": event}
    time = START + timedelta(seconds=joins)
    return ScheduledBot(name, scheduled_join_time=time, custom_attributes=attributes, **fields)


def page(*bots: ScheduledBot, truncated: bool = False) -> ScheduledBotPage:
    return ScheduledBotPage(bots, 100, truncated)


def look(state: AccountState, now: float, *bots: ScheduledBot, truncated: bool = False) -> bool:
    """Feed a listing of that moment."""
    time = START + timedelta(seconds=now)
    return state.take_listing(page(*bots, truncated=truncated), now=now, server_time=time)


def asked(state: AccountState) -> CancelRequest:
    request = state.next_request()
    assert request is not None
    return request


def shown(state: AccountState) -> list[str]:
    return [outcome.status.value for outcome in state.report().outcomes]


def test_it_begins_with_a_listing_and_ends_with_one() -> None:
    """List, cancel, look whether it is true: then nothing more is asked for."""
    state = AccountState()
    assert (state.next_request(), state.next_listing(5.0), state.is_over) == (None, 5.0, False)
    assert look(state, 0, bot("b1"))
    request = asked(state)
    assert (request.method, request.id) == ("event", "evt_e1")
    assert (state.next_request(), state.next_listing(1)) == (None, None)
    state.take_answer(request, now=1)
    assert state.next_listing(1) == 1
    look(state, 1)
    assert state.is_over
    assert state.report().ok


def test_different_events_may_be_asked_for_at_the_same_time() -> None:
    """One event has one request at a time."""
    state = AccountState()
    look(state, 0, bot("b1"), bot("b2"), bot("c", "evt_e2"))
    assert {asked(state).id, asked(state).id} == {"evt_e1", "evt_e2"}
    assert state.next_request() is None
    assert {request.id for request in state.in_flight()} == {"evt_e1", "evt_e2"}


def test_an_empty_account_needs_one_listing() -> None:
    """Nothing to do is complete and ok."""
    state = AccountState()
    look(state, 0)
    assert state.is_over
    assert state.report().ok


def test_looks_at_what_should_be_gone_lie_further_and_further_apart() -> None:
    """Half a second, doubling to five, until settle seconds have passed."""
    state = AccountState(settle=12)
    look(state, 0, bot("b1"))
    state.take_answer(asked(state), now=0)
    now, waits = 0.0, []
    while not state.is_over:
        due = state.next_listing(now)
        assert due is not None
        waits.append(due - now)
        now = due
        look(state, now, bot("b1"))
    assert waits == [0, 0.5, 1, 2, 4, 4.5]
    assert [left.bot_id for left in state.report().still_listed] == ["b1"]


def test_an_unknown_outcome_is_tried_once_more() -> None:
    """While it is listed; then it is waited for, and stays unknown."""
    state = AccountState(settle=0)
    look(state, 0, bot("b1"))
    state.take_error(asked(state), LOST, now=0)
    look(state, 0, bot("b1"))
    state.take_error(asked(state), LOST, now=0)
    look(state, 0, bot("b1"))
    assert state.is_over
    assert shown(state) == ["unknown"]


def test_one_listing_may_leave_out_a_row() -> None:
    """Two whole listings in a row prove a bot gone of which no answer says so."""
    state = AccountState()
    look(state, 0, bot("b1"))
    state.take_error(asked(state), LOST, now=0)
    look(state, 0)
    assert (state.is_over, state.next_listing(0)) == (False, 0.5)
    assert shown(state) == ["unknown"]
    look(state, 0.5)
    assert state.is_over
    assert shown(state) == ["unscheduled"]
    assert state.report().outcomes[0].result.inferred  # type: ignore[union-attr]


def test_a_listing_that_was_asked_for_before_the_answers_judges_nothing() -> None:
    """It brings new work, and no conclusions."""
    state = AccountState()
    look(state, 0, bot("b1"), truncated=True)
    state.take_answer(asked(state), now=2)
    time = START + timedelta(seconds=2)
    assert state.take_listing(page(bot("b1"), bot("c", "evt_e2")), now=2, requested_at=1, server_time=time)
    assert asked(state).id == "evt_e2"
    assert state.report().still_listed == ()


def test_not_scheduled_and_listed_leads_to_the_bots_own_ids() -> None:
    """The way of each outcome is said."""
    state = AccountState()
    look(state, 0, bot("b1"))
    state.take_error(asked(state), NOT_SCHEDULED, now=0)
    request = asked(state)
    assert (request.method, request.id) == ("bot", "b1")
    state.take_answer(request, now=0)
    assert state.report().outcomes[0].method == "bot"


def test_an_id_alone_is_what_the_api_says() -> None:
    """Without rows and without a listing, the first answer counts."""
    state = AccountState(only_given=True)
    state.take_targets(["evt_e1"])
    assert state.next_listing(0) is None
    state.take_error(asked(state), NOT_SCHEDULED, now=0)
    assert shown(state) == ["already_unscheduled"]


def test_given_targets_are_verified_and_nothing_else_becomes_work() -> None:
    """Rows of other events are none of its business; a row of its own that remains is named."""
    state = AccountState(settle=0, only_given=True)
    state.take_targets(["evt_e1", bot("b2", "evt_e2")])
    while (request := state.next_request()) is not None:
        state.take_answer(request, now=0)
    look(state, 0, bot("b1", "evt_e1"), bot("x", "evt_e9"))
    assert state.is_over
    assert [left.bot_id for left in state.report().still_listed] == ["b1"]
    assert [outcome.event_id for outcome in state.outcomes()] == ["evt_e1", "evt_e2"]


def test_a_stop_leaves_the_rest_not_attempted() -> None:
    """What is in flight is still taken in."""
    state = AccountState()
    look(state, 0, bot("b1"), bot("c", "evt_e2"))
    request = asked(state)
    state.stop("the run was stopped")
    state.take_answer(request, now=1)
    assert (state.is_over, shown(state)) == (True, ["unscheduled", "not_attempted"])
    assert state.report().reason == "the run was stopped; 1 not attempted"


def test_a_cancelled_request_is_unknown() -> None:
    """It may have taken effect."""
    state = AccountState()
    look(state, 0, bot("b1"))
    state.take_cancelled(asked(state), now=0)
    assert shown(state) == ["unknown"]
    assert "cancelled" in (state.report().outcomes[0].reason or "")


def test_a_failed_listing_ends_the_run() -> None:
    """Its reason is in the report."""
    state = AccountState()
    look(state, 0, bot("b1"))
    state.take_answer(asked(state), now=0)
    state.take_listing_error("a later listing failed")
    assert (state.is_over, state.report().complete) == (True, False)


def test_a_forecast_sends_nothing() -> None:
    """What would be cancelled, and what would be skipped."""
    state = AccountState(UnscheduleOptions(where=lambda row: row.bot_id != "b2"))
    look(state, 0, bot("b1"), bot("b2"), bot("c", "evt_e2"), bot("d", None))
    assert [(one.event_id, one.status.value) for one in state.forecast()] == [
        ("evt_e1", "skipped"),
        ("evt_e2", "would_unschedule"),
        (None, "skipped"),
    ]
    assert state.in_flight() == ()


def test_the_filter_is_asked_once_for_each_bot() -> None:
    """Its answer is remembered, and stored."""
    heard: list[str] = []

    def where(row: ScheduledBot) -> bool:
        heard.append(row.bot_id)
        return True

    state = AccountState(UnscheduleOptions(where=where))
    look(state, 0, bot("b1"), truncated=True)
    look(state, 0, bot("b1"), bot("b2"), truncated=True)
    again = AccountState.from_dict(json.loads(json.dumps(state.to_dict(0))), now=7, where=where)
    look(again, 8, bot("b1"), bot("b2"))
    assert heard == ["b1", "b2"]


def indexed(bot_id: str) -> EventBot:
    """A bot of an event of the index."""
    return EventBot(bot_id, "Scheduled", START + timedelta(hours=1), platform="zoom", is_scheduled=True)


def test_the_index_knows_the_events_own_id() -> None:
    """The join is on the bot's id, whatever the listing calls the event."""
    state = AccountState()
    look(state, 0, bot("b1", "7vq1google"), bot("b2", None))
    state.take_events([MeetStreamEvent("evt_1", bots=(indexed("b1"),))], complete=True)
    assert (asked(state).id, state.report().outcomes) == ("evt_1", ())


def test_bots_that_only_the_index_shows_are_work() -> None:
    """Behind a full listing there is no other way to know of them."""
    state = AccountState()
    look(state, 0, bot("b1"), truncated=True)
    state.take_events([MeetStreamEvent("evt_9", bots=(indexed("hidden"),))])
    assert {asked(state).id, asked(state).id} == {"evt_e1", "evt_9"}


def test_a_bot_that_only_the_index_shows_goes_with_the_event_that_the_listing_names_otherwise() -> None:
    """Also where the state is put together of what each step has changed."""
    state = AccountState()
    look(state, 0, bot("b1", "7vq1google"), truncated=True)
    state.take_events([MeetStreamEvent("evt_1", bots=(indexed("b1"), indexed("hidden")))])
    told = [state.changes(0.0)]
    state.take_answer(asked(state), UnscheduleResult(unscheduled=True, bots_deleted=2), now=1)
    told.append(state.changes(0.0))
    again = AccountState.from_dict(json.loads(json.dumps(told)), now=0)
    for one in (state, again):
        assert [outcome.bot_ids for outcome in one.report().outcomes] == [("b1", "hidden")]
        assert {stored["bot"]["bot_id"]: stored.get("key") for stored in one.to_dict(0)["bots"]} == {
            "b1": None, "hidden": ["event", "7vq1google"],
        }  # fmt: skip


def test_an_event_with_a_bot_that_the_filter_cannot_judge_is_not_taken_whole() -> None:
    """The index has no attributes, so a bot that only it shows may lie outside."""
    state = AccountState(UnscheduleOptions(where=BotFilter(attributes={"event_id": "evt_1"})))
    state.take_events([MeetStreamEvent("evt_1", bots=(indexed("b1"), indexed("hidden")))], complete=True)
    look(state, 0, bot("b1", "evt_1"))
    assert asked(state).method == "bot"


@pytest.mark.parametrize(
    "data",
    [{}, {"version": 99}, {"version": 1}, {"version": 1, "options": {}}],
    ids=str,
)
def test_what_is_no_stored_state_is_refused(data: dict[str, Any]) -> None:
    """As a ConfigurationError, whatever is wrong with it."""
    with pytest.raises(ConfigurationError):
        AccountState.from_dict(data, now=0)


def test_a_state_with_a_filter_wants_it_back() -> None:
    """Without it, bots that come later would all be selected."""
    state = AccountState(UnscheduleOptions(where=BotFilter(platform="zoom")))
    with pytest.raises(ConfigurationError, match="where"):
        AccountState.from_dict(state.to_dict(0), now=0)


def test_no_link_and_no_attribute_is_stored() -> None:
    """Titles and people are personal data."""
    private = ScheduledBot(
        "b1",
        bot_username="Jo",
        custom_attributes={"event_id": "evt_e1", "event_summary": "secret"},
        meeting_link="https://meet/secret",
    )
    state = AccountState()
    look(state, 0, private)
    state.take_error(asked(state), ServerError("no", status=503, outcome_unknown=True), now=0)
    stored = json.dumps(state.to_dict(0))
    assert "secret" not in stored
    assert "Jo" not in stored


def test_a_kept_occurrence_that_moves_behind_the_date_is_work() -> None:
    """What the last listing shows counts."""
    start = START + timedelta(hours=2)
    state = AccountState(UnscheduleOptions(cancel_all_occurrences=True, from_date=start))
    look(state, 0, bot("b1", "evt_e1"), bot("b2", "evt_e2", 9000))
    state.take_answer(asked(state), now=0)
    assert look(state, 1, bot("b1", "evt_e1", 9000))
    assert asked(state).id == "evt_e1"


def test_a_bot_that_comes_back_and_joins_is_not_called_unscheduled() -> None:
    """Deleted by its own id, listed again, and then its time comes."""
    state = AccountState(UnscheduleOptions(one_off_bots="delete"))
    look(state, 0, bot("b1", None, 10))
    state.take_answer(asked(state), now=0)
    look(state, 1, bot("b1", None, 10))
    look(state, 20)
    assert shown(state) == ["unknown"]


def test_a_bot_that_is_scheduled_again_after_its_time_is_not_called_unscheduled() -> None:
    """The DELETE takes the later booking; of the earlier one nobody knows whether it has joined."""
    state = AccountState(settle=0)
    look(state, 0, bot("b1", joins=10))
    look(state, 20, bot("b1", joins=9000))
    state.take_answer(asked(state), now=21)
    for time in (22, 23):
        look(state, time)
    (outcome,) = state.report().outcomes
    assert (outcome.status.value, outcome.reason) == ("unknown", "may have joined")


def test_a_bot_that_is_moved_before_its_time_has_not_joined() -> None:
    """Another join time by itself is no sign of anything."""
    state = AccountState(settle=0)
    look(state, 0, bot("b1", joins=3600))
    look(state, 20, bot("b1", joins=9000))
    state.take_answer(asked(state), now=21)
    for time in (22, 23):
        look(state, time)
    assert shown(state) == ["unscheduled"]


def test_a_bot_of_two_events_is_named_once() -> None:
    """With the first of them that something was sent for."""
    state = AccountState(UnscheduleOptions(where=lambda one: one.bot_id != "b2", whole_events=True))
    look(state, 0, bot("b1", "evt_e1"), bot("b2", "evt_e1"), bot("b3", "evt_e2"))
    look(state, 1, bot("b1", "evt_e1"), bot("b2", "evt_e2"), bot("b3", "evt_e2"))
    for now in (2, 3):
        state.take_answer(asked(state), now=now)
    look(state, 4)
    named = [bot_id for outcome in state.report().outcomes for bot_id in outcome.bot_ids]
    assert sorted(named) == ["b1", "b2", "b3"]


# --- what an earlier run has done -----------------------------------------------------------------------


def test_claims_of_an_earlier_run_are_looked_for_and_nothing_is_sent() -> None:
    """What is gone has no outcome; what is listed all the same is still listed."""
    state = AccountState(settle=0, only_given=True)
    state.take_claims([bot("b1"), "evt_e2", bot("b3", None)])
    assert (state.next_request(), state.next_listing(0)) == (None, 0)
    look(state, 0, bot("b2", "evt_e2"), bot("other", "evt_e9"))
    assert state.is_over
    assert state.next_request() is None
    report = state.report()
    assert (report.outcomes, report.ok, [left.bot_id for left in report.still_listed]) == ((), False, ["b2"])


def test_a_claim_that_is_gone_is_ok() -> None:
    """It goes through JSON, too."""
    state = AccountState(only_given=True)
    state.take_claims([bot("b1", joins=-5), bot("b2", None, joins=-5)])
    state = AccountState.from_dict(json.loads(json.dumps(state.to_dict(0))), now=0)
    look(state, 0)
    report = state.report()
    assert (state.is_over, report.ok, report.outcomes) == (True, True, ())


def test_a_claim_for_several_bots_is_no_proof_for_each() -> None:
    """The answer did not say which it took; one whose time has come may have joined."""
    state = AccountState(settle=0, only_given=True)
    state.take_claims([bot("b1"), bot("b2", joins=-5)])
    look(state, 0)
    look(state, 1)
    assert shown(state) == ["unknown"]


def test_a_target_is_not_a_claim() -> None:
    """What is to be done stays to be done."""
    state = AccountState(only_given=True)
    state.take_targets([bot("b1")])
    state.take_claims([bot("b1")])
    assert asked(state).id == "evt_e1"


@pytest.mark.parametrize(
    ("options", "target"),
    [
        (UnscheduleOptions(), ".."),
        (UnscheduleOptions(cancel_by="bot"), "evt_e1"),
        (UnscheduleOptions(where=BotFilter(platform="zoom")), "evt_e1"),
        (UnscheduleOptions(), 7),
    ],
    ids=["a dot segment", "no bots to cancel by", "no bot to select", "a number"],
)
def test_a_target_that_no_request_can_be_made_of_is_refused(options: UnscheduleOptions, target: Any) -> None:
    """Before anything is taken up."""
    state = AccountState(options, only_given=True)
    with pytest.raises(ConfigurationError, match=r"targets\[1\]"):
        state.take_targets([bot("b1"), target])
    assert state.next_request() is None


@pytest.mark.parametrize(
    ("targets", "reason"),
    [(["evt_e1"], NOT_LOOKED_UP), ([bot("b1")], None), (["evt_e1", bot("b2", "evt_e2")], NOT_LOOKED_UP)],
)
def test_a_dry_run_says_that_given_ids_were_not_looked_up(targets: list[Any], reason: str | None) -> None:
    """Of bots it knows more than an id."""
    state = AccountState(UnscheduleOptions(dry_run=True), only_given=True)
    state.take_targets(targets)
    assert state.next_request() is None
    report = state.report()
    assert (set(shown(state)), report.ok, report.reason) == ({"would_unschedule"}, True, reason)


def test_what_is_skipped_says_whether_it_will_join() -> None:
    """The reason of a skipped outcome is one of a few."""
    state = AccountState(UnscheduleOptions(cancel_all_occurrences=True, from_date=START))
    look(state, 0, bot("b1", None), bot("b2", joins=-60))
    reasons = [SkipReason(outcome.reason or "") for outcome in state.forecast()]
    assert {(reason, reason.will_join) for reason in reasons} == {
        (SkipReason.ONE_OFF, True),
        (SkipReason.KEPT, False),
    }


def test_where_all_given_targets_failed_no_listing_is_missed() -> None:
    """Nothing took effect: that it can't be listed makes the report no less complete."""
    down = ConnectionFailedError("could not connect", attempts=1)
    state = AccountState(only_given=True)
    state.take_targets(["evt_e1"])
    state.take_error(asked(state), down, now=0)
    assert state.next_listing(0) is not None
    state.take_listing_error("could not connect")
    report = state.report()
    assert (state.is_over, report.complete, report.reason) == (True, True, "1 failed")


def test_a_bot_that_was_listed_after_its_answer_is_not_called_gone_behind_full_listings() -> None:
    """One full listing shows it again, the next one doesn't: nobody knows."""
    state = AccountState(settle=0.0)
    look(state, 0, bot("b1"), truncated=True)
    state.take_answer(asked(state), now=1)
    look(state, 2, bot("b1"), truncated=True)
    look(state, 3, truncated=True)
    assert shown(state) == ["unknown"]


def test_a_listing_made_while_others_are_at_work_counts_for_what_had_been_answered() -> None:
    """It shows a bot whose event was answered before, and the next listing fails."""
    state = AccountState()
    look(state, 0, bot("b1"), bot("b2", "evt_e2"))
    done, other = asked(state), asked(state)
    state.take_answer(done, now=1)
    time = START + timedelta(seconds=2)
    state.take_listing(page(bot("b1"), bot("b2", "evt_e2")), now=3, requested_at=2, server_time=time)
    state.take_answer(other, now=4)
    state.take_listing_error("no")
    assert shown(state) == ["unknown", "unscheduled"]


@pytest.mark.parametrize("older_row", [True, False])
def test_a_cancelled_row_of_an_older_booking_hides_no_bot_that_has_joined(older_row: bool) -> None:
    """The bot was booked anew after its DELETE, and joined; its older row still says cancelled."""
    state = AccountState(settle=0.0)
    look(state, 0, bot("b1"))
    state.take_answer(asked(state), now=1)
    look(state, 2, bot("b1", joins=10))
    cancelled = bot("b1", status="Cancelled")
    look(state, 12, *([bot("b1", joins=10, status="InMeeting"), cancelled] if older_row else [cancelled]))
    assert shown(state) == ["unknown"]


def test_what_a_full_listing_may_hide_is_still_listed_with_what_it_shows() -> None:
    """One of an event's bots is in it; which of them the answer was about is not known."""
    state = AccountState(settle=0.0)
    look(state, 0, bot("b1"), bot("b2"), bot("b3"), truncated=True)
    state.take_answer(asked(state), UnscheduleResult(unscheduled=True, bots_deleted=1), now=1)
    look(state, 2, bot("b1"), bot("b2"), truncated=True)
    look(state, 3, bot("b2"), truncated=True)
    report = state.report()
    assert [outcome.status.value for outcome in report.outcomes] == ["unscheduled"]
    assert [left.bot_id for left in report.still_listed] == ["b1", "b2", "b3"]


def test_of_what_a_full_listing_may_hide_all_count_that_the_answer_does_not_cover() -> None:
    """One of two that it does not show was taken, and nobody knows which."""
    state = AccountState(settle=0.0)
    look(state, 0, bot("b1"), bot("b2"), bot("b3"))
    state.take_answer(asked(state), UnscheduleResult(unscheduled=True, bots_deleted=1), now=1)
    look(state, 2, bot("b1"), truncated=True)
    assert [left.bot_id for left in state.report().still_listed] == ["b1", "b2", "b3"]


def test_a_bot_that_comes_to_light_later_may_be_the_one_that_was_taken() -> None:
    """Two answers for two bots prove nothing of either, where a third may be hidden."""
    state = AccountState()
    look(state, 0, bot("b0"))
    state.take_answer(asked(state), UnscheduleResult(unscheduled=True, bots_deleted=1), now=1)
    look(state, 2, bot("b2"))
    state.take_answer(asked(state), UnscheduleResult(unscheduled=True, bots_deleted=1), now=3)
    state.take_listing_error("500")
    assert shown(state) == ["unknown"]


def test_one_that_may_have_joined_is_told_although_another_is_still_listed() -> None:
    """It left the listing when its time had come; the event's DELETE took neither."""
    state = AccountState(settle=0.0)
    look(state, 0, bot("b1", joins=3), bot("b2"))
    state.take_answer(asked(state), UnscheduleResult(unscheduled=True, bots_deleted=1), now=1)
    look(state, 2, bot("b1", joins=3), bot("b2"))
    look(state, 4, bot("b2"))
    state.take_answer(asked(state), now=5)
    look(state, 6, bot("b2"))
    report = state.report()
    assert [(outcome.status.value, outcome.reason) for outcome in report.outcomes] == [
        ("unknown", "may have joined")
    ]
    assert [left.bot_id for left in report.still_listed] == ["b2"]


def test_a_bot_that_was_listed_after_its_own_delete_is_not_called_gone_behind_full_listings() -> None:
    """Its answer named it alone, and was not true."""
    state = AccountState(UnscheduleOptions(cancel_by="bot"), settle=0.0)
    look(state, 0, bot("b1"), truncated=True)
    state.take_answer(asked(state), now=1)
    look(state, 2, bot("b1"), truncated=True)
    look(state, 3, truncated=True)
    assert shown(state) == ["unknown"]


def test_not_scheduled_means_nothing_for_one_bot_where_another_was_deleted_after_it() -> None:
    """The second bot's own answer is a gateway's: it says nothing of the bot either."""
    gateway = NotFoundError("Not Found", status=404, attempts=1)
    state = AccountState()
    look(state, 0, bot("b1"), bot("b2"))
    state.take_error(asked(state), NOT_SCHEDULED, now=1)
    state.take_answer(asked(state), now=2)
    state.take_error(asked(state), gateway, now=3)
    state.stop("enough")
    (outcome,) = state.report().outcomes
    assert (outcome.status.value, outcome.reason) == ("unknown", f"a part took effect; then {gateway}")


def test_a_cancelled_row_hides_no_bot_that_came_back_with_a_time_nobody_can_read() -> None:
    """It was shown after all answers, so the cancelled row may be of its older booking."""
    row = ScheduledBot("b1", custom_attributes={"event_id": "evt_e1"})
    state = AccountState(settle=0.0)
    look(state, 0, row)
    state.take_error(asked(state), NOT_SCHEDULED, now=1)
    state.take_error(asked(state), NO_BOT, now=1)
    look(state, 2, row)
    look(state, 3, evolve(row, status="Cancelled"))
    assert shown(state) == ["unknown"]


@pytest.mark.parametrize(("event", "status"), [("7vq1google", "unknown"), ("evt_1", "unscheduled")])
def test_not_scheduled_after_a_lost_answer_is_inferred_only_of_the_events_own_id(
    event: str, status: str
) -> None:
    """Where the run ends before a listing can tell, and the event's DELETE is the only way."""
    state = AccountState(UnscheduleOptions(cancel_by="event"))
    look(state, 0, bot("b1", event))
    state.take_answer(asked(state), UnscheduleResult(unscheduled=True, inferred=True), now=1)
    state.stop("enough")
    assert shown(state) == [status]


@pytest.mark.parametrize(
    ("where", "told", "judged"),
    [
        (BotFilter(platform="zoom"), {"platform": "GMeet"}, False),
        (BotFilter(platform="zoom"), {"platform": "Zoom"}, True),
        (BotFilter(platform="zoom"), {}, None),
        (BotFilter(name="acme *"), {"bot_username": "Acme notes"}, True),
        (BotFilter(name="acme *"), {}, None),
        (BotFilter(name="acme *", platform="zoom"), {"platform": "teams"}, False),
        (BotFilter(before=START), {"scheduled_join_time": START}, False),
        (BotFilter(after=START), {"scheduled_join_time": START}, True),
        (BotFilter(after=START), {}, None),
        (BotFilter(attributes={"customer": "acme"}), {"platform": "zoom"}, None),
        (BotFilter(attributes={"event_id": "evt_1"}), {"platform": "zoom"}, None),
        (BotFilter(attributes={"customer": "acme"}, platform="zoom"), {"platform": "teams"}, False),
    ],
)
def test_a_filter_knows_what_the_events_do_not_tell(
    where: BotFilter, told: dict[str, Any], judged: bool | None
) -> None:
    """Of a bot that only they show: its attributes, and what is missing, unless something rules it out."""
    assert where.judge(ScheduledBot("b1", custom_attributes={"event_id": "evt_1"}, **told)) is judged


@pytest.mark.parametrize("one_off_bots", ["report", "skip"])
@pytest.mark.parametrize(
    "where", [BotFilter(attributes={"customer": "acme"}), BotFilter(name="Acme *"), lambda row: False]
)
def test_bots_out_of_sight_that_the_filter_cannot_judge_are_told(where: Any, one_off_bots: Any) -> None:
    """They are left alone, and the report is not complete until they are seen."""
    state = AccountState(UnscheduleOptions(where=where, one_off_bots=one_off_bots))
    events = [MeetStreamEvent("evt_9", bots=(indexed("hidden"), indexed("other")))]
    look(state, 0, bot("b1"), truncated=True)
    assert state.wants_events
    state.expect_events()
    state.take_events(events, complete=True)
    assert (state.forecast(), state.undecided) == ((), 2)
    again = AccountState.from_dict(json.loads(json.dumps(state.to_dict(0))), now=0, where=where)
    for one in (state, again):
        report = one.report()
        assert (report.ok, report.complete) == (False, False)
        told = "2 bots behind it are known by calendar events alone, which the filter can't judge"
        assert told in (report.reason or "")
    look(state, 1, bot("b1"), bot("hidden", "evt_9"), truncated=True)
    assert state.undecided == 1
    look(state, 2, bot("b1"), bot("hidden", "evt_9"))
    assert state.undecided == 0
    assert state.report().ok


def test_a_bot_that_was_to_be_asked_for_once_more_is_still_listed_where_the_run_is_stopped() -> None:
    """Its event's DELETE took another one, as the listing showed; the further one is not sent."""
    for taken in (False, True):
        state = AccountState()
        look(state, 0, bot("b1"), bot("b2"))
        state.take_answer(asked(state), UnscheduleResult(unscheduled=True), now=1)
        look(state, 2, bot("b2"))
        if taken:
            # By a runner that is stopped before it sends anything.
            item = state.next_item()
            assert item is not None
            state.end_turn(item, 3, item.left(OutcomeStatus.NOT_ATTEMPTED, "stopped"))
        state.stop("the run was stopped")
        report = state.report()
        assert not report.ok
        assert [left.bot_id for left in report.still_listed] == ["b2"]


def test_a_bot_that_is_listed_after_its_own_delete_stays_in_doubt() -> None:
    """Whatever is deleted of its event meanwhile, and although no further listing can be had."""
    state = AccountState(UnscheduleOptions(cancel_by="bot"))
    look(state, 0, bot("b1"))
    state.take_answer(asked(state), now=1)
    look(state, 2, bot("b1"), bot("b2"))
    request = asked(state)
    assert request.id == "b2"
    state.take_answer(request, now=3)
    state.take_listing_error("a later listing failed")
    assert [outcome.status for outcome in state.report().outcomes] == ["unknown"]


def test_a_listing_made_while_others_are_at_work_doubts_a_bots_own_delete_too() -> None:
    """It was asked for after the answer, and shows the bot."""
    state = AccountState(UnscheduleOptions(cancel_by="bot"))
    look(state, 0, bot("b1", "evt_1"), bot("b2", "evt_2"))
    first, second = asked(state), asked(state)
    state.take_answer(first, now=1)
    time = START + timedelta(seconds=3)
    rows = page(bot("b1", "evt_1"), bot("b2", "evt_2"))
    state.take_listing(rows, now=3, requested_at=2, server_time=time)
    state.take_answer(second, now=4)
    state.take_listing_error("a later listing failed")
    assert [outcome.status for outcome in state.report().outcomes] == ["unknown", "unscheduled"]


def test_a_cancelled_row_with_a_later_time_tells_that_the_bot_was_scheduled_again() -> None:
    """Its first booking may have joined before; that of an earlier time may be an older booking's."""
    for later, status in ((50, "unknown"), (-50, "unscheduled")):
        state = AccountState()
        look(state, 0, bot("b1", joins=10))
        request = asked(state)
        state.take_answer(request, now=12)
        look(state, 13, bot("b1", joins=10 + later, status="Cancelled"))
        assert shown(state) == [status]


def test_a_state_of_another_version_is_not_read() -> None:
    """Its fields may mean something else."""
    stored = {**AccountState().to_dict(0), "version": 2}
    with pytest.raises(ConfigurationError, match="version 2"):
        AccountState.from_dict(stored, now=0)


@pytest.mark.parametrize(
    ("names", "words"),
    [(["b1"], "1 one-off bot has no calendar"), (["b1", "b2"], "2 one-off bots have no calendar")],
)
def test_what_was_left_alone_is_counted(names: list[str], words: str) -> None:
    """In words, for one and for several."""
    state = AccountState(settle=0)
    look(state, 0, *(bot(name, None) for name in names))
    assert state.next_request() is None
    assert words in (state.report().reason or "")


def test_an_answer_that_counts_all_bots_of_an_event_is_enough_where_the_run_is_stopped() -> None:
    """No listing tells of them, and nothing is left to doubt; one less would be."""
    for deleted, status in ((2, "unscheduled"), (1, "unknown")):
        state = AccountState()
        look(state, 0, bot("b1"), bot("b2"), truncated=True)
        state.take_answer(asked(state), UnscheduleResult(unscheduled=True, bots_deleted=deleted), now=1)
        state.stop("the run was stopped")
        assert shown(state) == [status]


def test_a_missing_route_says_nothing_of_a_bot_whose_event_is_not_scheduled() -> None:
    """The event's own id was answered; a gateway's "Not Found" to the bot's is no refusal of it."""
    state = AccountState()
    look(state, 0, bot("b1"))
    first = asked(state)
    assert first.method == "event"
    state.take_error(first, NOT_SCHEDULED, now=1)
    state.take_error(asked(state), NotFoundError("Not Found", status=404, attempts=1), now=2)
    state.take_listing_error("a later listing failed")
    assert shown(state) == ["unknown"]
