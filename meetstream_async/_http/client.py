"""Base class of the API clients: context management, close, credential-free repr."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TypeVar

from .session import ApiSession

T = TypeVar("T")


class ApiClient:
    """A client of one API, opened by ``async with`` or by its first request."""

    api: ApiSession
    """Makes the calls. Public for the package's bulk runs, which do their own pacing and counting."""

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

    @property
    def base_url(self) -> str:
        """The base URL of the requests."""
        return str(self.api.base_url)
