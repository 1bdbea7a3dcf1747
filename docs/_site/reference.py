"""A Sphinx extension: the reference, made from the code before each build.

The Python API from `__all__` and the docstrings, the command line from its own help, the HTTP API from its
OpenAPI document, into `docs/reference/`, which is not kept. A public name that no page has is a warning, and
so ends a build.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import python_pages
from command_line import command_line_page
from http_api import http_page
from sphinx.application import Sphinx
from sphinx.util import logging

from meetstream_async.fastapi import Runs

log = logging.getLogger(__name__)


def names_of(module: str) -> list[str]:
    """The public names of a module; those without `__all__` have the ones that their page names."""
    named = [name for page in python_pages.PAGES if page.module == module for name in page.names]
    found = getattr(importlib.import_module(module), "__all__", named)
    return [name for name in found if name != "__version__"]


def documented(module: str, name: str) -> list[str]:
    """The directive for one name."""
    value = getattr(importlib.import_module(module), name)
    path = f"{module}.{name}"
    if not inspect.isclass(value):
        kind = "autofunction" if inspect.isroutine(value) else "autodata"
        return [f".. {kind}:: {path}", *(["   :no-value:"] if kind == "autodata" else []), ""]
    if issubclass(value, BaseException):
        return [f".. autoexception:: {path}", "   :show-inheritance:", ""]
    if issubclass(value, enum.Enum):
        return [f".. autoclass:: {path}", "   :no-inherited-members:", ""]
    return [
        f".. autoclass:: {path}",
        "   :inherited-members: object,PydanticType,BaseModel,Protocol,Generic",
        "",
    ]


def python_page(page: python_pages.Page) -> str:
    lines = [page.title, "=" * len(page.title), "", page.text, ""]
    if page.about:
        lines += [f".. py:module:: {page.about}", ""]
    for name in page.names or names_of(page.module):
        lines += documented(page.module, name)
    return "\n".join(lines)


def check_complete(pages: tuple[python_pages.Page, ...]) -> None:
    """Each public name is on a page, and on one only."""
    for module in sorted({page.module for page in pages}):
        found = [name for page in pages if page.module == module for name in page.names or names_of(module)]
        wanted = set(names_of(module))
        if missing := wanted - set(found):
            log.warning(
                "names of %s that no page of the reference has: %s", module, ", ".join(sorted(missing))
            )
        if unknown := set(found) - wanted:
            log.warning(
                "names in the reference that %s does not have: %s", module, ", ".join(sorted(unknown))
            )
        if len(found) != len(set(found)):
            log.warning("names of %s are in the reference twice", module)


def write(path: Path, text: str) -> None:
    """Unless it is there already, so that Sphinx does not read it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def make(app: Sphinx) -> None:
    check_complete(python_pages.PAGES)
    folder = Path(app.confdir) / "reference"
    for page in python_pages.PAGES:
        write(folder / f"{page.file}.rst", python_page(page))
    write(folder / "command-line.md", command_line_page())
    write(folder / "http-api.md", http_page())


def public_name(target: str) -> str | None:
    """Where a class is documented: types name the private module that defines it."""
    for module in python_pages.MODULES:
        name = target.rpartition(".")[2]
        if target.startswith(module) and name in names_of(module):
            return f"{module}.{name}"
    return None


def resolve(app: Sphinx, env: Any, node: Any, child: Any) -> Any:
    """Link a type that stands in a signature with its public name."""
    if node.get("refdomain") != "py":
        return None
    public = public_name(node["reftarget"])
    if public is None or public == node["reftarget"]:
        return None
    python = env.get_domain("py")
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, child)


def said_by_the_protocol(name: str) -> list[str]:
    """What the protocol says of a method that implements it without words of its own."""
    module, cls, member = name.rsplit(".", 2)
    if module not in python_pages.MODULES or not cls.endswith("Runs"):
        return []
    return (inspect.getdoc(getattr(Runs, member, None)) or "").splitlines()


def readable(_app: Sphinx, what: str, name: str, value: Any, _options: Any, lines: list[str]) -> None:
    """Docstrings list arguments as "name: meaning", with indented continuation: make that a list."""
    if not any(lines) and what in ("method", "property"):
        lines[:] = said_by_the_protocol(name)
    if what == "class":
        # Which autodoc does not ask for.
        fields = getattr(value, "model_fields", {})
        lines += [f"{name}: {field.description}" for name, field in fields.items()]
    text, inside = [], False
    for line in lines:
        if match := re.match(r"([a-z_]+(?:,? [a-z_]+)*)(?:: |  +)(?=\S)", line):
            text += ([""] if not inside else []) + [f"* **{match[1]}**: {line[match.end() :]}"]
            inside = True
        elif inside and line.startswith("    "):
            text.append("  " + line.strip())
        else:
            text += ["", line] if inside and line.strip() else [line]
            inside = False
    lines[:] = text


def write_llms_txt(app: Sphinx, exception: Exception | None) -> None:
    """The project's llms.txt, with links to the pages' sources as the site has them."""
    if exception is None:
        text = (Path(app.srcdir) / "llms.txt").read_text("utf-8")
        text = re.sub(r"\]\(([\w./-]+\.md)\)", r"](_sources/\1.txt)", text)
        (Path(app.outdir) / "llms.txt").write_text(text, "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", make)
    app.connect("missing-reference", resolve)
    app.connect("build-finished", write_llms_txt)
    app.connect("autodoc-process-docstring", readable)
    return {"version": "1", "parallel_read_safe": True}
