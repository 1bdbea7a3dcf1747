"""A pace store that is locked, deleted or emptied in mid-run, and a clock of it that is set."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from meetstream_async._http import pace_key, pace_link, pace_store
from meetstream_async._http.pace import Pace
from meetstream_async._http.pace_bound import SHARED_JITTER
from meetstream_async._http.pace_link import PaceLink
from meetstream_async._http.pace_state import move_state, take_state, to_state
from meetstream_async._http.pace_store import PaceStore, open_store
from meetstream_async._http.rate_limit import RateLimiter
from tests.helpers.limited_server import BEGIN, Bucket, Fixed, run_at

RETRY = {"Retry-After": "20"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that fails is given up, and tried again, sooner than by default."""
    monkeypatch.setattr(pace_store, "_BUSY", 0.05)
    monkeypatch.setattr(pace_link, "_AGAIN", 0.1)


def joined(place: Path, rate: float | None = None) -> RateLimiter:
    """The client of another process."""
    limiter = RateLimiter(rate)
    pace_key._shared.clear()
    limiter.join("key", str(place), asyncio.get_running_loop())
    pace_key._shared.clear()
    return limiter


def link_of(limiter: RateLimiter) -> PaceLink:
    assert limiter.key.link is not None
    return limiter.key.link


def now() -> float:
    return asyncio.get_running_loop().time()


@contextmanager
def locked(place: Path) -> Iterator[None]:
    with closing(sqlite3.connect(place, isolation_level=None)) as file:
        file.execute("BEGIN EXCLUSIVE")
        yield
        file.execute("ROLLBACK")


async def refuse(limiter: RateLimiter) -> None:
    """A 429 that asks for 20 s, and what it causes."""
    limiter.observe(429, RETRY, now())
    assert limiter._telling is not None
    await limiter._telling


async def test_a_pause_that_could_not_be_told_is_told_later(tmp_path: Path) -> None:
    """It binds here all the while, and the others once the store can be used again."""
    place = tmp_path / "pace.sqlite"
    one, other = joined(place), joined(place)
    await one.wait()
    with locked(place):
        await refuse(one)
        assert one.paused_for() > 19
    await asyncio.sleep(0.15)
    assert await link_of(one).exchange(1) is not None
    assert one.paused_for() > 19
    await link_of(other).exchange(1)
    assert other.paused_for() > 19


async def test_a_pause_is_not_forgotten_for_an_answer_that_was_on_its_way(tmp_path: Path) -> None:
    """The store was asked before the refusal came, and answers while that is being told."""
    limiter = joined(tmp_path / "pace.sqlite")
    link = link_of(limiter)
    await limiter.wait()
    asking = asyncio.create_task(link.exchange(1))
    await asyncio.sleep(0)
    limiter.observe(429, RETRY, now())
    telling = limiter._telling
    assert telling is not None
    await asyncio.sleep(0)
    await asking
    assert limiter.paused_for() > 19
    await telling
    assert limiter.paused_for() > 19


async def test_an_exchange_that_is_cancelled_loses_no_pause(tmp_path: Path) -> None:
    """Another client of the key was closed meanwhile."""
    limiter = joined(tmp_path / "pace.sqlite")
    await limiter.wait()
    limiter.observe(429, RETRY, now())
    assert limiter._telling is not None
    await asyncio.sleep(0)
    limiter._telling.cancel()
    await asyncio.wait([limiter._telling])
    await link_of(limiter).exchange(1)
    assert limiter.paused_for() > 19


@pytest.mark.parametrize("how", ["deleted", "replaced", "emptied"])
async def test_a_store_that_was_taken_away_is_noticed_and_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """Others would start from nothing there: with one warning, pause and bound go into the new one."""
    place = tmp_path / "pace.sqlite"
    limiter = joined(place, 50)
    await limiter.wait()
    await refuse(limiter)
    if how == "emptied":
        with closing(sqlite3.connect(place)) as file:
            file.execute("DELETE FROM pace")
            file.commit()
    else:
        for path in list(tmp_path.iterdir()):  # noqa: ASYNC240
            path.unlink()
        if how == "replaced":
            place.touch()
    with caplog.at_level(logging.WARNING, "meetstream_async"):
        assert await link_of(limiter).exchange(1) is None
        assert limiter.key.pace.finder.bound == 25
        assert await link_of(limiter).exchange(1) is not None
    assert len(caplog.records) == 1
    assert limiter.key.pace.finder.bound == 50
    other = joined(place)
    pace_store._open.clear()
    await link_of(other).exchange(1)
    assert limiter.paused_for() > 19
    assert other.paused_for() > 19


async def test_a_client_that_joins_while_the_store_is_gone_does_not_make_the_others_faster(
    tmp_path: Path,
) -> None:
    """Half of the lowest bound, whoever comes and goes; all of it once the store is there."""
    place = tmp_path / "pace.sqlite"
    place.mkdir()
    one, other = RateLimiter(40), RateLimiter(30)
    loop = asyncio.get_running_loop()
    one.join("joins", str(place), loop)
    await link_of(one).exchange(1)
    assert one.key.pace.finder.bound == 20
    other.join("joins", str(place), loop)
    assert one.key.pace.finder.bound == 15
    other.leave()
    assert one.key.pace.finder.bound == 20
    place.rmdir()
    assert await link_of(one).exchange(1) is not None
    assert one.key.pace.finder.bound == 40


