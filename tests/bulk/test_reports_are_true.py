"""Reports over a real socket: nothing is called done that may join, nothing failed that took effect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from meetstream_async import (
    BotFilter,
    BulkReport,
    InvalidResponseError,
    MeetStreamClient,
    OutcomeStatus,
    RateLimitError,
    RetryPolicy,
    ScheduledBot,
    ServerError,
    UnscheduleOutcome,
    bulk_unschedule,
    unschedule_all,
)
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.scripted_api import DONE, GONE, NO_BOT, Api, Reply, first, in_seconds, row, rows, serving

pytestmark = pytest.mark.usefixtures("quick_checks")

ACME = BotFilter(attributes={"customer": "acme"})


def shown(report: BulkReport[UnscheduleOutcome]) -> list[tuple[str | None, str]]:
    """Event or bot, and status."""
    return [(one.event_id or one.bot_ids[0], one.status.value) for one in report.outcomes]


def customer(bot: str, event: str, name: str) -> dict[str, Any]:
    return row(bot, event, attributes={"customer": name})


# --- gone, or joined? -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"joins": None},
        {"joins": datetime.now().isoformat()},
        {"joins": 1795919472},
        {"joins": in_seconds(-1)},
        {"joins": None, "status": "InMeeting", "is_scheduled": False},
        {"status": "InMeeting"},
    ],
    ids=["null", "no offset", "a number", "past", "in its meeting, no time", "in its meeting"],
)
async def test_a_bot_that_may_be_in_its_meeting_is_not_called_unscheduled(fields: dict[str, Any]) -> None:
    """ "Not scheduled" is also true of a bot that has joined."""
    api = Api(first(row("b1", **fields)), lambda _: GONE)
    async with serving(api) as client:
        report = await unschedule_all(client)
    assert (report.ok, shown(report)) == (False, [("evt_1", "unknown")])
    assert "may have joined" in (report.outcomes[0].reason or "")


async def test_whether_a_bot_has_joined_is_judged_by_the_servers_clock() -> None:
    """This machine's clock is two minutes behind; the Date of the replies says so."""
    api = Api(first(row("b1", joins=in_seconds(60))), lambda _: GONE, clock=timedelta(minutes=2))
    async with serving(api) as client:
        report = await unschedule_all(client)
    assert (report.ok, shown(report)) == (False, [("evt_1", "unknown")])


async def test_a_bot_that_left_the_listing_before_its_time_is_gone() -> None:
    """With its join time ahead, absence is evidence."""
    api = Api(first(row("b1")), lambda _: GONE)
    async with serving(api) as client:
        report = await unschedule_all(client)
    assert (report.ok, shown(report)) == (True, [("evt_1", "already_unscheduled")])


async def test_one_success_proves_nothing_for_the_other_bot_of_an_event() -> None:
    """A DELETE takes one of two bots; the other's time comes before the next look."""
    shown_first = rows(row("b1"), row("b2", joins=in_seconds(30)))

    def listing(number: int) -> Reply:
        if number == 0:
            return shown_first
        api.clock = timedelta(minutes=1)
        return rows()

    api = Api(listing)
    async with serving(api) as client:
        report = await unschedule_all(client)
    assert (report.ok, shown(report)) == (False, [("evt_1", "unknown")])


@pytest.mark.parametrize(
    ("own", "status"),
    [
        ((400, {"message": "Cannot delete active bot"}), "unknown"),
        (NO_BOT, "unknown"),
        ((200, {"bot_id": "b1"}), "unscheduled"),
    ],
    ids=["in its meeting", "not there", "deleted"],
)
async def test_a_success_after_the_join_time_leads_to_the_bots_own_id(own: Reply, status: str) -> None:
    """The DELETE may have taken a bot of the event that was never shown, while this one joined."""
    api = Api(first(row("b1", joins=in_seconds(-5))), delete=lambda _: own)
    async with serving(api) as client:
        report = await bulk_unschedule(client, await client.list_scheduled_bots())
    assert (report.ok, shown(report)) == (status == "unscheduled", [("evt_1", status)])
    assert (api.events, api.bots) == (["evt_1"], ["b1"])


