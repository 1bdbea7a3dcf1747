"""What is kept of bots before they are cancelled: all that a way back needs, read strictly, never shown."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from meetstream_async import (
    AuthenticationError,
    ConfigurationError,
    MeetStreamClient,
    PermissionDeniedError,
    ScheduledBot,
    ServerError,
    Snapshot,
    SnapshotBot,
    take_snapshot,
)
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.accounts import bot, connect
from tests.helpers.credentials import API, KEY

NOON = datetime(2031, 5, 6, 12, tzinfo=UTC)
LINK = "https://zoom.us/j/1?pwd=open-sesame"
FULL = SnapshotBot(
    bot_id="bot-1",
    event_id="evt_1",
    listed_event_id="provider-1",
    join_time=NOON,
    platform="zoom",
    bot_username="Notes",
    custom_attributes={"customer": "acme", "event_summary": "open-sesame"},
    meeting_link=LINK,
    config={"bot_name": "Notes", "meeting_link": LINK},
    other_bots=("bot-2",),
    other_events=("evt_2",),
)
SNAPSHOT = Snapshot(
    id="0" * 32,
    taken_at=NOON,
    base_url="https://api.example.com",
    bots=(FULL, SnapshotBot(bot_id="bot-3", is_one_off=True, has_row=False, no_detail="404")),
    why_incomplete="something",
    key_mark="0123456789abcdef",
)


def test_a_snapshot_survives_json_and_a_pickle() -> None:
    """Every field comes back as it was."""
    stored = json.loads(json.dumps(SNAPSHOT.to_dict()))
    assert Snapshot.from_dict(stored) == SNAPSHOT
    assert pickle.loads(pickle.dumps(SNAPSHOT)) == SNAPSHOT


def test_every_field_of_the_json_is_named_as_the_field_of_the_value() -> None:
    """What is documented on the class documents the file."""
    names = {one.name for one in attrs.fields(SnapshotBot)}
    assert set(FULL.to_dict()) | {"is_one_off", "has_row", "no_detail"} == names


def test_a_snapshot_shows_neither_links_nor_attributes() -> None:
    """Its repr may end up in a log."""
    assert "sesame" not in repr(SNAPSHOT) + str(SNAPSHOT) + repr(FULL)


async def test_a_snapshot_knows_the_key_that_it_was_taken_with() -> None:
    """By a mark that differs in each snapshot and says nothing of the key; without one, any key will do."""
    client, other = MeetStreamClient(KEY, base_url=API), MeetStreamClient(f"{KEY}1", base_url=API)
    one, two = [await take_snapshot(client, [], events=[]) for _ in range(2)]
    assert (one.is_of(client), one.is_of(other), one.only([]).is_of(client)) == (True, False, True)
    assert Snapshot.from_dict(json.loads(json.dumps(one.to_dict()))).is_of(client)
    assert one.key_mark != two.key_mark
    assert KEY not in json.dumps(one.to_dict())
    assert attrs.evolve(one, key_mark=None).is_of(other)


def test_a_part_of_a_snapshot_keeps_its_id() -> None:
    """So that a one-off bot has the same key in each undo; no id selects nothing, and a wrong one is told."""
    part = SNAPSHOT.only(["bot-1"])
    assert [one.bot_id for one in part] == ["bot-1"]
    assert part.id == SNAPSHOT.id
    assert len(SNAPSHOT.only([])) == 0
    with pytest.raises(ConfigurationError, match="bot-9"):
        SNAPSHOT.only(["bot-1", "bot-9"])
    with pytest.raises(ConfigurationError, match="one string"):
        SNAPSHOT.only("bot-1")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"snapshot": 2}, "another version"),
        ({"snapshot": None}, "another version"),
        ({"id": ""}, "id of the snapshot"),
        ({"base_url": 7}, "base_url"),
        ({"taken_at": "yesterday"}, "taken_at"),
        ({"taken_at": "2031-05-06T12:00:00"}, "taken_at"),
        ({"bots": None}, "bots of the snapshot"),
        ({"bots": {}}, "bots of the snapshot"),
        ({"extra": 1}, "unknown fields: extra"),
        ({"why_incomplete": 1}, "why_incomplete"),
        ({"key_mark": 1}, "key_mark"),
        ({"bots": [{"bot_id": "a"}, {"bot_id": "a"}]}, "twice"),
    ],
)
def test_a_damaged_snapshot_is_refused(change: dict[str, Any], words: str) -> None:
    """With a message that says what is wrong."""
    with pytest.raises(ConfigurationError, match=words):
        Snapshot.from_dict({**SNAPSHOT.to_dict(), **change})
    with pytest.raises(ConfigurationError, match="not a snapshot"):
        Snapshot.from_dict({"type": "run"})


@pytest.mark.parametrize(
    "change",
    [
        {"bot_id": None},
        {"bot_id": ""},
        {"bot_id": "a\nb"},
        {"bot_id": "x" * 10_000},
        {"event_id": 5},
        {"event_id": "provider-1"},
        {"join_time": "2031-05-06T12:00:00"},
        {"join_time": 5},
        {"custom_attributes": ["open-sesame"]},
        {"config": "open-sesame"},
        {"config": {"a": "x" * 300_000}},
        {"meeting_link": ["open-sesame"]},
        {"is_one_off": "open-sesame"},
        {"other_bots": "open-sesame"},
        {"other_events": [5]},
        {"mistyped": "open-sesame"},
    ],
)
def test_a_damaged_bot_is_refused_and_not_shown(change: dict[str, Any]) -> None:
    """Nothing that is mistyped is taken for something else, and no value is in the message."""
    with pytest.raises(ConfigurationError) as caught:
        SnapshotBot.from_dict({**FULL.to_dict(), **change})
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("ids", ["event", "provider", "none", "mixed"])
async def test_the_true_id_of_an_event_is_known_in_every_world(ids: str) -> None:
    """The calendars' events tell it where the listing does not."""
    async with Simulator(60, ids=ids, one_off=0.05) as sim, connect(sim) as client:
        snapshot = await take_snapshot(client, client.iter_scheduled_bots())
        truth = {bot_id: record.event_id for bot_id, record in sim.ledger.bots.items()}
        assert {one.bot_id: one.event_id for one in snapshot} == truth
        assert {one.is_one_off for one in snapshot if one.event_id is None} == {True}
        assert snapshot.why_incomplete is None
        assert {request.method for request in sim.requests} == {"GET"}


