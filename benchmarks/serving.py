"""The benchmark server as a child process."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import frozen


@frozen
class Server:
    """A running benchmark server."""

    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    def stats(self) -> dict[str, Any]:
        """Its counts: ``deletes``, ``errors`` and ``listings`` answered, and events ``left``; with a limit,
        requests ``seen`` and ``refused``, in how many ``seconds``, and the ``fullest_second``."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats", timeout=10) as reply:
            stats: dict[str, Any] = json.load(reply)
            return stats


@contextmanager
def canned_server(*, events: int = 0, latency: float = 0.0, error_rate: float = 0.0) -> Iterator[Server]:
    """Start a server on a free port for the block. ``latency``: seconds before each response."""
    with _running(
        "benchmarks.server", {"events": events, "latency": latency, "error-rate": error_rate}
    ) as server:
        yield server


@contextmanager
def limited_server(**options: float) -> Iterator[Server]:
    """Start a server with a limit for the block; its options are those of ``benchmarks.limited``."""
    with _running("benchmarks.limited", options) as server:
        yield server


@contextmanager
def _running(module: str, options: Mapping[str, object]) -> Iterator[Server]:
    command = [sys.executable, "-m", module]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline()
            if not port:
                raise RuntimeError("the canned server did not start; its stderr says why")
            yield Server(int(port))
        finally:
            # It exits when its standard input is closed.
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
