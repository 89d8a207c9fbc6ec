"""Values to compare by: some that both sides admit, some that a set has left over, and edits of them.

The rule of this module: the same two descriptions give the same values; nothing is left to chance, and each value is
proposed only, for the checks to judge.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jsonschema_rs import canonical as form

from assay.diff.sides import TYPES, Node
from assay.generate.compiler import Compiler, resolved
from assay.generate.dials import DIALS
from assay.generate.fixed import GaveUp, made
from assay.schema.algebra import inline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jsonschema_rs import CanonicalSchema

    from assay.diff.sides import Side
    from assay.schema.places import Place

__all__ = ["Near", "Samples", "distinct", "size"]

_PLAIN = replace(DIALS, hostile=0.0, optional=0.0, items=1)
_RICH = replace(DIALS, hostile=0.0, optional=0.7, items=2)
_NUMBERS = (0, 1, 2, 3, 4, 5)
_MOST = 14
_LENGTHS = (6, 14, 40, 300)
_SUBTRACTED = 20  # definitions of both; the difference of more takes seconds


def distinct(values: Iterable[Any]) -> list[Any]:
    """Each JSON value once, in order."""
    return list({_key(value): value for value in values}.values())


def size(value: Any) -> int:
    """About how long a value is as text; a long text is not looked through."""
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, dict):
        return sum(len(name) + 4 + size(inner) for name, inner in value.items()) + 2
    return sum(size(inner) + 2 for inner in value) + 2 if isinstance(value, list) else len(repr(value))


def _key(value: Any) -> Any:
    """What equal JSON values share; true is not 1, and 1 is not 1.0."""
    if isinstance(value, dict):
        return ("object", frozenset((name, _key(inner)) for name, inner in value.items()))
    if isinstance(value, list):
        return ("array", tuple(_key(inner) for inner in value))
    return (type(value), value)


class Samples:
    """Makes values of canonical schemas; plans are shared by equal schemas."""

    def __init__(self) -> None:
        self._compiler = Compiler()
        self._made: dict[CanonicalSchema, list[Any]] = {}

    def of(self, schema: CanonicalSchema | None) -> list[Any]:
        """Some values of a schema: the simplest, one of each type, then some with more in them."""
        if schema is None:
            return []
        known = self._made.get(schema)
        if known is None:
            known = self._made[schema] = self._values(schema)
        return known

    def _values(self, schema: CanonicalSchema) -> list[Any]:
        found = list(self._of_plan(schema, _NUMBERS[:1]))
        for typed in TYPES.values():
            with suppress(form.CanonicalizationError):
                found += self._of_plan(schema.intersect(typed), _NUMBERS[:1])
        found += self._of_plan(schema, _NUMBERS[1:])
        return distinct(found)[:_MOST]

    def longer(self, schema: CanonicalSchema | None) -> Iterator[Any]:
        """Strings of a schema of several lengths, where it has them."""
        if schema is None:
            return
        for length in _LENGTHS:
            with suppress(form.CanonicalizationError):
                yield from self.of(schema.intersect(inline({"type": "string", "minLength": length})))[:2]

    def many(self, schema: CanonicalSchema | None, count: int) -> Iterator[Any]:
        """Values of a schema as they come."""
        if schema is not None:
            yield from self._of_plan(schema, range(count))

    def _of_plan(self, schema: CanonicalSchema, numbers: Iterable[int]) -> Iterator[Any]:
        plan = self._compiler.plan(resolved(schema))
        if plan.height == math.inf:
            return
        for number in numbers:
            with suppress(GaveUp, RecursionError):
                yield made(plan, _RICH if number else _PLAIN, number)

    def shared(self, one: CanonicalSchema | None, other: CanonicalSchema | None) -> list[Any]:
        """Values of two schemas at once; of either where the algebra does not know both at once."""
        if one is None or other is None:
            return [*self.of(one), *self.of(other)]
        try:
            both = one.intersect(other)
        except form.CanonicalizationError:
            return [*self.of(one), *self.of(other)]
        return self.of(both)

    def left(self, one: CanonicalSchema | None, other: CanonicalSchema | None) -> list[Any]:
        """Values that the first has and the second has not."""
        if one is None or other is None or len(one.definitions()) + len(other.definitions()) > _SUBTRACTED:
            return []
        try:
            return self.of(one.subtract(other))
        except form.CanonicalizationError:
            return []

    def holding(self, schema: CanonicalSchema | None, step: str | int, value: Any) -> list[Any]:
        """Values of a schema that hold a value at a step."""
        if schema is None:
            return []
        wanted: dict[str, Any] = {"type": "object", "required": [step], "properties": {step: {"const": value}}}
        if isinstance(step, int):
            wanted = {"type": "array", "minItems": step + 1, "prefixItems": [{}] * step + [{"const": value}]}
        try:
            return self.of(schema.intersect(inline(wanted)))[:3]
        except ValueError:
            return []


@dataclass(frozen=True, slots=True)
class Near:
    """Values of schemas near one place, for edits that need them."""

    samples: Samples
    side: Side
    place: Place

    def text(self, schema: dict[str, Any]) -> Iterator[Any]:
        """Yield strings of a schema that has keywords of strings only."""
        leaf = {"type": "string"} | {k: v for k, v in schema.items() if k in ("minLength", "maxLength", "pattern")}
        with suppress(ValueError):
            yield from self.samples.of(inline(leaf))

    def below(self, *steps: str | int) -> list[Any]:
        """Some values of the schema so many steps below; none where there is none."""
        place: Place | None = self.place
        for step in steps:
            place = place.step(step) if place is not None else None
        return [] if place is None else self.samples.of(self.side.canonical(Node((place.reference,))))
