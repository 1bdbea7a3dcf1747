"""Run one probe in this process, or request one in a new process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from importlib import import_module
from typing import Any


def ask(name: str, /, *, seconds: float = 600.0, **arguments: Any) -> dict[str, Any]:
    """The measurement of the named probe, made in a new process that must end within ``seconds``."""
    command = [sys.executable, "-m", "benchmarks.probe", name, json.dumps(arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=seconds)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main() -> None:
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    uvloop_wanted = arguments.pop("uvloop", False)
    loop_factory = None
    if uvloop_wanted:
        import uvloop

        loop_factory = uvloop.new_event_loop
    else:
        # The other half of the extra `speed`: the package uses it where it is installed.
        sys.modules["orjson"] = None  # type: ignore[assignment]
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        measured = runner.run(import_module(f"benchmarks.probes.{name}").measure(**arguments))
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
