"""The sdist's own tests: those that read files of the project, or others if they are named.

Usage: python .ci/from_sdist.py FOLDER [TESTS...], in an environment with the extra `test`; `tests` runs all.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

READ_FILES = (
    "tests/test_examples.py", "tests/test_guides.py", "tests/test_layout.py", "tests/test_links.py",
    "tests/test_packaging.py", "tests/test_readme.py", "tests/cli/test_transcripts.py",
    "tests/fastapi/test_docs.py", "tests/reliability/test_the_document.py", "tests/mutation/test_groups.py",
)  # fmt: skip


def main(folder: Path, tests: list[str]) -> int:
    (sdist,) = folder.resolve().glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as temporary:
        with tarfile.open(sdist) as archive:
            archive.extractall(temporary, filter="data")
        (root,) = Path(temporary).iterdir()
        # The package of the sdist, not the one that is installed.
        environment = os.environ | {"PYTHONPATH": str(root)}
        command = [sys.executable, "-m", "pytest", "-q", *(tests or READ_FILES)]
        # Each test is found and can be imported, also those that are not run.
        collect = [sys.executable, "-m", "pytest", "-qq", "--collect-only", "-n0"]
        for one in (command, collect):
            print("in the sdist:", *one[2:5])
            code = subprocess.run(
                one,
                cwd=root,
                env=environment,
                check=False,
                stdout=subprocess.DEVNULL if one is collect else None,
            ).returncode
            if code:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
