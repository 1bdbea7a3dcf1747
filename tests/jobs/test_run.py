"""The stored steps of one account's run: without the engine, and with crashes between any two steps."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meetstream_async import (
    ApiError,
    AuthenticationError,
    BotFilter,
    MeetStreamClient,
    NotFoundError,
    PermissionDeniedError,
)
from meetstream_async.jobs import JobOptions
from meetstream_async.jobs.ledger import AccountLedger
from meetstream_async.jobs.names import Json
from meetstream_async.jobs.outcomes import whole
from meetstream_async.jobs.steps import describe
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.accounts import QUICK
from tests.helpers.job_steps import do_step, ledger_of
from tests.helpers.jobs import GOOD, account, far

pytestmark = pytest.mark.usefixtures("quick_checks")

SOON = JobOptions(settle=0.3)


class Account:
    """Runs the steps as a worker does; every result passes through JSON, as it does through the database."""

    def __init__(
        self, sim: Simulator, options: JobOptions = SOON, only: tuple[str, ...] | None = None
    ) -> None:
        self.sim = sim
        self.options = options
        self.only = only
        self.stored: list[Json] = []
        self.stop = asyncio.Event()

    def ledger(self) -> AccountLedger:
        """What the stored steps say."""
        return ledger_of(self.stored, self.options, self.only)

    async def step(self, ledger: AccountLedger, client: MeetStreamClient) -> Json:
        return await do_step(client, ledger, self.stop)

    async def run(self, crash: Any = lambda: False) -> Json:
        """To the end. Where ``crash()`` is true, a step is lost after it was done."""
        while True:
            async with MeetStreamClient(self.sim.api_key, base_url=self.sim.base_url, retry=QUICK) as client:
                ledger = self.ledger()
                while ledger.next_step is not None:
                    result = await self.step(ledger, client)
                    if crash():
                        break
                    self.stored.append(result)
                    ledger.take(result)
                    self.check_totals(result["totals"])
                else:
                    summary: Json = ledger.summary()
                    assert self.ledger().summary() == summary
                    return summary

    def check_totals(self, totals: Json) -> None:
        """They are all that a look at the job reads."""
        assert totals["counts"] == Counter(outcome["status"] for outcome in self.outcomes)
        assert totals["owed"] >= 0

    @property
    def outcomes(self) -> list[Json]:
        return [whole(outcome) for step in self.stored for outcome in step["outcomes"]]

    def statuses(self) -> Counter[str]:
        """After checking that no event has two outcomes."""
        named = [outcome["event_id"] or outcome["bot_ids"][0] for outcome in self.outcomes]
        assert len(named) == len(set(named))
        return Counter(outcome["status"] for outcome in self.outcomes)


async def test_an_account_beyond_a_listing_is_drained_in_chunks() -> None:
    """Each of 250 events gets one DELETE and one outcome, in steps of at most 100."""
    async with account(0, 250) as sim:
        run = Account(sim)
        summary = await run.run()
        assert summary == {
            "counts": {"unscheduled": 250},
            "still_listed": 0,
            "still_listed_bots": [],
            "complete": True,
            "ok": True,
            "reason": None,
        }
        assert run.statuses() == {"unscheduled": 250}
        assert max(len(step["outcomes"]) for step in run.stored) == 100
        assert sim.ledger.scheduled_events == frozenset()
        assert set(Counter(r.event_id for r in sim.requests if r.route == "unschedule").values()) == {1}


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small account has as many steps as a large one."""
    for module in ("ledger", "steps"):
        monkeypatch.setattr(f"meetstream_async.jobs.{module}.CHUNK", 10)


@settings(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None)
@given(crashes=st.lists(st.booleans(), max_size=8))
@pytest.mark.usefixtures("small_steps")
def test_crashes_between_any_two_steps_lose_nothing_and_report_nothing_twice(crashes: list[bool]) -> None:
    """Whatever step is lost after it was done, each event ends with one good outcome."""

    async def check() -> None:
        plan = iter(crashes)
        bots = [far(n) for n in range(23)] + [SimulatedBot(f"one-off-{n}") for n in range(3)]
        async with Simulator(bots) as sim:
            run = Account(sim, JobOptions(settle=0.6, one_off_bots="delete"))
            summary = await run.run(lambda: next(plan, False))
            statuses = run.statuses()
            assert set(statuses) <= GOOD
            assert statuses.total() == 26
            assert summary["ok"]
            assert sim.ledger.scheduled_bots == frozenset()

    asyncio.run(check())


