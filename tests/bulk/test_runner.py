"""The runner over an operation of the test's own, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from attrs import define, evolve, field, frozen

from meetstream_async import MeetStreamError, NotFoundError, RateLimitError, ServerError
from meetstream_async._http.rate_limit import RateLimiter
from meetstream_async.bulk._runner import Runner
from meetstream_async.bulk.options import BulkOptions
from tests.helpers import loops
from tests.helpers.clock import now, virtual_time

DOWN = ServerError("no server", status=503, attempts=1)
MISSING = NotFoundError("not there", status=404, attempts=1)


@frozen
class Done:
    """An outcome: its text, and what the runner asks of it."""

    text: str
    error: MeetStreamError | None = None
    attempts: int = 1


@define(eq=False)
class Calls:
    """An operation whose every call takes a second and ends as the test says."""

    count: int
    answer: Callable[[int, int], MeetStreamError | None] = lambda item, call: None
    """By the item and the number of the call for it, from 0."""
    longest_outage: float = 40.0
    connections: int | None = None
    rate_limiter: RateLimiter = field(factory=RateLimiter)
    failed_attempts: int = 0
    at: dict[int, list[float]] = field(factory=dict)
    """When each item's calls began."""
    running: int = 0
    most: int = 0
    unlisted: list[int] = field(factory=list)
    taken: int = 0

    def open(self) -> int | None:
        return self.connections

    async def items(self) -> AsyncGenerator[int, None]:
        while self.taken < self.count:
            self.taken += 1
            yield self.taken - 1

    def remaining(self) -> list[int]:
        return list(range(self.taken, self.count))

    def without_request(self, item: int) -> Done | None:
        return Done("for nothing", attempts=0) if item in self.unlisted else None

    async def attempt(self, item: int) -> Done:
        calls = self.at.setdefault(item, [])
        calls.append(now())
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(1)
        finally:
            self.running -= 1
        error = self.answer(item, len(calls) - 1)
        self.failed_attempts += isinstance(error, ServerError)
        return Done("done" if error is None else "failed", error)

    def again(self, first: Done, second: Done) -> Done:
        return evolve(second, attempts=first.attempts + second.attempts)

    def not_attempted(self, item: int, reason: str) -> Done:
        return Done(f"not attempted: {reason}", attempts=0)

    def interrupted(self, item: int) -> Done:
        return Done("interrupted")

    def stop_reason_after(self, item: int, outcome: Done) -> str | None:
        return None


async def _run(calls: Calls, **options: Any) -> dict[int, Done]:
    """Every outcome, each reported once."""
    outcomes: dict[int, Done] = {}

    def done(item: int, outcome: Done) -> None:
        assert item not in outcomes
        outcomes[item] = outcome

    runner = Runner[int, Any](calls, BulkOptions(**options), done)  # type: ignore[arg-type]
    await runner.run()
    assert sorted(outcomes) == list(range(calls.count))
    return outcomes


