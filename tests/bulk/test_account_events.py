"""AccountState and the events of the calendars: what an index may be taken to prove, and what not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from meetstream_async import (
    AccountState,
    MeetStreamEvent,
    RequestTimeoutError,
    ScheduledBot,
    ScheduledBotPage,
    UnscheduleOptions,
    UnscheduleResult,
)
from meetstream_async.meetstream.models import EventBot

START = datetime(2031, 5, 1, 9, tzinfo=UTC)
SOON = START + timedelta(hours=1)


def listed(name: str, event: str | None) -> ScheduledBot:
    ids = {} if event is None else {"event_id": event}
    return ScheduledBot(name, scheduled_join_time=SOON, custom_attributes=ids)


def look(state: AccountState, now: float, *bots: ScheduledBot, full: bool = False) -> None:
    page = ScheduledBotPage(bots, 100, full)
    state.take_listing(page, now=now, server_time=START + timedelta(seconds=now))


def event(event_id: str, *bots: str, scheduled: bool = True) -> MeetStreamEvent:
    status = "Scheduled" if scheduled else "Stopped"
    return MeetStreamEvent(
        event_id, bots=tuple(EventBot(bot, status, SOON, is_scheduled=scheduled) for bot in bots)
    )


def ask(state: AccountState, *, answered: bool, now: float) -> list[str]:
    """The ids of all requests that are to be made now; whether they are answered, or all answers are lost."""
    ids = []
    while (request := state.next_request()) is not None:
        ids.append(request.id)
        if answered:
            state.take_answer(request, UnscheduleResult(unscheduled=True, event_id=request.id), now=now)
        else:
            lost = RequestTimeoutError("no answer", attempts=1, outcome_unknown=True)
            state.take_error(request, lost, now=now)
    return ids


def test_behind_a_full_listing_the_index_proves_what_it_knows_and_nothing_else() -> None:
    """An event that it has never shown may be that of another calendar: nothing follows from its absence."""
    state = AccountState(settle=0)
    look(state, 0, listed("b1", "evt_1"), listed("b2", "evt_2"), full=True)
    state.expect_events()
    state.take_events([event("evt_1", "b1")], complete=True)
    assert ask(state, answered=False, now=1) == ["evt_1", "b2"]
    look(state, 2, full=True)
    look(state, 4, full=True)
    ask(state, answered=False, now=5)
    look(state, 6, full=True)
    assert state.wants_events
    state.expect_events()
    state.take_events([event("evt_1", "b1", scheduled=False)], complete=True)
    assert [outcome.status for outcome in state.report().outcomes] == ["unscheduled", "unknown"]


def test_a_bot_whose_event_only_the_index_knows_is_known_by_it_in_later_listings() -> None:
    """The listing gives it no event; a row that still shows it is that of the event all the same."""
    state = AccountState(settle=60)
    look(state, 0, listed("b1", None))
    state.expect_events()
    state.take_events([event("evt_1", "b1")], complete=True)
    assert ask(state, answered=True, now=1) == ["evt_1"]
    look(state, 2, listed("b1", None))
    assert [bot.bot_id for bot in state.still_listed] == ["b1"]
    assert ask(state, answered=True, now=3) == []


def test_an_event_is_not_asked_for_by_an_item_whose_bots_are_all_those_of_others() -> None:
    """A provider's id is listed for the bots of two events, one of which is under way under its own id."""
    state = AccountState()
    look(state, 0, listed("b4", "p3google"), listed("b5", "p3google"), listed("b2", "evt_1"))
    state.expect_events()
    under_way = state.next_request()
    assert under_way is not None
    assert under_way.id == "evt_1"
    state.take_events([event("evt_1", "b4", "b2"), event("evt_3", "b4", "b5")], complete=True)
    assert ask(state, answered=True, now=1) == ["evt_3"]
    state.take_answer(under_way, UnscheduleResult(unscheduled=True, event_id="evt_1"), now=1)
    look(state, 2)
    look(state, 4)
    assert state.report().ok
    assert {bot for outcome in state.report().outcomes for bot in outcome.bot_ids} == {"b2", "b4", "b5"}


def test_a_bot_outside_the_filter_is_known_in_every_event_that_the_index_shows_it_with() -> None:
    """Whatever the listing calls its event: the DELETE of another bot's event would take it as well."""

    def inside(bot: ScheduledBot) -> bool:
        return bot.bot_id == "in"

    for events in ([event("evt_2", "in"), event("evt_1", "in", "out")], [event("evt_1", "in", "out", "x")]):
        state = AccountState(UnscheduleOptions(where=inside))
        look(state, 0, listed("other", "evt_9"), full=True)
        state.expect_events()
        state.take_events([*events, event("evt_3", "out")], complete=True)
        stored = AccountState.from_dict(state.to_dict(0), now=0, where=inside)
        for one in (state, stored):
            look(one, 1, listed("out", "p1google"), listed("x", "p4google"), listed("in", "p2google"))
            assert one.next_request() is None
            assert [outcome.bot_ids for outcome in one.report().outcomes] == [("in",)]
            assert "shared" in (one.report().outcomes[0].reason or "")


def test_an_item_that_is_listed_by_its_own_id_asks_for_no_other_event() -> None:
    """Its bot may belong to another event as well, which another item asks for."""
    for taken in (0, 2):
        state = AccountState(UnscheduleOptions(cancel_by="event"))
        look(state, 0, listed("b2", "evt_2"), listed("b3", "evt_2"), listed("b1", "evt_1"))
        state.expect_events()
        items = [state.next_item() for _ in range(taken)]
        state.take_events([event("evt_1", "b1", "b2"), event("evt_2", "b2", "b3")], complete=True)
        items += [state.next_item() for _ in range(2 - taken)]
        assert [item and (item.request_id or item.event_id) for item in items] == ["evt_2", "evt_1"]


