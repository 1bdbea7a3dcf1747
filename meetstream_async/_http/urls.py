"""Checks of URLs: an id becomes exactly one path segment, and a base URL must be safe to send a key to.

A base URL must be https unless the host is this machine.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import quote

from yarl import URL

from ..errors import ClientSetupError, ConfigurationError
from .secrets import Secret, clean_text


def identifier_problem(value: object) -> str | None:
    """Why ``value`` can't be used as an id in a URL, or None if it can."""
    if not isinstance(value, str):
        return f"is {type(value).__name__}, not a string"
    if not value or value.isspace():
        return "is empty"
    # Check the length first, since this runs for every id of every listing.
    if len(value) < 3 and value in (".", ".."):
        return f"is {value!r}, which a URL treats as a folder"
    if not value.isprintable() and any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        return "contains a control character"
    return None


def check_identifier(value: object, name: str) -> str:
    """``value`` unchanged, or a ConfigurationError that names the argument ``name``."""
    problem = identifier_problem(value)
    if problem is not None:
        raise ConfigurationError(f"{name} {problem}; pass the id as the API gave it")
    assert isinstance(value, str)
    return value


_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]+")


def path_segment(identifier: object, name: str) -> str:
    """``identifier`` as one percent-encoded path segment; every reserved character is encoded.

    Raises ConfigurationError, which names the argument ``name``, for what can't be used as an id.
    """
    if type(identifier) is str and identifier.isascii() and identifier.isidentifier():
        # Letters, digits and underscores, as in nearly every id: found out in a fifth of the time.
        return identifier
    # quote() takes four times as long to find out that nothing needs it.
    plain = _UNRESERVED.fullmatch(identifier) if isinstance(identifier, str) else None
    if plain is not None and len(plain[0]) > 2:
        # The characters themselves: an enum member or other subclass of str may have its own __str__.
        return plain[0]
    return quote(check_identifier(identifier, name), safe="")


def shown_path(path: str) -> str:
    """A path for people, without the parts of it that may be somebody's address."""
    if "@" not in path and "%40" not in path:
        return path
    return "/".join("REDACTED" if "@" in part or "%40" in part else part for part in path.split("/"))


def check_base_url(value: object, source: str, *secrets: Secret) -> URL:
    """A base URL that a credential may be sent to. ``source`` names its origin in messages.

    Raises ClientSetupError for anything but http(s), for ``http://`` to another machine, for a URL with a
    user, query or fragment, and for one that holds one of ``secrets``, since it is shown and reported.
    """
    if not isinstance(value, str) or not value.strip():
        raise ClientSetupError(f"{source} must be a URL such as 'https://api.example.com/v1'")
    # An environment file easily leaves a blank or line break behind.
    value = value.strip()
    if any(secret.is_in(value) for secret in secrets):
        raise ClientSetupError(f"{source} must not contain the key; it is the address of the API")
    try:
        url = URL(value)
        host = url.host
        _ = url.port
    except ValueError:
        problem = "it is not a URL"
    else:
        if url.user is not None or url.password is not None:
            # Do not show it: it may contain a password.
            raise ClientSetupError(f"{source} must not contain a user or password; use the key arguments")
        if url.scheme not in ("http", "https") or not host:
            problem = "it is not an http(s) URL with a host"
        elif url.query_string or url.fragment:
            problem = "it must not have a query or fragment"
        elif url.scheme == "http" and not is_loopback(host):
            problem = "plain http:// would send the key unencrypted; use https://"
        else:
            return url.with_path(url.raw_path.rstrip("/"), encoded=True)
    # The part before an "@" or after a "?" may be a secret, even if the URL can't be parsed; and so may be
    # one word, which was meant for another variable.
    may_be_shown = "@" not in value and not set(value).isdisjoint(".:/")
    shown = f" {clean_text(re.split('[?#]', value)[0], 200)!r}" if may_be_shown else ""
    raise ClientSetupError(f"{source}{shown} can't be used: {problem}")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