async def test_a_success_after_the_join_time_is_unknown_where_only_events_may_be_asked_for() -> None:
    """Nothing else can tell whether the bot has joined."""
    api = Api(first(row("b1", joins=in_seconds(-5))))
    async with serving(api) as client:
        report = await bulk_unschedule(client, await client.list_scheduled_bots(), cancel_by="event")
    assert (report.ok, shown(report), api.bots) == (False, [("evt_1", "unknown")], [])
    assert "may have joined" in (report.outcomes[0].reason or "")


async def test_a_success_at_the_join_time_is_unknown_where_the_next_listing_fails() -> None:
    """The server's clock is known to the second only, and no listing has told since."""
    date = datetime.now(UTC).replace(microsecond=0)
    told = {"Date": format_datetime(date, usegmt=True)}
    listed = row("b1", joins=(date + timedelta(seconds=0.9)).isoformat())
    api = Api(
        lambda number: (*rows(listed), told) if number == 0 else (403, {"message": "no"}, told),
        lambda _: (*DONE, told),
    )
    async with serving(api) as client:
        report = await unschedule_all(client)
    assert (report.complete, shown(report)) == (False, [("evt_1", "unknown")])
    assert "may have joined" in (report.outcomes[0].reason or "")


async def test_a_reply_that_counts_fewer_bots_than_were_given_leads_to_their_own_ids() -> None:
    """Without a listing to ask, each bot is asked for by itself."""
    api = Api(lambda _: rows(), lambda _: (200, {"unscheduled": True, "bots_deleted": 1}))
    api.delete = lambda bot: NO_BOT if bot == "b1" else (200, {"bot_id": bot})
    bots = [
        ScheduledBot(
            name,
            scheduled_join_time=datetime.now(UTC) + timedelta(hours=1),
            custom_attributes={"event_id": "evt_1"},
        )
        for name in ("b1", "b2")
    ]
    async with serving(api) as client:
        report = await bulk_unschedule(client, bots)
    assert (report.ok, shown(report)) == (True, [("evt_1", "unscheduled")])
    assert (api.events, api.bots) == (["evt_1"], ["b1", "b2"])


async def test_already_unscheduled_needs_a_later_whole_listing() -> None:
    """The verifying listing fails: nobody has seen that the bot is gone."""
    api = Api(lambda number: rows(row("b1")) if number == 0 else (403, {"message": "no"}), lambda _: GONE)
    async with serving(api) as client:
        report = await unschedule_all(client)
    assert (report.complete, shown(report)) == (False, [("evt_1", "unknown")])


async def test_what_the_last_listing_showed_is_still_listed_where_the_next_one_fails() -> None:
    """A look that fails takes nothing back."""
    api = Api(lambda number: rows(row("b1")) if number < 2 else (403, {"message": "no"}))
    async with serving(api) as client:
        report = await unschedule_all(client)
    assert [bot.bot_id for bot in report.still_listed] == ["b1"]
    assert not report.ok


async def test_what_the_last_listing_showed_is_still_listed_where_the_run_is_stopped() -> None:
    """The run ends before it could look again."""
    stop = asyncio.Event()

    def unschedule(event: str) -> Reply:
        if event == "evt_2":
            stop.set()
        return DONE

    api = Api(
        lambda number: rows(row("b1"), *([row("b2", "evt_2")] if number else [])), unschedule=unschedule
    )
    async with serving(api) as client:
        report = await unschedule_all(client, stop=stop)
    assert [bot.bot_id for bot in report.still_listed] == ["b1"]
    assert not report.ok


# --- the same history, the same verdict -----------------------------------------------------------------


async def test_a_one_off_bot_that_somebody_else_deleted_is_gone_at_every_door() -> None:
    """404 "Bot not found" for a listed bot whose time lies ahead, then no row of it."""
    api = Api(first(row("b1", None)))
    async with serving(api) as client:
        drained = await unschedule_all(client, one_off_bots="delete")
        bot = ScheduledBot("b1", scheduled_join_time=datetime.now(UTC) + timedelta(hours=1))
        given = await bulk_unschedule(client, [bot], one_off_bots="delete")
    assert [(report.ok, shown(report)) for report in (drained, given)] == [
        (True, [("b1", "already_unscheduled")])
    ] * 2
    assert "no listing was asked" in (given.reason or "")