def test_a_hidden_bot_whose_time_has_come_still_keeps_its_event_from_being_taken_whole() -> None:
    """It may be outside the filter, and the DELETE might come before it joins. But it is no work."""
    state = AccountState(UnscheduleOptions(where=lambda bot: bot.bot_id == "in"))
    look(state, 0, listed("in", "evt_1"), full=True)
    state.expect_events()
    hidden = EventBot("hidden", "Scheduled", START, is_scheduled=True)
    state.take_events([MeetStreamEvent("evt_1", bots=(*event("evt_1", "in").bots, hidden))], complete=True)
    assert ask(state, answered=True, now=1) == ["in"]
    assert state.undecided == 0


def test_rows_that_come_after_the_index_ask_for_an_event_once_at_a_time() -> None:
    """The listing has a provider's id of its own for each of them; by the index, they are of one event."""
    state = AccountState(UnscheduleOptions(cancel_by="event"))
    look(state, 0, listed("b1", "p1google"))
    state.expect_events()
    state.take_events([event("evt_1", "b1"), event("evt_3", "b2", "b4")], complete=True)
    assert ask(state, answered=True, now=1) == ["evt_1"]
    look(state, 2, listed("b4", "p3google"), listed("b2", "p2google"))
    requests = [state.next_request(), state.next_request()]
    assert [request and request.id for request in requests] == ["evt_3", None]


def test_an_answer_says_nothing_of_one_bot_where_the_event_has_those_of_another_event_too() -> None:
    """As many as are its own were deleted, says the answer; by the index, it may have been the other one."""
    for restored in (False, True):
        state = AccountState()
        look(state, 0, listed("b3", "evt_2"), listed("b5", "evt_3"), full=True)
        state.expect_events()
        state.take_events([event("evt_2", "b3", "b4"), event("evt_3", "b3", "b5")], complete=True)
        if restored:
            state = AccountState.from_dict(state.to_dict(0), now=0)
        while (request := state.next_request()) is not None:
            state.take_answer(request, UnscheduleResult(unscheduled=True, bots_deleted=1), now=1)
        state.stop("the API rejects the key")
        reasons = {outcome.event_id: outcome.reason or "" for outcome in state.report().outcomes}
        assert "does not say which it took" in reasons["evt_3"]


def test_an_index_without_a_bot_proves_nothing_where_bots_of_calendars_are_listed() -> None:
    """It may be that of another calendar; whether or not the listing names the events."""
    calendar = {"source": "calendar"}
    for ids in (calendar, {**calendar, "event_id": "evt_1"}):
        inside, outside = (
            ScheduledBot(name, scheduled_join_time=SOON, custom_attributes=ids) for name in "io"
        )
        options = UnscheduleOptions(one_off_bots="skip", where=lambda bot: bot.bot_id == "i", cancel_by="bot")
        state = AccountState(options, settle=0)
        look(state, 0, inside, outside)
        assert ask(state, answered=True, now=1) == ["i"]
        for now in (2, 4):
            look(state, now, outside, full=True)
            while state.wants_events:
                state.expect_events()
                state.take_events([], complete=True)
        assert "the last listing was full" in (state.report().reason or "")


def test_an_item_that_waits_for_its_first_request_keeps_its_id() -> None:
    """By then it was judged to take no bot outside the filter; another event of its bot may have one."""
    for pages in (["evt_0", "evt_2"], ["evt_2", "evt_0"]):
        state = AccountState(UnscheduleOptions(where=lambda bot: bot.bot_id != "out"))
        look(state, 0, listed("b2", "evt_2"), listed("b3", "evt_2"), listed("out", "evt_0"))
        state.expect_events()
        item = state.next_item()
        assert item is not None
        assert state.outcome_without_request(item) is None
        item.start_turn()
        shown = {"evt_0": event("evt_0", "out", "b2"), "evt_2": event("evt_2", "b2", "b3")}
        state.take_events([shown[name] for name in pages], complete=True)
        request = item.next_request()
        assert request is not None
        assert request.id == "evt_2"


def test_a_bot_whose_time_comes_before_the_events_are_read_again_may_have_joined() -> None:
    """Behind a full listing the events show it no more, which proves it gone only if its time lay ahead."""
    for seconds, status in ((5, "unscheduled"), (3700, "unknown")):
        state = AccountState(settle=0)
        look(state, 0, listed("b1", "evt_1"), listed("b2", "evt_1"), full=True)
        state.expect_events()
        state.take_events([event("evt_1", "b1", "b2")], complete=True)
        ask(state, answered=True, now=1)
        for now in (2, 4):
            look(state, now, full=True)
        assert state.wants_events
        state.expect_events()
        state.take_time(START + timedelta(seconds=seconds), seconds)
        state.take_events([event("evt_1", "b1", "b2", scheduled=False)], complete=True)
        assert [outcome.status for outcome in state.report().outcomes] == [status]


def test_a_bot_that_only_the_last_look_at_the_events_shows_is_work_and_is_looked_at_again() -> None:
    """The run was over but for what the full listing may hide."""
    state = AccountState(settle=0)
    look(state, 0, listed("b1", "evt_1"), full=True)
    state.expect_events()
    state.take_events([event("evt_1", "b1")], complete=True)
    ask(state, answered=True, now=1)
    for now in (2, 4):
        look(state, now, full=True)
    assert state.wants_events
    state.expect_events()
    state.take_events([event("evt_1", "b1", scheduled=False), event("evt_9", "b9")], complete=True)
    assert ask(state, answered=True, now=5) == ["evt_9"]
    assert state.next_listing(6) is not None