async def test_what_clients_that_come_and_go_find_of_a_store_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Until it could be used in between."""
    place = tmp_path / "pace.sqlite"
    for _ in range(2):
        place.mkdir()
        for _ in range(3):
            assert await link_of(joined(place)).exchange(1) is None
        place.rmdir()
        again = joined(place)
        assert await link_of(again).exchange(1) is not None
        place.unlink()
    assert [record.levelname for record in caplog.records].count("WARNING") == 2


async def test_a_count_that_is_told_is_kept_to_with_a_store(tmp_path: Path) -> None:
    """By all processes together, and before anything is refused."""
    place = tmp_path / "pace.sqlite"
    one, other = joined(place), joined(place)
    await one.wait()
    one.observe(200, {"RateLimit-Remaining": "3", "RateLimit-Reset": "20"}, now(), in_flight=2)
    granted = [await link_of(one).exchange(1), await link_of(other).exchange(5)]
    assert [len(grant.starts) for grant in granted if grant is not None] == [1, 1]
    assert not one.is_open


def _set_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The clock of the store shows so much more from now on."""
    change = pace_store._Sqlite.change

    def changed(self: Any, name: str, inner: Any) -> Any:
        return change(self, name, lambda state, time: inner(state, time + seconds))

    monkeypatch.setattr(pace_store._Sqlite, "change", changed)


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
async def test_a_clock_that_is_set_neither_prolongs_a_pause_nor_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Not here and not elsewhere, whoever asks first, and although a refusal was noted by the old clock."""
    place = tmp_path / "pace.sqlite"
    one, other = joined(place, 50), joined(place, 50)
    for limiter in (one, other):
        await limiter.wait()
        limiter.depart()
    await refuse(one)
    await link_of(other).exchange(1)
    _set_clock(monkeypatch, seconds)
    link_of(one).note("refused", one._now(), one._now(), 30.0)
    for limiter in (one, other, one):
        await link_of(limiter).exchange(1)
        assert 29 < limiter.paused_for() <= 30
        assert limiter.key.pace._bound is not None
        assert limiter.key.pace._bound.next_departure() <= one._now() + 1.1


async def test_a_clock_that_was_set_back_while_nobody_used_the_key_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state of an hour hence is one of just now."""
    place = tmp_path / "pace.sqlite"
    await joined(place, 50).wait()
    _set_clock(monkeypatch, -3600)
    await asyncio.wait_for(joined(place, 50).wait(), 1)


@pytest.mark.parametrize("server", [Bucket(50, 10, 1), Bucket(50, 10, None), Fixed(30, 10, 3)], ids=repr)
def test_a_state_that_is_moved_decides_as_before(server: Bucket | Fixed) -> None:
    """Only later: what is infinitely far away, and what is no time, stays."""
    pace, moved = run_at(server, 200).pace, Pace()
    state = json.loads(json.dumps(to_state(pace)))
    take_state(moved, move_state(state, 500.0))
    for second in range(1, 40):
        at = BEGIN + 100 + second
        assert moved.next_start(at + 500) == pytest.approx(pace.next_start(at) + 500)
        pace.take(at, waited=True)
        moved.take(at + 500, waited=True)
        pace.let_through(at, at + 0.05)
        moved.let_through(at + 500, at + 500.05)
    assert moved.finder.pace == pytest.approx(pace.finder.pace)


@pytest.mark.parametrize("rate", [5, 50])
@pytest.mark.parametrize("late", [0.04, 0.2, 1.0])
def test_what_a_process_was_late_by_puts_no_more_into_a_second(rate: int, late: float) -> None:
    """The starts of several processes are not counted: only what their margin allows is made up for."""
    at = BEGIN
    starts: list[float] = []
    state = to_state(Pace(rate, shared=True))
    for number in range(10 * rate):
        pace = Pace(rate, shared=True)
        take_state(pace, state)
        at = max(at, pace.next_start(at)) + (late if number % (2 * rate) == rate else 0.0)
        pace.take(at, waited=True)
        starts.append(at)
        state = to_state(pace)
    assert max(sum(first <= start < first + 1 for start in starts) for first in starts) <= rate
    assert late > 0.1 or (len(starts) - 1) / (starts[-1] - starts[0]) >= rate / (1 + SHARED_JITTER) * 0.98


async def test_requests_that_connect_slowly_leave_no_faster_with_a_store(tmp_path: Path) -> None:
    """Those of one process are counted when they leave, as without one."""
    limiter = joined(tmp_path / "pace.sqlite", 2)
    await limiter.wait()
    assert [limiter.depart(), limiter.depart()] == [0, 0]
    assert 0.5 < limiter.depart() <= 1.01
    store: PaceStore = open_store(str(tmp_path / "pace.sqlite"))
    store._drop()
