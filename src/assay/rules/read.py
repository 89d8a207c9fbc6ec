"""Typed readers of JSON values, so that a rule sees only what has the type it needs.

The rule of this module: nothing raises and nothing converts. What is missing or of another type reads as None or
as an empty list, and the schemas tell of it.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["at", "integer", "is_base64", "is_json", "listed", "number", "objects", "shown", "text"]

_LARGEST = 1e300


def at(value: Any, *names: str) -> Any:
    """Return the value at a path of property names, or None where there is none."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def integer(value: Any) -> int | None:
    """Return an integer; a float without fraction is one, a boolean is not."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def number(value: Any) -> float | None:
    """Return a number; a boolean is none, and neither is an integer that no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        return None
    return float(value)


def text(value: Any) -> str | None:
    """Return a string, also an empty one."""
    return value if isinstance(value, str) else None


def listed(value: Any) -> list[Any]:
    """Return an array, or an empty one."""
    return value if isinstance(value, list) else []


def objects(value: Any) -> list[tuple[int, dict[str, Any]]]:
    """Return the objects of an array with their indexes."""
    return [(number, item) for number, item in enumerate(listed(value)) if isinstance(item, dict)]


def shown(response: Any) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Yield the objects that a response shows, with their places: those of a page, or the one that it is."""
    if isinstance(at(response, "data"), list):
        yield from ((("data", number), item) for number, item in objects(response["data"]))
    elif isinstance(response, dict):
        yield (), response


def is_json(value: str) -> bool:
    """Tell whether a text is JSON."""
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True


def is_base64(value: str) -> bool:
    """Tell whether a text is base64, with its padding."""
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except (binascii.Error, ValueError):
        return False
    return True
