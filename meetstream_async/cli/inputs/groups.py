"""Groups of options: attrs classes whose fields become options of each command that takes the class."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import attrs

from .shown import Shown, apply


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer reads it: a parameter that is a group is spread into its options.

    They stand in its place, in the order of the fields; what was typed comes back as one value of the class.
    A group may hold other groups. Behind them stand the options of every command, which are applied here.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if _is_group(kind):
            groups[name] = kind
            parameters += _options(kind)
        else:
            # By keyword alone, as typer calls it: then one without a default may follow one that has it.
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=kind))

    parameters += _options(Shown)

    def take(**typed: Any) -> None:
        apply(_take_group(Shown, typed))
        built = {name: _take_group(kind, typed) for name, kind in groups.items()}
        command(**typed, **built)

    # Not functools.wraps: what looks for the signature would follow it to the command's own.
    take.__name__, take.__doc__, take.__module__ = command.__name__, command.__doc__, command.__module__
    take.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    take.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect reads it
    return take


def _is_group(kind: Any) -> bool:
    return inspect.isclass(kind) and attrs.has(kind)


def _options(group: type) -> list[inspect.Parameter]:
    """The options of a group, and of the groups inside it."""
    hints = get_type_hints(group, include_extras=True)
    found: list[inspect.Parameter] = []
    for field in attrs.fields(group):
        kind = hints[field.name]
        if _is_group(kind):
            found += _options(kind)
            continue
        default = inspect.Parameter.empty if field.default is attrs.NOTHING else field.default
        found.append(
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        )
    return found


def _take_group(group: type, typed: dict[str, Any]) -> Any:
    """A group made of what was typed, which it takes out of ``typed``."""
    hints = get_type_hints(group)
    return group(
        **{
            field.name: _take_group(hints[field.name], typed)
            if _is_group(hints[field.name])
            else typed.pop(field.name)
            for field in attrs.fields(group)
        }
    )