@pytest.mark.parametrize("outside", ["evt_1", None], ids=["of the event", "of no event"])
async def test_given_bots_outside_the_filter_keep_their_event(outside: str | None) -> None:
    """An event of which one was given is left alone; a one-off bot outside the filter touches no event."""
    joins = datetime.now(UTC) + timedelta(hours=1)
    inside = ScheduledBot(
        "b1", scheduled_join_time=joins, custom_attributes={"event_id": "evt_1", "customer": "acme"}
    )
    other = ScheduledBot(
        "b2", scheduled_join_time=joins, custom_attributes={"event_id": outside} if outside else {}
    )
    api = Api(lambda _: rows())
    async with serving(api) as client:
        report = await bulk_unschedule(client, [inside, other], where=ACME)
    assert api.events == ([] if outside else ["evt_1"])
    assert shown(report) == [("evt_1", "skipped" if outside else "unscheduled")]


async def test_an_id_that_the_listing_holds_may_be_the_calendar_providers() -> None:
    """Any refusal that a foreign id would get leads to the bot's own id."""
    for refusal in (GONE, NO_BOT, (404, {"message": "Not Found"}), (404, {"error": "Event not found"})):
        gone: set[str] = set()

        def delete(bot: str, gone: set[str] = gone) -> Reply:
            gone.add(bot)
            return 200, {"bot_id": bot}

        def listing(_: int, gone: set[str] = gone) -> Reply:
            return rows() if gone else rows(row("b1", "7vq1google"))

        api = Api(listing, lambda _, refusal=refusal: refusal, delete)
        async with serving(api) as client:
            report = await unschedule_all(client)
        assert (report.ok, shown(report)) == (True, [("7vq1google", "unscheduled")])
        assert report.outcomes[0].method == "bot"


async def test_a_foreign_id_that_is_not_scheduled_is_unknown_where_only_events_may_be_asked_for() -> None:
    """The listed id may be the calendar provider's, of which the API knows nothing."""
    for event, status in (("7vq1google", "unknown"), ("evt_1", "already_unscheduled")):
        api = Api(first(row("b1", event)), lambda _: GONE)
        async with serving(api) as client:
            report = await bulk_unschedule(client, await client.list_scheduled_bots(), cancel_by="event")
        assert (shown(report), api.bots) == ([(event, status)], [])


async def test_what_an_answer_that_was_lost_may_have_done_is_never_failed() -> None:
    """503, then "Event not scheduled", then a refusal of the bot's own id, and no later listing."""
    answers: list[Reply] = [(503, {"message": "no"}), GONE]
    refusal: Reply = (403, {"message": "Bot does not belong to the authenticated user."})
    api = Api(
        lambda number: rows(row("b1")) if number == 0 else (403, {"message": "no"}),
        lambda _: answers.pop(0),
        lambda _: refusal,
    )
    async with serving(api) as client:
        report = await unschedule_all(client)
    assert shown(report) == [("evt_1", "unknown")]


async def test_a_calendar_bot_without_an_event_id_is_no_one_off_bot() -> None:
    """It is cancelled by its own id, without an option."""
    listed = row("b1", None, attributes={"source": "calendar_integration"})
    api = Api(first(listed), delete=lambda bot: (200, {"bot_id": bot}))
    async with serving(api) as client:
        report = await unschedule_all(client)
    assert (report.ok, shown(report), api.bots) == (True, [("b1", "unscheduled")], ["b1"])


# --- what is taken --------------------------------------------------------------------------------------


async def test_a_bot_outside_the_filter_is_remembered_from_every_listing() -> None:
    """The first listing shows globex's bot of the event, the second one only acme's."""
    others = [customer(f"a{number}", f"e{number}", "acme") for number in range(99)]
    pages = [[customer("g1", "evt_both", "globex"), *others], [customer("a", "evt_both", "acme")]]
    api = Api(lambda number: rows(*pages[min(number, 1)]), delete=lambda bot: (200, {"bot_id": bot}))
    async with serving(api) as client:
        report = await unschedule_all(client, where=ACME, settle=0)
    assert "evt_both" not in api.events
    assert ("evt_both", "skipped") in shown(report)


