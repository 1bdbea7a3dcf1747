"""With orjson a body reads as it does without."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meetstream_async._http import quick_json
from meetstream_async._http.reply import UNREADABLE, parse_json

pytest.importorskip("orjson", reason="the extra `speed` is not installed")

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)
BODIES = st.one_of(
    st.builds(lambda value, ascii: json.dumps(value, ensure_ascii=ascii), VALUES, st.booleans()).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
    st.binary(max_size=20),
    st.text('{}[]",:0123456789.eE+-\\u tfn', max_size=30).map(str.encode),
)


def both(body: bytes) -> tuple[object, object]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick_json, "_orjson", lambda: None)
        alone = parse_json(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick_json, "_orjson", lambda: import_module("orjson").loads)
        patch.setattr(quick_json, "_SHORT", 0)
        return alone, parse_json(body)


@given(BODIES)
@example(b'{"a": 9223372036854775807}')
@example(b'{"a": 123456789012345678901234567890}')
@example(b"[-9223372036854775809]")
@example(b'{"a":18446744073709551616}')
@example(b"20000000000000000000")
@example(b"\xef\xbb\xbf -20000000000000000000")
@example(b"\xef\xbb\xbf[20000000000000000000]")
@example(b'{"a": NaN, "b": -Infinity}')
@example(b'{"a": 1e400}')
@example(b'"\\ud800"')
@example(b'{"a": 1, "a": 2}')
@example(b"\xef\xbb\xbf{}")
@example(b'{"a": "\xff"}')
@example(b" [1] \n")
@example(b"[1] x")
def test_a_body_reads_as_by_the_standard_library(body):
    """The same value, of the same types, or unreadable in both cases."""
    alone, quick = both(body)
    assert (alone is UNREADABLE) == (quick is UNREADABLE)
    if alone is not UNREADABLE:
        assert repr(quick) == repr(alone)


def test_it_is_used_where_it_is_installed():
    """A listing's ids of many digits are no numbers, and don't keep it from being read quickly."""
    row = b'{"id": "evt_00000000000000000000000000000001", "bot": "0b9d1f5e-6a34-4c1b-8d5f-000000000001"}'
    quick_json._orjson.cache_clear()
    rows = b"[" + b", ".join([row] * 100) + b"]"
    assert quick_json.quickly(rows.decode(), rows) == (True, json.loads(rows))
    assert quick_json.quickly(row.decode(), row) == (False, None)
