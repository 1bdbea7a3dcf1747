"""What ``--version`` prints."""

from __future__ import annotations

from .. import __version__


def print_version() -> None:
    """Name and version on stdout."""
    print(f"meetstream-async {__version__}", flush=True)