@pytest.mark.parametrize(("cancel_by", "status"), [("auto", "unscheduled"), ("event", "skipped")])
async def test_an_event_is_not_taken_whole_while_bots_may_hide(cancel_by: Any, status: str) -> None:
    """With a filter and a listing that is not whole, its bots go by their own ids, or it is named."""
    gone: list[str] = []

    def delete(bot: str) -> Reply:
        gone.append(bot)
        return 200, {"bot_id": bot}

    api = Api(
        lambda _: rows(*([] if gone else [customer("a", "evt_1", "acme")]), has_more=True), delete=delete
    )
    async with serving(api) as client:
        report = await unschedule_all(client, where=ACME, cancel_by=cancel_by)
    assert (api.events, shown(report)) == ([], [("evt_1", status)])
    assert not report.ok


@pytest.mark.parametrize("said", [{"has_more": True}, {"total": 2}, {"next": "abc"}], ids=str)
async def test_a_short_page_that_says_there_is_more_is_not_whole(said: dict[str, Any]) -> None:
    """It is truncated, and a report over it is not complete."""
    api = Api(lambda _: rows(row("b1"), **said))
    async with serving(api) as client:
        assert (await client.list_scheduled_bots()).truncated
        report = await unschedule_all(client, settle=0)
    assert not report.complete


@pytest.mark.parametrize(
    "fields", [{"status": "Cancelled"}, {"status": "Stopped"}, {"is_scheduled": False}], ids=str
)
async def test_rows_of_bots_that_will_not_join_are_no_work(fields: dict[str, Any]) -> None:
    """Neither a request nor "still listed", on no run."""
    api = Api(lambda _: rows(row("b1", **fields)))
    async with serving(api) as client:
        report = await unschedule_all(client)
    assert (report.ok, report.still_listed, api.events + api.bots) == (True, (), [])


async def test_a_bot_that_moves_to_cancelled_is_gone() -> None:
    """The row stays, and says so."""
    api = Api(lambda number: rows(row("b1", status="Cancelled" if number else "Scheduled")))
    async with serving(api) as client:
        report = await unschedule_all(client)
    assert (report.ok, shown(report), len(api.events)) == (True, [("evt_1", "unscheduled")], 1)


async def test_a_series_that_is_cut_keeps_what_joins_before() -> None:
    """Kept occurrences are skipped; an answer that nothing was affected is not done."""
    start = datetime.now(UTC) + timedelta(days=2)
    soon, late = in_seconds(3600), (start + timedelta(days=1)).isoformat()
    api = Api(
        lambda _: rows(row("b1", "evt_1", soon), row("b2", "evt_2", late)),
        lambda _: (200, {"cancelled": True, "occurrences_affected": 0}),
    )
    async with serving(api) as client:
        report = await unschedule_all(client, cancel_all_occurrences=True, from_date=start, settle=0)
    assert shown(report) == [("evt_1", "skipped"), ("evt_2", "unknown")]
    assert report.outcomes[0].reason == "joins before from_date"
    assert "evt_1" not in api.events


async def test_an_empty_selection_is_told() -> None:
    """Nothing matches of a listing that has bots: ok, and the reason names it."""
    async with serving(Api(lambda _: rows(row("b1")))) as client:
        report = await unschedule_all(client, where=BotFilter(platform="zoom"))
    assert (report.ok, report.outcomes) == (True, ())
    assert "the filter selects none of 1" in (report.reason or "")


async def test_rows_that_a_time_filter_cannot_judge_are_told() -> None:
    """A row without a readable time is left, and the report is not ok."""
    async with serving(Api(lambda _: rows(row("b1", joins=None)))) as client:
        report = await unschedule_all(client, where=BotFilter(before=datetime.now(UTC)))
    assert (report.ok, report.outcomes) == (False, ())
    assert "can't judge" in (report.reason or "")


# --- a bot that is listed twice -------------------------------------------------------------------------

SCHEDULED = row("b1")
CANCELLED = row("b1", status="Cancelled", is_scheduled=False)
MEETING = row("b1", status="InMeeting")


