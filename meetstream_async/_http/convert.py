"""JSON to models, with cattrs. Pure, no I/O; each API adds the hooks of its own models.

Strict where a value is used in a request (ids), lenient elsewhere. By default cattrs would convert null to
``"None"`` and ``"false"`` to ``True``, so every hook here accepts exactly one JSON type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property, partial
from operator import eq
from types import ModuleType, NoneType
from typing import Any, TypeAlias, TypeVar

import attrs
from cattrs import Converter
from cattrs.errors import ClassValidationError
from cattrs.gen import make_dict_structure_fn, override

from .. import errors
from .._times import REAL, read_time
from .call import Context, Remark
from .reply import UNREADABLE, Reply, json_type
from .shapes import Hook, ShapeReader
from .urls import identifier_problem

M = TypeVar("M")

Fields: TypeAlias = Mapping[str, Any]
"""Overrides of cattrs by the field's name."""
OURS = override(omit=True)
"""A field that only we set: a reply must not be able to claim it."""


_UNTOUCHED: dict[Hook, frozenset[type]] = {}
"""The types whose values a hook returns as they are."""


def _only(name: str, *kinds: type) -> Hook:
    def hook(value: object, _: object) -> object:
        # Exactly this type: a JSON true is not a number, although a Python bool is an int.
        if type(value) in kinds:
            return value
        raise TypeError(f"expected {name}, got {json_type(value)}")

    _UNTOUCHED[hook] = frozenset(kinds)
    return hook


def _time(value: object, _: object) -> datetime | None:
    if value is None:
        return None
    if type(value) is not str:
        raise TypeError(f"expected an ISO 8601 time, got {json_type(value)}")
    time = read_time(value)
    if time.tzinfo is None:
        raise ValueError("the time has no UTC offset")
    return time


