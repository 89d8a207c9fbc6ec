"""One decoded text and the JSON values it may stand for, given what a schema allows there.

The rule of this module: a text form is ambiguous, so reading gives *candidates*, most specific first, and a value
counts as a number or boolean only when it is spelled as JSON spells it (no ``1_000``, ``+1``, ``nan``, ``True``).
"""

from __future__ import annotations

import re
from itertools import product
from math import isinf, prod
from typing import TYPE_CHECKING, Any

from assay.wire.json_text import parse_json, write_json
from assay.wire.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.model import Shape

__all__ = ["choices", "combine", "literals", "write_literal"]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# CPython refuses to convert longer texts to int; no sensible number is longer.
_LONGEST_NUMBER = 4300
# All combinations of the candidates of an array's items are tried up to this many.
_COMBINATIONS = 64


def literals(text: str, shape: Shape | None) -> tuple[Any, ...]:
    """Return the values a decoded text may stand for, most specific first; never empty.

    A text that fits no type of the shape stands for itself, so that a schema can say what is wrong with it.
    """
    types = shape.types if shape is not None else frozenset()
    if not types or types == {"string"}:
        return (text,)
    found: list[Any] = []
    if "null" in types and text in ("", "null"):
        found.append(None)
    if "boolean" in types and text in ("true", "false"):
        found.append(text == "true")
    if "integer" in types or "number" in types:
        found.extend(_numbers(text))
    if ("object" in types or "array" in types) and text[:1] in ("{", "["):
        value = parse_json(text.encode("utf-8", "surrogatepass"))
        if not isinstance(value, Problem):
            found.append(value)
    if "string" in types or not found:
        found.append(text)
    return tuple(found)


def _numbers(text: str) -> list[int | float]:
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > _LONGEST_NUMBER:
        return []
    if match[1] is None and match[2] is None:
        return [int(text)]
    number = float(text)
    return [] if isinf(number) else [number]


def combine(parts: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Return the arrays that can be made by choosing one candidate for each item.

    All of them while they are few; else the most specific of each, the next of each, and so on, so that the
    number of candidates stays bounded whatever the number of items.
    """
    count = prod(map(len, parts))
    if count == 1:
        return [[part[0] for part in parts]]
    if count <= _COMBINATIONS:
        return [list(choice) for choice in product(*parts)]
    ranks = max(map(len, parts))
    return [[part[min(rank, len(part) - 1)] for part in parts] for rank in range(ranks)]


def choices(parts: dict[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return the objects that can be made by choosing one candidate for each property."""
    return [dict(zip(parts, values, strict=True)) for values in combine(list(parts.values()))]


def write_literal(value: Any, shape: Shape | None = None) -> str:
    """Write one value as text: strings bare, the rest as JSON; ``3.0`` as ``3`` where only integers are meant."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and shape is not None and shape.types >= {"integer"}:
        return str(int(value)) if "number" not in shape.types else write_json(value)
    return write_json(value)
