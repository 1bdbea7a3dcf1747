"""The programs of README.md and docs/, as files, so that type checkers read what users copy.

Usage: python .ci/programs.py FOLDER. Left out are fragments, and the pages whose programs call
functions of the reader's own or are tests without annotations.
"""

import json
import re
import sys
from pathlib import Path

UNTYPED = ("fastapi.md", "testing.md")
PYRIGHT = {"typeCheckingMode": "strict", "pythonVersion": "3.11"}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.py"):
        old.unlink()
    for page in (Path("README.md"), *sorted(Path("docs").glob("*.md"))):
        blocks = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        for number, block in enumerate(blocks, 1):
            if page.name not in UNTYPED and not block.startswith("# Fragment: "):
                (folder / f"{page.stem.lower()}_{number}.py").write_text(block, "utf-8")
    (folder / "pyrightconfig.json").write_text(json.dumps(PYRIGHT), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
