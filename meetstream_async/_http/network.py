"""How a client of its own session reaches the network: its proxy and its certificates. Pure, no I/O."""

from __future__ import annotations

import ssl
from base64 import b64encode
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import aiohttp
from attrs import field, frozen
from yarl import URL

from ..errors import ClientSetupError
from .secrets import Secret
from .urls import is_loopback


@frozen
class Proxy:
    """An HTTP proxy, without its credentials in the URL."""

    url: URL
    source: str
    """The argument or environment variable that named it."""
    login: Secret | None = field(default=None, repr=False)
    """User and password, as they are in a header."""
    password: Secret | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.url} (from {self.source})"

    def headers(self) -> dict[str, str] | None:
        """Built anew each time, so that no attribute keeps a dict with a credential."""
        return None if self.login is None else {"Proxy-Authorization": f"Basic {self.login.reveal()}"}

    def secrets(self) -> list[Secret]:
        return [secret for secret in (self.login, self.password) if secret is not None]


@frozen
class Network:
    """What a session of our own is opened with."""

    proxy: Proxy | None = None
    ssl_context: ssl.SSLContext | None = None


DIRECT = Network()
"""No proxy, and the certificates that Python trusts by itself."""


def choose_network(
    base_url: URL,
    *,
    session: aiohttp.ClientSession | None,
    proxy: object,
    ssl_context: object,
    trust_env: object,
) -> Network:
    """Check the arguments of a client. Raises ClientSetupError for those that can't be used.

    trust_env: take the proxy from ``HTTPS_PROXY`` and ``NO_PROXY``, or the system's settings, unless
    ``proxy`` names one. Nothing is read from ``.netrc``. A loopback address is always reached directly.
    """
    if not isinstance(trust_env, bool):
        raise ClientSetupError(f"trust_env must be True or False, not {trust_env!r}")
    if ssl_context is not None and not isinstance(ssl_context, ssl.SSLContext):
        raise ClientSetupError(f"ssl_context must be an ssl.SSLContext, not {type(ssl_context).__name__}")
    if session is not None and (proxy is not None or ssl_context is not None or trust_env):
        raise ClientSetupError(
            "proxy, ssl_context and trust_env are for a session that the client opens itself; "
            "set them on the session that you pass"
        )
    chosen = None
    if proxy is not None:
        chosen = _read(proxy, "proxy")
    elif trust_env:
        chosen = _from_environment(base_url)
    return Network(None if is_loopback(base_url.host or "") else chosen, ssl_context)


def _from_environment(base_url: URL) -> Proxy | None:
    host = base_url.host or ""
    if is_loopback(host) or proxy_bypass(f"{host}:{base_url.port}"):
        return None
    # aiohttp would read .netrc as well, whose logins are meant for other programs.
    url = getproxies().get(base_url.scheme)
    return _read(url, f"{base_url.scheme.upper()}_PROXY") if url else None


def _read(value: object, source: str) -> Proxy:
    """A proxy from its URL; ``host:port`` is one as well. Never shows the URL, which may hold a password."""
    try:
        text = value.strip() if isinstance(value, str) else ""
        url = URL(text if "://" in text else f"http://{text}")
        usable = url.scheme in ("http", "https") and bool(url.host) and url.port is not None
    except ValueError:
        usable = False
    if not usable:
        raise ClientSetupError(
            f"{source} must be the URL of an HTTP proxy, such as 'http://proxy.example.com:3128'"
        )
    plain = URL.build(scheme=url.scheme, host=url.host or "", port=url.port)
    if url.user is None and url.password is None:
        return Proxy(plain, source)
    pair = f"{unquote(url.raw_user or '')}:{unquote(url.raw_password or '')}"
    login = Secret(b64encode(pair.encode()).decode())
    return Proxy(plain, source, login, Secret(url.password) if url.password else None)
