"""The console: previews, consent on the server, runs, reports and retries, checked against the ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meetstream_async.cli.runs.report_reader import read_leftovers
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.console import Console, console

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
MIXED = [
    SimulatedBot("bot-1", "evt_zoom", platform="Zoom", join_time=SOON, bot_username="Acme 1"),
    SimulatedBot(
        "bot-2",
        "evt_both",
        platform="zoom",
        attributes={"customer": "acme", "tier": "2", "occurrence_number": 2},
    ),
    SimulatedBot("bot-3", "evt_both", platform="google_meet", bot_username="Acme 3"),
    SimulatedBot("bot-4", platform="zoom", bot_username="Acme 4"),
    SimulatedBot("bot-5", "evt_meet", platform="google_meet", attributes={"customer": "acme", "tier": 3}),
]


def deletes(sim: Simulator) -> int:
    return sum(record.method != "GET" for record in sim.requests)


def left_alone(told: dict[str, Any]) -> dict[str, int]:
    return {one["kind"]: one["count"] for one in told["left_alone"]}


async def test_the_listing_says_what_the_table_needs() -> None:
    """Soonest first, without links or personal attributes; whose account it is, and if there may be more."""
    async with Simulator(MIXED) as sim, console(sim) as desk:
        listing = (await desk.get("api/bots")).json()
        assert (listing["host"], listing["key_source"], listing["truncated"]) == (
            sim.base_url,
            "a test",
            False,
        )
        assert listing["bots"][0]["bot_id"] == "bot-1"
        assert len(listing["bots"]) == 5
        (second,) = [bot for bot in listing["bots"] if bot["bot_id"] == "bot-2"]
        assert second["attributes"] == {"source": "calendar_schedule_api", "occurrence_number": "2"}
        assert "meeting_link" not in second
    async with Simulator(150) as sim, console(sim) as desk:
        listing = (await desk.get("api/bots")).json()
        assert (len(listing["bots"]), listing["truncated"]) == (100, True)


async def test_the_account_is_checked_as_by_the_command() -> None:
    """The checks, the kind of ids and the verdict; a failing account is an answer, not an error."""
    async with Simulator(MIXED, ids="provider") as sim, console(sim) as desk:
        found = (await desk.get("api/diagnosis")).json()
        assert (found["ok"], found["ids"], found["requests"]) == (True, "provider", 3)
        assert [check["name"] for check in found["checks"]][:3] == ["configuration", "reach", "key"]
        sim.add_trouble(Trouble("list", 403, html=True))
        found = (await desk.get("api/diagnosis")).json()
        assert (found["ok"], "says nothing about the key" in found["verdict"]) == (False, True)
        assert {record.method for record in sim.requests} == {"GET"}


async def test_no_row_keeps_the_others_from_being_shown() -> None:
    """Half characters, abysses and endless values are shown as far as they can be; bad ids are named."""
    abyss: Any = "x"
    for _ in range(300):
        abyss = [abyss]
    bots = [
        SimulatedBot("bot-1", "evt_1", platform="z\ud800", attributes={"k\ud800": "v\ud800", "abyss": abyss}),
        SimulatedBot(
            "bot-2",
            "evt_2",
            bot_username="x" * 100_000,
            deduplication_key="k\ud800" * 1000,
            attributes={"occurrence_number": 10**400, "occurrence_start_time": abyss},
        ),
        SimulatedBot("bot-\ud800", "evt_3"),
    ]
    async with Simulator(bots) as sim, console(sim) as desk:
        listing = (await desk.get("api/bots")).json()
        shown = {bot["bot_id"]: bot for bot in listing["bots"]}
        assert shown["bot-1"]["platform"] == "z"
        attributes = shown["bot-2"]["attributes"]
        assert attributes["deduplication_key"].startswith("k\ufffdk\ufffd")
        assert len(attributes["deduplication_key"]) == len(shown["bot-2"]["name"]) == 500
        assert attributes.keys() == {"source", "deduplication_key", "occurrence_number"}
        assert [row["path"] for row in listing["rejected"]] == ["$.scheduled_bots[2].bot_id"]
        ended = await desk.run()
        assert ended["run"]["counts"]["unscheduled"] == 2
        assert (ended["run"]["ok"], sim.ledger.scheduled_bots) == (False, {"bot-\ud800"})


async def test_a_filter_means_what_it_means_on_the_command_line() -> None:
    """Platforms in any spelling, globs, attributes as text that may stand for a number; times half open."""
    async with Simulator(MIXED) as sim, console(sim) as desk:
        await desk.get("api/bots")

        async def matches(**asked: Any) -> set[str]:
            reply = await desk.post("api/matches", asked)
            assert reply.status_code == 200, reply.text
            return set(reply.json()["bot_ids"])

        assert await matches() == {"bot-1", "bot-2", "bot-3", "bot-4", "bot-5"}
        assert await matches(platform="ZOOM") == {"bot-1", "bot-2", "bot-4"}
        assert await matches(name="Acme *", platform="zoom") == {"bot-1", "bot-4"}
        assert await matches(attributes={"customer": "acme", "tier": "2"}) == {"bot-2"}
        assert await matches(before=SOON.isoformat()) == set()
        assert await matches(before=(SOON + timedelta(seconds=1)).isoformat()) == {"bot-1"}
        assert await matches(after=SOON.isoformat(), platform="zoom") == {"bot-1", "bot-2", "bot-4"}
        for wrong in (
            {"before": "2026-05-01T09:00:00"},
            {"platfrom": "zoom"},
            {"name": ""},
            {"after": "soon"},
            {"name": " "},
            {"platform": "--"},
            {"attributes": {"customer": ""}},
            {"attributes": {" ": "acme"}},
        ):
            assert (await desk.post("api/matches", wrong)).status_code == 422
        assert len(sim.requests) == 1


async def test_a_preview_says_what_is_done_and_what_is_left_alone() -> None:
    """One-off, shared and excluded bots are shown by kind and number; only a listing is requested."""
    async with Simulator(MIXED) as sim, console(sim) as desk:
        told = await desk.preview(filter={"platform": "zoom"})
        assert (told["words"], told["events"], told["bots"], told["host"]) == (
            "unschedule 1",
            1,
            1,
            sim.base_url,
        )
        assert left_alone(told) == {"one_off": 1, "shared": 1, "outside": 2}
        told = await desk.preview(filter={"platform": "zoom"}, whole_events=True, one_off_bots="delete")
        assert (told["words"], told["events"], told["deleted"], told["bots"]) == ("unschedule 3", 2, 1, 4)
        assert left_alone(told) == {"outside": 2}
        told = await desk.preview(bot_ids=["bot-2", "bot-5", "bot-gone"])
        assert (told["words"], told["events"]) == ("unschedule 1", 1)
        assert left_alone(told) == {"shared": 1, "gone": 1, "outside": 3}
        nothing = await desk.preview(filter={"name": "nobody"})
        assert nothing["words"] is None
        refused = await desk.start({**nothing, "words": "unschedule 0"})
        assert (refused.status_code, refused.json()["code"]) == (422, "nothing_to_do")
        assert deletes(sim) == 0


async def test_only_the_words_of_this_very_preview_start_a_run() -> None:
    """Wrong words, another selection's consent, an unknown preview and the bare router start nothing."""
    async with Simulator(MIXED) as sim, console(sim) as desk:
        told, other = await desk.preview(bot_ids=["bot-1"]), await desk.preview(bot_ids=["bot-5"])
        assert told["words"] == other["words"] == "unschedule 1"
        for words in ("", "unschedule", "unschedule 2", "Unschedule 1", "unschedule all", "yes"):
            refused = await desk.start(told, words=words)
            assert (refused.status_code, refused.json()["code"]) == (422, "not_confirmed")
        refused = await desk.start(told, digest=other["digest"])
        assert (refused.status_code, refused.json()["code"]) == (409, "another_selection")
        assert (await desk.start({**told, "id": "unknown"})).status_code == 404
        for body in ({}, {"event_ids": ["evt_zoom"]}, {"preview": told["id"]}):
            assert (await desk.post("api/runs", body)).status_code in (403, 422)
        assert (deletes(sim), (await desk.get("api/runs")).json()) == (0, [])
        first, second = await desk.start(told), await desk.start(told)
        assert first.status_code == second.status_code == 202
        assert first.json()["run"]["id"] == second.json()["run"]["id"]
        await desk.over(first.json()["run"]["id"])
        assert sim.ledger.unscheduled_events == {"evt_zoom"}
        assert deletes(sim) == 1
        # Long after its end, the same consent is still that one run's.
        assert (await desk.start(told)).json()["run"]["state"] == "succeeded"
        assert deletes(sim) == 1


