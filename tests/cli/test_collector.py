"""A program that is nothing but a run looks for garbage less often, and no longer than it is one."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from meetstream_async.cli.runs.collector import rarely_collecting


@pytest.fixture(autouse=True)
def usual_threshold() -> Iterator[None]:
    """Python's own."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize(("frozen", "calls"), [(0, ["freeze", "unfreeze"]), (10, [])])
def test_only_the_block_collects_rarely(
    frozen: int, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was loaded before is left out, and all is as before afterwards, whatever happens."""
    called: list[str] = []
    monkeypatch.setattr(gc, "get_freeze_count", lambda: frozen)
    monkeypatch.setattr(gc, "freeze", lambda: called.append("freeze"))
    monkeypatch.setattr(gc, "unfreeze", lambda: called.append("unfreeze"))
    with pytest.raises(ZeroDivisionError), rarely_collecting():
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 700
        raise ZeroDivisionError
    assert gc.get_threshold() == (700, 10, 10)
    assert called == calls
