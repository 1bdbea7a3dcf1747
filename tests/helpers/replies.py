"""Replies as they are before they are read."""

from __future__ import annotations

import json
from typing import Any

from meetstream_async.reply import Reply


def reply_of(body: object = b"", status: int = 200, **known: Any) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, known.pop("headers", {}), raw, **known)
