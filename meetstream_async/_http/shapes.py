"""Objects of a shape that was seen valid before are read without asking for each field's type again. Pure.

cattrs reads, and so judges, the first object of each shape: its names, and the types of their values. What it
took is remembered as a function that picks the same fields. A value that matters beyond its type (an id, a
time, the items of a list) goes through its hook each time. What cattrs refuses is never remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import attrs

from .making import factory_of, maker

M = TypeVar("M")

Hook = Callable[[Any, Any], Any]

_MOST = 64
"""Shapes that are remembered of one model; an API has a handful."""
_LONGEST = 1000
"""Characters of all names of a shape that is remembered."""


class ShapeReader(Generic[M]):
    """Reads one model, as ``judge`` does."""

    def __init__(
        self,
        model: Callable[..., M],
        judge: Callable[[Any, Any], M],
        fields: Sequence[tuple[attrs.Attribute[Any], Hook | None]],
        untouched: Mapping[Hook, frozenset[type]],
    ) -> None:
        """``judge``: the hook of cattrs. ``fields``: all of the model, with the hook of each; None for those
        that are never read. ``untouched``: the types whose values a hook returns as they are.
        """
        self._model, self._make = model, maker(model)
        self._judge = judge
        self._fields = fields
        self._untouched = untouched
        self._readers: dict[tuple[object, ...], Callable[[dict[str, Any]], M | None]] = {}
        self._latest: Callable[[dict[str, Any]], M | None] = _fits_nothing

    def __call__(self, data: dict[str, Any]) -> M:
        """The model; raises any exception for an object that does not fit."""
        # The rows of a listing are nearly all of one shape.
        value = self._latest(data)
        if value is not None:
            return value
        shape = (*data, *map(type, data.values()))
        reader = self._readers.get(shape)
        if reader is not None:
            self._latest = reader
            value = reader(data)
            assert value is not None
            return value
        value = self._judge(data, self._model)
        if len(self._readers) < _MOST and sum(map(len, data)) <= _LONGEST:
            self._readers[shape] = self._reader({name: type(value) for name, value in data.items()})
        return value

    def _reader(self, types: Mapping[str, type]) -> Callable[[dict[str, Any]], M | None]:
        """Reads objects with just these names, and values of these types; None for any other."""
        names: dict[str, Any] = {"make": self._make}
        place = {name: f"value_{number}" for number, name in enumerate(types)}
        taken, wrong = [], [f"len(data) != {len(types)}"]
        for name, value in place.items():
            names[f"name_of_{value}"], names[f"type_of_{value}"] = name, types[name]
            taken.append(f"{value} = data[name_of_{value}]")
            wrong.append(f"type({value}) is not type_of_{value}")
        arguments = []
        for field, hook in self._fields:
            name = field.name
            if hook is None or name not in types:
                factory = factory_of(field)
                names[f"default_{name}"] = factory or field.default
                arguments.append(f"default_{name}()" if factory else f"default_{name}")
            elif types[name] in self._untouched.get(hook, ()):
                arguments.append(place[name])
            else:
                names[f"hook_{name}"], names[f"type_{name}"] = hook, field.type
                arguments.append(f"hook_{name}({place[name]}, type_{name})")
        parts = {"taken": "; ".join(taken) or "pass", "wrong": " or ".join(wrong)}
        exec(_READER.format(**parts, arguments=", ".join(arguments)), names)
        reader: Callable[[dict[str, Any]], M | None] = names["read"]
        return reader


# Nothing but the names of the model's own fields is filled in, as attrs and cattrs do it.
_READER = """
def read(data):
    try:
        {taken}
    except KeyError:
        return None
    if {wrong}:
        return None
    return make({arguments})
"""


def _fits_nothing(data: dict[str, Any]) -> None:
    """Before any shape is known."""
