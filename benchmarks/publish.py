"""The results on disk: a JSON file with the plot, and the table in this folder's README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .table import as_markdown, rows

HERE = Path(__file__).parent
BEGIN, END = "<!-- the results begin -->", "<!-- the results end -->"
_QUOTED = ("ratio", "instructions", "vendor", "page", "memory", "imports")
"""Figures that the package's own README shows."""


def write(results: dict[str, Any], path: Path) -> list[Path]:
    """The files that were written; the plot is omitted if its figures were not measured."""
    path.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if not {"contenders", "memory"} <= results["figures"].keys():
        return [path]
    from .plot import plot

    picture = path.with_suffix(".svg")
    plot(results, picture)
    return [path, picture]


def publish() -> None:
    """Create the plot, this README's table and what the package's own README quotes from ``results.json``."""
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    write(results, HERE / "results.json")
    for readme, table in ((HERE / "README.md", as_markdown), (HERE.parent / "README.md", quoted)):
        readme.write_text(renewed(readme.read_text(encoding="utf-8"), table(results)), encoding="utf-8")


def renewed(readme: str, table: str) -> str:
    """The README's text, with the table between its markers."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def quoted(results: dict[str, Any]) -> str:
    """The main figures, with nothing but their values."""
    figures = {name: results["figures"][name] for name in _QUOTED}
    lines = [("Figure", "Value"), ("---", "---")]
    lines += [(row.figure, row.value) for row in rows({"figures": figures})]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