async def test_a_preview_does_not_wait_for_ever() -> None:
    """A preview expires after a quarter of an hour, and only a limited number is kept."""
    now = [0.0]
    async with Simulator(MIXED) as sim, console(sim, clock=lambda: now[0]) as desk:
        told = await desk.preview()
        now[0] = 1000.0
        refused = await desk.start(told)
        assert (refused.status_code, refused.json()["code"]) == (409, "preview_too_old")
        (first, *_) = [await desk.preview() for _ in range(21)]
        assert (await desk.start(first)).status_code == 404
        assert deletes(sim) == 0


async def test_a_run_takes_what_was_shown_and_nothing_else() -> None:
    """Bots scheduled after the preview stay; bots that the preview left alone stay, and make it not ok."""
    async with Simulator(MIXED) as sim, console(sim) as desk:
        told = await desk.preview(filter={"platform": "zoom"})
        sim.add_bot(SimulatedBot("bot-6", "evt_new", platform="zoom"))
        reply = await desk.start(told)
        ended = await desk.over(reply.json()["run"]["id"])
        assert sim.ledger.unscheduled_events == {"evt_zoom"}
        assert ended["run"]["counts"]["skipped"] == 2
        assert (ended["run"]["state"], ended["undone"]) == ("failed", 0)
        assert "shared" in ended["run"]["reason"]
        ended = await desk.run(bot_ids=["bot-2", "bot-4", "bot-6"], one_off_bots="delete")
        assert sim.ledger.scheduled_bots == {"bot-2", "bot-3", "bot-5"}
        assert ended["run"]["counts"] | {"unscheduled": 2, "skipped": 1} == ended["run"]["counts"]
        assert (ended["total"], ended["run"]["ok"]) == (3, False)


