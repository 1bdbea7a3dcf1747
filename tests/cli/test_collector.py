"""A worker that the program is looks for garbage less often, and no longer than it is one."""

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


def test_only_the_block_collects_rarely() -> None:
    """What was loaded before is left out, and all is as before afterwards, whatever happens."""
    with pytest.raises(ZeroDivisionError), rarely_collecting():
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 700
        assert gc.get_freeze_count() > 0
        raise ZeroDivisionError
    assert (gc.get_threshold(), gc.get_freeze_count()) == ((700, 10, 10), 0)
