"""The text of files in vector stores: cut into parts, and filtered by the attributes of its file.

The rule of this module: pure; parts overlap as the strategy says and together hold every token, and a comparison
between values of different types is never true, but for ``ne`` and ``nin``.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from assay.reference.text import tokens

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["fits", "parts"]

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def parts(text: str, *, max_chunk_size_tokens: int, chunk_overlap_tokens: int) -> list[str]:
    """Cut a text into parts of at most so many tokens, each of which begins with the last tokens of the one before."""
    pieces = tokens(text)
    step = max(max_chunk_size_tokens - chunk_overlap_tokens, 1)
    last = max(len(pieces) - chunk_overlap_tokens, 1)
    return ["".join(pieces[start : start + max_chunk_size_tokens]) for start in range(0, last, step)]


def fits(condition: dict[str, Any] | None, attributes: dict[str, Any]) -> bool:
    """Tell whether the attributes of a file meet a condition; without one they do."""
    if condition is None:
        return True
    kind = condition["type"]
    if kind in ("and", "or"):
        met = [fits(inner, attributes) for inner in condition["filters"]]
        return all(met) if kind == "and" else any(met)
    value, wanted = attributes.get(condition["key"]), condition["value"]
    if kind in ("eq", "ne"):
        return _same(value, wanted) is (kind == "eq")
    if kind in ("in", "nin"):
        return any(_same(value, item) for item in wanted) is (kind == "in")
    return _kind(value) == _kind(wanted) != "other" and _ORDERS[kind](value, wanted)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else "other"


def _same(value: Any, wanted: Any) -> bool:
    return isinstance(value, bool) is isinstance(wanted, bool) and bool(value == wanted)