def _texts(value: object, _: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if type(value) is not list or not {str}.issuperset(map(type, value)):
        raise TypeError("expected an array of strings")
    return tuple(value)


def identifier(value: object, _: object) -> object:
    """Hook for an id that is used in a request."""
    problem = identifier_problem(value)
    if problem is not None:
        raise ValueError(problem)
    return value


def json_object(value: object, _: object) -> dict[str, Any]:
    """Hook for a free-form object; null reads as an empty object."""
    if value is None:
        return {}
    if type(value) is not dict:
        raise TypeError(f"expected an object, got {json_type(value)}")
    return value


_UNTOUCHED |= {
    _time: frozenset({NoneType}),
    _texts: frozenset({NoneType}),
    json_object: frozenset({dict}),
}

AN_ID, AN_OBJECT = override(struct_hook=identifier), override(struct_hook=json_object)

_HOOKS: dict[Any, Hook] = {
    str: _only("a string", str),
    int: _only("an integer", int),
    str | None: _only("a string", str, NoneType),
    int | None: _only("an integer", int, NoneType),
    bool | None: _only("a boolean", bool, NoneType),
    REAL["datetime"] | None: _time,
    tuple[str, ...] | None: _texts,
}
"""Hooks by annotation. Explicit for unions: cattrs would test the members for every value."""


class Structurer:
    """Builds models from JSON objects, with strict types.

    It has two converters, each created on first use to keep the import of the package fast: a fast one, and a
    slower one for objects that the fast one refuses, which tells what fields are wrong.
    """

    def __init__(self, models: ModuleType, own: Mapping[type, Fields] | None = None) -> None:
        """``models``: the module of all that it makes. ``own``: the fields of a model that are read in a way
        of their own.
        """
        for model in vars(models).values():
            if isinstance(model, type) and attrs.has(model):
                # With the real class: a test that freezes the clock may have put another one in the place of
                # `datetime` by now, which has no hook for the rest of the process.
                attrs.resolve_types(model, localns=dict(REAL))
        self._own = own or {}
        self._readers: dict[type, ShapeReader[Any]] = {}

    @cached_property
    def _quick(self) -> Converter:
        return self._converter(detailed=False)

    @cached_property
    def _detailed(self) -> Converter:
        return self._converter(detailed=True)

    def reader(self, model: type[M]) -> Callable[[dict[str, Any]], M]:
        """The fast conversion to one model; raises any exception for an object that does not fit."""
        reader = self._readers.get(model)
        if reader is None:
            reader = self._readers[model] = self._new_reader(model)
        return reader

    def _new_reader(self, model: type[M]) -> ShapeReader[M]:
        own = self._own.get(model, {})
        hooks: list[tuple[attrs.Attribute[Any], Hook | None]] = []
        for field in attrs.fields(model):  # type: ignore[arg-type]  # an attrs class
            mine = own.get(field.name)
            if mine is None:
                hooks.append((field, self._quick.get_structure_hook(field.type)))
            else:
                hooks.append((field, None if mine.omit else mine.struct_hook))
        return ShapeReader(model, self._quick.get_structure_hook(model), hooks, _UNTOUCHED)

    def structure(self, data: dict[str, Any], model: type[M], path: str) -> tuple[M, list[Remark]]:
        """The model, and a remark on each field of the wrong type, which reads as None.

        Raises ClassValidationError if a field without a default is missing or wrong.
        """
        try:
            return self.reader(model)(data), []
        except Exception:
            return self._structure_the_rest(data, model, path)

    def structure_each(
        self, values: object, model: type[M], path: str, remarks: list[Remark]
    ) -> tuple[M, ...]:
        """The objects of a list. Other elements are dropped, and their paths added to ``remarks``."""
        if values is None:
            return ()
        if not isinstance(values, list):
            remarks.append(Remark.ignored_field(path))
            return ()
        read = []
        for index, value in enumerate(values):
            if isinstance(value, dict):
                one, wrong = self.structure(value, model, f"{path}[{index}]")
                read.append(one)
                remarks += wrong
            elif value is not None:
                remarks.append(Remark.ignored_field(f"{path}[{index}]"))
        return tuple(read)

    def _converter(self, *, detailed: bool) -> Converter:
        converter = Converter(detailed_validation=detailed)
        for annotation, hook in _HOOKS.items():
            if isinstance(annotation, type):
                converter.register_structure_hook(annotation, hook)
            else:
                converter.register_structure_hook_func(partial(eq, annotation), hook)
        for model, fields in self._own.items():
            converter.register_structure_hook(model, make_dict_structure_fn(model, converter, **fields))
        return converter

    def _structure_the_rest(self, data: dict[str, Any], model: type[M], path: str) -> tuple[M, list[Remark]]:
        wrong: list[str] = []
        try:
            self._detailed.structure(data, model)
        except ClassValidationError as exc:
            wrong = [note.name for _, note in exc.group_exceptions()[0]]
        kept = {key: value for key, value in data.items() if key not in wrong}
        return self._detailed.structure(kept, model), [
            Remark.ignored_field(f"{path}.{name}") for name in wrong
        ]


def invalid_response(
    reply: Reply, context: Context, problem: str, path: str, *, effect: bool
) -> errors.InvalidResponseError:
    """The error for a 2xx whose body is not what it should be at ``path``: the reply "is …", "has …"."""
    return errors.InvalidResponseError(
        f"the {reply.status} reply {problem}",
        path=path,
        status=reply.status,
        request_id=reply.request_id,
        attempts=context.attempts,
        outcome_unknown=effect,
    )


def object_of(reply: Reply, context: Context, *, effect: bool) -> dict[str, Any]:
    """The JSON object that a body is. Raises InvalidResponseError for anything else."""
    return _as_object(reply.json(), reply, context, effect=effect)


def object_or_empty(reply: Reply, context: Context) -> dict[str, Any]:
    """The same of a request with an effect, where a body may say nothing."""
    data = reply.json()
    # A gateway in front of a function without a return value sends "null".
    if data is None or (data is UNREADABLE and not reply.body.strip()):
        return {}
    return _as_object(data, reply, context, effect=True)


def _as_object(data: object, reply: Reply, context: Context, *, effect: bool) -> dict[str, Any]:
    if isinstance(data, dict):
        return data
    problem = "is not JSON" if data is UNREADABLE else f"is {json_type(data)}, not an object"
    raise invalid_response(reply, context, problem, "$", effect=effect)
