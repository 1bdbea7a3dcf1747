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
        self._readers: dict[tuple[object, ...], Callable[[dict[str, Any]], M]] = {}

    def __call__(self, data: dict[str, Any]) -> M:
        """The model; raises any exception for an object that does not fit."""
        shape = (*data, *map(type, data.values()))
        reader = self._readers.get(shape)
        if reader is not None:
            return reader(data)
        value = self._judge(data, self._model)
        if len(self._readers) < _MOST and sum(map(len, data)) <= _LONGEST:
            self._readers[shape] = self._reader({name: type(value) for name, value in data.items()})
        return value

    def _reader(self, types: Mapping[str, type]) -> Callable[[dict[str, Any]], M]:
        names: dict[str, Any] = {"make": self._make}
        arguments = []
        for field, hook in self._fields:
            name = field.name
            if hook is None or name not in types:
                factory = factory_of(field)
                names[f"default_{name}"] = factory or field.default
                arguments.append(f"default_{name}()" if factory else f"default_{name}")
            elif types[name] in self._untouched.get(hook, ()):
                arguments.append(f"data[{name!r}]")
            else:
                names[f"hook_{name}"], names[f"type_{name}"] = hook, field.type
                arguments.append(f"hook_{name}(data[{name!r}], type_{name})")
        # Nothing but the names of the model's own fields, as attrs and cattrs do it.
        reader: Callable[[dict[str, Any]], M] = eval(f"lambda data: make({', '.join(arguments)})", names)
        return reader
