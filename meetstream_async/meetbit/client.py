"""The MeetBit client: cancel a calendar event.

Source: "Cancel Event" of the MeetBit API reference. The API allows five requests per second, counts invalid
ones, increases penalties for early retries, and in the end suspends the client. Therefore arguments are
checked before anything is sent, requests are spaced, and a pause holds back the whole client.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Sequence

import aiohttp
from yarl import URL

from .._http.client import ApiClient
from .._http.network import choose_network
from .._http.pace_store import check_pace_store
from .._http.retry import RetryPolicy
from .._http.secrets import Secret
from .._http.session import ApiSession
from .._http.urls import check_base_url
from ..errors import ClientSetupError
from . import _requests
from .models import CancelledEvent


class MeetBitClient(ApiClient):
    """An asyncio client of the MeetBit calendar API.

    Opened by ``async with`` or by the first request; closed at the end of the block or by ``await close()``.
    Share one client per key: the API's limit applies per key, and the client enforces the rate and the pause
    after a 429.

    primary_domain: the tenant's bare host name; by default ``MEETBIT_PRIMARY_DOMAIN``.
    access_key_id, access_key_secret: by default ``MEETBIT_ACCESS_KEY_ID`` and ``MEETBIT_ACCESS_KEY_SECRET``.
    base_url: replaces the whole address, for tests; so does ``MEETBIT_API_URL`` where no domain is passed.
    session: an ``aiohttp.ClientSession`` to borrow: it is neither closed nor changed, and its middlewares do
        not run on our requests.
    retry: how often and for how long a whole call is retried.
    timeout: seconds per attempt, body included.
    rate_limit: requests per second at most, evenly spaced, retries included; the API allows 5.
    trace_configs: aiohttp's, for the session that the client opens itself.
    proxy, ssl_context, trust_env: how that session reaches the API; see ``MeetStreamClient``.
    pace_store: a SQLite file, or a PostgreSQL URL, by which processes with one key share their pace; by
        default ``MEETBIT_PACE_STORE``.
    user_agent: the application's name and version, in printable ASCII, which is added to our ``User-Agent``.

    Raises ConfigurationError for a missing or malformed key or domain, or any argument out of range.
    """

    def __init__(
        self,
        primary_domain: str | None = None,
        access_key_id: str | None = None,
        access_key_secret: str | None = None,
        *,
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - immutable
        timeout: float = 30.0,
        rate_limit: float | None = 5.0,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        trust_env: bool = False,
        pace_store: str | os.PathLike[str] | None = None,
        user_agent: str | None = None,
    ) -> None:
        try:
            key_id = Secret.load(access_key_id, "MEETBIT_ACCESS_KEY_ID", "access_key_id")
            key_secret = Secret.load(access_key_secret, "MEETBIT_ACCESS_KEY_SECRET", "access_key_secret")
        finally:
            # Tracebacks may show this frame's variables.
            del access_key_id, access_key_secret
        url = _address(primary_domain, base_url, key_secret)
        try:
            network = choose_network(
                url, session=session, proxy=proxy, ssl_context=ssl_context, trust_env=trust_env
            )
        finally:
            # It may contain a password.
            del proxy
        self.api: ApiSession = ApiSession(
            url,
            {"X-Access-Key-Id": ("", key_id), "X-Access-Key-Secret": ("", key_secret)},
            session=session,
            retry=retry,
            timeout=timeout,
            rate_limit=rate_limit,
            trace_configs=trace_configs,
            network=network,
            pace_store=check_pace_store(pace_store, "MEETBIT_PACE_STORE"),
            user_agent=user_agent,
            wary=True,
        )

    async def cancel_event(
        self, calendar_id: int | str, event_id: int | str, cancel_note: str
    ) -> CancelledEvent:
        """``POST /calendars/{calendar_id}/events/{event_id}/cancel``: cancel a calendar event.

        Ids are positive ints or their decimal strings; the note is 1 to 255 characters. Anything else raises
        ConfigurationError before a request is sent, since an invalid one would count against the rate limit.
        Raises NotFoundError for an unknown event, AuthenticationError for a missing key or permission,
        BadRequestError with ``errors`` by field, RateLimitError. A 404 after a lost response has
        ``outcome_unknown`` set: the event may have been cancelled, or its id may be wrong.
        """
        request = _requests.cancel_event(calendar_id, event_id, cancel_note)
        return (await self.api.call(request)).value


def _address(domain: object, base_url: str | None, secret: Secret) -> URL:
    if base_url is not None:
        return check_base_url(base_url, "base_url", secret)
    source = "primary_domain"
    if domain is None:
        if from_environment := os.environ.get("MEETBIT_API_URL"):
            return check_base_url(from_environment, "MEETBIT_API_URL", secret)
        domain, source = os.environ.get("MEETBIT_PRIMARY_DOMAIN"), "MEETBIT_PRIMARY_DOMAIN"
    if domain is None:
        raise ClientSetupError("no domain: pass primary_domain=... or set MEETBIT_PRIMARY_DOMAIN")
    if not isinstance(domain, str) or not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", domain):
        raise ClientSetupError(f"{source} must be a bare host name such as 'acme.example.com'")
    return check_base_url(f"https://{domain}/api/public/v2.0", source, secret)
