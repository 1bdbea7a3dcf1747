"""The results on disk: a JSON file with the plot, and the table in this folder's README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .table import as_markdown

HERE = Path(__file__).parent
BEGIN, END = "<!-- the results begin -->", "<!-- the results end -->"


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
    """Create the plot and the README's table from this folder's ``results.json``."""
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    write(results, HERE / "results.json")
    readme = HERE / "README.md"
    readme.write_text(renewed(readme.read_text(encoding="utf-8"), results), encoding="utf-8")


def renewed(readme: str, results: dict[str, Any]) -> str:
    """The README's text, with the table of these results between its markers."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{as_markdown(results)}\n{END}{after}"
