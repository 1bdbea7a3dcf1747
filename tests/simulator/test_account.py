"""The simulator's account, books, gauge and life are what they say."""

import asyncio
import gc
import socket
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.simulator import ask

EVENT = "/calendar/schedule/evt_1"


def three_rows() -> list[SimulatedBot]:
    soon = datetime.now(UTC) + timedelta(days=1)
    return [SimulatedBot(f"b{n}", "evt_1", join_time=soon + timedelta(hours=n)) for n in (2, 0, 1)]


async def listed(sim: Simulator) -> set[str]:
    return {row["bot_id"] for row in (await ask(sim, "GET", "/calendar/scheduled")).json["scheduled_bots"]}


def test_generated_bots_have_the_promised_shares() -> None:
    """Of 250 bots 25 are in series, 5 have no event, 12 share one; all join within 14 days."""
    now = datetime.now(UTC)
    ledger = Simulator(250, seed=7).ledger
    rows = Counter(bot.event_id for bot in ledger.bots.values())
    in_series = Counter(event.master_event_id for event in ledger.events.values())
    assert len(ledger.bots) == 250
    assert rows.pop(None) == 5
    assert sum(rows.values()) - len(rows) == 12
    del in_series[None]
    assert sum(in_series.values()) == 25
    assert min(in_series.values()) >= 2
    assert all(event_id.startswith("evt_") for event_id in ledger.events)
    assert all(now < bot.join_time < now + timedelta(days=14, minutes=1) for bot in ledger.bots.values())


def test_the_same_seed_makes_the_same_account() -> None:
    """Ids, events and key depend on the seed alone."""
    one, same, other = (Simulator(50, seed=seed) for seed in (4, 4, 5))
    assert one.ledger.bots.keys() == same.ledger.bots.keys() != other.ledger.bots.keys()
    assert one.ledger.events.keys() == same.ledger.events.keys()
    assert one.api_key == same.api_key != other.api_key
    assert len(one.api_key) >= 20


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 19, 101])
@pytest.mark.parametrize(
    "shares", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.3, 0.3, 0.4), (0, 0, 0)]
)
def test_exactly_as_many_bots_are_generated(count: int, shares: tuple[float, float, float]) -> None:
    """Any count and shares generate that many bots, and no series of one."""
    series, one_off, several = shares
    ledger = Simulator(count, series=series, one_off=one_off, several=several).ledger
    masters = Counter(event.master_event_id for event in ledger.events.values() if event.master_event_id)
    assert len(ledger.bots) == count
    assert 1 not in masters.values()


async def test_one_delete_can_remove_one_occurrence() -> None:
    """With removes="occurrence" each DELETE takes the soonest bot; the event goes with its last one."""
    async with Simulator(three_rows(), removes="occurrence") as sim:
        replies, left = [], []
        for _ in range(4):
            replies.append(await ask(sim, "DELETE", EVENT))
            left.append(sim.ledger.scheduled_bots)
            assert sim.ledger.events["evt_1"].scheduled == (len(left) < 3)
        event = sim.ledger.events["evt_1"]
    assert left == [{"b1", "b2"}, {"b2"}, set(), set()]
    assert [reply.status for reply in replies] == [200, 200, 200, 400]
    assert replies[0].json["schedules_cancelled"] == 1
    assert (event.applied_by, event.delete_requests, event.scheduled) == (2, 4, False)


async def test_a_delete_can_lie() -> None:
    """With removes="nothing" every DELETE answers 200 and the bots stay, in the listing and the ledger."""
    async with Simulator(three_rows(), removes="nothing") as sim:
        replies = [await ask(sim, "DELETE", path) for path in (EVENT, EVENT, "/calendar/scheduled_bots/b0")]
        assert [reply.status for reply in replies] == [200, 200, 200]
        assert await listed(sim) == {"b0", "b1", "b2"} == sim.ledger.scheduled_bots


