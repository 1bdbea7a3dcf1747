"""Structured fields of log records, under names that no other library's fields have.

Knows nothing of the package, so every folder may use it.
"""

from __future__ import annotations

PREFIX = "meetstream_"


def log_fields(event: str, /, **fields: object) -> dict[str, object]:
    """The ``extra`` of a log record: ``meetstream_event``, and the fields with the same prefix.

    Without the prefix, ``event`` would replace the message of structlog, and ``status`` has a meaning of its
    own at log services. ``docs/logging.md`` lists all of them.
    """
    return {f"{PREFIX}event": event, **{f"{PREFIX}{name}": value for name, value in fields.items()}}
