"""One key, one pace: for the clients of a process, and through a store for several processes."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from itertools import chain, pairwise
from pathlib import Path

import pytest

from meetstream_async import ConfigurationError, MeetBitClient, MeetStreamClient
from meetstream_async._http import pace_key
from meetstream_async._http.pace import Pace
from meetstream_async._http.pace_bound import SHARED_JITTER
from meetstream_async._http.pace_key import KeyPace, name_of, share
from meetstream_async._http.pace_state import take_state, to_state
from meetstream_async._http.pace_store import PaceStore, StoreError, check_pace_store, open_store
from meetstream_async._http.rate_limit import RateLimiter, WaitTooLongError
from meetstream_async._http.secrets import Secret
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import connect, plain_account
from tests.helpers.clock import virtual_time
from tests.helpers.in_thread import in_thread
from tests.helpers.limited_server import BEGIN, Bucket, run_at
from tests.helpers.postgres import new_database, postgres_server

KEY = "ms_a-key-that-nobody-may-see"


@contextmanager
def another_process() -> Iterator[None]:
    """Clients that are opened inside share nothing with those before but a store."""
    pace_key._shared.clear()
    yield
    pace_key._shared.clear()


def joined(place: str | None, rate: float | None = None, name: str = "key") -> RateLimiter:
    limiter = RateLimiter(rate)
    with another_process():
        limiter.join(name, place, asyncio.get_running_loop())
    return limiter


async def starts(limiter: RateLimiter, count: int) -> list[float]:
    async def one() -> float:
        await limiter.wait()
        return time.monotonic()

    return list(await asyncio.gather(*(one() for _ in range(count))))


# --- in one process ------------------------------------------------------------------------------------


async def test_clients_of_one_key_pause_together() -> None:
    """A 429 to one of them holds the other back, too."""
    async with plain_account(0) as sim, connect(sim) as one, connect(sim) as other:
        sim.add_trouble(Trouble("list", 429, retry_after=0.4, times=1))
        await one.list_scheduled_bots()
        sim.add_trouble(Trouble("list", 429, retry_after=0.4, times=1))
        first = asyncio.create_task(one.list_scheduled_bots())
        while len(sim.requests) < 3:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        assert other.api.rate_limiter.paused_for() > 0
        await other.list_scheduled_bots()
        await first
    refused = [request.at for request in sim.requests if request.status == 429]
    assert [r.at for r in sim.requests if refused[-1] < r.at < refused[-1] + 0.4] == []


async def test_the_lowest_bound_binds_all_clients_of_a_key_while_its_client_is_open() -> None:
    """A client with a rate of 5 makes the others as slow; once it is closed they are free again."""
    async with plain_account(0) as sim, connect(sim) as free:
        async with connect(sim, rate_limit=5):
            assert free.api.rate_limiter.key.pace.finder.bound == 5
        assert free.api.rate_limiter.key.pace.finder.bound is None
        await free.list_scheduled_bots()


async def test_clients_of_other_keys_or_origins_do_not_share() -> None:
    """The name of a pace is made of both, and does not show the key."""
    secret, other = Secret(KEY), Secret("ms_another-key")
    names = {
        name_of("https://a.example.com", [secret]),
        name_of("https://a.example.com", [other]),
        name_of("https://b.example.com", [secret]),
    }
    assert len(names) == 3
    assert not any(KEY in name for name in names)
    assert name_of("https://a.example.com", [Secret(KEY)]) in names


@virtual_time
async def test_loops_with_a_clock_of_their_own_share_with_nobody_else() -> None:
    """Their times mean nothing elsewhere."""
    loop = asyncio.get_running_loop()
    first, second = KeyPace(Pace()), KeyPace(Pace())
    assert share(first, "a name", None, loop, False) is first
    assert share(second, "a name", None, loop, False) is first
    assert "a name " not in pace_key._shared


def test_loops_in_threads_keep_to_one_pace() -> None:
    """Two loops at once: all starts together are no closer than the bound."""
    at: list[float] = []
    limiters: list[RateLimiter] = []

    def work() -> None:
        async def main() -> None:
            limiter = RateLimiter(100)
            limiter.join("threads", None, asyncio.get_running_loop())
            limiters.append(limiter)
            at.extend(await starts(limiter, 20))

        asyncio.run(main())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limiters[0].key is limiters[1].key
    assert max(at) - min(at) >= 39 * 0.0095


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_process_that_was_forked_waits_for_nobody_in_the_first_one(tmp_path: Path) -> None:
    """It has a thread and a connection of its own for the store, and the first one keeps its own."""
    store = str(tmp_path / "pace.sqlite")

    @asynccontextmanager
    async def account() -> AsyncIterator[Simulator]:
        async with plain_account(3) as sim:
            yield sim

    async def child(sim: Simulator) -> None:
        async with connect(sim, pace_store=store) as client:
            await client.list_scheduled_bots()

    with in_thread(account) as sim, asyncio.Runner() as runner:
        client = connect(sim, pace_store=store)
        runner.run(client.__aenter__())
        sim.add_trouble(Trouble("list", 429, times=1, retry_after=0.01))
        runner.run(client.list_scheduled_bots())
        sim.add_trouble(Trouble("list", 429, times=1, retry_after=0.01))
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(20)
            try:
                asyncio.run(child(sim))
            except BaseException:
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        sim.add_trouble(Trouble("list", 429, times=1, retry_after=0.01))
        runner.run(client.list_scheduled_bots())
        runner.run(client.close())


# --- through a store -----------------------------------------------------------------------------------


async def test_processes_keep_to_one_bound(tmp_path: Path) -> None:
    """Both together are as fast as one would be, and no faster."""
    place = str(tmp_path / "pace.sqlite")
    one, other = joined(place, 50), joined(place, 50)
    at = sorted(chain(*await asyncio.gather(starts(one, 20), starts(other, 20))))
    assert at[-1] - at[0] >= 39 * (1 + SHARED_JITTER) / 50 - 0.1
    assert at[-1] - at[0] <= 3
    assert sum(after - before < 0.005 for before, after in pairwise(at)) < 20


@pytest.mark.slow
async def test_a_pause_that_one_process_was_told_binds_the_others(tmp_path: Path) -> None:
    """And so does the pace that was found."""
    place = str(tmp_path / "pace.sqlite")
    one, other = joined(place), joined(place)
    now = asyncio.get_running_loop().time()
    for _ in range(20):
        one.observe(200, {}, now)
    one.observe(429, {"Retry-After": "2"}, now)
    async with asyncio.timeout(1.5):
        while not other.paused_for():
            other.observe(200, {}, now)
            await asyncio.sleep(0.05)
    assert other.paused_for() < 2
    await other.wait()
    # Each knows the store's clock up to what the store took to tell it: milliseconds, more on a busy machine.
    assert asyncio.get_running_loop().time() - now >= 1.95
    await one.wait()
    assert one.pace is not None
    assert one.pace == pytest.approx(other.pace, rel=2)


async def test_who_can_not_wait_as_long_as_another_process_was_told_learns_it_at_once(tmp_path: Path) -> None:
    """Not only once a pause is told to this process."""
    place = str(tmp_path / "pace.sqlite")
    teller, listener = joined(place), joined(place, 5)
    await listener.wait()
    teller.observe(429, {"Retry-After": "30"}, asyncio.get_running_loop().time())
    assert teller._telling is not None
    await teller._telling
    with pytest.raises(WaitTooLongError) as caught:
        await asyncio.wait_for(listener.wait(pause_limit=2), 5)
    assert 25 < caught.value.seconds <= 30
    teller.leave()
    listener.leave()


async def test_a_pause_is_told_although_the_store_was_just_being_asked(tmp_path: Path) -> None:
    """What is urgent does not wait for the next occasion, and is kept here as well."""
    place = str(tmp_path / "pace.sqlite")
    one, other = joined(place), joined(place)
    now = asyncio.get_running_loop().time()
    one.observe(200, {}, now)
    await asyncio.sleep(0)
    one.observe(429, {"Retry-After": "2"}, now)
    async with asyncio.timeout(1.5):
        while not other.paused_for():
            other.observe(200, {}, now)
            await asyncio.sleep(0.05)
    assert one.paused_for() > 0


async def test_a_store_that_is_gone_is_told_once_and_the_process_goes_on_slower(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At half its bound, and without the path in the log."""
    place = str(tmp_path / "no-directory")
    (tmp_path / "no-directory").mkdir()
    limiter = joined(place, 40)
    with caplog.at_level(logging.WARNING, "meetstream_async"):
        at = await starts(limiter, 10)
        at += await starts(limiter, 2)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert place not in caplog.text
    assert max(at) - min(at) >= 9 / 20 * 0.9


