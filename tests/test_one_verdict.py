"""One history of an account has one verdict, whichever door it is seen through."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest
from attrs import field, frozen

from meetstream_async import (
    AccountState,
    BulkOptions,
    BulkReport,
    MeetStreamClient,
    ScheduledBot,
    UnscheduleOptions,
    UnscheduleOutcome,
    bulk_unschedule,
    run_account,
    unschedule_all,
)
from meetstream_async.preview import Consent, Leftovers, NamedEvents, make_preview
from tests.helpers.before import waiting_for_bots
from tests.helpers.command_line import command
from tests.helpers.console import console
from tests.helpers.report_files import run_line, target, written
from tests.helpers.scripted_api import DONE, GONE, NO_BOT, Api, Reply, in_seconds, row, rows, serving

SETTLE = 0.1
KEY = "ms_scripted-api-key-0123456789"
DELETED: Reply = (200, {"bot_id": "b1"})
NOT_YOURS: Reply = (403, {"error": "Bot does not belong to the authenticated user."})
REFUSED: Reply = (409, {"error": "No."})
NO_EVENT: Reply = (404, {"message": "Event not found"})
TIMED_OUT: Reply = (200, {"errorMessage": "Task timed out"})


@frozen
class Verdict:
    """What a door makes of a history."""

    statuses: dict[str, str]
    """By event, or by bot where there is no event."""
    still_listed: frozenset[str] = frozenset()
    ok: bool = True

    @classmethod
    def of(cls, report: BulkReport[UnscheduleOutcome]) -> Verdict:
        return cls.read(report.to_dict())

    @classmethod
    def read(cls, report: dict[str, Any]) -> Verdict:
        outcomes = report["outcomes"]
        statuses = {one["event_id"] or one["bot_ids"][0]: one["status"] for one in outcomes}
        assert len(statuses) == len(outcomes)
        return cls(statuses, frozenset(bot["bot_id"] for bot in report["still_listed"]), report["ok"])


@frozen
class History:
    """What the account shows before and after the first DELETE, and how it answers."""

    verdict: Verdict
    before: Callable[[], list[dict[str, Any]]]
    after: Callable[[], list[dict[str, Any]]] = list
    event: Reply = DONE
    bot: Reply = NO_BOT
    needs_listing: bool = field(default=False, kw_only=True)
    """The answers alone do not tell."""

    def api(self) -> Api:
        api = Api(lambda _: rows(*before))
        before, after = self.before(), self.after()
        api.listing = lambda _: rows(*(after if api.events or api.bots else before))
        api.unschedule, api.delete = lambda _: self.event, lambda _: self.bot
        return api


def one(**fields: Any) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [row("b1", **fields)]


def one_off() -> list[dict[str, Any]]:
    return [row("b1", None)]


HISTORIES = {
    "done": History(Verdict({"evt_1": "unscheduled"}), one()),
    "done, and still listed": History(
        Verdict({"evt_1": "unscheduled"}, frozenset({"b1"}), False), one(), one(), needs_listing=True
    ),
    "one of two bots is still listed": History(
        Verdict({"evt_1": "unscheduled"}, frozenset({"b2"}), False),
        lambda: [row("b1"), row("b2")],
        lambda: [row("b2")],
        needs_listing=True,
    ),
    "a one-off bot is gone before its DELETE": History(
        Verdict({"b1": "already_unscheduled"}), one_off, bot=NO_BOT
    ),
    "an event is gone before its DELETE": History(
        Verdict({"evt_1": "already_unscheduled"}), one(), event=GONE
    ),
    "gone by its answer, but still listed": History(
        Verdict({"evt_1": "unknown"}, frozenset({"b1"}), False), one(), one(), GONE, needs_listing=True
    ),
    "gone, and may have joined": History(
        Verdict({"evt_1": "unknown"}, ok=False), one(joins=in_seconds(-60)), event=GONE
    ),
    "refused": History(Verdict({"evt_1": "failed"}, ok=False), one(), one(), NOT_YOURS, NOT_YOURS),
    "deleted by the bot's own id": History(
        Verdict({"evt_1": "unscheduled"}), one(), event=NO_EVENT, bot=DELETED
    ),
    "an answer that says otherwise, and gone": History(
        Verdict({"evt_1": "unscheduled"}), one(), event=TIMED_OUT, needs_listing=True
    ),
    "an answer that says otherwise, and listed": History(
        Verdict({"evt_1": "unknown"}, frozenset(), False), one(), one(), TIMED_OUT, needs_listing=True
    ),
}


async def whole_account(client: MeetStreamClient, api: Api, folder: Path) -> Verdict:
    return Verdict.of(await unschedule_all(client, one_off_bots="delete", settle=SETTLE))


async def given_targets(client: MeetStreamClient, api: Api, folder: Path) -> Verdict:
    page = await client.list_scheduled_bots()
    return Verdict.of(await bulk_unschedule(client, page.bots, one_off_bots="delete"))


async def a_state_of_ones_own(client: MeetStreamClient, api: Api, folder: Path) -> Verdict:
    page = await client.list_scheduled_bots()
    state = AccountState(UnscheduleOptions(one_off_bots="delete"), settle=SETTLE, only_given=True)
    state.take_targets(page.bots)
    return Verdict.of(await run_account(client, state))


async def consent_to_a_preview(client: MeetStreamClient, api: Api, folder: Path) -> Verdict:
    consent = Consent(await make_preview(client, "a test", "delete"))
    return Verdict.of(await consent.carry_out(client, BulkOptions(), settle=SETTLE))


async def picked_bots(client: MeetStreamClient, api: Api, folder: Path) -> Verdict:
    preview = await make_preview(client, "a test", "delete")
    options = preview.options(lambda bot: bot in preview.bots)
    named = NamedEvents(preview.bots, options, page=preview.page)
    return Verdict.of(await named.carry_out(client, BulkOptions(), settle=SETTLE))


async def program(client: MeetStreamClient, *arguments: object) -> Verdict:
    ended = await command(
        *arguments, "--yes", "--json", "--one-off-bots", "delete",
        before=waiting_for_bots(SETTLE), MEETSTREAM_API_KEY=KEY, MEETSTREAM_API_URL=client.base_url,
    )  # fmt: skip
    verdict = Verdict.read(json.loads(ended.out))
    assert (ended.code == 0) is verdict.ok
    return verdict


async def command_line(client: MeetStreamClient, api: Api, folder: Path) -> Verdict:
    return await program(client, "unschedule-all")


async def retry_of_a_report(client: MeetStreamClient, api: Api, folder: Path) -> Verdict:
    targets: dict[str, dict[str, Any]] = {}
    for bot in (await client.list_scheduled_bots()).bots:
        joins = None if bot.scheduled_join_time is None else bot.scheduled_join_time.isoformat()
        line = targets.setdefault(bot.event_id or bot.bot_id, target(bot.event_id, joins=joins))
        line["bot_ids"].append(bot.bot_id)
    options = {"one_off_bots": "delete"}
    line = run_line(base_url=client.base_url, targets=list(targets.values()), options=options)
    return await program(client, "unschedule", "--retry-from", written(folder / "report.jsonl", line))


async def console_run(client: MeetStreamClient, api: Api, folder: Path) -> Verdict:
    account: Any = SimpleNamespace(base_url=client.base_url, api_key=KEY)
    async with console(account) as page:
        ended = await page.run(one_off_bots="delete")
        record = await page.service.runs.record(ended["run"]["id"])
        assert record.report is not None
        verdict = Verdict.of(record.report)
        assert ended["run"]["ok"] == verdict.ok
        assert ended["run"]["still_listed"] == len(verdict.still_listed)
        assert ended["undone"] == (0 if verdict.ok else 1)
        return verdict


Door: TypeAlias = Callable[[MeetStreamClient, Api, Path], Awaitable[Verdict]]
DOORS: list[Door] = [
    whole_account,
    given_targets,
    a_state_of_ones_own,
    consent_to_a_preview,
    picked_bots,
    command_line,
    retry_of_a_report,
    console_run,
]


@pytest.fixture
def patient_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Consent, NamedEvents):
        defaults: Any = kind.carry_out.__kwdefaults__
        monkeypatch.setitem(defaults, "settle", SETTLE)


def seen_through_doors() -> Iterator[Any]:
    """Every history through every door; by default through one of the three dear ones, in turns."""
    dear = [command_line, retry_of_a_report, console_run]
    for number, name in enumerate(HISTORIES):
        for door in DOORS:
            marks = pytest.mark.slow if door in dear and door is not dear[number % 3] else ()
            yield pytest.param(name, door, id=f"{name}-{door.__name__}", marks=marks)


@pytest.mark.usefixtures("patient_for_a_moment")
@pytest.mark.parametrize(("name", "door"), list(seen_through_doors()))
async def test_one_history_has_one_verdict(door: Door, name: str, tmp_path: Path) -> None:
    """The same statuses, bots still listed, and ok; from answers alone where no listing is asked."""
    history = HISTORIES[name]
    if door is given_targets and history.needs_listing:
        # Nobody can see more than its answers: it claims no more than the others.
        return
    api = history.api()
    async with serving(api) as client:
        assert await door(client, api, tmp_path) == history.verdict


async def test_a_retry_takes_up_what_is_not_done_once_each(tmp_path: Path) -> None:
    """Failed, unknown and still listed, as the judge calls them; not what is done."""
    answers = {"evt_refused": REFUSED, "evt_unclear": TIMED_OUT, "evt_gone": GONE}
    listed = [row(f"b{number}", event) for number, event in enumerate([*answers, "evt_done", "evt_still"])]
    stays = ("evt_refused", "evt_unclear", "evt_still")
    after = [one for one in listed if one["custom_attributes"]["event_id"] in stays]
    api = Api(lambda _: rows(*(after if api.events or api.bots else listed)))
    api.unschedule = lambda event: answers.get(event, DONE)
    report = tmp_path / "run.jsonl"
    async with serving(api) as client:
        environment: dict[str, Any] = {"MEETSTREAM_API_KEY": KEY, "MEETSTREAM_API_URL": client.base_url}
        first = await command(
            "unschedule-all", "--yes", "--report", report, before=waiting_for_bots(SETTLE), **environment
        )  # fmt: skip
        api.events.clear()
        api.bots.clear()
        answers.clear()
        api.bots.append("so that it lists what is left")
        after.clear()
        second = await command(
            "unschedule", "--yes", "--retry-from", report, before=waiting_for_bots(SETTLE), **environment
        )  # fmt: skip
    assert (first.code, second.code) == (1, 0)
    assert sorted(api.events) == sorted(stays)


async def test_a_retry_takes_no_bot_outside_the_filter_of_its_run() -> None:
    """A bot that joined the event since, and that nobody agreed to, stays: the event goes by its bots."""
    listed = [row("b1"), row("b2")]
    api = Api(lambda _: rows(*listed), delete=lambda _: DELETED)
    bot = ScheduledBot("b1", scheduled_join_time=datetime.now(UTC), custom_attributes={"event_id": "evt_1"})
    leftovers = Leftovers({"filter": {"platform": "zoom"}}, (bot,), frozenset(), False, ())
    async with serving(api) as client:
        named = NamedEvents(leftovers.targets, leftovers.limited(UnscheduleOptions()), leftovers)
        report = await named.carry_out(client, BulkOptions(), settle=SETTLE)
    assert api.events == []
    assert [outcome.status.value for outcome in report.outcomes] == ["skipped"]
    assert not report.ok
