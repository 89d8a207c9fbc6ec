"""Strict mode: the subset of JSON Schema that a schema must keep to, and values that must follow it.

The rule of this module: it judges schemas and values wherever they came from, and brings no rule of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from assay.schema.given import conforms

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["follows", "loose"]

Path = tuple[str | int, ...]

_DEEPEST = 64
_MAPPINGS = ("properties", "$defs", "definitions")


def loose(schema: Any) -> tuple[Path, str] | None:
    """Return the first place where a schema leaves the strict subset, and what it lacks there; None: it keeps to it.

    Every object names all its properties in ``required`` and has ``additionalProperties: false``.
    """
    for path, inner in _subschemas(schema, (), 0):
        properties = inner.get("properties")
        if inner.get("type") != "object" and not isinstance(properties, dict):
            continue
        if inner.get("additionalProperties") is not False:
            return path, "additionalProperties: false"
        required = inner.get("required")
        named = required if isinstance(required, list) else []
        if any(name not in named for name in properties or ()):
            return path, "required with every property"
    return None


def follows(schema: Any, text: str) -> bool | None:
    """Tell whether JSON text is a value that a schema admits; None where the schema is none, or the text no JSON."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return conforms(schema, value) if isinstance(schema, dict) else None


def _subschemas(schema: Any, path: Path, depth: int) -> Iterator[tuple[Path, dict[str, Any]]]:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    yield path, schema
    for keyword in _MAPPINGS:
        members = schema.get(keyword)
        for name, inner in members.items() if isinstance(members, dict) else ():
            yield from _subschemas(inner, (*path, keyword, name), depth + 1)
    yield from _subschemas(schema.get("items"), (*path, "items"), depth + 1)
    branches = schema.get("anyOf")
    for number, inner in enumerate(branches if isinstance(branches, list) else ()):
        yield from _subschemas(inner, (*path, "anyOf", number), depth + 1)
