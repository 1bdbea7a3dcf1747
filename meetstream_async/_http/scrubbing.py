"""Credentials taken out of texts that a server has sent, however it has written them. Pure, no I/O."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import quote

from .secrets import LONG_SECRET, SHORTEST_SECRET, Secret

_GONE = "***"
_WRITTEN = re.compile(
    r"%(?:25)*(?P<percent>[0-9a-f]{2})"
    r"|&#x0*(?P<hex>[0-9a-f]{2});|&#0*(?P<decimal>[0-9]{2,3});|&(?P<name>amp|lt|gt|quot|apos|plus|sol|equals);"
    r"|\\+(?:u00|x)(?P<escape>[0-9a-f]{2})"
    r"|\\+[nrt](?=\s)|\s+|\\+",
    re.IGNORECASE,
)
"""One character as URLs, HTML, JSON and Python write it; or what a line break leaves, which means nothing."""
_NAMES: Final = {
    "amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "plus": "+", "sol": "/", "equals": "=",
}  # fmt: skip


def scrubber(secrets: Iterable[Secret]) -> Callable[[str], str]:
    """A function that removes these credentials from a text for people.

    Also where they are encoded for a URL, HTML or JSON, in Base64 or in hex, broken over lines, or in other
    letters than upper or lower case.
    """
    known = [secret.reveal() for secret in secrets if len(secret.reveal()) >= SHORTEST_SECRET]
    redact = _replacer({form for key in known for form in (*_forms(key), *_encoded(key))})
    signs = {sign.lower() for key in known for sign in (key, *_encoded(key))}
    # Of short ones, the letters alone could be an ordinary word.
    long = [key for key in known if len(key) >= LONG_SECRET]
    # In a form, a space stands as a plus sign, and is read as one.
    long += [bare for key in long if len(bare := key.replace("+", "")) >= LONG_SECRET]
    folded = sorted(set(map(_plain, long)), key=len, reverse=True)

    def scrub(text: str) -> str:
        # Nearly every text is without a key, and every reply has one: its request id.
        if not _has_marks(text):
            lowered = text.lower()
            for sign in signs:
                if sign in lowered:
                    break
            else:
                return text
        text = redact(text)
        read = _plain(text)
        return _without(text, [key for key in folded if key in read])

    return scrub


def redactor(secrets: Iterable[Secret]) -> Callable[[str], str]:
    """A function that removes long credentials from an API's data, as JSON and URLs write them.

    A listing is large, so it is not searched for every form.
    """
    keys = [secret.reveal() for secret in secrets if len(secret.reveal()) >= LONG_SECRET]
    return _replacer({form for key in keys for form in _forms(key)})


def _replacer(forms: Iterable[str]) -> Callable[[str], str]:
    # Longest first: one may be a prefix of another, whose rest would remain readable.
    forms = sorted(forms, key=len, reverse=True)

    def redact(text: str) -> str:
        for form in forms:
            if form in text:
                text = text.replace(form, _GONE)
        return text

    return redact


def _forms(key: str) -> Iterator[str]:
    """The key as URLs and JSON write it: most keys are the same in all of them."""
    yield key
    percent = quote(key, safe="")
    yield percent
    yield re.sub("%..", lambda found: found[0].lower(), percent)
    yield key.replace("\\", "\\\\").replace('"', '\\"')
    yield key.replace("/", "\\/")


def _encoded(key: str) -> Iterator[str]:
    """The key in hex and in Base64."""
    yield key.encode().hex()
    yield key.encode().hex().upper()
    # What all Base64 texts that hold the key have in common, by where it begins in a group of three bytes.
    for before, cut in ((0, 0), (1, 2), (2, 3)):
        data = b"\0" * before + key.encode()
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(data).decode()[cut : len(data) * 8 // 6]


def _has_marks(text: str) -> bool:
    """Whether it may hold what ``_WRITTEN`` matches: blanks, or what any way of writing begins with."""
    return "%" in text or "&" in text or "\\" in text or " " in text or not text.isprintable()


def _plain(text: str) -> str:
    """The text with its characters written plainly, in lower case, without blanks."""
    if _has_marks(text):
        text = _WRITTEN.sub(lambda found: _meant(found) or "", text)
    return text.lower()


def _meant(found: re.Match[str]) -> str | None:
    if (name := found["name"]) is not None:
        return _NAMES[name.lower()]
    code = found["percent"] or found["hex"] or found["escape"]
    number = int(code, 16) if code else int(found["decimal"] or 0)
    return chr(number) if " " < chr(number) <= "~" else None


def _without(text: str, keys: Iterable[str]) -> str:
    """The text without these keys, which are written plainly there."""
    for key in keys:
        chars, places = _with_places(text)
        parts, at, found = [], 0, chars.find(key)
        while found >= 0:
            parts.append(text[at : places[found][0]])
            at = places[found + len(key) - 1][1]
            found = chars.find(key, found + len(key))
        text = _GONE.join([*parts, text[at:]])
    return text


def _with_places(text: str) -> tuple[str, list[tuple[int, int]]]:
    """What ``_plain`` makes of a text, and where each of its characters was."""
    chars: list[str] = []
    places: list[tuple[int, int]] = []
    at = 0
    for found in [*_WRITTEN.finditer(text), None]:
        start, end = (len(text), len(text)) if found is None else found.span()
        chars += text[at:start]
        places += ((place, place + 1) for place in range(at, start))
        if found is not None and (char := _meant(found)) is not None:
            chars.append(char)
            places.append((start, end))
        at = end
    # Of a letter that becomes two in lower case, one is enough: none is in a key.
    return "".join(char.lower()[:1] for char in chars), places
