"""A program that is nothing but a run looks for garbage less often, and no longer than it is one."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from meetstream_async.cli.runs.collector import _leave_out_what_is_loaded, rarely_collecting


@pytest.fixture(autouse=True)
def usual_threshold() -> Iterator[None]:
    """Python's own."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_only_the_block_collects_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """All is as before afterwards, whatever happens; what was loaded before is left out, once for all."""
    left_out: list[int] = []
    monkeypatch.setattr(gc, "freeze", lambda: left_out.append(1))
    _leave_out_what_is_loaded.cache_clear()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), rarely_collecting():
            assert gc.isenabled()
            assert gc.get_threshold()[0] > 700
            raise ZeroDivisionError
        assert gc.get_threshold() == (700, 10, 10)
    assert left_out == [1]
