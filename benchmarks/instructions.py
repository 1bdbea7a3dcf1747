"""``python -m benchmarks.instructions``: instructions per event, of ours and of the hand-written loop.

CPU time varies by several percent on a shared machine; the number of instructions does not. They are counted
by valgrind for two amounts of work, and the difference leaves out start, imports and warm-up.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from .serving import canned_server

CONCURRENCY = 20
LESS, MORE = 200, 1000
"""Events."""
FEW, MANY = 5, 25
"""Pages."""
COUNTED: Mapping[str, tuple[int, int]] = {
    "hand_aiohttp": (LESS, MORE),
    "ours": (LESS, MORE),
    "page": (FEW, MANY),
}
_REFS = re.compile(r"I\s+refs:\s+([\d,]+)")


def instructions(names: Sequence[str] = tuple(COUNTED), uvloop: bool = False) -> dict[str, float]:
    """Thousands of instructions per event, or per page, by name. Needs valgrind."""
    found: dict[str, float] = {}
    for name in names:
        # One each: a contender deletes events that the page needs.
        with canned_server(events=100) as server:
            found[name] = _difference(name, *COUNTED[name], base_url=server.base_url, uvloop=uvloop)
    return found


def _difference(name: str, less: int, more: int, **arguments: Any) -> float:
    few, many = (_count(name=name, amount=amount, **arguments) for amount in (less, more))
    return (many - few) / (more - less) / 1e3


def _count(**arguments: Any) -> int:
    probe = json.dumps({"concurrency": CONCURRENCY, **arguments})
    command = [
        *("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
        *(sys.executable, "-m", "benchmarks.probe", "counted", probe),
    ]
    # With another seed, dicts collide elsewhere.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    found = _REFS.search(done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(done.stderr[-2000:])
    return int(found[1].replace(",", ""))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(COUNTED), metavar="NAME", help=", ".join(COUNTED))
    parser.add_argument("--uvloop", action="store_true", help="on uvloop")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        parser.error("valgrind is not installed")
    for name in options.names:
        (thousands,) = instructions([name], options.uvloop).values()
        print(f"{name:16}{thousands:10.1f} thousand", flush=True)


if __name__ == "__main__":
    main()
