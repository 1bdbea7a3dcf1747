"""The law of the pace at servers that do not publish their limit. On a clock that is only a number."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from meetstream_async._http.pace import Pace
from meetstream_async._http.pace_bound import JITTER
from tests.helpers.limited_server import (
    BEGIN,
    Bucket,
    Course,
    Fixed,
    Limit,
    Silent,
    Sliding,
    Straying,
    Unfair,
    run_at,
)
from tests.helpers.proof import sized


def share(course: Course, burst: float, rate: float) -> float:
    """Of the speed that the limit allows, its burst at the beginning included."""
    return (len(course.times) - burst) / rate / course.seconds


@pytest.mark.parametrize(
    ("server", "requests", "concurrency", "least"),
    [
        (Bucket(50, 10, 1), 600, 20, 0.80),
        (Bucket(50, 10, 1), 6000, 20, 0.92),
        (Bucket(50, 10, None), 600, 20, 0.85),
        (Bucket(50, 10, None), 6000, 20, 0.92),
        (Bucket(20, 5, 2), 600, 50, 0.80),
        (Bucket(50, 50, 1), 600, 20, 0.80),
        (Bucket(500, 50, None), 6000, 50, 0.80),
        (Bucket(1, 5, 1), 300, 5, 0.90),
    ],
)
def test_a_bucket_is_used_nearly_to_the_full(
    server: Bucket, requests: int, concurrency: int, least: float
) -> None:
    """Whatever a refusal says of the wait; no more than 3 % of the requests are refused."""
    course = run_at(server, requests, concurrency=concurrency)
    assert share(course, server.burst, server.rate) >= least
    assert course.refused_share <= 0.03


@pytest.mark.parametrize(("most", "seconds", "requests"), [(30, 60, 150), (100, 10, 600)])
@pytest.mark.parametrize("kind", [Sliding, Fixed])
def test_a_window_is_used_to_the_full(
    kind: type[Sliding] | type[Fixed], most: int, seconds: float, requests: int
) -> None:
    """Once its number is known it is not exceeded again: one refusal a window at most, after the first."""
    course = run_at(kind(most, seconds), requests)
    assert share(course, most, most / seconds) >= 0.95
    in_flight = 20
    assert course.refused <= in_flight + requests / most


@pytest.mark.parametrize("kind", [Sliding, Fixed])
def test_a_window_of_a_minute_is_used_where_no_wait_is_told(kind: type[Sliding] | type[Fixed]) -> None:
    """Its length is found by asking; no request of ours makes it seem twice as long each time."""
    course = run_at(Silent(kind(600, 60)), 6000)
    assert share(course, 600, 10) >= 0.7
    assert course.refused_share <= 0.02


@pytest.mark.parametrize("rate", [0.5, 2, 20])
def test_an_api_that_tells_no_seconds_is_not_hammered(rate: float) -> None:
    """`Retry-After: 0`, or a time that has just passed: after two in a row the pause is ours, and grows."""
    course = run_at(Bucket(rate, 2, 0), 100)
    assert course.refused <= 50
    assert share(course, 2, rate) >= 0.75


def test_a_limit_that_counts_what_it_refuses_is_not_kept_full() -> None:
    """Where nothing gets through, one request at a time asks, and less and less often."""
    course = run_at(Unfair(287, 60, 1), 1200, concurrency=10, refusal_latency=0.05)
    assert share(course, 287, 287 / 60) >= 0.6
    assert course.refused_share <= 0.1


@pytest.mark.parametrize("told", [None, 0.5])
@pytest.mark.parametrize("part", [0.03, 0.1, 0.3])
def test_refusals_that_come_at_any_pace_do_not_ruin_it(part: float, told: float | None) -> None:
    """Of each ten requests one is refused, at any pace: it does not come down for ever."""
    course = run_at(Straying(Bucket(100, 20, told), part, told), 2000)
    half = course.times[1000]
    assert 1000 / (course.seconds - half) >= 3
    assert course.refused_share <= part + 0.05


@pytest.mark.parametrize(("server", "requests"), [(Bucket(20, 20, None), 600), (Bucket(50, 50, 1), 1500)])
def test_answers_that_take_long_do_not_make_the_limit_look_lower(server: Bucket, requests: int) -> None:
    """What was let through is measured until the refused request was sent, not until that was heard."""
    course = run_at(server, requests, latency=1.0, refusal_latency=1.0, concurrency=100)
    assert share(course, server.burst, server.rate) >= 0.55


@pytest.mark.parametrize("server", [Bucket(0.7, 1, 5), Bucket(2, 1, 10), Bucket(5, 2, 20)], ids=repr)
def test_a_bucket_that_holds_next_to_nothing_is_not_taken_for_a_window(server: Bucket) -> None:
    """One request, a long wait, one request: a window would be used as slowly for ever."""
    course = run_at(server, 300)
    assert course.per_second(course.seconds / 2, course.seconds) >= 0.6 * server.rate


def test_a_window_that_grows_is_noticed() -> None:
    """One request more than a window had room for finds out, now and then."""
    server = Sliding(30, 10)
    course = run_at(server, 900, changes=[(45, lambda: setattr(server, "most", 60))])
    assert course.per_second(course.seconds - 40, course.seconds) >= 5
    assert course.refused_share <= 0.05


@pytest.mark.parametrize(
    ("told", "halved", "doubled"), [(None, 0.95, 0.95), (1, 0.8, 0.75), (2, 0.8, 0.7)], ids=str
)
def test_a_limit_that_halves_and_doubles_is_followed(
    told: float | None, halved: float, doubled: float
) -> None:
    """Within 5 seconds the pace is at the new limit, less the pauses that a probe in vain is told."""
    server = Bucket(50, 10, told)

    def change(rate: float) -> None:
        server.rate = rate

    course = run_at(server, 2400, changes=[(15, lambda: change(25)), (25, lambda: change(50))])
    assert course.per_second(20, 25) >= halved * 25
    assert course.per_second(30, 40) >= doubled * 50
    assert max(course.per_second(at, at + 1) for at in range(25, 31)) >= 0.75 * 50
    assert course.refused_share <= 0.03


@pytest.mark.parametrize("told", [None, 1], ids=str)
def test_a_limit_that_collapses_and_comes_back_is_found_again(told: float | None) -> None:
    """A fiftieth for twenty seconds: ten requests at that pace, and it is asked whether that is all."""
    server = Bucket(50, 10, told)

    def change(rate: float) -> None:
        server.rate = rate

    course = run_at(server, 2000, changes=[(20, lambda: change(1)), (40, lambda: change(50))])
    assert 15 <= course.per_second(20, 40) * 20 <= 45
    assert max(course.per_second(at, at + 1) for at in range(40, 60)) >= 0.8 * 50
    assert course.refused_share <= 0.02


@pytest.mark.parametrize(
    ("told", "gap", "seconds"), [(None, (10, 90), 7.5), (1, (10, 40), 6.5), (2, (10, 40), 9.5)], ids=str
)
def test_a_limit_that_doubles_long_after_it_had_halved_is_followed(
    told: float | None, gap: tuple[float, float], seconds: float
) -> None:
    """A second of 0.85 of it lies within so many seconds; where refusals name a wait, for some time only."""
    for seed in range(sized(3, 30, 300)):
        draw = random.Random(seed)
        server = Bucket(50, 10, told)
        half = draw.uniform(15, 25)
        full = half + draw.uniform(*gap)

        def change(rate: float, server: Bucket = server) -> None:
            server.rate = rate

        requests = int(50 * half + 25 * (full - half) + 50 * 12)
        changes = [(half, lambda change=change: change(25)), (full, lambda change=change: change(50))]
        course = run_at(server, requests, seed=seed, changes=changes)
        tenths = (full + tenth / 10 for tenth in range(int(10 * seconds)))
        assert any(course.per_second(at, at + 1) >= 0.85 * 50 for at in tenths), f"seed {seed}"
        assert course.refused_share <= 0.03


def _follow(seed: int) -> tuple[str, float, float, float]:
    """The kind of a server whose limit halves and doubles, and the shares of it that are used: before, and
    from 5 seconds after each change."""
    draw = random.Random(seed)
    kind = draw.choice(["bucket", "bucket that tells a wait", "window"])
    rate, seconds = math.exp(draw.uniform(math.log(10), math.log(200))), draw.choice([1.0, 2.0])
    server: Bucket | Sliding | Fixed
    if kind == "window":
        server = draw.choice([Sliding, Fixed])(int(rate * seconds), seconds)
    else:
        server = Bucket(
            rate, max(3.0, rate * draw.choice([0.1, 0.5, 1])), seconds if "wait" in kind else None
        )

    def change(to: float) -> None:
        if isinstance(server, Bucket):
            server.rate = to
        else:
            server.most = int(to * seconds)

    half = draw.uniform(15, 25)
    full = half + draw.uniform(10, 20)
    changes = [(half, lambda: change(rate / 2)), (full, lambda: change(rate))]
    requests = int(rate * (half + 15 + (full - half) / 2))
    course = run_at(server, requests, concurrency=draw.choice([10, 20, 50]), seed=seed, changes=changes)
    assert course.refused_share <= (0.15 if kind == "window" else 0.06), f"seed {seed}: {server}"
    return (
        kind,
        course.per_second(half - 8, half) / rate,
        course.per_second(half + 5, full) / (rate / 2),
        course.per_second(full + 5, full + 12) / rate,
    )


@pytest.mark.slow
def test_changes_are_followed_at_servers_that_were_drawn() -> None:
    """At once where no wait is told; else a probe costs the wait, and a rise is found after a few seconds."""
    shares: dict[str, list[tuple[float, ...]]] = {}
    for seed in range(sized(30, 200, 2000)):
        kind, *three = _follow(seed)
        assert three[1] >= 0.55, f"seed {seed} does not follow"
        shares.setdefault(kind, []).append(tuple(three))
    least = {
        "bucket": (0.97, 0.97, 0.93),
        "bucket that tells a wait": (0.87, 0.82, 0.75),
        "window": (0.8, 0.72, 0.65),
    }
    for kind, found in shares.items():
        means = [sum(each) / len(found) for each in zip(*found, strict=True)]
        assert all(mean >= wanted for mean, wanted in zip(means, least[kind], strict=True)), (kind, means)


@pytest.mark.parametrize("concurrency", [1, 5])
def test_where_nothing_is_refused_nothing_is_paced(concurrency: int) -> None:
    """A client that is slower than the limit never waits."""
    course = run_at(Bucket(1000, 100, 1), 500, concurrency=concurrency)
    assert course.refused == 0
    assert course.pace.is_free
    assert course.seconds <= 500 * 0.05 * 1.1 / concurrency


def test_refusals_that_were_in_flight_together_count_once() -> None:
    """Fifty of them say no more than one, and their pauses are not added up."""
    pace = Pace()
    for _ in range(50):
        pace.take(BEGIN)
    for _ in range(50):
        pace.let_through(BEGIN, BEGIN + 0.05)
    waits = [pace.refused(BEGIN, BEGIN + 0.1, None) for _ in range(50)]
    assert max(waits) == pytest.approx(0.5)
    assert pace.paused_until == pytest.approx(BEGIN + 0.6)


def test_after_a_told_pause_nothing_starts_in_a_burst() -> None:
    """Starts are spaced from the first one on."""
    pace = Pace()
    for _ in range(10):
        pace.let_through(BEGIN, BEGIN + 0.05)
    pace.refused(BEGIN, BEGIN + 0.1, 2.0)
    now, starts = BEGIN, []
    while len(starts) < 20:
        now = max(now, pace.next_start(now))
        pace.take(now, waited=True)
        starts.append(now)
    assert starts[0] == pytest.approx(BEGIN + 2.1)
    assert min(after - before for before, after in pairwise(starts)) > 0.02


@pytest.mark.parametrize("rate", [5, 7.5, 50, 500, 1000])
@pytest.mark.parametrize("overshot", [0.0, 0.001, 0.004])
def test_what_a_wait_overshot_the_next_one_makes_up_for(rate: float, overshot: float) -> None:
    """The rate that was asked for arrives, less the margin for the network, and no second holds more."""
    pace, now, starts = Pace(rate), BEGIN, []
    draw = random.Random(7)
    while now < BEGIN + 10:
        start = pace.next_start(now)
        if start > now:
            now = start + overshot * draw.random()
            waited = True
        else:
            waited = False
        while pace.next_start(now) <= now:
            pace.take(now, waited=waited)
            starts.append(now)
        now += 1e-6
    assert len(starts) / 10 >= 0.98 * rate - 0.5
    for first, start in enumerate(starts):
        after = first + max(1, int(rate))
        assert after >= len(starts) or starts[after] - start >= max(1, int(rate)) / rate + JITTER - 1e-9


def test_what_is_said_of_the_pace_is_no_more_than_what_was_let_through() -> None:
    """After a single refusal the pace rises without end: nothing meets it, and nobody has sent as much."""
    server = Bucket(10, 30, 1)
    course = run_at(server, 3000, changes=[(0.5, lambda: setattr(server, "rate", 1e6))])
    assert course.pace.finder.pace is not None
    assert course.pace.finder.pace > 1000
    assert course.pace.finder.sustained == pytest.approx(400, rel=0.1)


def test_a_bound_is_not_exceeded_by_what_is_found() -> None:
    """A probe ends at the number that the caller gave."""
    course = run_at(Bucket(50, 10, None), 2000, pace=Pace(30))
    assert course.refused == 0
    assert course.per_second(0, 60) <= 30


def test_a_count_that_is_told_is_used_before_a_refusal() -> None:
    """Two more within a second: the third start waits for its end."""
    pace = Pace()
    pace.allowed(BEGIN, 2, 1.0)
    for _ in range(2):
        assert pace.next_start(BEGIN) <= BEGIN
        pace.take(BEGIN)
    assert pace.next_start(BEGIN) == pytest.approx(BEGIN + 1)
    assert pace.next_start(BEGIN + 1) <= BEGIN + 1


def test_a_wary_pace_waits_longer_than_told_and_slows_down() -> None:
    """By a margin that grows with each refusal, because others may be waiting for the same moment."""
    pace, now, margins = Pace(5, wary=True, draw=lambda: 1.0), BEGIN, []
    for _ in range(4):
        for _ in range(5):
            now = max(now, pace.next_start(now))
            pace.take(now, waited=True)
            pace.let_through(now, now)
        now = max(now, pace.next_start(now))
        pace.take(now, waited=True)
        pace.refused(now, now, 1.0)
        margins.append(pace.next_start(now) - now - 1.0)
    assert margins == sorted(margins)
    assert margins[-1] >= 1
    pace.take(pace.next_start(now), waited=True)
    assert pace.finder.pace is not None
    assert pace.finder.pace <= 2.5


def _drawn(seed: int) -> tuple[Limit, float, float, int]:
    """A server, its burst, its rate, and how many requests show how it is met."""
    draw = random.Random(seed)
    if draw.random() < 0.6:
        rate = math.exp(draw.uniform(0, math.log(200)))
        burst = max(3.0, rate * draw.choice([0.1, 0.2, 0.5, 1, 2, 5]))
        bucket = Bucket(rate, burst, draw.choice([None, 1, 1, 2]))
        return bucket, burst, rate, int(min(max(60 * rate, 300), 3000) + burst)
    seconds, most = draw.choice([5, 10, 30, 60]), draw.choice([10, 30, 100, 300])
    server = Sliding(most, seconds) if draw.random() < 0.5 else Fixed(most, seconds, draw.uniform(0, seconds))
    return server, most, most / seconds, most * draw.choice([6, 10])


def _check(seed: int) -> float:
    server, burst, rate, requests = _drawn(seed)
    draw = random.Random(seed)
    concurrency, latency = draw.choice([1, 5, 10, 20, 50]), draw.choice([0.02, 0.05, 0.1, 0.3])
    course = run_at(server, requests, concurrency=concurrency, latency=latency, seed=seed)
    ideal = max((requests - burst) / rate, requests * latency / concurrency)
    # The first refusals come together: as many as are in flight.
    assert course.refused <= concurrency + 0.05 * requests + 3, f"seed {seed}: {server}"
    assert ideal / course.seconds >= 0.4, f"seed {seed}: {server} {ideal / course.seconds}"
    return ideal / course.seconds


@pytest.mark.slow
def test_at_servers_that_were_drawn_the_pace_neither_starves_nor_halves() -> None:
    """Most of the allowed speed on average, and few refusals, at any of them."""
    shares = [_check(seed) for seed in range(25)]
    assert sum(shares) / len(shares) >= 0.85


@pytest.mark.soak
def test_at_thousands_of_servers_the_pace_neither_starves_nor_halves() -> None:
    """The same for many more."""
    shares = [_check(seed) for seed in range(1000, 1000 + sized(20, 300, 3000))]
    assert sum(shares) / len(shares) >= 0.85


@pytest.mark.parametrize(("let_through", "pause"), [(9, 0.5), (10, 0.2)])
def test_a_refusal_without_a_wait_pauses_shortly_once_the_limit_is_known(
    let_through: int, pause: float
) -> None:
    """And if at least ten requests got through since the last one; otherwise as ever."""
    course = run_at(Bucket(50, 10, 1), 600)
    pace, now = course.pace, BEGIN + course.seconds
    pace.refused(now, now, 1.0)
    now += 1
    for number in range(let_through + 1):
        now += 0.02
        pace.take(now, waited=True)
        if number:
            pace.let_through(now, now)
    assert pace.finder.limit is not None
    assert pace.refused(now, now, None) == pytest.approx(pause)


def test_at_a_slow_limit_a_short_pause_lets_one_request_flow_in() -> None:
    """One and a half, to be sure."""
    pace = run_at(Bucket(4, 5, 1), 100).pace
    assert pace.finder.limit is not None
    assert pace.finder.short_pause == pytest.approx(1.5 / pace.finder.limit)


@pytest.mark.parametrize("pace_before", [False, True])
def test_an_api_that_lets_nothing_through_is_asked_every_few_seconds_all_the_same(pace_before: bool) -> None:
    """Each refusal has its own pause, of 8 s at most; the pace does not halve for ever on top of that."""
    pace, now = Pace(), 0.0
    if pace_before:
        for _ in range(20):
            pace.take(now)
            pace.let_through(now, now + 0.05)
            now += 0.1
    for _ in range(40):
        now = max(now, pace.next_start(now))
        pace.take(now)
        pace.refused(now, now + 0.05, None)
        now += 0.05
    assert pace.next_start(now) - now <= 10