@pytest.mark.slow
async def test_everything_is_drained_past_the_listing() -> None:
    """A full listing asks for other words, and the run goes on until nothing is left."""
    async with Simulator(230, one_off=0) as sim, console(sim, max_concurrency=20) as desk:
        told = await desk.preview()
        assert (told["words"], told["truncated"]) == ("unschedule all", True)
        ended = await desk.over((await desk.start(told)).json()["run"]["id"])
        assert sim.ledger.scheduled_events == frozenset()
        assert (ended["run"]["ok"], ended["total"]) == (True, None)
        assert ended["run"]["counts"]["unscheduled"] == len(sim.ledger.events)
        # A selection out of a full listing is that selection: no more words than for a small account.
        assert (await desk.preview(bot_ids=["nobody"]))["words"] is None


async def test_the_report_is_the_command_lines_and_a_retry_takes_up_the_rest(tmp_path: Path) -> None:
    """Failed targets are retried after another consent; the command line can read the downloaded report."""
    troubles = [Trouble("unschedule", 409, when=lambda seen: seen.event_id == "evt_meet", times=1)]
    async with Simulator(MIXED, troubles=troubles) as sim, console(sim) as desk:
        ended = await desk.run(one_off_bots="skip")
        assert ended["run"]["counts"] | {"failed": 1, "unscheduled": 2} == ended["run"]["counts"]
        assert ended["undone"] == 1
        run_id = ended["run"]["id"]
        download = await desk.get(f"api/runs/{run_id}/report")
        assert download.headers["content-disposition"].startswith('attachment; filename="meetstream-')
        lines = [json.loads(line) for line in download.text.splitlines()]
        assert [line["type"] for line in lines] == ["run", *["outcome"] * 4, "summary"]
        assert (lines[0]["listing"], len(lines[0]["targets"]), lines[-1]["ok"]) == ("whole", 3, False)
        report = tmp_path / "run.jsonl"
        report.write_bytes(download.content)
        leftovers = read_leftovers(report, api="meetstream", base_url=sim.base_url)
        assert [target.bot_id for target in leftovers.targets if not isinstance(target, str)] == ["bot-5"]
        told = (await desk.post(f"api/runs/{run_id}/retry")).json()
        assert (told["words"], told["events"]) == ("unschedule 1", 1)
        again = await desk.over((await desk.start(told)).json()["run"]["id"])
        assert (again["run"]["ok"], again["undone"]) == (True, 0)
        assert sim.ledger.scheduled_events == frozenset()
        newest = [one["run"]["id"] for one in (await desk.get("api/runs")).json()]
        assert newest == [again["run"]["id"], run_id]