async def test_a_listing_lags() -> None:
    """A removed bot is listed for `listing_lag` seconds more, though a second DELETE is 400."""
    seconds = [100.0]
    async with Simulator([SimulatedBot("b", "evt_1")], listing_lag=5.0, clock=lambda: seconds[0]) as sim:
        await ask(sim, "DELETE", EVENT)
        seconds[0] = 104.9
        assert await listed(sim) == {"b"}
        assert sim.ledger.removed_bots == {"b"}
        assert (await ask(sim, "DELETE", EVENT)).status == 400
        seconds[0] = 105.0
        assert await listed(sim) == set()
        assert [record.at for record in sim.requests] == [100.0, 104.9, 104.9, 105.0]


async def test_an_event_can_come_back() -> None:
    """A bot added while it runs is listed, and reopens an event that was unscheduled."""
    async with Simulator([SimulatedBot("b", "evt_1")]) as sim:
        await ask(sim, "DELETE", EVENT)
        sim.add_bot(SimulatedBot("c", "evt_1"))
        assert await listed(sim) == {"c"}
        event = sim.ledger.events["evt_1"]
        assert (event.scheduled, event.bot_ids, event.delete_requests) == (True, ("b", "c"), 1)
        with pytest.raises(ValueError, match="two bots with the id 'c'"):
            sim.add_bot(SimulatedBot("c"))


async def test_the_order_of_a_listing_comes_from_the_seed_alone() -> None:
    """Bots are listed in an order that neither their join times nor the order of adding them decide."""
    soon = datetime.now(UTC) + timedelta(days=1)
    bots = [SimulatedBot(f"b{n}", join_time=soon + timedelta(hours=n)) for n in range(30)]
    orders = []
    for added, seed in [(bots, 1), (bots[::-1], 1), (bots, 2)]:
        async with Simulator(added[:20], seed=seed) as sim:
            for bot in added[20:]:
                sim.add_bot(bot)
            rows = (await ask(sim, "GET", "/calendar/scheduled")).json["scheduled_bots"]
        orders.append([row["bot_id"] for row in rows])
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] not in ([bot.bot_id for bot in bots], [bot.bot_id for bot in bots[::-1]])


@pytest.mark.slow
async def test_listing_on_reaches_every_bot() -> None:
    """Listing and unscheduling in turn empties an account far larger than a page."""
    async with Simulator(250, one_off=0, series=0, several=0) as sim:
        while rows := await listed(sim):
            for bot_id in rows:
                await ask(sim, "DELETE", f"/calendar/schedule/{sim.ledger.bots[bot_id].event_id}")
        assert sim.ledger.scheduled_bots == frozenset()
        assert len(sim.ledger.unscheduled_events) == 250


async def test_the_gauge_counts_requests_with_their_latency() -> None:
    """`max_in_flight` is the most requests that were served at once; each record knows its own moment."""
    async with Simulator(100, latency=0.02) as sim:
        gate = asyncio.Semaphore(7)
        headers = {"Authorization": f"Token {sim.api_key}"}
        async with aiohttp.ClientSession(headers=headers) as session:

            async def one() -> int:
                async with gate, session.get(f"{sim.base_url}/calendar/scheduled") as response:
                    return response.status

            assert set(await asyncio.gather(*(one() for _ in range(35)))) == {200}
        assert sim.max_in_flight == max(record.in_flight for record in sim.requests) == 7
        assert sim.in_flight == 0


async def test_a_client_that_has_left_is_in_flight_no_longer() -> None:
    """A request that arrives the moment another's client leaves does not count the other one."""
    async with Simulator([SimulatedBot("b", "evt_1")], troubles=[Trouble("unschedule", hang=True)]) as sim:
        url = urlsplit(sim.base_url)
        assert url.port is not None
        rest = f" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {sim.api_key}\r\n\r\n"
        listing = f"GET {url.path}/calendar/scheduled{rest}".encode()
        with socket.create_connection(("127.0.0.1", url.port)) as stays:
            with socket.create_connection(("127.0.0.1", url.port)) as leaves:
                stays.send(listing)
                leaves.send(f"DELETE {url.path}{EVENT}{rest}".encode())
                async with asyncio.timeout(5):
                    while len(sim.requests) < 2 or sim.in_flight != 1:
                        await asyncio.sleep(0.001)
            stays.send(listing)
            async with asyncio.timeout(5):
                while len(sim.requests) < 3:
                    await asyncio.sleep(0)
        assert sim.requests[2].in_flight == 1