async def test_no_key_is_in_the_store(tmp_path: Path) -> None:
    """Neither in the file nor in what SQLite writes beside it."""
    place = tmp_path / "pace.sqlite"
    async with plain_account(0) as sim:
        client = MeetStreamClient(KEY, base_url=sim.base_url, pace_store=place, rate_limit=50)
        async with client:
            with pytest.raises(Exception, match="Invalid API key"):
                await client.list_scheduled_bots()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())  # noqa: ASYNC240
    assert b"pace" in stored
    assert KEY.encode() not in stored


def test_a_state_goes_through_json_unchanged() -> None:
    """Whoever takes it over decides as the one who left it."""
    pace = run_at(Bucket(50, 10, 1), 300).pace
    other = Pace()
    take_state(other, json.loads(json.dumps(to_state(pace))))
    later = BEGIN + 100
    assert to_state(other) == to_state(pace)
    assert other.next_start(later) == pace.next_start(later)
    assert other.finder.pace == pace.finder.pace


@pytest.mark.parametrize("state", [{}, {"format": 2}, {"format": 1, "pace": [1], "finder": []}, []])
def test_what_is_no_state_is_a_failure_of_the_store(tmp_path: Path, state: object) -> None:
    """It may be of another version: the process goes on alone."""
    store = open_store(str(tmp_path / "pace.sqlite"))
    store.change("key", lambda _, now: (state, None))
    with pytest.raises(StoreError, match="no pace"):
        store.change("key", lambda found, now: (take_state(Pace(), found), None))


