"""Base class of the API clients: context management, close, credential-free repr."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import TracebackType
from typing import ClassVar, Self

from ..errors import ApiError
from .any_request import JsonValue, Query, any_request
from .retry import RetryPolicy
from .session import ApiSession


class ApiClient:
    """A client of one API, opened by ``async with`` or by its first request."""

    api: ApiSession
    """Makes the calls. Public for the package's bulk runs, which do their own pacing and counting."""
    _error_texts: ClassVar[Mapping[tuple[int, str], type[ApiError]]] = {}
    """Which errors the API's own words mean, by status and a part of the text."""

    def __repr__(self) -> str:
        # If the constructor raised, the attribute is missing.
        api: ApiSession | None = getattr(self, "api", None)
        return f"<{type(self).__name__} {api and api.base_url}>"

    async def __aenter__(self) -> Self:
        self.api.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that the client opened. May be called more than once."""
        await self.api.close()

    def with_options(self, *, timeout: float | None = None, retry: RetryPolicy | None = None) -> Self:
        """This client with another ``timeout`` or ``retry`` policy, for some calls or a bulk run.

        It uses the same connections, key and pace, and belongs to the same event loop. Closing it leaves this
        client open; closing this client closes it. What is not given stays as it is. ``timeout`` is in
        seconds per attempt, body included. Raises ConfigurationError for an argument out of range.
        """
        derived = copy.copy(self)
        derived.api = self.api.derived(timeout, retry)
        return derived

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: object = None,
        retry: bool | None = None,
    ) -> JsonValue:
        """Call an endpoint that has no method here, with this client's key, pace, timeouts and errors.

        ``path`` is below the base URL: ``"/calendar/events"``; quote an id that you put into it
        (``urllib.parse.quote(id, safe="")``). ``params``: the query; None leaves a value out, a list repeats
        its name. ``json``: the body; None for none. GET, HEAD and OPTIONS are retried as the policy says.
        Other methods are only where nothing can have taken effect (a 429, a refused connection), unless
        ``retry=True`` says that the request may take effect twice. ``retry=False`` makes one attempt.

        Returns the JSON of a 2xx reply, None where it has no body. What a 2xx says of itself, such as
        ``"success": false``, is for the caller to read. Raises ConfigurationError for a path that leads
        elsewhere (another origin, dot segments, control characters, also when escaped), ApiError for any
        other status, InvalidResponseError for a 2xx that is not JSON, TransportError without a reply. After a
        lost answer to a method that may change something, the error has ``outcome_unknown``.
        """
        request = any_request(method, path, params, json, retry, self._error_texts)
        return (await self.api.call(request)).value

    @property
    def closed(self) -> bool:
        """Whether it was closed; every call of it raises ClientSetupError then."""
        return self.api.closed

    @property
    def base_url(self) -> str:
        """The base URL of the requests."""
        return str(self.api.base_url)
