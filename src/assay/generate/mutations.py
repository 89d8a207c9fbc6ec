"""One change to a valid value: the raw material of negatives where no algebra can help.

The rule of this module: exactly one place changes, and the change can be told in words; whether it broke the
schema is for the checker to say.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.generate.literals import NONE, STRANGERS, Literals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.generate.source import Source

__all__ = ["Mutation", "mutated", "places"]

Path = tuple[str | int, ...]
_LONG = 100_000


@dataclass(frozen=True, slots=True)
class Mutation:
    """A changed value, the path of the change, and what was done there, as a phrase without values."""

    value: Any
    path: Path
    change: str


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every place of a value with what stands there, the whole first."""
    yield path, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def mutated(source: Source, value: Any, literals: Literals = NONE) -> Mutation:
    """Change one place of ``value``, which itself stays as it is; ``literals`` may be put there."""
    path, old = source.pick(list(places(value)))
    if literals.values and source.below(6) == 1:
        new = source.pick(literals.values)
        if isinstance(old, list):
            new = [*old, *[new] * (1 + source.below(2))]
        return Mutation(_replaced(value, path, new), path, "another value")
    changes = list(_changes(old, removable=bool(path) and isinstance(path[-1], str)))
    change, new = changes[source.below(len(changes))]
    return Mutation(_replaced(value, path, new), path, change)


_GONE = object()


def _changes(old: Any, *, removable: bool) -> Iterator[tuple[str, Any]]:
    if removable:
        yield "removed", _GONE
    yield from (("another type", other) for other in STRANGERS if type(other) is not type(old))
    match old:
        case bool() | None:
            return
        case int() | float():
            yield from (("another number", other) for other in (old + 1, -old - 1, old + 0.5, old * 1000 + 1, -(10**9)))
        case str():
            yield from (("another string", other) for other in ("", old + "~", old[:-1], old.upper(), "\u0000"))
            yield "a very long string", "a" * _LONG
        case list():
            yield "an item more", [*old, *(old[-1:] or [None])]
            yield from ([("an item less", old[:-1]), ("no items", [])] if old else [])
            yield "many items", (old or [None]) * (3000 // max(1, len(old)))
        case dict():
            yield "an undeclared property", {**old, "otter": 1}
            yield from (("a property less", {k: v for k, v in old.items() if k != name}) for name in old)
            yield "many properties", {**old, **{f"otter_{number}": "a" for number in range(300)}}


def _replaced(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return copy.deepcopy(new)
    changed = copy.copy(value)
    if new is _GONE and len(path) == 1:
        del changed[path[0]]
    else:
        changed[path[0]] = _replaced(value[path[0]], path[1:], new)
    return changed
