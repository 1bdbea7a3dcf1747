"""How much is shown, and how: what ``--verbose``, ``--quiet`` and ``--no-color`` say."""

from __future__ import annotations

import base64
import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from attrs import define

if TYPE_CHECKING:
    import aiohttp

_LOG = logging.getLogger("meetstream_async")
_IDS = ("x-request-id", "x-amzn-requestid", "apigw-requestid")
_SHORTEST = 6
"""Characters of a word in a header that may be a secret."""


@define
class Display:
    """The choices of this process."""

    verbose: bool = False
    quiet: bool = False
    no_color: bool = False

    @contextlib.contextmanager
    def loud(self, needed: bool) -> Iterator[None]:
        """Show everything although it is to be quiet, if ``needed``: what a person is to confirm is shown."""
        quiet, self.quiet = self.quiet, self.quiet and not needed
        try:
            yield
        finally:
            self.quiet = quiet


DISPLAY: Final = Display()
_handler: list[logging.Handler] = []


def choose(verbose: bool, quiet: bool, no_color: bool, handler: logging.Handler) -> None:
    """Set what was typed. ``handler`` writes the library's log lines, if they are wanted."""
    DISPLAY.verbose, DISPLAY.quiet, DISPLAY.no_color = verbose, quiet, no_color
    while _handler:
        _LOG.removeHandler(_handler.pop())
        _LOG.setLevel(logging.NOTSET)
    if verbose:
        _handler.append(handler)
        _LOG.addHandler(handler)
        _LOG.setLevel(logging.INFO)


def traces() -> tuple[aiohttp.TraceConfig, ...]:
    """For a client: with ``--verbose``, each answer is logged with its status and request id."""
    if not DISPLAY.verbose:
        return ()
    import aiohttp

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(_tell)
    return (trace,)


def _may_hold(text: str, word: str) -> bool:
    """Whether a text holds the word, in upper or lower case, encoded for a URL, in hex or in Base64."""
    plain, data = unquote(text).lower(), word.encode()
    if word.lower() in plain or data.hex() in plain:
        return True
    # What all Base64 texts that hold the word have in common, by where it begins in a group of three bytes.
    groups = text.replace("-", "+").replace("_", "/")
    for before, cut in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * before + data).decode()
        if encoded[cut : (before + len(data)) * 8 // 6] in groups:
            return True
    return False


async def _tell(_: object, __: object, params: aiohttp.TraceRequestEndParams) -> None:
    identifier = next((found for name in _IDS if (found := params.response.headers.get(name))), None)
    # A server that echoes what it was sent must not bring a key into the log.
    sent = [word for value in params.headers.values() for word in value.split() if len(word) >= _SHORTEST]
    if identifier is not None and any(_may_hold(identifier, word) for word in sent):
        identifier = None
    told = f", request id {identifier}" if identifier else ""
    _LOG.info("%s %s: %d%s", params.method, params.url.raw_path, params.response.status, told)
