"""How the server logs what clients do wrong: one line, without a traceback."""

import logging
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

_log = logging.getLogger("meetstream_async.simulator")


def log_fields(event: str, **fields: Any) -> dict[str, Any]:
    """Structured fields of a log record, named as those of the package."""
    return {"meetstream_event": event} | {f"meetstream_{name}": value for name, value in fields.items()}


class Complaints(logging.LoggerAdapter[logging.Logger]):
    """The logger of the HTTP server. A request that is not HTTP is its sender's mistake, not the server's."""

    def exception(self, msg: object, *args: object, exc_info: Any = True, **more: Any) -> None:
        """Log an error with its traceback, unless a request could not be read."""
        if isinstance(exc_info, HttpProcessingError | web.RequestPayloadError):
            reason = _what(exc_info)
            _log.warning("a request cannot be read: %s", reason, extra=log_fields("malformed", reason=reason))
        else:
            super().exception(msg, *args, exc_info=exc_info, **more)

    def debug(self, msg: object, *args: object, exc_info: Any = None, **more: Any) -> None:
        """The same for what the server only whispers of: bytes that are no request at all."""
        if isinstance(exc_info, HttpProcessingError):
            self.exception(msg, *args, exc_info=exc_info, **more)
        else:
            super().debug(msg, *args, exc_info=exc_info, **more)


def _what(error: BaseException) -> str:
    """What is wrong, without the bytes that follow it: they may hold a key."""
    text = getattr(error, "message", "") or str(error).partition("message:")[2].strip()
    return (text or type(error).__name__).partition("\n")[0].partition(":")[0]