async def of_page(client: MeetStreamClient, **options: Any) -> BulkReport[UnscheduleOutcome]:
    """The run over one listing."""
    return await bulk_unschedule(client, await client.list_scheduled_bots(), **options)


async def of_account(client: MeetStreamClient, **options: Any) -> BulkReport[UnscheduleOutcome]:
    """The run over the account."""
    return await unschedule_all(client, settle=0, **options)


@pytest.mark.parametrize("run", [of_page, of_account])
@pytest.mark.parametrize(
    ("listed", "status"),
    [
        ([SCHEDULED, CANCELLED], "unscheduled"),
        ([CANCELLED, SCHEDULED], "unscheduled"),
        ([CANCELLED, SCHEDULED, CANCELLED], "unscheduled"),
        ([SCHEDULED, row("b1", None, attributes={})], "unscheduled"),
        ([row("b1", None, attributes={}), SCHEDULED], "unscheduled"),
        ([MEETING, SCHEDULED], "unknown"),
        ([SCHEDULED, MEETING], "unknown"),
    ],
)
async def test_of_a_bot_that_is_listed_twice_the_row_that_asks_for_most_care_counts(
    run: Callable[..., Any], listed: list[dict[str, Any]], status: str
) -> None:
    """In any order: in its meeting before scheduled before cancelled, and with an event before without."""
    api = Api(first(*listed))
    async with serving(api) as client:
        report = await run(client)
    assert shown(report) == [("evt_1", status)]
    assert api.events[:1] == ["evt_1"]
    assert report.ok is (status == "unscheduled")


@pytest.mark.parametrize("run", [of_page, of_account])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("other", "where"),
    [
        ({"platform": "zoom"}, BotFilter(platform="google_meet")),
        ({"bot_username": "Other"}, BotFilter(name="Notes")),
        ({"joins": in_seconds(9000)}, BotFilter(before=datetime.now(UTC) + timedelta(hours=2))),
        ({"attributes": {"event_id": "evt_1", "customer": "globex"}}, ACME),
    ],
)
async def test_a_bot_of_which_a_filter_selects_one_row_only_is_left_and_told(
    run: Callable[..., Any], turned: bool, other: dict[str, Any], where: BotFilter
) -> None:
    """Neither row is taken at its word: nothing is sent, and the report is not ok."""
    attributes = {"event_id": "evt_1", "customer": "acme"}
    mine = {"platform": "GMeet", "bot_username": "Notes", "attributes": attributes}
    listed = [row("b1", **mine), row("b1", **(mine | other))]
    api = Api(lambda _: rows(*(reversed(listed) if turned else listed)))
    async with serving(api) as client:
        report = await run(client, where=where)
    assert (report.ok, report.outcomes, api.events, api.bots) == (False, (), [], [])
    assert "1 bot has no join time that can be read, or rows that differ" in (report.reason or "")


# --- what an answer says --------------------------------------------------------------------------------


async def test_an_answer_about_another_event_is_unknown() -> None:
    """Both ids are in the reason."""
    api = Api(lambda _: rows(), lambda _: (200, {"unscheduled": True, "event_id": "evt_other"}))
    async with serving(api) as client:
        report = await bulk_unschedule(client, ["evt_1"])
    assert shown(report) == [("evt_1", "unknown")]
    assert all(name in (report.outcomes[0].reason or "") for name in ("evt_1", "evt_other"))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"errorMessage": "Task timed out"}, "unknown"),
        ({"statusCode": 500, "body": "{}"}, "unknown"),
        ({"error": {"code": 500}}, "unknown"),
        ({"errors": [{"message": "no"}]}, "unknown"),
        ({"cancelled": True, "occurrences_affected": 0}, "unknown"),
        ({"success": False, "message": "no"}, "failed"),
        ({"unscheduled": "false"}, "failed"),
        ({"error": "no", "status_code": 400}, "failed"),
        ({"Error": "boom"}, "unknown"),
        ({"statusCode": 200, "body": '{"error": "boom"}'}, "unknown"),
        ({"message": "Internal server error"}, "unknown"),
        ({"data": {"unscheduled": False}}, "failed"),
        ({"message": "Event not scheduled"}, "failed"),
        ({"message": "Event unscheduled"}, "unscheduled"),
        ({"unscheduled": True, "status": "ok", "error": None, "errors": []}, "unscheduled"),
    ],
    ids=str,
)
async def test_a_success_that_says_otherwise_is_none(body: dict[str, Any], status: str) -> None:
    """Failed where it names a refusal, else unknown."""
    async with serving(Api(lambda _: rows(), lambda _: (200, body))) as client:
        report = await bulk_unschedule(client, ["evt_1"])
    assert shown(report) == [("evt_1", status)]


