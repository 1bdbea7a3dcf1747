"""Undos in invented histories of trouble: never two bots for one old one, and a report that is true."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from meetstream_async.bulk import _restore_items, _restore_requests, _restore_state
from tests.helpers.proof import sized

from .many import run_many, shrunk, tell
from .undo import history


def _found(seeds: Iterable[int]) -> dict[str, list[int]]:
    return run_many(seeds, make=history).found


CHUNKS = 6


@pytest.mark.timeout(sized(60, 1200, 7200))
@pytest.mark.parametrize("chunk", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, CHUNKS))])
def test_every_invariant_holds_in_every_undo(chunk: int) -> None:
    """Whatever is lost on the wire, however often the undo is killed and repeated."""
    size = sized(60, 3_000, 30_000) // CHUNKS
    found = _found(range(chunk * size, (chunk + 1) * size))
    if found:
        name, seeds = next(iter(found.items()))
        kinds = {kind: (len(seeds), seeds[:5]) for kind, seeds in found.items()}
        pytest.fail(f"{kinds}\n\n{tell(seeds[0], shrunk(seeds[0], name, make=history))}")


@pytest.mark.slow
def test_an_undo_that_sends_a_lost_request_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The histories are hard enough to notice what must never happen."""
    careful = _restore_requests.schedule_event

    def careless(*arguments: Any) -> Any:
        request = careful(*arguments)
        request.repeatable = True
        return request

    monkeypatch.setattr(_restore_requests, "schedule_event", careless)
    assert _found((0, 10, 18, 205)).keys() == {"again", "double"}


@pytest.mark.slow
def test_an_undo_with_another_key_each_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A one-off bot is created twice then, once an answer is lost."""
    keys = iter(range(10**6))
    monkeypatch.setattr(_restore_items, "idempotency_key_of", lambda *_: f"key-{next(keys)}")
    monkeypatch.setattr(_restore_state.RestoreState, "_twin", lambda *_: None)
    assert "double" in _found((81, 107, 149, 167))


@pytest.mark.slow
def test_an_undo_that_believes_each_answer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says "scheduled" and schedules nothing is not believed."""
    monkeypatch.setattr(_restore_state.RestoreState, "confirm", lambda self: [])
    assert "lie" in _found((12, 138, 166))
