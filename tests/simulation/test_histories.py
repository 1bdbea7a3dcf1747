"""Invented histories of trouble: every invariant holds in each of them."""

from __future__ import annotations

import pytest

from tests.helpers.proof import sized

from .generate import history
from .many import run_many, shrunk, tell

CHUNKS = 16
MORE = [pytest.param(chunk, marks=pytest.mark.slow) for chunk in range(1, CHUNKS)]
"""The default run plays the first chunk; the others show the same of other seeds."""


@pytest.mark.soak
@pytest.mark.timeout(sized(120, 1200, 7200))
@pytest.mark.parametrize("chunk", [0, *MORE])
def test_every_invariant_holds_in_every_history(chunk: int) -> None:
    """A run never says ok while a bot joins, ends, and does no more than it was asked for."""
    size = sized(1_000, 10_000, 100_000) // CHUNKS
    tally = run_many(range(chunk * size, (chunk + 1) * size))
    assert tally.histories == size
    found = tally.found
    if found:
        name, seeds = next(iter(found.items()))
        seed = min(seeds[:50], key=lambda one: history(one).size)
        kinds = {kind: (len(seeds), seeds[:5]) for kind, seeds in found.items()}
        pytest.fail(f"{tally}\n{kinds}\n\n{tell(seed, shrunk(seed, name))}")
