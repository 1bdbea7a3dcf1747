"""What a stream remembers of its ids is exact, and small."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from meetstream_async.bulk._seen import Seen

IDS = st.one_of(
    st.text(max_size=4),
    st.text("\x000a", max_size=40),
    st.builds("{}{:032x}".format, st.text("ev_\x00", max_size=3), st.integers(0, 20)),
    st.builds("{:032X}".format, st.integers(0, 20)),
    st.sampled_from(["\ud800", "é", "_0x1", "+" + "1" * 31, "1_" * 16, "\uff11" * 32]),
)


@given(st.lists(IDS, max_size=60))
def test_an_id_is_new_exactly_once(ids):
    """Whatever ids look like, the answers are those of a set of their texts."""
    seen, texts = Seen(), set[str]()
    for one in ids:
        assert seen.add(one) == (one not in texts)
        texts.add(one)


def test_an_id_takes_less_than_a_hundred_bytes():
    """Of MeetStream's own form, 0x4000 of them, the set's own table included."""
    tracemalloc.start()
    seen = Seen()
    for number in range(0x4000):
        seen.add(f"evt_{number << 96 | number:032x}")
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / 0x4000 < 100
