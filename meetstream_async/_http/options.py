"""The settings of a client as a value that checks itself."""

from __future__ import annotations

from attrs import frozen

from .deadlines import check_timeout
from .rate_limit import check_rate_limit
from .urls import check_base_url


@frozen(kw_only=True)
class ClientOptions:
    """Settings of a client, to be checked and kept where there is no client yet.

    Raises ConfigurationError for what the clients refuse.
    """

    base_url: str | None = None
    """Where the requests go; None leaves it to the client."""
    timeout: float = 30.0
    """Seconds per attempt, body included."""
    rate_limit: float | None = None
    """Requests per second at most; None sets no limit."""

    def __attrs_post_init__(self) -> None:
        if self.base_url is not None:
            check_base_url(self.base_url, "base_url")
        check_timeout(self.timeout)
        check_rate_limit(self.rate_limit)
