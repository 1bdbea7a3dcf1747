"""The headers that every request of a client has. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping

from .._version import __version__
from ..errors import ClientSetupError
from .secrets import Secret

OURS = f"meetstream-async/{__version__}"
_LONGEST = 200
"""Maximum length of an application's part, in characters."""


class StandingHeaders:
    """The same for every request: what is accepted, who asks, and the credentials."""

    def __init__(self, credentials: Mapping[str, tuple[str, Secret]], user_agent: object) -> None:
        """``credentials``: header name to the text before the credential, and the credential.

        ``user_agent``: what the application adds to ours. Raises ClientSetupError.
        """
        self._credentials = credentials
        self._user_agent = full_user_agent(user_agent)

    @property
    def secrets(self) -> list[Secret]:
        return [secret for _, secret in self._credentials.values()]

    @property
    def has_authorization(self) -> bool:
        return "Authorization" in self._credentials

    def build(self) -> dict[str, str]:
        # Built anew each time, so that no attribute or frame of ours keeps a dict with a credential.
        credentials = {name: prefix + secret.reveal() for name, (prefix, secret) in self._credentials.items()}
        return {"Accept": "application/json", "User-Agent": self._user_agent, **credentials}


def full_user_agent(application: object) -> str:
    """Ours, followed by the application's part, such as ``acme-jobs/2.1``.

    Raises ClientSetupError unless that is a line of printable ASCII, or None.
    """
    if application is None:
        return OURS
    if not isinstance(application, str):
        raise ClientSetupError(f"user_agent must be a string, not {type(application).__name__}")
    if not application or application != application.strip() or len(application) > _LONGEST:
        raise ClientSetupError(
            f"user_agent must be 1 to {_LONGEST} characters without space around, such as 'acme-jobs/2.1'"
        )
    if not (application.isascii() and application.isprintable()):
        raise ClientSetupError("user_agent must be printable ASCII on one line")
    return f"{OURS} {application}"
