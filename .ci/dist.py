"""The release's two files: what is in them, and that they are the same each time that they are built.

Usage: python .ci/dist.py FOLDER, which gets the sdist and the wheel. Needs the group `release`.
"""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

PACKAGES = ("meetstream_async", "pytest_meetstream_async")
WANTED_IN_SDIST = (
    ".ci/run", "noxfile.py", "pyproject.toml", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE",
    "constraints.txt", "docs/cli.md", "docs/conf.py", "examples/compose.yaml", "tests/conftest.py",
    "benchmarks/README.md",
)  # fmt: skip
EPOCH = os.environ.get("SOURCE_DATE_EPOCH", "1600000000")
"""Any moment will do to see that builds are alike; a release takes that of its commit."""


def build(folder: Path, umask: int) -> dict[str, bytes]:
    """Both files, in a process of its own, which makes its files with other permissions."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), "."]
    environment = os.environ | {"SOURCE_DATE_EPOCH": EPOCH}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment, umask=umask)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def check_reproducible(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return [f"{name} differs from one build to the next" for name in one if one[name] != other.get(name)]


def check_wheel(path: Path) -> list[str]:
    """The packages and nothing beside them; a readme whose links an index can follow."""
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        readme = HeaderParser().parsestr(wheel.read(metadata).decode()).get_payload()
    wrong = [
        f"{name} does not belong into the wheel"
        for name in names
        if not name.endswith(".py")
        and ".dist-info/" not in name
        and not (name.endswith("py.typed") or name.startswith("meetstream_async/console/"))
    ]
    wrong += [
        f"{name} is outside the packages" for name in names if not name.startswith((*PACKAGES, "meetstream_"))
    ]
    sources = {str(file) for package in PACKAGES for file in Path(package).rglob("*.py")}
    wrong += [f"{name} is not in the wheel" for name in sorted(sources - set(names))]
    links = re.findall(r"\]\(([^)]+)\)", re.sub(r"```.*?```|`[^`\n]*`", "", str(readme), flags=re.DOTALL))
    wrong += [
        f"the readme for the index links to {link}" for link in links if not link.startswith("https://")
    ]
    return wrong


def check_sdist(path: Path) -> list[str]:
    """What is needed to build, test and document it again, and nothing that the repository does not keep."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wrong = [f"{name} is not in the sdist" for name in WANTED_IN_SDIST if name not in names]
    try:
        listed = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return wrong  # built from an sdist: there is no repository
    kept = set(listed.splitlines())
    wrong += [f"{name} is not in the sdist" for name in sorted(kept - names)]
    return wrong + [
        f"{name} is in the sdist only" for name in sorted(names - kept - {"PKG-INFO", ".gitignore"})
    ]


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory() as second:
        wrong = check_reproducible(build(folder, 0o022), build(Path(second), 0o077))
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    wrong += check_wheel(wheel) + check_sdist(sdist)
    print(*wrong, sep="\n")
    for path in (sdist, wheel):
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path.name)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