@pytest.mark.parametrize("ids", ["event", "provider", "none", "mixed"])
async def test_the_right_bots_go_in_every_world_of_ids(ids: Any) -> None:
    """The calendars' events are a part of the stored listing, and every third step is lost in a crash."""
    bots = [
        SimulatedBot(
            f"bot-{n}", f"evt_{n:04x}", platform=("zoom", "google_meet")[n % 2], join_time=far(n).join_time
        )
        for n in range(130)
    ]
    steps = iter(range(1000))
    options = JobOptions(settle=0.3, where=BotFilter(platform="zoom"), one_off_bots="skip")
    async with Simulator(bots, ids=ids) as sim:
        summary = await Account(sim, options).run(lambda: next(steps) % 3 == 2)
        assert sim.ledger.scheduled_bots == {one.bot_id for one in bots if one.platform != "zoom"}
    assert summary["ok"], summary


async def test_what_was_sent_before_a_crash_is_found_done_and_is_no_failure() -> None:
    """The step that is done again finds its events not scheduled: already_unscheduled, not failed."""
    async with account(0, 30) as sim:
        run = Account(sim)
        fate = iter([False, True])
        summary = await run.run(lambda: next(fate, False))
        assert run.statuses() == {"already_unscheduled": 30}
        assert summary["ok"]


async def test_bots_of_an_event_that_is_not_found_were_deleted_before_the_crash() -> None:
    """One-off bots are deleted by their own ids; it is not a failure if the API no longer finds one."""
    joins = datetime.now(UTC) + timedelta(days=1)
    bots = [SimulatedBot(f"bot-{n}", f"evt_{n % 3}", join_time=joins) for n in range(6)]
    async with Simulator(bots) as sim:
        sim.add_trouble(Trouble("unschedule", 404, body='{"message": "Event not found"}'))
        run = Account(sim, JobOptions(settle=0.3, one_off_bots="delete"))
        fate = iter([False, True])
        summary = await run.run(lambda: next(fate, False))
        assert run.statuses() == {"already_unscheduled": 3}
        assert summary["ok"]
        assert sim.ledger.scheduled_bots == frozenset()


async def test_a_bot_that_may_have_joined_meanwhile_is_never_called_done() -> None:
    """After a crash, "not scheduled" may mean that the bot is in its meeting: unknown, and not ok."""
    soon, seconds = datetime.now(UTC) + timedelta(seconds=30), [0.0]
    coming = SimulatedBot("bot-1", "evt_1", join_time=soon)
    async with Simulator([coming], clock=lambda: seconds[0]) as sim:
        run = Account(sim)
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            run.stored.append(await run.step(run.ledger(), client))
            await run.step(run.ledger(), client)
        seconds[0] += 60
        summary = await run.run()
        assert run.statuses() == {"unknown": 1}
        assert run.outcomes[0]["reason"] == "may have joined"
        assert not summary["ok"]


async def test_a_lost_answer_is_settled_by_the_listing() -> None:
    """DELETEs whose every answer is lost end as unscheduled, inferred from what is listed."""
    async with account(0, 3) as sim:
        sim.add_trouble(Trouble("unschedule", 503, apply="before"))
        run = Account(sim)
        summary = await run.run()
        assert run.statuses() == {"unscheduled": 3}
        assert {outcome["reason"] for outcome in run.outcomes} == {"inferred: no longer listed"}
        assert all(outcome["error"] is None for outcome in run.outcomes)
        assert summary["ok"]


async def test_what_stays_listed_is_still_listed_and_not_ok() -> None:
    """A server that answers 200 and removes nothing is not believed."""
    async with account(0, 4, removes="nothing") as sim:
        summary = await Account(sim).run()
        assert (summary["still_listed"], summary["ok"], summary["complete"]) == (4, False, True)
        assert summary["reason"] == "4 still listed although unscheduled"
        assert sorted(summary["still_listed_bots"]) == [f"bot-0-000{n}" for n in range(4)]


async def test_a_lagging_listing_is_waited_for() -> None:
    """Rows that disappear a little later do not make the run not ok, and cause no second DELETE."""
    async with account(0, 20, listing_lag=0.3) as sim:
        run = Account(sim, JobOptions(settle=3.0))
        summary = await run.run()
        assert summary["ok"]
        assert set(Counter(r.event_id for r in sim.requests if r.route == "unschedule").values()) == {1}


