"""The library's own tasks."""

from __future__ import annotations

import asyncio


def ours_running() -> list[str]:
    """The library's tasks that have not ended."""
    return [task.get_name() for task in asyncio.all_tasks() if "meetstream_async" in task.get_name()]
