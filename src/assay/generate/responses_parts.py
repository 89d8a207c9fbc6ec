"""Parts of a response: values of the schemas below one reference, made without what a recipe ties itself.

The rule of this module: a recipe says what it ties by property name; what the description does not declare is
dropped, what the recipe does not tie comes from the schema, so that one recipe serves every description.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from assay.generate.compiler import Compiler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.generate.plans import Plan
    from assay.generate.source import Source
    from assay.schema.check import Schemas
    from assay.schema.places import Place

__all__ = ["ABSENT", "ITEM", "Parts"]

ABSENT: Final = object()
"""As a tie: the property stays away."""
ITEM: Final = "[]"
"""As a step: the items of an array."""
_LEAD = ("type", "id", "object")  # what a person looks for first


class Parts:
    """Makes values of the response schemas of one description."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._plans: dict[tuple[str, tuple[str, ...]], Plan] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._required: dict[str, frozenset[str]] = {}
        self._found: dict[tuple[str, tuple[str, ...]], str | None] = {}
        self._variants: dict[tuple[str, str], dict[Any, str]] = {}

    def value(self, source: Source, reference: str, *without: str) -> Any:
        """Make a value of a schema, without some properties of its root object."""
        key = (reference, without)
        plan = self._plans.get(key)
        if plan is None:
            canonical = self._schemas.canonical(reference)
            plan = self._plans[key] = Compiler(dict.fromkeys(without)).root(canonical)
        if plan.height == math.inf:
            return source.give_up()
        return plan.make(source, source.dials.depth)

    def object(self, source: Source, reference: str, ties: Mapping[str, Any]) -> dict[str, Any]:
        """Make an object: the declared ones of ``ties`` as they are, everything else from the schema."""
        names = self.names(reference)
        tied = {name: tie for name, tie in ties.items() if tie is not ABSENT and name in names}
        if names <= ties.keys():
            return tied
        value = self.value(source, reference, *(name for name in ties if name in names))
        if not isinstance(value, dict):
            return tied
        lead = {name: either[name] for name in _LEAD for either in (tied, value) if name in either}
        return {**lead, **tied, **value}

    def admits(self, reference: str | None, value: Any) -> bool:
        """Whether a schema admits a value; where there is no schema, nothing is."""
        return reference is not None and self._schemas.check(reference).ok(value)

    def names(self, reference: str) -> frozenset[str]:
        """The properties that a schema declares, in any branch."""
        found = self._names.get(reference)
        if found is None:
            places = self._same(self._schemas.places.at(reference))
            found = self._names[reference] = frozenset(name for place in places for name in place.named())
        return found

    def below(self, reference: str, *steps: str) -> str | None:
        """The reference of a schema some properties (or ``ITEM``) further down; None where there is none."""
        key = (reference, steps)
        if key not in self._found:
            here: Place | None = self._schemas.places.at(reference)
            for step in steps:
                here = None if here is None else self._step(here, step)
            self._found[key] = None if here is None else here.reference
        return self._found[key]

    def having(self, reference: str, name: str) -> str | None:
        """The innermost schema, in any branch for the same value, that itself declares a property."""
        places = self._same(self._schemas.places.at(reference))
        return next((place.reference for place in places if name in place.named()), None)

    def variant(self, reference: str, tag: str, value: str) -> str | None:
        """The branch of a union whose property ``tag`` is ``value`` (always, or among others); None where none is."""
        key = (reference, tag)
        if key not in self._variants:
            told = [
                (self._constants(place, tag), place) for place in self._branches(self._schemas.places.at(reference))
            ]
            found: dict[Any, str] = {}
            # A branch that knows one value alone tells more of it than one that knows several.
            for names, place in sorted(told, key=lambda pair: len(pair[0]) > 1):
                for name in names:
                    found.setdefault(name, place.reference)
            self._variants[key] = found
        return self._variants[key].get(value)

    def branches(self, reference: str) -> tuple[str, ...]:
        """The branches of a union, nested unions flattened; the schema itself comes first."""
        return tuple(place.reference for place in self._branches(self._schemas.places.at(reference)))

    def own(self, reference: str) -> frozenset[str]:
        """The properties that a schema declares without choice."""
        places = self._schemas.places
        return frozenset(name for place in places.same_value(places.at(reference)) for name in place.named())

    def required(self, reference: str) -> frozenset[str]:
        """The properties that a schema requires without choice."""
        known = self._required.get(reference)
        if known is None:
            places = self._schemas.places
            found = (place.keyword("required") for place in places.same_value(places.at(reference)))
            names = (name for names in found if isinstance(names, list) for name in names)
            known = self._required[reference] = frozenset(names)
        return known

    def null_or_absent(self, source: Source, reference: str, name: str) -> Any:
        """How a property says that there is nothing: by null or by its absence, as the schema has it."""
        nullable = self.admits(self.below(reference, name), None)
        if name in self.required(reference):
            return None
        return source.pick((ABSENT, None)) if nullable else ABSENT

    def tags(self, reference: str, tag: str) -> tuple[str, ...]:
        """Every value of ``tag`` that tells a branch of a union, in the order of the description."""
        self.variant(reference, tag, "")
        return tuple(self._variants[reference, tag])

    def _step(self, place: Place, step: str) -> Place | None:
        for here in self._same(place):
            if step == ITEM:
                if isinstance(here.keyword("items"), dict):
                    return here.child("items")
            elif step in here.named():
                return here.named()[step]
        return None

    def _same(self, place: Place) -> Iterator[Place]:
        """Every schema that can apply to the same value: through references, conjunctions and unions."""
        waiting, seen = [place], set()
        while waiting:
            here = waiting.pop(0)
            if here.reference in seen:
                continue
            seen.add(here.reference)
            for same in self._schemas.places.same_value(here):
                yield same
                for keyword in ("anyOf", "oneOf"):
                    waiting += same.branches(keyword)
                waiting += [same.child(keyword) for keyword in ("then", "else") if keyword in (same.schema or ())]

    def _branches(self, place: Place) -> Iterator[Place]:
        """The branches of a union, nested unions flattened, outermost first."""
        waiting, seen = [place], set()
        while waiting:
            here = waiting.pop(0)
            if here.reference in seen:
                continue
            seen.add(here.reference)
            yield here
            for same in self._schemas.places.same_value(here):
                for keyword in ("anyOf", "oneOf"):
                    waiting += same.branches(keyword)
                waiting += [same.child(keyword) for keyword in ("then", "else") if keyword in (same.schema or ())]

    def _constants(self, place: Place, tag: str) -> tuple[Any, ...]:
        for same in self._schemas.places.same_value(place):
            inner = same.named().get(tag)
            if inner is not None:
                for here in self._schemas.places.same_value(inner):
                    if here.keyword("const") is not None:
                        return (here.keyword("const"),)
                    if isinstance(values := here.keyword("enum"), list):
                        return tuple(values)
        return ()
