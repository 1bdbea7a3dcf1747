"""Credentials that no repr shows, and text from a server made safe to show. Pure, no I/O."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable
from typing import NoReturn
from urllib.parse import quote

from ..errors import ClientSetupError

MAX_TEXT = 500
"""Characters of a server's text that are kept."""

SHORTEST_SECRET = 8
"""Shorter "keys" are placeholders of tests; hunting them down would garble ordinary words."""

LONG_SECRET = 16
"""A key of this length cannot turn up in an API's data by accident, so there it may be blotted out."""

_LONGEST_SECRET = 512


def clean_text(text: str, limit: int = MAX_TEXT, scrub: Callable[[str], str] | None = None) -> str:
    """``text`` on one line, without control or formatting characters, cut at ``limit`` characters.

    ``scrub`` takes the credentials out in between: after invisible characters that may hide one are
    gone, and before the cut may leave half of one.
    """
    # A hostile body may be megabytes long: only so much of it is looked at, character by character.
    window = text[: limit * 4]
    kept = "".join(
        " " if char.isspace() else char
        for char in window
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    kept = " ".join(kept.split())
    if len(window) < len(text):
        # The edge of the window may have halved a credential, too.
        kept = kept[: max(0, len(kept) - _LONGEST_SECRET)]
    if scrub is not None:
        kept = scrub(kept)
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


class Secret:
    """A credential that shows itself to nobody: not in a repr, not in a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def load(cls, given: object, variable: str, argument: str) -> Secret:
        """The argument, else the environment variable; ClientSetupError where neither is usable."""
        source = argument
        if given is None:
            given, source = os.environ.get(variable), variable
        problem = _credential_problem(given)
        if problem is None:
            assert isinstance(given, str)
            return cls(given)
        missing = given is None
        # A traceback may print this frame's variables.
        del given
        if missing:
            raise ClientSetupError(f"no key: pass {argument}=... or set {variable}")
        raise ClientSetupError(f"{source} {problem}")

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a credential is not pickled; pass its name and load it where it is used")


def _credential_problem(value: object) -> str | None:
    if not isinstance(value, str):
        return f"must be a string, not {type(value).__name__}"
    if not value:
        return "is empty"
    if len(value) > _LONGEST_SECRET:
        return f"is longer than {_LONGEST_SECRET} characters; that is no key"
    if "\n" in value.strip() or "\r" in value.strip():
        return "holds a line break; a key is one line"
    if value != value.strip():
        return "has a space or line break around it; remove it"
    if value.startswith(("Token ", "Bearer ")):
        return "must be the key alone, without the word before it"
    if not all("!" <= char <= "~" for char in value):
        return "holds a character that no key has (printable ASCII without spaces only)"
    return None


def scrubber(secrets: Iterable[Secret], shortest: int = SHORTEST_SECRET) -> Callable[[str], str]:
    """A function that takes these credentials out of a text, also where they are percent-encoded."""
    known = {
        form
        for secret in secrets
        if len(secret.reveal()) >= shortest
        for form in (secret.reveal(), quote(secret.reveal(), safe=""))
    }
    # One may begin with another, of which only the rest would be left to read.
    forms = sorted(known, key=len, reverse=True)

    def scrub(text: str) -> str:
        for form in forms:
            if form in text:
                text = text.replace(form, "***")
        return text

    return scrub
