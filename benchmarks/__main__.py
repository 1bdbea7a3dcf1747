"""``python -m benchmarks``: measure, print one table, write one JSON file and a plot."""

from __future__ import annotations

import argparse
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .figures import FIGURES
from .machine import machine
from .publish import publish, write
from .sizes import FULL, QUICK, Size
from .table import as_text

_NEEDED = ("httpx", "matplotlib", "meetstream", "requests", "uvloop")


def main() -> None:
    parser = _parser()
    options = parser.parse_args()
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        parser.error(f'{", ".join(missing)} not installed; pip install -e ".[bench]"')
    if options.render:
        publish()
        return
    results = measure(QUICK if options.quick else FULL, options.only or list(FIGURES))
    print(as_text(results))
    written = write(results, options.out)
    print("written:", ", ".join(str(path) for path in written), file=sys.stderr)


def measure(size: Size, names: list[str]) -> dict[str, Any]:
    """The results, as stored in the JSON file."""
    figures: dict[str, Any] = {}
    for name in names:
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        begin = time.perf_counter()
        figures[name] = FIGURES[name](size)
        print(f"{time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    return {"size": size.name, "machine": machine(), "figures": figures}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a first look, in less than a minute")
    parser.add_argument(
        "--only", action="append", choices=list(FIGURES), metavar="NAME", help=f"one of {', '.join(FIGURES)}"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("benchmark-results.json"),
        metavar="FILE",
        help="the JSON file; the plot stands beside it, as .svg (default: %(default)s)",
    )
    parser.add_argument(
        "--render",
        action="store_true",
        help="measure nothing; make the plot and the table of benchmarks/README.md from its results.json",
    )
    return parser


if __name__ == "__main__":
    main()
