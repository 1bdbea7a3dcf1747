"""The way back in the console: a preview, the words, and each bot once; no link of it on the page."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from meetstream_async import BulkOptions, take_snapshot
from meetstream_async.console.models import ConsentRequest
from meetstream_async.console.undos import Undos
from meetstream_async.preview import Undoable
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import bot, connect
from tests.helpers.console import Console, console

LINK = "https://zoom.us/j/7?pwd=open-sesame"


def account() -> list[Any]:
    return [bot(1, meeting_link=LINK), bot(2), bot(3, None, meeting_link=LINK)]


def live(sim: Simulator) -> Counter[str | None]:
    return Counter(record.event_id for record in sim.ledger.bots.values() if record.scheduled)


async def over(desk: Console, undo_id: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            told: dict[str, Any] = (await desk.get(f"api/undos/{undo_id}")).json()
            if told["over"]:
                return told
            await asyncio.sleep(0.02)


async def preview(desk: Console, run: dict[str, Any]) -> dict[str, Any]:
    reply = await desk.post(f"api/runs/{run['run']['id']}/undo")
    assert reply.status_code == 200, reply.text
    assert "sesame" not in reply.text
    told: dict[str, Any] = reply.json()
    return told


async def test_a_run_is_undone_after_its_preview_was_confirmed(tmp_path: Path) -> None:
    """The preview says what comes back and what is lost; a second undo finds everything there."""
    async with Simulator(account()) as sim, console(sim) as desk:
        run = await desk.run(one_off_bots="delete")
        assert run["undoable"] == 3
        told = await preview(desk, run)
        assert (told["words"], told["counts"]) == ("reschedule 3", {"would_reschedule": 3})
        assert any("configuration" in loss for loss in told["rows"][0]["lost"])
        assert not live(sim)
        consent = {"words": told["words"], "digest": told["digest"]}
        reply = await desk.post(f"api/undos/{told['id']}/run", consent)
        assert reply.status_code == 202
        done = await over(desk, told["id"])
        assert (done["ok"], done["counts"]) == (True, {"rescheduled": 3})
        assert live(sim) == {"evt_0001": 1, "evt_0002": 1, None: 1}
        assert {row["new_bot_id"] for row in done["rows"]} <= set(sim.ledger.bots)
        again = await preview(desk, run)
        assert (again["words"], again["counts"]) == (None, {"already_scheduled": 3})
        nothing = await desk.post(f"api/undos/{again['id']}/run", {"words": "", "digest": again["digest"]})
        assert nothing.status_code == 422
        # The same confirmation again is the same undo.
        assert (await desk.post(f"api/undos/{told['id']}/run", consent)).json()["over"]
        assert sum(live(sim).values()) == 3


@pytest.mark.parametrize(
    ("instead", "status"), [({"words": "reschedule 2"}, 422), ({"words": ""}, 422), ({"digest": "0"}, 409)]
)
async def test_nothing_is_scheduled_without_the_words(instead: dict[str, str], status: int) -> None:
    """The server checks them, whatever the page does."""
    async with Simulator(account()) as sim, console(sim) as desk:
        told = await preview(desk, await desk.run(one_off_bots="delete"))
        body = {"words": told["words"], "digest": told["digest"], **instead}
        assert (await desk.post(f"api/undos/{told['id']}/run", body)).status_code == status
        assert (await desk.post("api/undos/another/run", body)).status_code == 404
        assert not live(sim)


async def test_only_what_a_run_has_cancelled_is_undone() -> None:
    """The bots that were ticked, and not those that stayed."""
    async with Simulator(account()) as sim, console(sim) as desk:
        run = await desk.run(bot_ids=["bot-0001"])
        told = await preview(desk, run)
        assert [row["bot_id"] for row in told["rows"]] == ["bot-0001"]
        await desk.post(f"api/undos/{told['id']}/run", {"words": told["words"], "digest": told["digest"]})
        await over(desk, told["id"])
        assert live(sim) == {"evt_0001": 1, "evt_0002": 1, None: 1}


@pytest.mark.slow
async def test_bots_behind_a_full_listing_are_undone_as_well() -> None:
    """They are kept when they are first listed, before they are cancelled."""
    async with (
        Simulator(130, one_off=0.1, several=0, series=0) as sim,
        console(sim, max_concurrency=20) as desk,
    ):
        events = Counter(record.event_id for record in sim.ledger.bots.values())
        told = await preview(desk, await desk.run(one_off_bots="delete"))
        await desk.post(f"api/undos/{told['id']}/run", {"words": told["words"], "digest": told["digest"]})
        assert (await over(desk, told["id"]))["ok"]
        assert live(sim) == events


async def test_a_run_of_which_nothing_could_be_kept_has_no_way_back() -> None:
    """It is not kept from cancelling; the page offers no undo, and the server says why."""
    async with Simulator(account(), ids="none") as sim, console(sim) as desk:
        told = await desk.preview(bot_ids=["bot-0001"])
        sim.add_trouble(Trouble("events", 400))
        run = await desk.over((await desk.start(told)).json()["run"]["id"])
        rows = (await preview(desk, run))["rows"]
        assert [row["status"] for row in rows] == ["not_restorable"]
        assert "not known for certain" in rows[0]["reason"]


async def test_an_undo_is_not_ok_where_something_was_not_kept() -> None:
    """What the run has cancelled and nobody knows of does not come back."""
    async with Simulator(account()) as sim, console(sim) as desk, connect(sim) as client:
        page = await client.list_scheduled_bots()
        snapshot = (await take_snapshot(client, page)).only(["bot-0001"])
        await desk.run(bot_ids=["bot-0001"])
        undos = Undos("here", BulkOptions())
        told = await undos.preview(client, Undoable(snapshot, ("bot-0009",), {}, False, False))
        assert told.missing == 1
        assert told.words is not None
        undos.start(client, told.id, ConsentRequest(words=told.words, digest=told.digest))
        async with asyncio.timeout(5):
            while not (state := undos.told(told.id)).over:
                await asyncio.sleep(0.005)
    assert (state.ok, state.counts) == (False, {"rescheduled": 1})
    assert state.reason == "1 is not in the snapshot, and can't come back"


async def test_a_run_that_goes_on_can_t_be_undone() -> None:
    """Stop it first."""
    async with Simulator(40, latency=0.05) as sim, console(sim, max_concurrency=1) as desk:
        reply = await desk.start(await desk.preview())
        run_id = reply.json()["run"]["id"]
        assert (await desk.post(f"api/runs/{run_id}/undo")).status_code == 409
        assert (await desk.post("api/runs/another/undo")).status_code == 404


async def test_an_undo_ends_with_the_console() -> None:
    """Gracefully: nothing new is sent, and no task is left."""
    async with Simulator([bot(n) for n in range(20)]) as sim:
        async with console(sim, max_concurrency=1) as desk:
            told = await preview(desk, await desk.run())
            sim.latency = 0.05
            await desk.post(f"api/undos/{told['id']}/run", {"words": told["words"], "digest": told["digest"]})
        assert sum(live(sim).values()) < 20
