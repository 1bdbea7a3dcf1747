"""Whether a host is meant to be the public API's, and is not. Pure."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Final

_SIMILAR: Final = 0.85
"""Share of the characters that a misspelling has in common with the name. "meestream.ai" has 0.96."""


def is_misspelt(host: str, public: str) -> bool:
    """``host`` is in a domain whose name is nearly that of the ``public`` host's, and under its TLD."""
    own, wanted = _domain(host), _domain(public)
    if own == wanted or own[1] != wanted[1]:
        return False
    return SequenceMatcher(None, own[0], wanted[0], autojunk=False).ratio() >= _SIMILAR


def _domain(host: str) -> tuple[str, str]:
    name, _, top = host.casefold().rstrip(".").rpartition(".")
    return name.rpartition(".")[2], top
