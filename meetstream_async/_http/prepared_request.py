"""Requests whose headers aiohttp has put together once before.

All requests of a client with one method and without a body have the same headers, and aiohttp merges and
checks them anew for each. Here a request takes over what came of it before, as long as it is given the same.
The steps that are left away are aiohttp's own, by names that a class like this one may override; a version
that has no such step makes its requests as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
from attrs import field, frozen
from multidict import CIMultiDict


@frozen(eq=False)
class _Prepared:
    """What the requests of one method have in common."""

    authority: str
    given: Any = field(repr=False)
    headers: CIMultiDict[str] = field(repr=False)
    connection_key: Any


class PreparedRequest(aiohttp.ClientRequest):
    """What the classes of :func:`new_request_class` have in common."""

    depart: Callable[[], float]
    """Seconds until what is connected may be sent; asked by the connector."""
    _prepared: dict[str, _Prepared]
    """By method, for one session."""
    _given: Any = None
    """What the headers of a request that is not prepared are made from."""
    _mine: _Prepared | None = None

    def update_headers(self, headers: Any) -> None:
        mine = self._prepared.get(self.method)
        if mine is not None and self.url.raw_authority == mine.authority and headers == mine.given:
            self._mine, self.headers = mine, mine.headers.copy()
        else:
            self._given = headers
            super().update_headers(headers)

    def update_auto_headers(self, skip_auto_headers: Any) -> None:
        if self._mine is None:
            super().update_auto_headers(skip_auto_headers)

    def update_body_from_data(self, body: Any, *args: Any, **options: Any) -> None:
        if self._mine is not None:
            if body is None:
                return
            self._mine = None
            del self.headers["Content-Length"]
        super().update_body_from_data(body, *args, **options)

    def update_transfer_encoding(self) -> None:
        if self._mine is None:
            super().update_transfer_encoding()

    @property
    def connection_key(self) -> Any:
        """Asked for when all of it is known."""
        if self._mine is not None:
            return self._mine.connection_key
        key = super().connection_key
        if not self.body and self.proxy is None and self._given is not None:
            self._prepared[self.method] = _Prepared(
                self.url.raw_authority, self._given, self.headers.copy(), key
            )
        return key


def new_request_class(depart: Callable[[], float]) -> type[PreparedRequest]:
    """The ``request_class`` for a session all of whose requests go to one server with the same options."""
    parts: dict[str, object] = {"_prepared": {}, "depart": staticmethod(depart)}
    return type(PreparedRequest.__name__, (PreparedRequest,), parts)