async def test_an_event_whose_rows_go_one_by_one_has_one_outcome() -> None:
    """It gets one DELETE after another, and is reported once."""
    joins = datetime.now(UTC) + timedelta(days=1)
    bots = [SimulatedBot(f"bot-{n}", "evt_1", join_time=joins + timedelta(hours=n)) for n in range(3)]
    async with Simulator(bots, removes="occurrence") as sim:
        run = Account(sim)
        summary = await run.run()
        assert run.statuses() == {"unscheduled": 1}
        assert summary["ok"]
        assert sim.ledger.scheduled_bots == frozenset()


async def test_a_filter_and_one_off_bots_are_heeded() -> None:
    """Excluded bots are left alone; shared events and one-off bots are skipped and make it not ok."""
    joins = datetime.now(UTC) + timedelta(days=1)
    bots = [
        SimulatedBot("in", "evt_in", platform="zoom", join_time=joins),
        SimulatedBot("out", "evt_out", join_time=joins),
        SimulatedBot("both-1", "evt_both", platform="zoom", join_time=joins),
        SimulatedBot("both-2", "evt_both", join_time=joins),
        SimulatedBot("alone", platform="zoom", join_time=joins),
    ]
    async with Simulator(bots) as sim:
        run = Account(sim, JobOptions(where=BotFilter(platform="zoom"), settle=0.6))
        summary = await run.run()
        assert run.statuses() == {"unscheduled": 1, "skipped": 2}
        assert sim.ledger.removed_bots == {"in"}
        assert summary["complete"]
        assert summary["reason"] == (
            "1 one-off bot has no calendar event and will join; "
            "1 event was left alone: shared with bots outside the filter"
        )


async def test_a_dry_run_sends_no_delete() -> None:
    """Every event would be unscheduled, and nothing but a listing went out."""
    async with account(0, 5) as sim:
        run = Account(sim, JobOptions(dry_run=True))
        summary = await run.run()
        assert run.statuses() == {"would_unschedule": 5}
        assert summary["ok"]
        assert [request.route for request in sim.requests] == ["list"]


async def test_given_event_ids_replace_the_listing() -> None:
    """Only they are unscheduled; an id that the API does not have is a failure of its own."""
    async with account(0, 10) as sim:
        run = Account(sim, only=("evt_0_0003", "evt_0_0007", "evt_none"))
        summary = await run.run()
        assert run.statuses() == {"unscheduled": 2, "failed": 1}
        assert sim.ledger.unscheduled_events == {"evt_0_0003", "evt_0_0007"}
        assert (summary["complete"], summary["reason"]) == (True, "1 failed")


async def test_the_last_chunk_and_the_listing_behind_it_are_one_step() -> None:
    """An account of given ids is stored as one step, one that is listed as two, and the last has no state."""
    for only, steps in ((("evt_0_0000", "evt_0_0001"), ["unschedule"]), (None, ["list", "unschedule"])):
        async with account(0, 2) as sim:
            run = Account(sim, only=only)
            summary = await run.run()
            assert summary["ok"]
            assert [step["step"] for step in run.stored] == steps
            assert run.stored[-1]["summary"] == summary
            assert "account" not in run.stored[-1]
            assert [request.route for request in sim.requests].count("list") == len(steps)


