"""Draw docs/demo.svg: what `meetstream-async demo` prints. Usage: python docs/_site/demo_picture.py"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100
PICTURE = Path(__file__).parents[1] / "demo.svg"


def output() -> str:
    """Everything that it writes to a terminal of that width."""
    main, other = pty.openpty()
    command = [str(Path(sys.executable).with_name("meetstream-async")), "demo"]
    environment = os.environ | {"COLUMNS": str(WIDTH), "LINES": "60", "TERM": "xterm-256color"}
    running = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=environment)
    os.close(other)
    read = bytearray()
    try:
        while chunk := os.read(main, 65536):
            read += chunk
    except OSError:  # the other end is closed
        pass
    assert running.wait() == 0
    return read.decode().replace("\r\n", "\n")


def last_state(text: str) -> str:
    """What is left on the screen: a progress bar is drawn over itself."""
    text = re.sub(r"\x1b\[\?25[lh]", "", text)
    lines: list[str] = []
    for line in text.split("\n"):
        if ups := re.findall(r"\x1b\[(?:(\d*)A|2K)", line):
            for count in filter(None, ups):
                del lines[-int(count) :]
            line = re.sub(r"\x1b\[\d*[AK]", "", line)
        lines.append(line.rpartition("\r")[2])
    return "\n".join(lines).strip("\n")


def main() -> None:
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    console.print(Text.from_ansi(last_state(output())))
    svg = console.export_svg(title="meetstream-async demo")
    # The font of the machine that shows it: nothing is fetched.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace(
        "Fira Code, monospace", "monospace"
    )
    svg = re.sub(r"font-family: Fira Code\b", "font-family: ui-monospace, Menlo, Consolas", svg)
    PICTURE.write_text(re.sub(r"terminal-\d+", "terminal-0", svg), "utf-8")


if __name__ == "__main__":
    main()
