"""Mutate, and say what survived. Ends with 1 where less than 95 % were killed."""

from __future__ import annotations

import argparse
import resource
import sys
import time

from .groups import GROUPS, SAMPLE
from .run import SEED, Tally, chosen, excuses, prepare, reach, run

ENOUGH = 0.95


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("groups", nargs="*", metavar="group", help=f"of {', '.join(GROUPS)}; all by default")
    parser.add_argument("--mutants", default=SAMPLE, help="of each group; or `all` (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="draws another sample")
    parser.add_argument("--only", default="", help="mutants whose name holds this text")
    parser.add_argument("--verbose", action="store_true", help="name the test that noticed each mutant")
    arguments = parser.parse_args()
    prepare()
    shares = [_group(name, arguments) for name in arguments.groups or GROUPS]
    return 0 if min(shares) >= ENOUGH else 1


def _group(name: str, arguments: argparse.Namespace) -> float:
    began, used = time.monotonic(), _cpu()
    group, listed = GROUPS[name], excuses()
    count = None if arguments.mutants == "all" or arguments.only else int(arguments.mutants)
    mutants = [one for one in chosen(group, count, arguments.seed) if arguments.only in one.name]
    known = reach(group)
    tally = Tally(len(mutants))
    for test in sorted(known.failed):
        print(f"  left out, it fails without a mutant: {test}")
    for mutant, noticed in run(group, mutants, known):
        if noticed:
            tally.killed += 1
            if arguments.verbose:
                print(f"  killed:   {mutant.name}  ({noticed})")
        elif mutant.name in listed:
            tally.excused.append(mutant)
            print(f"  listed:   {mutant.name}")
        else:
            tally.survived.append(mutant)
            lines, tests = mutant.lines, len(known.tests(mutant))
            print(f"  SURVIVED: {mutant.name}  (line {lines.start}, {tests} tests)")
        sys.stdout.flush()
    print(
        f"{name}: {tally.mutants} mutants, {tally.killed} killed, {len(tally.excused)} survived as listed, "
        f"{len(tally.survived)} survived: {tally.share:.0%} in {time.monotonic() - began:.0f} s "
        f"({_cpu() - used:.0f} s of CPU)",
        flush=True,
    )
    return tally.share


def _cpu() -> float:
    """Seconds that all processes have used so far: on a busy machine they say more than the clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
