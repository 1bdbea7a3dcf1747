"""Base class of the API clients: context management, close, credential-free repr."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TypeVar

from .session import ApiSession

T = TypeVar("T")


class ApiClient:
    """A client of one API, opened by ``async with`` or by its first request."""

    api: ApiSession
    """What makes the calls; for the package's own bulk runs, which pace and count them."""

    def __repr__(self) -> str:
        # A constructor that raises leaves a client without one.
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
        """Close the connections that the client opened. Closing twice is fine."""
        await self.api.close()

    @property
    def base_url(self) -> str:
        """Where the requests go."""
        return str(self.api.base_url)