async def test_a_multi_status_is_no_success() -> None:
    """207: a part may have failed."""
    async with serving(Api(lambda _: rows(), lambda _: (207, {}))) as client:
        report = await bulk_unschedule(client, ["evt_1"])
    assert shown(report) == [("evt_1", "unknown")]


async def test_a_listing_with_a_sign_of_failure_is_no_empty_account() -> None:
    """It is an InvalidResponseError."""
    async with serving(Api(lambda _: rows(error="Internal error"))) as client:
        with pytest.raises(InvalidResponseError, match="Internal error"):
            await unschedule_all(client)


async def test_what_took_effect_in_part_is_never_failed() -> None:
    """Two rows; the first DELETE takes one, the second is refused."""
    answers = [DONE, (403, {"error": "Bot does not belong to the authenticated user."})]
    pages = [[row("b1"), row("b2")], [row("b2")]]
    api = Api(lambda number: rows(*pages[min(number, 1)]), lambda _: answers.pop(0))
    async with serving(api) as client:
        report = await unschedule_all(client, settle=0)
    assert shown(report) == [("evt_1", "unknown")]
    assert "a part took effect" in (report.outcomes[0].reason or "")


@pytest.mark.slow
async def test_a_lagging_listing_brings_a_handful_of_deletes_at_most() -> None:
    """Full, unordered and late, it shows events again and again that are long gone."""
    listed = [row(f"b{number}", f"evt_{number % 30}") for number in range(120)]

    def listing(number: int) -> Reply:
        if number > 12:
            return rows()
        start = number * 37 % 120
        return rows(*(listed[start:] + listed[:start])[:100])

    api = Api(listing)
    async with serving(api) as client:
        report = await unschedule_all(client, settle=2)
    assert report.counts[OutcomeStatus.UNSCHEDULED] == 30
    assert max(api.events.count(event) for event in set(api.events)) <= 6


# --- a told wait, and an outage that flaps --------------------------------------------------------------


async def test_a_wait_that_a_503_asks_for_binds_the_whole_client() -> None:
    """No other request leaves before its Retry-After, listings included."""
    api = Api(lambda _: rows(), lambda _: (503, {"message": "maintenance"}, {"Retry-After": "120"}))
    async with serving(api, retry=RetryPolicy(max_attempts=3, max_retry_after=5.0)) as client:
        with pytest.raises(ServerError):
            await client.unschedule_event("evt_1")
        with pytest.raises(RateLimitError) as caught:
            await client.list_scheduled_bots()
    assert (len(api.events), api.listings) == (1, 0)
    assert 100 < (caught.value.retry_after or 0) <= 120


async def test_an_outage_that_flaps_ends() -> None:
    """Targets that go back after an outage and fail once more do not stop the run for good."""
    counts, late = {f"evt_{number}": 0 for number in (1, 2, 3)}, {}

    def fails(request: Any) -> bool:
        event = request.path.rsplit("/", 1)[-1]
        if event not in counts:
            return False
        if min(counts.values()) < 2:
            counts[event] += 1
            return True
        if "answered" not in late:
            late["answered"] = event
            return False
        late[event] = late.get(event, 0) + 1
        return bool(late[event] <= 2)

    time = datetime.now(UTC) + timedelta(hours=3)
    bots = [SimulatedBot(f"bot_{number}", event_id=f"evt_{number}", join_time=time) for number in range(4)]
    async with Simulator(bots=bots) as sim:
        sim.add_trouble(Trouble("unschedule", 503, when=fails))
        policy = RetryPolicy(max_attempts=2, initial_wait=0.2)
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url, retry=policy) as client:
            report = await unschedule_all(client, max_concurrency=4)
    assert report.counts[OutcomeStatus.UNSCHEDULED] == 4
