"""Names of a package that are imported when they are first used.

Knows nothing of the package, so every folder may use it. A command that needs three names of the package root
starts in a fraction of the time that importing all of them takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from sys import modules
from typing import Any


def lazily(
    package: str, homes: Mapping[str, str], *, explain: Callable[[ImportError], ImportError] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package.

    homes: for each module of the package, without the leading dot, the names that it has, with spaces
        between them.
    explain: what to raise where a module can't be imported.
    """
    home = {name: module for module, names in homes.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=None)
        problem = None
        try:
            module = import_module(f".{home[name]}", package)
        except ImportError as error:
            problem = error if explain is None else explain(error)
        if problem is not None:
            raise problem
        value = getattr(module, name)
        # From now on found without asking.
        setattr(modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(modules[package]), *home})

    return get, names