async def test_a_slow_listing_behind_a_chunk_does_not_keep_it_from_being_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was sent is stored without it, and the listing is a step of its own."""
    monkeypatch.setattr("meetstream_async.jobs.steps._PROMPT", 0.05)
    async with account(0, 3) as sim:
        sim.add_trouble(Trouble("list", hang=True, times=1))
        run = Account(sim, only=("evt_0_0000", "evt_0_0001", "evt_0_0002"))
        summary = await run.run()
        assert [(step["step"], step["next"]) for step in run.stored] == [
            ("unschedule", "list"),
            ("list", None),
        ]
        assert run.statuses() == {"unscheduled": 3}
        assert summary["ok"]


async def test_a_row_that_stays_is_waited_for_in_steps_of_its_own() -> None:
    """The step of a chunk lists once and waits for nothing; a crash while the row stays repeats no DELETE."""
    async with account(0, 3, listing_lag=0.3) as sim:
        run = Account(sim, JobOptions(settle=3.0), only=("evt_0_0000", "evt_0_0001", "evt_0_0002"))
        fate = iter([False, True])
        summary = await run.run(lambda: next(fate, False))
        assert [step["step"] for step in run.stored] == ["unschedule", "list"]
        assert set(Counter(r.event_id for r in sim.requests if r.route == "unschedule").values()) == {1}
        assert summary["ok"]


@pytest.mark.parametrize("at", ["list", "unschedule"])
async def test_a_rejected_key_ends_the_run_with_an_outcome_for_each_event(at: str) -> None:
    """401 at the listing leaves no events; at a DELETE, one failed and the rest not attempted."""
    async with account(0, 8) as sim:
        sim.add_trouble(Trouble(at, 401))
        run = Account(sim, JobOptions(max_concurrency=1))
        summary = await run.run()
        assert "AuthenticationError: 401" in summary["reason"] or "rejects the key" in summary["reason"]
        assert (summary["ok"], summary["complete"]) == (False, False)
        expected = {} if at == "list" else {"failed": 1, "not_attempted": 7}
        assert run.statuses() == expected
        assert sim.ledger.unscheduled_events == frozenset()


async def test_a_pause_that_is_too_long_ends_the_run_at_once() -> None:
    """429 with Retry-After: 3600 is not waited for, and says so."""
    async with account(0, 8) as sim:
        sim.add_trouble(Trouble("unschedule", 429, retry_after=3600))
        run = Account(sim, JobOptions(max_concurrency=1))
        summary = await asyncio.wait_for(run.run(), 5)
        assert run.statuses().total() == 8
        assert "pause of 3600 s" in summary["reason"] or "retry after 3600 s" in summary["reason"]
        assert not summary["ok"]


async def test_a_stopped_step_stores_what_it_did_and_leaves_the_rest() -> None:
    """After a stop, a chunk sends nothing new; the next run continues with exactly what was not sent."""
    async with account(0, 20, latency=0.05) as sim:
        run = Account(sim, JobOptions(max_concurrency=2, settle=0.6))
        asyncio.get_running_loop().call_later(0.25, run.stop.set)
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            for _ in range(2):
                run.stored.append(await run.step(run.ledger(), client))
        done = len(run.outcomes)
        assert 0 < done < 20
        assert run.ledger().next_step is not None
        run.stop.clear()
        summary = await run.run()
        assert run.statuses() == {"unscheduled": 20}
        assert summary["ok"]
        assert set(Counter(r.event_id for r in sim.requests if r.route == "unschedule").values()) == {1}


async def test_rows_that_cannot_be_read_make_it_incomplete() -> None:
    """They are never acted on, but always reported."""
    async with account(0, 5) as sim:
        sim.add_trouble(Trouble("list", bad_rows=2))
        summary = await Account(sim).run()
        assert not summary["complete"]
        assert "2 rows of the last listing can't be read" in summary["reason"]


def test_steps_that_were_stored_before_are_still_read() -> None:
    """A release goes on with what the releases before it stored: these steps, as version 2 wrote them."""
    joins = "2036-11-24T10:00:00+00:00"
    done = {"method": "event", "inferred": False, "reason": None, "elapsed": 0.1, "error": None}
    rest = {
        "version": 1,
        "options": {
            "cancel_all_occurrences": None,
            "one_off_bots": "report",
            "whole_events": False,
            "dry_run": False,
            "cancel_by": "auto",
            "from_date": None,
            "filtered": False,
        },
        **dict.fromkeys(("only_given", "fruitless", "acted", "verified", "finished"), False),
        **dict.fromkeys(("listing_failure", "stopped")),
        "at_work": 0,
        "listings": 1,
        "settle": 0.3,
        "last_answer": 0.0,
        "check_at": 0.0,
        "patience": [None, 0.0, 0.5, False],
        "page": [4, False, 0],
        **{name: {} for name in ("reasons", "aliases", "outside", "undecided", "index")},
        **{name: [] for name in ("remaining", "withdrawn", "unjudged", "between")},
        "index_is_whole": False,
        "listing_is_whole": True,
        "was_whole": True,
    }

    def bot(name: str, event: str | None) -> Json:
        attributes = {} if event is None else {"attributes": {"event_id": event}}
        return {"bot": {"bot_id": name, "platform": "zoom", "joins": joins, **attributes}}

    own = {"fates": {"b2": "refused", "b3": "deleted"}, "way": "bot", "sent": "bot", "attempts": 2}
    answer = {"listed": True, "acted": True, "turns": 1, "event_asked": True, "waiting": False}
    refused = {"type": "PermissionDeniedError", "message": "not yours", "attempts": 1, "status": 403}
    stored: list[Json] = [
        {
            "step": "list",
            "outcomes": [],
            "next": "unschedule",
            "given": 0,
            "seconds": 0.1,
            "account": {
                **rest,
                "backlog": [["event", "e1"], ["event", "e2"], ["bot", "b4"]],
                "bots": [bot("b1", "e1"), bot("b2", "e2"), bot("b3", "e2"), bot("b4", None)],
                "items": [
                    {"event_id": "e1", "bots": ["b1"]},
                    {"event_id": "e2", "bots": ["b2", "b3"]},
                    {"bots": ["b4"]},
                ],
                "open": [],
            },
        },
        {
            "step": "unschedule",
            "outcomes": [
                {"event_id": "e1", "bot_ids": ["b1"], "status": "unscheduled", "attempts": 1, **done}
            ],
            "next": "list",
            "given": 0,
            "seconds": 0.4,
            "account": {
                "acted": True,
                "last_answer": 0.3,
                "backlog": [],
                "reasons": {"one-off bot without an event": 1},
                "bots": [{"bot": "b1", "confirmed": True}, {"bot": "b3", "confirmed": True}],
                "items": [
                    {
                        "usual": "done",
                        "event_id": "e1",
                        "bots": ["b1"],
                        "elapsed": 0.1,
                        "not_before": 0.8,
                        "result": {"unscheduled": True, "event_id": True},
                    },
                    {
                        "event_id": "e2",
                        "bots": ["b2", "b3"],
                        **own,
                        **answer,
                        "attempts": 2,
                        "error": refused,
                    },
                    {
                        "bots": ["b4"],
                        "waiting": False,
                        "way": "bot",
                        "skipped": "one-off bot without an event",
                        "unsent": ["skipped", "one-off bot without an event"],
                    },
                ],
                "open": [["event", "e2"]],
            },
        },
        {
            "step": "list",
            "outcomes": [],
            "next": "close",
            "given": 0,
            "seconds": 0.9,
            "account": {
                "listings": 2,
                "verified": True,
                "finished": True,
                "bots": [{"bot": "b1", "confirmed": True, "listed": False}],
                "items": [],
                "open": [],
            },
        },
    ]
    ledger, following = AccountLedger(SOON), []
    for step in stored:
        ledger.take(step)
        following.append(ledger.next_step)
    assert following == ["unschedule", "list", "close"]
    closing = ledger.close()
    assert [(one["event_id"], one["status"]) for one in closing["outcomes"]] == [
        ("e2", "unknown"),
        (None, "skipped"),
    ]
    ledger.take(closing)
    assert ledger.next_step is None
    assert ledger.summary() == {
        "counts": {"unscheduled": 1, "unknown": 1, "skipped": 1},
        "still_listed": 0,
        "still_listed_bots": [],
        "complete": True,
        "ok": False,
        "reason": "1 unknown; 1 one-off bot has no calendar event and will join",
    }


async def test_what_joins_before_a_series_is_cut_is_meant_to_stay() -> None:
    """With from_date, earlier occurrences stay listed, and the account's run is still ok."""
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    rows = [
        SimulatedBot(f"bot-{day}", f"evt_{day}", join_time=soon + timedelta(days=day), series="master_1")
        for day in range(6)
    ]
    options = JobOptions(cancel_all_occurrences=True, from_date=rows[3].join_time, settle=0.3)
    async with Simulator(rows) as sim:
        summary = await Account(sim, options).run()
        assert sim.ledger.scheduled_events == {"evt_0", "evt_1", "evt_2"}
    assert (summary["ok"], summary["still_listed"]) == (True, 0), summary["reason"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionDeniedError("Forbidden", status=403), "in front of the API"),
        (AuthenticationError("no", status=401, key_rejected=True), "the key from KEY was rejected"),
    ],
)
def test_an_account_that_is_refused_says_by_whom(error: ApiError, says: str) -> None:
    """The API rejects its key, or something in front of the API rejects any."""
    assert says in describe(error, "KEY")
    not_yours = PermissionDeniedError("Bot does not belong to you", status=403, not_yours=True)
    for other in (NotFoundError("no", status=404), not_yours):
        assert says not in describe(other, "KEY")