async def test_without_the_events_an_event_s_id_is_not_guessed() -> None:
    """The provider's id is no id that a request may name; the snapshot says what is missing."""
    troubles = [Trouble("events", 403)]
    async with Simulator([bot(1)], ids="provider", troubles=troubles) as sim, connect(sim) as client:
        snapshot = await take_snapshot(client, await client.list_scheduled_bots())
    assert [(one.event_id, one.is_one_off) for one in snapshot] == [(None, False)]
    assert snapshot.why_incomplete is not None
    assert "the event of 1 of 1 bots is not known" in snapshot.why_incomplete


async def test_the_details_are_read_within_the_cap() -> None:
    """Each bot's once, at most as many at a time as was said; what it was made with is in its entry."""
    bots = [bot(n, config={"video_required": True, "number": n}) for n in range(30)]
    async with Simulator(bots, latency=0.002) as sim, connect(sim) as client:
        snapshot = await take_snapshot(client, client.iter_scheduled_bots(), detail=True, max_concurrency=3)
        assert sim.max_in_flight <= 3
        assert sum(request.route == "bot_detail" for request in sim.requests) == 30
    assert sorted((one.config or {})["number"] for one in snapshot) == list(range(30))


async def test_a_detail_that_can_t_be_had_is_told() -> None:
    """The bot is kept with what its row says."""
    troubles = [Trouble("bot_detail", 404, times=1), Trouble("bot_detail", 403, times=1, skip=1)]
    async with Simulator([bot(1), bot(2), bot(3)], foreign_bots=["bot-0002"]) as sim, connect(sim) as client:
        sim.add_trouble(troubles[0])
        snapshot = await take_snapshot(client, client.iter_scheduled_bots(), detail=True, max_concurrency=1)
    problems = [one.no_detail for one in snapshot]
    assert problems[2] is None
    assert "NotFoundError" in (problems[0] or "")
    assert "PermissionDeniedError" in (problems[1] or "")
    assert snapshot.why_incomplete == "the detail of 2 of 3 bots can't be read"


async def test_a_rejected_key_or_a_dead_server_ends_it() -> None:
    """Instead of a snapshot that has nothing."""
    async with Simulator([bot(n) for n in range(20)]) as sim, connect(sim) as client:
        rows = (await client.list_scheduled_bots()).bots
        trouble = Trouble("bot_detail", 503)
        sim.add_trouble(trouble)
        with pytest.raises(ServerError):
            await take_snapshot(client, rows, detail=True, max_concurrency=1)
    async with Simulator([bot(1)]) as sim, connect(sim) as client:
        rows = (await client.list_scheduled_bots()).bots
        sim.add_trouble(Trouble("bot_detail", 401))
        with pytest.raises((AuthenticationError, PermissionDeniedError)):
            await take_snapshot(client, rows, detail=True)


@pytest.mark.parametrize("ids", ["event", "provider", "none"])
async def test_bots_that_go_with_their_event_are_kept_as_well(ids: str) -> None:
    """With `whole_events` those outside the filter whose event has a bot inside; no others."""
    bots = [bot(1, "evt_a"), bot(2, "evt_a"), bot(3, "evt_b"), bot(4, None)]
    async with Simulator(bots, ids=ids) as sim, connect(sim) as client:
        page = await client.list_scheduled_bots()
        snapshot = await take_snapshot(
            client, page, where=lambda row: row.bot_id == "bot-0001", whole_events=True
        )
    assert {one.bot_id for one in snapshot} == {"bot-0001", "bot-0002"}


async def test_bots_that_stay_are_known_as_others_of_the_event() -> None:
    """An event that keeps a bot can't get another one."""
    bots = [bot(1, "evt_a"), bot(2, "evt_a")]
    async with Simulator(bots) as sim, connect(sim) as client:
        page = await client.list_scheduled_bots()
        snapshot = await take_snapshot(client, page, where=lambda row: row.bot_id == "bot-0001")
    assert [(one.bot_id, one.other_bots) for one in snapshot] == [("bot-0001", ("bot-0002",))]


@pytest.mark.parametrize("bots", ["bot-1", None, 5, [ScheduledBot("a"), "evt_1"], SimulatedBot("a", "evt_1")])
async def test_anything_but_bots_is_refused_before_any_request(bots: Any) -> None:
    """An id alone has nothing to keep."""
    async with Simulator([]) as sim, connect(sim) as client:
        with pytest.raises(ConfigurationError, match="ScheduledBot"):
            await take_snapshot(client, bots)
        with pytest.raises(ConfigurationError, match="detail"):
            await take_snapshot(client, [], detail="yes")  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="max_concurrency"):
            await take_snapshot(client, [], max_concurrency=0)
        assert not sim.requests
