"""Every extra, and all of them together, can be had with the lowest versions that pyproject.toml allows.

A bound below what the other requirements of the same extra allow is one that nobody can install, and one that
only all extras together can't have is never tested: raise both. Needs uv. Usage: python .ci/floors.py
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?:>=|==)([0-9][0-9.]*)")


def bounds(requirements: list[str]) -> dict[str, str]:
    """The lowest version of each requirement, by its name."""
    found = [REQUIREMENT.match(requirement) for requirement in requirements]
    return {match[1].lower(): match[2] for match in found if match}


def version(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def resolved(*extras: str) -> dict[str, str]:
    command = ["uv", "pip", "compile", "-q", "pyproject.toml", "--resolution", "lowest-direct", "--no-header"]
    command += ["--no-annotate", "--python-version", "3.11", *(f"--extra={extra}" for extra in extras)]
    return bounds(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines())


def main() -> int:
    untrue = []
    extras: dict[str, list[str]] = PROJECT["optional-dependencies"]
    for name, together in {
        "the core": (),
        **{extra: (extra,) for extra in extras},
        "all": (*extras,),
    }.items():
        wanted = bounds(PROJECT["dependencies"] + [one for extra in together for one in extras[extra]])
        got = resolved(*together)
        untrue += [
            f"{name}: {package}>={floor}, but the lowest that can be installed is {got[package]}"
            for package, floor in wanted.items()
            if package in got and version(got[package]) > version(floor)
        ]
        print(f"{name}: {len(got)} packages")
    print(*untrue, sep="\n")
    return bool(untrue)


if __name__ == "__main__":
    sys.exit(main())
