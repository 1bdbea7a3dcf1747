"""Pydantic and FastAPI support for attrs classes: schema, validation and JSON.

pydantic is not a dependency: it is imported only when one of these methods is called, and then it exists.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from ._times import REAL, time_of

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


ROUND_UP: Mapping[str, Any] = MappingProxyType({"round_up": True})
"""Metadata of a field whose time, where it is finer than a microsecond, is rounded up."""
_DEEPEST = 100
"""Maximum nesting of free-form JSON; deeper values are written as null."""


class PydanticType:
    """Base for attrs classes that work as a pydantic type: field, ``TypeAdapter``, ``response_model``.

    Instances are accepted as they are; JSON objects are passed to the class, so that its validators run.
    Unknown names are refused. Descriptions are taken from the docstrings in the source.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        known = dict(zip(getattr(cls, "__parameters__", ()), get_args(source), strict=False))
        hints = get_type_hints(cls, localns=dict(REAL))
        read, written = {}, {}
        for field in attrs.fields(cls):  # type: ignore[arg-type]  # only attrs classes take this up
            hint = _readable(_fill_in(hints[field.name], known), up=field.metadata.get("round_up", False))
            schema = handler.generate_schema(hint)
            read[field.name] = core_schema.typed_dict_field(schema, required=field.default is attrs.NOTHING)
            written[field.name] = core_schema.typed_dict_field(schema, required=True)
        built = core_schema.no_info_after_validator_function(
            lambda values: cls(**values), core_schema.typed_dict_schema(read, extra_behavior="forbid")
        )
        return core_schema.no_info_wrap_validator_function(
            lambda value, build: value if isinstance(value, cls) else build(value),
            built,
            serialization=core_schema.wrap_serializer_function_ser_schema(
                lambda value, write: write({name: _writable(getattr(value, name)) for name in written}),
                schema=core_schema.typed_dict_schema(written),
            ),
            ref=_reference(cls, source),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        shown = handler(schema)
        whole = handler.resolve_ref_schema(shown)
        whole["title"] = cls.__name__
        whole["description"] = inspect.getdoc(cls) or ""
        if handler.mode == "serialization":
            # In serialized form every field is present.
            whole["required"] = list(whole["properties"])
            whole.pop("additionalProperties", None)
        for name, text in _field_docstrings(cls).items():
            if name in whole["properties"]:
                whole["properties"][name]["description"] = text
        return shown


def error_schema(cls: type[Exception]) -> CoreSchema:
    """Schema of an error in a model: its class and text. Serialization only."""
    from pydantic_core import core_schema

    return core_schema.json_or_python_schema(
        json_schema=core_schema.no_info_after_validator_function(_refuse_error, core_schema.str_schema()),
        python_schema=core_schema.is_instance_schema(cls),
        serialization=core_schema.plain_serializer_function_ser_schema(
            lambda error: f"{type(error).__name__}: {error}", return_schema=core_schema.str_schema()
        ),
    )


def _readable(hint: Any, *, up: bool) -> Any:
    """The hint, with datetimes parsed from strings only: pydantic would take a number as an epoch."""
    if hint is REAL["datetime"]:
        return Annotated[hint, _Time(up)]
    if get_origin(hint) in (Union, UnionType):
        return Union[tuple(_readable(member, up=up) for member in get_args(hint))]  # noqa: UP007
    return hint


class _Time:
    """A time, by its own schema: while a test freezes the clock, pydantic may not know the real class."""

    def __init__(self, up: bool) -> None:
        self._up = up

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(
            partial(time_of, up=self._up), core_schema.datetime_schema()
        )


def _writable(value: Any, depth: int = 0) -> Any:
    """Drop what JSON cannot encode: lone surrogates and excessive nesting."""
    if isinstance(value, str):
        if value.isascii():
            return value
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if depth > _DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {_writable(key): _writable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_writable(item, depth + 1) for item in value)
    return value


def _refuse_error(text: str) -> Exception:
    raise ValueError("an error can't be rebuilt from its text")


def _fill_in(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    """The hint with its type variables replaced."""
    if isinstance(hint, TypeVar):
        return arguments.get(hint, hint)
    if parameters := getattr(hint, "__parameters__", ()):
        return hint[tuple(arguments.get(parameter, parameter) for parameter in parameters)]
    return hint


def _reference(cls: type, source: Any) -> str:
    """Key of the schema; the part before the colon becomes its name in OpenAPI."""
    arguments = get_args(source)
    names = [argument.__name__ for argument in arguments if isinstance(argument, type)]
    return f"{cls.__module__}.{'_'.join([cls.__qualname__, *names])}:{id(cls)}-{hash(arguments)}"


def _field_docstrings(cls: type) -> dict[str, str]:
    """The docstrings below the fields in the source; empty if the source is unavailable."""
    import ast

    try:
        definition = ast.parse(inspect.getsource(cls)).body[0]
    except OSError:
        return {}
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, after in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match after:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[field.target.id] = inspect.cleandoc(text)
    return found
