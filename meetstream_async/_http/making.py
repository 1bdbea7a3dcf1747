"""Making values of frozen classes without the detour that keeps everybody else from writing to them.

The ``__init__`` of a frozen attrs class writes each field through ``object.__setattr__``, which searches the
class and its bases each time: half of what it takes to read a short reply. Here the fields are written while
the value still is of a class of the same layout that is not frozen; then it becomes what it is to be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import attrs

P = ParamSpec("P")
T = TypeVar("T")

_FACTORY: Any = attrs.Factory


def maker(cls: Callable[P, T]) -> Callable[P, T]:
    """A function that takes what ``cls``, an attrs class, takes, and makes the same value of it.

    It is the class itself where that has more to do than to write its fields, or where CPython can't change
    the class of a value: before 3.12, that of one with slots and weak references.
    """
    fields = attrs.fields(cast(Any, cls))
    draft = _draft(cast("type[Any]", cls))
    if draft is None or not all(map(_is_written_as_it_is, fields)) or hasattr(cls, "__attrs_post_init__"):
        return cls
    names: dict[str, Any] = {"cls": cls, "draft": draft, "new": object.__new__, "anew": object()}
    parameters, lines = [], []
    for field in fields:
        name, factory = field.name, factory_of(field)
        if factory is not None:
            names[f"factory_{name}"] = factory
            parameters.append(f"{name}=anew")
            lines.append(f"self.{name} = factory_{name}() if {name} is anew else {name}")
            continue
        names[f"default_{name}"] = field.default
        parameters.append(name if field.default is attrs.NOTHING else f"{name}=default_{name}")
        lines.append(f"self.{name} = {name}")
    body = "\n    ".join(["self = new(draft)", *lines, "self.__class__ = cls", "return self"])
    # Nothing but the names of the class's own fields, as attrs does it.
    exec(f"def make({', '.join(parameters)}):\n    {body}\n", names)
    return cast("Callable[P, T]", names["make"])


def _draft(cls: type[Any]) -> type[Any] | None:
    """A class of the same layout, if its values may become those of ``cls``."""
    slots = cls.__dict__.get("__slots__")
    draft = type(cls.__name__, cls.__bases__, {} if slots is None else {"__slots__": slots})
    value: Any = object.__new__(draft)
    try:
        value.__class__ = cls
    except TypeError:
        return None
    return draft


def _is_written_as_it_is(field: attrs.Attribute[Any]) -> bool:
    return (
        field.init
        and not field.kw_only
        and field.alias == field.name
        and field.converter is None
        and field.validator is None
    )


def factory_of(field: attrs.Attribute[Any]) -> Callable[[], Any] | None:
    """What makes the default of a field anew for each value; None for a field without such a thing."""
    return getattr(field.default, "factory", None) if type(field.default) is _FACTORY else None
