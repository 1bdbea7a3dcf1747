"""``python -m tests.simulation``: one history with its story, or many."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

from .generate import history
from .many import Tally, run_many, shrunk, tell, verdict
from .run import simulating

_CHUNK = 500


def _chunk(bounds: tuple[int, int]) -> Tally:
    return run_many(range(*bounds))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument(
        "seed", nargs="?", type=int, help="run this history and tell its story, shrunk if it fails"
    )
    parser.add_argument(
        "--as-it-is", action="store_true", help="tell the story of the seed without shrinking it"
    )
    parser.add_argument("--invariant", help="the invariant to shrink for; default: the first that is broken")
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--from-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--shrink", action="store_true", help="tell a shrunk story of each kind that was found"
    )
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return _one(options)
    return _many(options)


def _one(options: argparse.Namespace) -> int:
    if options.as_it_is:
        with simulating() as shared:
            one = verdict(history(options.seed), shared, with_story=True)
    else:
        one = shrunk(options.seed, options.invariant)
    print(tell(options.seed, one))
    return 1 if one.broken else 0


def _many(options: argparse.Namespace) -> int:
    last = options.from_seed + options.histories
    chunks = [(first, min(first + _CHUNK, last)) for first in range(options.from_seed, last, _CHUNK)]
    total = Tally()
    with ExitStack() as stack:
        here = options.jobs == 1
        run: Any = map if here else stack.enter_context(ProcessPoolExecutor(options.jobs)).map
        for result in run(_chunk, chunks):
            total.add(result)
            broken = f", {sum(map(len, total.found.values()))} broken" if total.found else ""
            print(f"\r{total}{broken}", end="", file=sys.stderr, flush=True)
    print(f"\n{total}")
    for name, seeds in sorted(total.found.items(), key=lambda item: -len(item[1])):
        print(f"{len(seeds):7} {name:32} seeds {', '.join(map(str, seeds[:5]))}")
    if options.shrink:
        for name, seeds in total.found.items():
            seed = min(seeds[:50], key=lambda one: history(one).size)
            print("\n" + "=" * 100 + "\n" + tell(seed, shrunk(seed, name)))
    return 1 if total.found else 0


if __name__ == "__main__":
    sys.exit(main())
