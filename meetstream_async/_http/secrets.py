"""Credentials that never appear in a repr, and sanitizing of a server's text. Pure, no I/O."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from typing import Final, NoReturn
from urllib.parse import unquote

from ..errors import ClientSetupError

MAX_TEXT = 500
"""Maximum length of a server's text, in characters."""

SHORTEST_SECRET: Final = 8
"""Shorter "keys" are placeholders in tests; removing them would garble ordinary words."""

LONG_SECRET: Final = 16
"""A key of this length cannot occur in an API's data by chance, so it may be redacted there."""

_LONGEST_SECRET = 512


def clean_text(text: str, limit: int = MAX_TEXT, scrub: Callable[[str], str] | None = None) -> str:
    """``text`` on one line, without control or formatting characters, cut at ``limit`` characters.

    ``scrub`` removes credentials, after invisible characters (which may hide one) have been removed, and
    before the text is cut (which may leave half of one).
    """
    # A hostile body may be megabytes long: only the beginning is processed character by character.
    window = text[: limit * 4]
    kept = "".join(
        " " if char.isspace() else char
        for char in window
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    kept = " ".join(kept.split())
    if len(window) < len(text):
        # The limit of the processed text may have cut a credential in half, too.
        kept = kept[: max(0, len(kept) - _LONGEST_SECRET)]
    if scrub is not None:
        kept = scrub(kept)
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


class Secret:
    """A credential that is never shown: not in a repr, not in a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def load(cls, value: object, variable: str, argument: str) -> Secret:
        """From the argument, or from the environment variable; ClientSetupError if neither is usable."""
        source = argument
        if value is None:
            value, source = os.environ.get(variable), variable
        problem = _credential_problem(value)
        if problem is None:
            assert isinstance(value, str)
            return cls(value)
        missing = value is None
        # Tracebacks may show this frame's variables.
        del value
        if missing:
            raise ClientSetupError(f"no key: pass {argument}=... or set {variable}")
        raise ClientSetupError(f"{source} {problem}")

    def reveal(self) -> str:
        return self._value

    def is_in(self, text: str) -> bool:
        """Whether a text holds it, in upper or lower case. Never of one that may be there by chance."""
        return len(self._value) >= LONG_SECRET and self._value.lower() in unquote(text).lower()

    def begins_with(self, prefix: str) -> bool:
        return self._value.startswith(prefix)

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a credential cannot be pickled; pass its name and load it where it is used")


def _credential_problem(value: object) -> str | None:
    if not isinstance(value, str):
        return f"must be a string, not {type(value).__name__}"
    if not value:
        return "is empty"
    if len(value) > _LONGEST_SECRET:
        return f"is longer than {_LONGEST_SECRET} characters, too long for a key"
    if "\n" in value.strip() or "\r" in value.strip():
        return "contains a line break; a key is one line"
    if value != value.strip():
        return "starts or ends with a space or line break; remove it"
    if value.startswith(("Token ", "Bearer ")):
        return "must be the key alone, without the word before it"
    if not all("!" <= char <= "~" for char in value):
        return "contains an invalid character (keys are printable ASCII without spaces)"
    return None
