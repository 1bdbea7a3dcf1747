"""The reference is made from docstrings: every option, argument and field of a public name is explained."""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from meetstream_async.fastapi import Runs

DOORS = (
    "meetstream_async",
    "meetstream_async.fastapi",
    "meetstream_async.fastapi.durable",
    "meetstream_async.jobs",
    "meetstream_async.simulator",
    "meetstream_async.tracing",
)


def _explains(text: str, name: str) -> bool:
    """Whether a text names it as an argument: ``name``, or "name: meaning"."""
    listed = rf"\b{name}(, \w+)*: |^ *(\w+, )*{name}(, \w+)*  "
    return re.search(rf"``?{name}``?|{listed}", text, re.MULTILINE) is not None


def _commented(cls: type) -> set[str]:
    """The fields of a class that a string below them explains."""
    found: set[str] = set()
    for base in cls.__mro__:
        if not base.__module__.startswith("meetstream_async"):
            continue
        try:
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        except OSError:
            continue  # made by a decorator
        assert isinstance(tree, ast.ClassDef)
        for first, second in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(second, ast.Expr) and isinstance(second.value, ast.Constant):
                if isinstance(first, ast.AnnAssign) and isinstance(first.target, ast.Name):
                    found.add(first.target.id)
                if isinstance(first, ast.Assign):
                    found |= {target.id for target in first.targets if isinstance(target, ast.Name)}
    return found


def _described(cls: Any) -> set[str]:
    fields = getattr(cls, "model_fields", {})
    return {name for name, field in fields.items() if field.description}


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    for base in cls.__mro__:
        if base.__module__.startswith("meetstream_async"):
            for name in {**vars(base), **inspect.get_annotations(base)}:
                if not name.startswith("_") and name != "model_config":
                    yield name, inspect.getattr_static(cls, name, None)


def _missing_of_function(function: Any, where: str, also: str = "") -> Iterator[str]:
    text = (inspect.getdoc(function) or "") + also
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is not parameter.empty and name != "engine" and not _explains(text, name):
            yield f"{where}({name}=)"


def _missing_of_class(cls: type, where: str) -> Iterator[str]:
    text = inspect.getdoc(cls) or ""
    explained = _commented(cls) | _described(cls)
    for name, member in _members(cls):
        routine = getattr(member, "__func__", member)
        if inspect.isroutine(routine) or isinstance(routine, property):
            # What implements a protocol is explained there.
            if not inspect.getdoc(getattr(cls, name)) and not hasattr(Runs, name):
                yield f"{where}.{name}"
            elif not isinstance(routine, property) and name in vars(cls):
                said_there = inspect.getdoc(getattr(Runs, name, None)) or ""
                yield from _missing_of_function(routine, f"{where}.{name}", said_there)
        elif name not in explained and not _explains(text, name) and not hasattr(Runs, name):
            yield f"{where}.{name}"
    if not issubclass(cls, BaseException | enum.Enum):
        made_of = " ".join(f"``{name}``" for name in explained)
        yield from _missing_of_function(cls, where, f"{text} {made_of}")


@pytest.mark.docs
@pytest.mark.parametrize("door", DOORS)
def test_every_argument_and_field_is_explained(door: str) -> None:
    """Where it is defined, so that editors, help() and the reference show it."""
    module = importlib.import_module(door)
    missing: list[str] = []
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value):
            missing += _missing_of_class(value, name)
        elif inspect.isroutine(value):
            missing += _missing_of_function(value, name)
    assert missing == []
