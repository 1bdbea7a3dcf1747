"""The page of the HTTP API: what the router's OpenAPI document says."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from meetstream_async.fastapi import add_error_handlers, bulk_router


def document() -> dict[str, Any]:
    app = FastAPI()
    add_error_handlers(app)
    app.include_router(bulk_router(allow_unauthenticated=True))
    return app.openapi()


def kind(schema: dict[str, Any]) -> str:
    """A schema in a word or two, with links to the schemas that it refers to."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(kind(choice) for choice in choices)
    if "const" in schema:
        return f"`{schema['const']!r}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {kind(schema['additionalProperties'])}"
    return " ".join(filter(None, [schema.get("type", "any"), schema.get("format", "")]))


def cell(text: object) -> str:
    return " ".join(str(text or "").replace("|", "\\|").split())


def table(heads: str, rows: list[tuple[str, ...]]) -> list[str]:
    columns = heads.split(",")
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return [*lines, *(f"| {' | '.join(map(cell, row))} |" for row in rows), ""]


def operation(method: str, path: str, told: dict[str, Any]) -> list[str]:
    lines = [f"## {method.upper()} {path}", "", told.get("summary", ""), "", told.get("description", ""), ""]
    if parameters := told.get("parameters"):
        rows = [
            (
                f"`{p['name']}`",
                p["in"],
                kind(p["schema"]),
                p.get("description") or p["schema"].get("description"),
            )
            for p in parameters
        ]
        lines += table("Parameter,In,Type,Meaning", rows)
    for media, content in told.get("requestBody", {}).get("content", {}).items():
        lines += [f"Body (`{media}`): {kind(content['schema'])}", ""]
    rows = []
    for status, answer in told["responses"].items():
        bodies = [
            f"{kind(c.get('schema', {}))} (`{media}`)" for media, c in answer.get("content", {}).items()
        ]
        rows.append((status, ", ".join(bodies), answer["description"]))
    return lines + table("Status,Body,Meaning", rows)


def http_page() -> str:
    api = document()
    lines = [
        "# HTTP API",
        "",
        "The routes of `bulk_router`, from its OpenAPI document. "
        "[In a FastAPI application](../fastapi.md) says how to mount them.",
        "",
    ]
    for path, item in api["paths"].items():
        for method, told in item.items():
            lines += operation(method, path, told)
    lines += ["## Schemas", ""]
    for name, schema in api["components"]["schemas"].items():
        lines += [f"### {name}", "", schema.get("description", ""), ""]
        if "enum" in schema:
            lines += [kind(schema), ""]
        needed = schema.get("required", [])
        rows = [
            (f"`{field}`" + (" (required)" if field in needed else ""), kind(told), told.get("description"))
            for field, told in schema.get("properties", {}).items()
        ]
        lines += table("Field,Type,Meaning", rows) if rows else []
    return "\n".join(lines)
