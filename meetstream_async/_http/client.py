"""What the clients of both APIs share: they are opened, closed, and show no key."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from .session import ApiSession


class ApiClient:
    """A client of one API, opened by ``async with`` or by its first request."""

    _api: ApiSession

    def __repr__(self) -> str:
        # A constructor that raises leaves a client without one.
        api: ApiSession | None = getattr(self, "_api", None)
        return f"<{type(self).__name__} {api and api.base_url}>"

    async def __aenter__(self) -> Self:
        self._api.transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that the client opened. Closing twice is fine."""
        await self._api.transport.close()

    @property
    def base_url(self) -> str:
        """Where the requests go."""
        return str(self._api.base_url)
