"""A request to an endpoint that has no method of its own. Pure, no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

from ..errors import ApiError, ConfigurationError
from .api_errors import api_error
from .call import SAFE, Context, Remark, Request, Route
from .convert import invalid_response
from .reply import UNREADABLE, Reply
from .urls import identifier_problem

JsonValue: TypeAlias = dict[str, "JsonValue"] | list["JsonValue"] | str | int | float | bool | None
"""What a JSON document can hold."""
QueryValue: TypeAlias = str | int | float | bool | None
"""A value of a query; None leaves it out."""
Query: TypeAlias = Mapping[str, QueryValue | Sequence[QueryValue]]

_METHODS = SAFE | {"POST", "PUT", "PATCH", "DELETE"}
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEPT = "/%:@!$&'()*+,;=~"
"""Characters that a path may hold as they are, besides letters, digits and ``_.-``."""


def any_request(
    method: str,
    path: str,
    params: Query | None,
    body: object,
    retry: bool | None,
    texts: Mapping[tuple[int, str], type[ApiError]],
) -> Request[JsonValue]:
    """Raises ConfigurationError for arguments that can't be sent, or would lead out of the base URL.

    ``texts``: the API's own words for its errors.
    """
    known = method.upper() if isinstance(method, str) else method
    if known not in _METHODS:
        raise ConfigurationError(f"method must be one of {', '.join(sorted(_METHODS))}, not {method!r}")
    if retry is not None and not isinstance(retry, bool):
        raise ConfigurationError(f"retry must be True, False or None, not {retry!r}")
    route = Route(known, (check_path(path),), repeated=retry is not False)

    def read(reply: Reply, context: Context) -> tuple[JsonValue, Sequence[Remark]]:
        return _read(reply, context, texts, route.has_effect)

    # After an attempt that may have taken effect, nobody here knows whether it may take effect twice.
    repeatable = known in SAFE or retry is True
    return Request(route, read, query=_query(params), body=_body(body), repeatable=repeatable)


def check_path(path: object) -> str:
    """The path below the base URL, percent-encoded where it has to be. Raises ConfigurationError."""
    if not isinstance(path, str):
        raise ConfigurationError(f"path must be a string, not {type(path).__name__}")
    whole = path if path.startswith("/") else f"/{path}"
    segments = whole[1:].split("/")
    if "\\" in path or any(not segment for segment in segments[:-1]) or not any(segments):
        problem = "must be a path below the base URL, such as '/calendar/events'"
    elif "?" in path or "#" in path:
        problem = "must not have a query or fragment; pass params=..."
    elif _BROKEN_ESCAPE.search(path):
        problem = "has a '%' that begins no escape; quote it as %25"
    else:
        # As a server may read it: an escape may hide a dot segment, a slash or a line break.
        read = "/".join(map(unquote, segments)).split("/")
        found = (identifier_problem(segment) for segment in read if segment)
        problem = next(filter(None, found), "")
    if problem:
        # It may hold an id of somebody's own, so it is not shown.
        raise ConfigurationError(f"path {problem}")
    return quote(whole, safe=_KEPT)


def _query(params: Query | None) -> Mapping[str, Sequence[str]] | None:
    if params is None:
        return None
    if not isinstance(params, Mapping):
        raise ConfigurationError(f"params must be a mapping, not {type(params).__name__}")
    query: dict[str, list[str]] = {}
    for name, value in params.items():
        if not isinstance(name, str):
            raise ConfigurationError(f"params must have strings for names, not {type(name).__name__}")
        values = value if isinstance(value, list | tuple) else [value]
        if kept := [_query_text(name, one) for one in values if one is not None]:
            query[name] = kept
    return query


def _query_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ConfigurationError(f"params[{name!r}] contains a lone surrogate") from None
        return value
    if isinstance(value, int | float):
        return str(value)
    raise ConfigurationError(
        f"params[{name!r}] must be a string, number, boolean or a list of them, not {type(value).__name__}"
    )


def _body(body: object) -> object:
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"{type(error).__name__}: {error}" if isinstance(error, TypeError) else type(error).__name__
    else:
        return body
    raise ConfigurationError(f"json can't be written as JSON ({problem})")


def _read(
    reply: Reply, context: Context, texts: Mapping[tuple[int, str], type[ApiError]], effect: bool
) -> tuple[Any, Sequence[Remark]]:
    if not reply.succeeded:
        raise api_error(reply, context, texts, effect=effect)
    if not reply.body.strip():
        return None, ()
    value = reply.json()
    if value is UNREADABLE:
        raise invalid_response(reply, context, "is not JSON", "$", effect=effect)
    return value, ()
