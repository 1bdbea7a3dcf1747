"""The page's static files, read once from the package."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from starlette.responses import Response

INDEX = "index.html"
# Explicit, because the MIME table of the machine may map .js to a type that browsers refuse to run.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def read_assets() -> dict[str, tuple[bytes, str]]:
    """Content and media type of each file, by name."""
    found = {}
    for path in files(__package__).joinpath("static").iterdir():
        suffix = path.name[path.name.rfind(".") :]
        if suffix in _TYPES:
            found[path.name] = path.read_bytes(), _TYPES[suffix]
    return found


def asset(assets: Mapping[str, tuple[bytes, str]], name: str) -> Response:
    """Response with one file, or 404."""
    if name not in assets:
        return Response("not found", 404, media_type="text/plain")
    content, kind = assets[name]
    return Response(content, media_type=kind)