async def test_a_stopped_run_tells_the_truth_and_can_be_taken_up() -> None:
    """Requests in flight finish, the rest is not attempted, and a retry does it."""
    async with (
        Simulator(16, one_off=0, several=0, latency=0.05) as sim,
        console(sim, max_concurrency=2) as desk,
    ):
        run_id = (await desk.start(await desk.preview())).json()["run"]["id"]
        while deletes(sim) < 4:
            await desk.get("api/runs")
        early = await desk.post(f"api/runs/{run_id}/retry")
        assert (early.status_code, early.json()["code"]) == (409, "run_not_over")
        cut = [json.loads(line) for line in (await desk.get(f"api/runs/{run_id}/report")).text.splitlines()]
        assert {line["type"] for line in cut} <= {"run", "outcome"}
        reply = await desk.http.delete(f"api/runs/{run_id}", headers={"Origin": desk.origin})
        assert reply.status_code == 202
        ended = await desk.over(run_id)
        done = len(sim.ledger.unscheduled_events)
        assert ended["run"]["state"] == "cancelled"
        assert (
            ended["run"]["counts"] | {"unscheduled": done, "not_attempted": 16 - done}
            == ended["run"]["counts"]
        )
        told = (await desk.post(f"api/runs/{run_id}/retry")).json()
        assert told["words"] == f"unschedule {16 - done}"
        await desk.over((await desk.start(told)).json()["run"]["id"])
        assert sim.ledger.scheduled_events == frozenset()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"filter": {}},
        {"filter": {"platform": None, "attributes": {}}},
        {"filter": {"platform": ""}},
        {"all": True, "filter": {"platform": "zoom"}},
        {"all": True, "bot_ids": ["bot-1"]},
        {"all": "yes"},
        {"all": 1},
        {"bot_ids": []},
        {"bot_ids": ["bot-1"], "filter": {"platform": "zoom"}},
    ],
)
async def test_a_preview_of_everything_is_asked_for_in_words(asked: dict[str, Any]) -> None:
    """A request that lost its condition on the way is refused, before anything is listed."""
    async with Simulator(3) as sim, console(sim) as desk:
        assert (await desk.post("api/previews", asked)).status_code == 422
        assert not sim.requests


async def test_an_account_that_cannot_be_read_is_named() -> None:
    """The page shows the same error as the command line, and never the key."""
    async with Simulator(3) as sim, console(sim) as desk:
        sim.add_trouble(Trouble("list", 403, times=2))
        for reply in (await desk.get("api/bots"), await desk.post("api/previews", {"all": True})):
            assert (reply.status_code, reply.json()["code"]) == (502, "account_unreadable")
            assert sim.api_key not in reply.text
        assert (await desk.get("api/bots")).status_code == 200


async def events_of(desk: Console, run_id: str, last: str | None = None) -> list[str]:
    headers = {} if last is None else {"Last-Event-ID": last}
    reply = await desk.get(f"api/runs/{run_id}/events", **headers)
    return [line for line in reply.text.splitlines() if line.startswith(("event:", "id:"))]


async def test_the_events_of_a_run_can_be_taken_up_again() -> None:
    """From the first outcome, or behind the last one that was seen; after the end, no more."""
    async with Simulator(10, one_off=0, several=0) as sim, console(sim) as desk:
        run_id = (await desk.run())["run"]["id"]
        whole = await events_of(desk, run_id)
        assert whole.count("event: outcome") == 10
        assert whole[-2:] == ["event: end", "id: 10.end"]
        rest = await events_of(desk, run_id, last="7")
        assert rest.count("event: outcome") == 3
        assert await events_of(desk, run_id, last="10.end") == []


async def test_a_run_cancels_by_the_bots_own_ids_on_request() -> None:
    """cancel_by bot sends no DELETE of an event, in the run and in what it previews."""
    bots = [SimulatedBot("bot-1", "evt_1"), SimulatedBot("bot-2", "evt_2", platform="zoom")]
    async with Simulator(bots) as sim, console(sim) as desk:
        told = await desk.preview(cancel_by="bot", filter={"platform": "zoom"})
        assert (told["cancel_by"], told["words"]) == ("bot", "unschedule 1")
        ended = await desk.run(cancel_by="bot")
        assert ended["run"]["ok"]
        sent = [record.route for record in sim.requests if record.method != "GET"]
        assert (len(sent), "unschedule" in sent) == (2, False)
        assert not sim.ledger.scheduled_bots


async def test_a_picked_bot_is_cancelled_without_its_event_where_others_joined_it_since() -> None:
    """What was shown is what is cancelled: a bot that came to the event afterwards stays, and is told of."""
    async with Simulator([SimulatedBot("bot-1", "evt_1")]) as sim, console(sim) as desk:
        told = await desk.preview(bot_ids=["bot-1"])
        sim.add_bot(SimulatedBot("bot-2", "evt_1"))
        ended = await desk.over((await desk.start(told)).json()["run"]["id"])
        assert "bot-2" in sim.ledger.scheduled_bots
        assert (ended["run"]["ok"], ended["run"]["counts"]["skipped"]) == (False, 1)
