"""Report files of the command line, written by hand."""

import json
from pathlib import Path
from typing import Any

URL = "http://127.0.0.1:1/api/v1"


def written(path: Path, *lines: Any, tail: str = "") -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
    return path


def run_line(**more: Any) -> dict[str, Any]:
    return {
        "type": "run", "format": 1, "command": "unschedule-all", "api": "meetstream", "base_url": URL,
        "options": {}, "listing": "whole", "targets": [], **more,
    }  # fmt: skip


def target(event_id: str | None, *bot_ids: str, **more: Any) -> dict[str, Any]:
    return {"event_id": event_id, "bot_ids": list(bot_ids), "joins": None, **more}


def outcome(status: str, event_id: str | None, *bot_ids: str, **more: Any) -> dict[str, Any]:
    return {"type": "outcome", "status": status, **target(event_id, *bot_ids, **more)}