def test_a_state_that_nests_too_deeply_is_a_failure_of_the_store(tmp_path: Path) -> None:
    """As any other that is none: nothing else is raised in the process that reads it."""
    path = tmp_path / "pace.sqlite"
    store = open_store(str(path))
    store.change("key", lambda _, now: ({}, None))
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE pace SET state = ?", ("[" * 100_000,))
        file.commit()
    with pytest.raises(StoreError, match="no pace"):
        store.change("key", lambda found, now: (found, None))


@pytest.mark.parametrize("value", [5, b"path", "", "mysql://host/database", "https://user:hunter2@host"])
def test_a_place_that_is_none_is_refused(value: object) -> None:
    """When the client is made, and without showing it."""
    with pytest.raises(ConfigurationError, match="pace_store") as caught:
        MeetStreamClient(KEY, pace_store=value)
    assert "hunter2" not in str(caught.value)


def test_the_environment_names_a_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """MEETSTREAM_PACE_STORE and MEETBIT_PACE_STORE; an argument has the last word."""
    monkeypatch.setenv("MEETBIT_PACE_STORE", "mysql://")
    with pytest.raises(ConfigurationError, match="pace_store"):
        MeetBitClient("acme.example.com", "an-access-key-id", "an-access-key-secret")
    monkeypatch.setenv("MEETSTREAM_PACE_STORE", str(tmp_path / "one"))
    assert check_pace_store(None, "MEETSTREAM_PACE_STORE") == str(tmp_path / "one")
    assert check_pace_store(tmp_path / "two", "MEETSTREAM_PACE_STORE") == str(tmp_path / "two")


@pytest.mark.postgres
async def test_processes_share_through_postgresql() -> None:
    """The pause of one is heard by the other, and both keep to one bound."""
    with postgres_server("a-password") as server:
        place = new_database(server, "pace")
        one, other = joined(place, 50), joined(place, 50)
        at = sorted(chain(*await asyncio.gather(starts(one, 20), starts(other, 20))))
        assert at[-1] - at[0] >= 39 * (1 + SHARED_JITTER) / 50 - 0.1
        one.observe(429, {"Retry-After": "1"})
        await asyncio.sleep(0.2)
        began = time.monotonic()
        await other.wait()
        assert time.monotonic() - began > 0.5
        store: PaceStore = open_store(place)
        store._drop()
