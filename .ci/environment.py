"""A fresh virtual environment with a wheel in it, and nothing else that is not asked for."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path


def wheel_of(folder: Path) -> Path:
    (wheel,) = folder.resolve().glob("*.whl")
    return wheel


def fresh(folder: Path, *requirements: str) -> Path:
    """The environment's folder of programs. Installed by uv where there is one, else by pip."""
    uv = shutil.which("uv")
    venv.create(folder, with_pip=uv is None)
    programs = folder / "bin"
    python = str(programs / "python")
    install = [uv, "pip", "install", "-q", "-p", python] if uv else [python, "-m", "pip", "install", "-q"]
    subprocess.run([*install, *requirements], check=True)
    return programs


def bare_environment(programs: Path, home: Path) -> dict[str, str]:
    """Of the developer's variables only those that a network may need."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("SSL_")}
    return {**kept, "PATH": f"{programs}:{os.defpath}", "HOME": str(home), "LANG": "C.UTF-8"}


if __name__ == "__main__":
    sys.exit("not a program")
