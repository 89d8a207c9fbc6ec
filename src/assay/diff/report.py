"""A comparison for people and for programs: lines grouped by whom they concern, and one JSON document.

The rule of this module: nothing is left out of the document; the text shows the shortest of each, and says how much
more there is.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.diff.differences import KINDS, MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.diff.differences import Comparison, Difference

__all__ = ["Line", "document", "lines", "summary"]

_LONGEST_TEXT, _LONGEST_WITNESS, _MANY = 40, 240, 5
_COLOURS = {
    "breaks callers": "bold red",
    "breaks readers": "bold yellow",
    "undecided": "bold",
    "harmless": "bold green",
}


class Line(NamedTuple):
    """One paragraph of the report: its text, how far it is indented, and a style of rich."""

    text: str
    indent: int = 0
    style: str = ""


def lines(comparison: Comparison) -> Iterator[Line]:
    """The report, kind by kind, operation by operation."""
    for kind, ones in groupby(comparison.differences, key=lambda one: one.kind):
        told = list(ones)
        concerns, title = KINDS[kind]
        yield Line(f"{concerns.upper()}: {title} ({len(told)})", 0, _COLOURS[concerns])
        told.sort(key=lambda one: one.operation)
        for operation, group in groupby(told, key=lambda one: one.operation):
            yield Line(operation, 2, "bold")
            for one in group:
                yield from _one(one)
        yield Line("")
    yield Line(summary(comparison))


def _one(one: Difference) -> Iterator[Line]:
    if not one.part:
        yield Line(one.got, 4)
        return
    place = one.place if one.place == one.part else f"{one.part}: {one.place}"
    rule = f" [{one.rule}]" if one.rule else ""
    if not one.pointer:
        yield Line(f"{place}: {one.expected} in {one.refused_by}", 4)
    elif one.kind == "undecided":
        yield Line(f"{place}: cannot tell whether {one.refused_by} admits all that the other does", 4)
        yield Line(f"{one.refused_by}: {one.pointer}", 6, "dim")
    else:
        yield Line(f"{place}", 4)
        yield Line(f"{one.refused_by} expects {one.expected}; got {one.got}{rule}", 6)
        yield Line(f"{one.refused_by}: {one.pointer}", 6, "dim")
    if one.witness is not MISSING:
        yield Line(f"witness: {_short(one.witness)}", 6, "cyan")
    if one.others:
        yield Line(f"refused too: {', '.join(_short(other, 40) for other in one.others[:_MANY])}{_more(one.others)}", 6)
    if one.also:
        yield Line(f"the same in: {', '.join(one.also[:_MANY])}{_more(one.also)}", 6)


def _more(values: tuple[Any, ...]) -> str:
    return f" and {len(values) - _MANY} more" if len(values) > _MANY else ""


def _short(value: Any, longest: int = _LONGEST_WITNESS) -> str:
    text = json.dumps(_cut(value), ensure_ascii=False)
    return text if len(text) <= longest else f"{text[:longest]}..."


def _cut(value: Any) -> Any:
    """A value with its long strings told by their beginning and length, and long arrays by their first items."""
    match value:
        case str() if len(value) > _LONGEST_TEXT:
            return f"{value[:12]}... ({len(value)} characters)"
        case list() if len(value) > _MANY:
            return [*(_cut(inner) for inner in value[:2]), f"... ({len(value)} items)"]
        case list():
            return [_cut(inner) for inner in value]
        case dict():
            return {_cut(name): _cut(inner) for name, inner in value.items()}
    return value


def summary(comparison: Comparison) -> str:
    """One line with the counts per kind."""
    compared = f"{_counted(comparison.operations, 'operation')} compared in {_counted(len(comparison.parts), 'part')}"
    if not comparison.differences:
        return f"{compared}: no difference"
    counts = ", ".join(f"{count} {kind}" for kind, count in comparison.counts.items())
    return f"{compared}: {counts}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def document(comparison: Comparison, before: str, after: str) -> dict[str, Any]:
    """The whole comparison as one JSON value; ``before`` and ``after`` name the descriptions."""
    return {
        "before": before,
        "after": after,
        "operations": comparison.operations,
        "parts": len(comparison.parts),
        "counts": comparison.counts,
        "differences": [_record(one) for one in comparison.differences],
    }


def _record(one: Difference) -> dict[str, Any]:
    record: dict[str, Any] = {
        "kind": one.kind,
        "concerns": one.concerns,
        "operation": one.operation,
        "also": list(one.also),
        "part": one.part,
        "place": one.place,
        "expected": one.expected,
        "got": one.got,
        "rule": one.rule,
        "refused_by": one.refused_by,
        "pointer": one.pointer,
        "admitted": list(one.admitted),
    }
    if one.witness is not MISSING:
        record |= {"witness": one.witness, "others": list(one.others)}
    return record