@pytest.mark.parametrize(("cap", "connections", "most"), [(3, None, 3), (3, 2, 2), (2, 3, 2)])
@virtual_time
async def test_no_more_are_at_work_than_slots_or_connections(
    cap: int, connections: int | None, most: int
) -> None:
    """And no fewer."""
    calls = Calls(20, connections=connections)
    began = now()
    outcomes = await _run(calls, max_concurrency=cap)
    assert {outcome.text for outcome in outcomes.values()} == {"done"}
    assert calls.most == most
    assert now() - began == pytest.approx(-(-20 // most))


@virtual_time
async def test_items_without_a_request_cost_no_time() -> None:
    """They hold no slot once they are done."""
    calls = Calls(500, unlisted=list(range(499)))
    began = now()
    outcomes = await _run(calls, max_concurrency=1)
    assert (outcomes[0].text, outcomes[499].text) == ("for nothing", "done")
    assert now() - began == pytest.approx(1)


@virtual_time
async def test_a_thousand_items_without_a_request_let_others_have_their_turns() -> None:
    """One in a hundred of them: the loop is neither kept busy nor slowed down."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await _run(Calls(1000, unlisted=list(range(1000))))
    task.cancel()
    assert 20 <= turns <= 30


@virtual_time
async def test_only_failures_of_the_server_count_in_a_row() -> None:
    """A hundred missing events are a hundred outcomes, not a dead server."""
    outcomes = await _run(Calls(100, lambda *_: MISSING), stop_after_failures=5)
    assert {outcome.text for outcome in outcomes.values()} == {"failed"}


@pytest.mark.parametrize("before", [0, 10])
@virtual_time
async def test_failures_in_a_row_stop_the_run(before: int) -> None:
    """As many as were allowed, counted anew after each answer; the others are not attempted."""
    calls = Calls(100, lambda item, _: DOWN if item >= before else None, longest_outage=0)
    outcomes = await _run(calls, stop_after_failures=5, max_concurrency=1)
    texts = [outcome.text for outcome in outcomes.values()]
    assert texts.count("done") == before
    assert texts.count("failed") == 5
    assert all("5 targets in a row failed" in text for text in texts[before + 5 :])


@virtual_time
async def test_an_answer_in_between_breaks_the_row() -> None:
    """Four failures, an answer and four failures are no dead server."""
    calls = Calls(99, lambda item, _: None if item % 5 == 0 else DOWN, longest_outage=0)
    outcomes = await _run(calls, stop_after_failures=5, max_concurrency=1)
    assert {outcome.text for outcome in outcomes.values()} == {"done", "failed"}


@virtual_time
async def test_after_an_outage_everything_is_done() -> None:
    """One at a time asks whether the server is back, and those that failed in between go back once."""
    start = now()

    def answer(item: int, call: int) -> MeetStreamError | None:
        return DOWN if 2.5 < now() - start < 12 else None

    calls = Calls(12, answer)
    outcomes = await _run(calls, max_concurrency=3)
    # The first to fail was alone with it, as far as anybody knew.
    assert outcomes.pop(6).text == "failed"
    assert {outcome.text for outcome in outcomes.values()} == {"done"}
    # 7 and 8 ask in turns, after 1 s and then 2 s; the answer lets 7 go back without a wait.
    assert [at - start for at in calls.at[7]] == pytest.approx([2, 4, 9, 13])
    assert [at - start for at in calls.at[8]] == pytest.approx([2, 6, 12])
    assert min(at for item in (9, 10, 11) for at in calls.at[item]) - start == pytest.approx(13)
    assert (outcomes[7].attempts, outcomes[8].attempts) == (4, 3)


@virtual_time
async def test_an_outage_that_does_not_end_is_given_up() -> None:
    """Every item has its outcome; what was not sent says why."""
    calls = Calls(60, lambda item, _: None if item < 3 else DOWN)
    outcomes = await _run(calls, max_concurrency=3, stop_after_failures=5)
    texts = [outcome.text for outcome in outcomes.values()]
    assert texts[:3] == ["done"] * 3
    assert texts.count("failed") >= 5
    assert "targets in a row failed" in texts[-1]


@virtual_time
async def test_an_item_that_met_a_429_goes_back_once_after_the_pause() -> None:
    """Its second answer counts, and both attempts."""
    limiter = RateLimiter()

    def answer(item: int, call: int) -> MeetStreamError | None:
        if item or call:
            return None
        limiter.pause(9)
        return RateLimitError("slow down", status=429, attempts=1)

    calls = Calls(1, answer, rate_limiter=limiter)
    began = now()
    outcomes = await _run(calls)
    assert outcomes[0] == Done("done", attempts=2)
    assert [at - began for at in calls.at[0]] == pytest.approx([0, 10])


@virtual_time
async def test_cancelling_a_run_ends_everything_and_tells_of_it() -> None:
    """What was in flight is interrupted, the rest is not attempted, and no task is left."""
    calls = Calls(10)
    outcomes: dict[int, Done] = {}
    runner = Runner[int, Any](calls, BulkOptions(max_concurrency=2), outcomes.__setitem__)  # type: ignore[arg-type]
    running = asyncio.create_task(runner.run())
    await asyncio.sleep(1.5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    texts = [outcomes[item].text for item in range(10)]
    assert texts[:4] == ["done"] * 2 + ["interrupted"] * 2
    assert set(texts[4:]) == {"not attempted: cancelled"}
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual_time
async def test_an_item_whose_task_is_cancelled_before_its_first_step_has_an_outcome() -> None:
    """Nothing was sent for it, and it is told as such. An eager task has taken its first step by then."""

    class Cancelling(Calls):
        async def items(self) -> AsyncGenerator[int, None]:
            running.cancel()
            async for item in super().items():
                yield item

    calls = Cancelling(2)
    outcomes: dict[int, Done] = {}
    runner = Runner[int, Any](calls, BulkOptions(), outcomes.__setitem__)  # type: ignore[arg-type]

    async def run() -> None:
        await asyncio.sleep(0)
        await runner.run()

    running = asyncio.create_task(run())
    with pytest.raises(asyncio.CancelledError):
        await running
    begun = {} if loops.chosen != "eager" else calls.at
    assert calls.at == begun
    assert {item: outcome.text for item, outcome in outcomes.items()} == {
        item: "interrupted" if item in begun else "not attempted: cancelled" for item in range(2)
    }


@virtual_time
async def test_an_item_whose_refusal_is_over_is_not_called_for_ever() -> None:
    """Its outcome still names the 429, beside what else stays open: a call without a new one ends it."""
    refused = RateLimitError("slow down", status=429, attempts=1)
    calls = Calls(1, lambda item, call: refused)
    assert (await _run(calls))[0].error is refused
    assert len(calls.at[0]) == 2


@virtual_time
async def test_an_item_goes_back_to_a_server_out_of_reach_a_few_times_only() -> None:
    """Each of its calls fails for want of a server, and its own pace leaves no time for another attempt."""
    calls = Calls(1)

    def answer(item: int, call: int) -> MeetStreamError:
        calls.failed_attempts += 1
        return RateLimitError("the next request may start in 1 s", status=429, attempts=1)

    calls.answer = answer
    outcomes = await _run(calls)
    assert isinstance(outcomes[0].error, RateLimitError)
    assert len(calls.at[0]) == 1 + 4


@virtual_time
async def test_failures_of_others_do_not_keep_a_refused_item_from_going_back() -> None:
    """A 429 is nobody's failure as long as the API lets requests through, whatever else goes wrong."""
    limiter = RateLimiter(100)
    calls = Calls(1, rate_limiter=limiter)

    def answer(item: int, call: int) -> MeetStreamError | None:
        calls.failed_attempts += 1
        limiter.observe(200, {}, now())
        return RateLimitError("slow down", status=429, attempts=1) if call < 10 else None

    calls.answer = answer
    assert (await _run(calls))[0].text == "done"
    assert len(calls.at[0]) == 11


@virtual_time
async def test_a_server_that_has_not_answered_yet_is_asked_by_no_more_calls_than_may_fail() -> None:
    """In a row. Once it has answered, all slots are used."""
    seen: list[int] = []

    def answer(item: int, call: int) -> MeetStreamError | None:
        seen.append(calls.most)
        # The first second ends with one failure, the next one with answers.
        return DOWN if item == 0 else None

    calls = Calls(30, answer)
    await _run(calls, max_concurrency=10, stop_after_failures=3)
    assert seen[0] == 3
    assert calls.most == 10


@virtual_time
async def test_a_slot_for_a_request_of_the_operations_own_is_one_of_the_runs() -> None:
    """It waits for the pace as well."""
    limiter = RateLimiter()
    runner = Runner[int, Any](Calls(0, rate_limiter=limiter), BulkOptions(max_concurrency=1), print)  # type: ignore[arg-type]
    limiter.pause(5)
    began = now()
    async with runner.slot():
        assert now() - began == pytest.approx(5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), runner.slot():
                pass
    async with runner.slot():
        pass


@virtual_time
async def test_a_refused_item_goes_back_more_often_where_nothing_failed() -> None:
    """A server that answers 429 is not out of reach."""

    def answer(item: int, call: int) -> MeetStreamError | None:
        return None if call == 8 else RateLimitError("slow down", status=429, attempts=1)

    calls = Calls(1, answer)
    assert (await _run(calls))[0].text == "done"
    assert len(calls.at[0]) == 9


@virtual_time
async def test_whoever_was_let_through_meanwhile_counts_its_vain_returns_anew() -> None:
    """Only those in a row are a sign of a server out of reach."""
    limiter = RateLimiter(100)
    calls = Calls(1, rate_limiter=limiter)

    def answer(item: int, call: int) -> MeetStreamError | None:
        calls.failed_attempts += 1
        if call == 3:
            limiter.observe(200, {}, now())
        return RateLimitError("slow down", status=429, attempts=1)

    calls.answer = answer
    await _run(calls)
    assert len(calls.at[0]) == 1 + 3 + 4
