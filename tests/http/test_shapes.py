"""Objects of a shape that was read before read as cattrs reads them."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime
from types import ModuleType
from typing import Any

import attrs
import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from meetstream_async._http.convert import AN_ID, AN_OBJECT, OURS, Structurer
from meetstream_async._http.making import maker
from meetstream_async._http.shapes import _MOST, ShapeReader
from meetstream_async.bulk.report import UnscheduleOutcome
from meetstream_async.meetstream.models import ScheduledBot, UnscheduleResult


@frozen
class Model:
    id: str
    name: str | None = None
    count: int | None = None
    flag: bool | None = None
    time: datetime | None = None
    items: tuple[str, ...] | None = None
    attributes: dict[str, Any] = field(factory=dict)
    ours: bool = False


MODULE = ModuleType("models")
MODULE.Model = Model  # type: ignore[attr-defined]
OWN = {Model: {"id": AN_ID, "attributes": AN_OBJECT, "ours": OURS}}

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from(["", "a", "..", "\x00", "2030-12-04T09:57:00Z", "2030-12-04", "2030-06-30T23:59:60Z"]),
    st.lists(st.one_of(st.text("a", max_size=1), st.none()), max_size=2),
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 1), max_size=1),
)
NAMES = ("id", "name", "count", "flag", "time", "items", "attributes", "ours", "unknown")
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES)


def outcome(read: Any, value: dict[str, Any]) -> Any:
    try:
        return read(value)
    except Exception as error:
        return type(error), str(error)


@given(st.lists(OBJECTS, max_size=8))
def test_a_remembered_shape_reads_as_the_first_time(objects):
    """Whatever was read before, an object's model or error is that of cattrs alone."""
    structurer = Structurer(MODULE, OWN)
    read = structurer.reader(Model)
    alone = structurer._quick.get_structure_hook(Model)
    for value in objects * 2:
        expected = outcome(lambda value: alone(value, Model), value)
        got = outcome(read, value)
        assert got == expected or (isinstance(got, tuple) and isinstance(expected, tuple))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"id": "a"}, {"id": ".."}),
        ({"id": "a", "time": "2030-12-04T09:57:00Z"}, {"id": "a", "time": "soon"}),
        ({"id": "a", "items": ["b"]}, {"id": "a", "items": [1]}),
    ],
)
def test_values_that_matter_are_looked_at_each_time(good, bad):
    """An id, a time, and the items of a list are judged in every object, whatever its shape."""
    read = Structurer(MODULE, OWN).reader(Model)
    assert read(good) == read(good)
    with pytest.raises((TypeError, ValueError)):
        read(bad)


def test_what_only_we_set_cannot_be_claimed():
    """A field that the client sets keeps its default, although an object has its name."""
    read = Structurer(MODULE, OWN).reader(Model)
    assert [read({"id": "a", "ours": True}).ours for _ in range(2)] == [False, False]


def test_few_shapes_are_remembered():
    """A server that answers in ever new shapes, or with huge names, fills no memory."""
    read = Structurer(MODULE, OWN).reader(Model)
    assert isinstance(read, ShapeReader)
    read({"id": "a", "x" * 2000: 1})
    assert read._readers == {}
    for number in range(_MOST + 10):
        assert read({"id": "a", f"more{number}": 1}) == Model("a")
    assert len(read._readers) == _MOST


def test_values_are_not_shared():
    """A default that is made anew for each value is so in a remembered shape, too."""
    read = Structurer(MODULE, OWN).reader(Model)
    first, second, third = (read({"id": "a"}) for _ in range(3))
    assert first.attributes is not second.attributes
    assert second.attributes is not third.attributes


@frozen(weakref_slot=False)
class Plain:
    one: str
    two: int = 2
    three: list[int] = field(factory=list)


def test_a_made_value_is_the_same_as_a_constructed_one():
    """Equal, frozen, with its defaults, and with an error for a missing argument."""
    make = maker(Plain)
    assert make is not Plain
    assert make("a") == Plain("a")
    assert type(make("a")) is Plain
    assert make("a", two=3, three=[4]) == Plain("a", 3, [4])
    assert make("a").three is not make("a").three
    with pytest.raises(AttributeError):
        make("a").one = "b"  # type: ignore[misc]
    with pytest.raises(TypeError):
        make()  # type: ignore[call-arg]


@frozen(weakref_slot=False)
class Converted:
    one: str = field(converter=str)


@frozen(weakref_slot=False)
class Stepped:
    one: str

    def __attrs_post_init__(self) -> None:
        assert self.one


@pytest.mark.parametrize("cls", [UnscheduleOutcome, UnscheduleResult, ScheduledBot])
def test_what_there_are_many_of_is_made_the_short_way(cls):
    """Outcomes, results and bots, on every Python; copies and pickles of them are equal."""
    make = maker(cls)
    assert make is not cls
    value = make(*(f"{field.name}" for field in attrs.fields(cls) if field.default is attrs.NOTHING))
    assert type(value) is cls
    assert copy.copy(value) == pickle.loads(pickle.dumps(value)) == attrs.evolve(value) == value


def test_a_class_that_does_more_is_left_to_itself():
    """One with a converter, a validator or a step after them is made by calling it."""
    assert maker(Converted) is Converted
    assert maker(Stepped) is Stepped


def test_another_name_in_the_place_of_one_is_another_shape():
    """An object with as many names, and a value of the same type under another one, is read by its names."""
    read = Structurer(MODULE, OWN).reader(Model)
    for _ in range(3):
        assert read({"id": "a", "unknown": "x"}) == Model("a")
        assert read({"id": "a", "name": "x"}) == Model("a", name="x")
        assert read({"id": "a", "name": None}) == Model("a")