async def test_closing_is_quick_and_leaves_nothing_behind() -> None:
    """With a hanging, a slow and an idle connection open, close returns soon and leaves no task or socket."""
    before = asyncio.all_tasks()
    sim = Simulator([SimulatedBot("b", "evt_1")], troubles=[Trouble("unschedule", hang=True)], latency=60.0)
    await sim.start()
    url = urlsplit(sim.base_url)
    _, idle = await asyncio.open_connection(url.hostname, url.port)
    waiting = [asyncio.create_task(ask(sim, *r)) for r in [("DELETE", EVENT), ("GET", "/calendar/scheduled")]]
    while sim.in_flight < 2:
        await asyncio.sleep(0)
    started = time.monotonic()
    await sim.close()
    await sim.close()
    assert time.monotonic() - started < 5
    assert [reply.status for reply in await asyncio.gather(*waiting)] == [None, None]
    assert sim.in_flight == 0
    idle.close()
    await idle.wait_closed()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    gc.collect()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(url.hostname, url.port)


async def test_it_starts_again_on_the_same_port() -> None:
    """After a close the same account, log and address come back."""
    sim = Simulator([SimulatedBot("b", "evt_1")])
    with pytest.raises(RuntimeError, match="until it is started"):
        _ = sim.base_url
    async with sim:
        address = sim.base_url
        with pytest.raises(RuntimeError, match="already running"):
            await sim.start()
        await ask(sim, "DELETE", EVENT)
    async with sim:
        assert sim.base_url == address
        assert await listed(sim) == set()
        assert [record.index for record in sim.requests] == [0, 1]


async def test_the_environment_points_a_client_here() -> None:
    """`environment` holds the addresses and the keys under the names that clients read."""
    keys = {"api_key": "my-own-key", "access_key_id": "my-own-id", "access_key_secret": "my-own-secret"}
    async with Simulator(1, **keys) as sim:
        assert sim.environment == {
            "MEETSTREAM_API_URL": sim.base_url,
            "MEETSTREAM_API_KEY": "my-own-key",
            "MEETBIT_API_URL": sim.meetbit_base_url,
            "MEETBIT_ACCESS_KEY_ID": "my-own-id",
            "MEETBIT_ACCESS_KEY_SECRET": "my-own-secret",
        }
        assert (await ask(sim, "GET", "/calendar/scheduled")).status == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"host": "my-machine"}, "IP address"),
        ({"host": "example.com"}, "IP address"),
        ({"removes": "all"}, "removes"),
        ({"latency": -1}, "latency"),
        ({"error_rate": 2.0}, "rate"),
        ({"bots": -1}, "bots"),
        ({"series": 0.9, "one_off": 0.2}, "shares"),
        ({"api_key": "käse"}, "api_key"),
        ({"bots": [SimulatedBot("b"), SimulatedBot("b")]}, "two bots"),
    ],
)
def test_a_simulator_that_makes_no_sense_is_refused(arguments: dict[str, Any], words: str) -> None:
    """Bad arguments raise a ValueError that names them and never the key."""
    with pytest.raises(ValueError, match=words) as caught:
        Simulator(**arguments)
    assert "käse" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"bot_id": ""},
        {"bot_id": "b", "event_id": ""},
        {"bot_id": "b", "join_time": datetime(2030, 1, 1)},
        {"bot_id": "b", "series": "master"},
        {"bot_id": "b", "attributes": {"x": object()}},
    ],
)
def test_a_bot_that_cannot_exist_is_refused(arguments: dict[str, Any]) -> None:
    """An empty id, a naive join time and attributes that are not JSON raise a ValueError."""
    with pytest.raises(ValueError, match="SimulatedBot: "):
        SimulatedBot(**arguments)
