"""What comes along with the wheel and its extras: licences, a software bill of materials, known advisories.

Usage: python .ci/release.py FOLDER, the one with the wheel. Needs the group `release`.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from environment import fresh, wheel_of

EXTRAS = "cli,console,fastapi,jobs,otel,speed"


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def licences(python: str, folder: Path) -> None:
    command = [program("pip-licenses"), "--python", python, "--format", "markdown", "--order", "license"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (folder / "licences.md").write_text(text, "utf-8")


def sbom(python: str, folder: Path) -> None:
    """CycloneDX 1.6, without the times and paths of this machine."""
    command = [
        program("cyclonedx-py"),
        "environment",
        "--output-reproducible",
        "--spec-version",
        "1.6",
        python,
    ]
    made = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for component in made["components"]:
        # Where it was downloaded from, or lay on this machine; its purl says what it is.
        component.pop("externalReferences", None)
    text = json.dumps(made, indent=2, sort_keys=True) + "\n"
    assert not re.search(r"file://|/tmp/|/home/|/root/", text), "a path of this machine is in the SBOM"
    (folder / "sbom.cdx.json").write_text(text, "utf-8")


def advisories(python: str, folder: Path) -> int:
    """pip-audit, over the same packages. What its data could not be had for is named, and is no pass."""
    freeze = [program("uv"), "pip", "freeze", "-p", python]
    listed = subprocess.run(freeze, check=True, capture_output=True, text=True).stdout
    pins = [line for line in listed.splitlines() if "==" in line]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(pins))
        file.flush()
        command = [program("pip-audit"), "--disable-pip", "--no-deps", "-f", "json", "-r", file.name]
        ended = subprocess.run([*command, "--timeout", "15"], check=False, capture_output=True, text=True)
    try:
        found = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError):
        found = []
    audited = [one for one in found if "skip_reason" not in one]
    lines = [f"{one['name']} {one['version']}: {known['id']}" for one in audited for known in one["vulns"]]
    verdict = f"{len(audited)} of {len(pins)} packages audited, {len(lines)} known advisories"
    if len(audited) < len(pins):
        verdict = f"NOT AUDITED: the data of pip-audit could not be reached; {verdict}"
    text = "\n".join([verdict, *lines]) + "\n"
    (folder / "advisories.txt").write_text(text, "utf-8")
    print(text)
    return int(bool(lines))


def main(folder: Path) -> int:
    with tempfile.TemporaryDirectory() as temporary:
        programs = fresh(Path(temporary) / "venv", f"{wheel_of(folder)}[{EXTRAS}]")
        python = str(programs / "python")
        licences(python, folder)
        sbom(python, folder)
        return advisories(python, folder)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
