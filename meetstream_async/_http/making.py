"""Making values of frozen classes without the detour that keeps everybody else from writing to them.

The ``__init__`` of a frozen attrs class with slots writes each field through ``object.__setattr__``, which
searches the class and its bases for it; a slot's own descriptor writes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import attrs

P = ParamSpec("P")
T = TypeVar("T")


def maker(cls: Callable[P, T]) -> Callable[P, T]:
    """A function that takes what ``cls`` takes, and makes the same value of it.

    ``cls``: an attrs class. Where it has more to do than to write its fields, that is the class itself.
    """
    fields = attrs.fields(cast(Any, cls))
    if not all(_is_written_as_it_is(cls, field) for field in fields) or hasattr(cls, "__attrs_post_init__"):
        return cls
    names: dict[str, Any] = {"cls": cls, "new": object.__new__}
    parameters, lines = [], []
    for field in fields:
        names[f"set_{field.name}"] = getattr(cls, field.name).__set__
        names[f"default_{field.name}"] = field.default
        parameters.append(
            field.name if field.default is attrs.NOTHING else f"{field.name}=default_{field.name}"
        )
        lines.append(f"    set_{field.name}(self, {field.name})\n")
    source = f"def make({', '.join(parameters)}):\n    self = new(cls)\n{''.join(lines)}    return self\n"
    exec(source, names)
    return cast("Callable[P, T]", names["make"])


def _is_written_as_it_is(cls: object, field: attrs.Attribute[Any]) -> bool:
    return (
        field.init
        and not field.kw_only
        and field.alias == field.name
        and field.converter is None
        and field.validator is None
        and factory_of(field) is None
        and hasattr(getattr(cls, field.name, None), "__set__")
    )


def factory_of(field: attrs.Attribute[Any]) -> Callable[[], Any] | None:
    """What makes the default of a field anew for each value; None for a field without such a thing."""
    return getattr(field.default, "factory", None) if type(field.default) is _FACTORY else None


_FACTORY: Any = attrs.Factory
