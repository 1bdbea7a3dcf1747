"""The machine that the figures were measured on, as far as relevant; no names and no paths."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import meetstream_async

_PACKAGES = (
    "aiohttp",
    "attrs",
    "cattrs",
    "tenacity",
    "yarl",
    "uvloop",
    "httpx",
    "requests",
    "meetstream-sdk",
)


def machine() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "versions": {
            "meetstream-async": meetstream_async.__version__,
            **{name: version(name) for name in _PACKAGES},
        },
    }
