"""Which schemas judge which places of a value: the trace that sites, probes and contract coverage share.

The rule of this module: a schema is reached where the engine would assert it: through ``$ref`` and ``allOf``, through
the branches of a union that admit the value, and through the side of a condition that holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.schema.formats import matches
from assay.schema.places import below

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.schema.check import Direction, Schemas
    from assay.schema.places import Place, Places

__all__ = ["Path", "Tracer", "inner_schemas", "stands", "unions"]

Path = tuple[str | int, ...]
_LARGEST = 20_000  # places of members that are remembered


@dataclass(frozen=True, slots=True)
class _Links:
    """What a schema applies to the value that it judges: always, by choice, on condition, where a name is there."""

    always: tuple[Place, ...]
    chosen: tuple[Place, ...]
    condition: Place | None
    dependent: Mapping[str, Place]


class Tracer:
    """Traces values of requests, or of responses, through the schemas of a description."""

    def __init__(self, schemas: Schemas, places: Places, direction: Direction = "request") -> None:
        self._schemas = schemas
        self._direction = direction
        self.places = places
        self._links: dict[str, _Links] = {}
        self._inner: dict[tuple[str, str | int], list[Place]] = {}

    def admits(self, place: Place, value: Any) -> bool:
        """Whether a schema admits a value."""
        return self._schemas.check(place.reference, self._direction).ok(value)

    def applied(self, place: Place, value: Any) -> Iterator[Place]:
        """Yield a schema and all that judge the same value because it does."""
        waiting, seen = [place], set()
        while waiting:
            here = waiting.pop()
            if here.reference in seen:
                continue
            seen.add(here.reference)
            yield here
            links = self._links.get(here.reference) or self._linked(here)
            waiting += links.always
            if links.chosen:
                waiting += [branch for branch in links.chosen if self.admits(branch, value)]
            if links.condition is not None:
                side = here.step("then" if self.admits(links.condition, value) else "else")
                waiting += [side] if side is not None else []
            if links.dependent and isinstance(value, dict):
                waiting += [part for name, part in links.dependent.items() if name in value]

    def _linked(self, place: Place) -> _Links:
        """Look up once what a schema applies to its own value."""
        target = self.places.target(place)
        links = self._links[place.reference] = _Links(
            (*([target] if target is not None else []), *place.branches("allOf")),
            (*place.branches("anyOf"), *place.branches("oneOf")),
            place.step("if") if isinstance(place.schema, dict) else None,
            place.named("dependentSchemas"),
        )
        return links

    def inner(self, place: Place, step: str | int) -> list[Place]:
        """The schemas that a schema's own keywords apply to the member of a value at one step, looked up once."""
        key = (place.reference, step)
        found = self._inner.get(key)
        if found is None:
            if len(self._inner) >= _LARGEST:
                self._inner.clear()  # names come from the values that are traced, and they may be anybody's
            found = self._inner[key] = inner_schemas(place, step)
        return found

    def reached(self, root: Place, value: Any, path: Path = ()) -> Iterator[tuple[Place, Path]]:
        """Yield every schema that judges a place of a value, with the path of that place."""
        heads = list(self.applied(root, value))
        yield from ((place, path) for place in heads)
        steps: Any = ()
        if isinstance(value, dict):
            steps = value
        elif isinstance(value, list):
            steps = range(len(value))
        for step in steps:
            for place in heads:
                for inner in self.inner(place, step):
                    yield from self.reached(inner, value[step], (*path, step))

    def reaches(self, root: Place, value: Any, path: Path, wanted: str) -> bool:
        """Whether a schema judges the place of a value to which a path leads."""
        heads = [root]
        for step in path:
            inner: dict[str, Place] = {}
            for head in heads:
                for place in self.applied(head, value):
                    inner |= {one.reference: one for one in self.inner(place, step)}
            heads, value = list(inner.values()), value[step]
        return any(place.reference == wanted for head in heads for place in self.applied(head, value))


def unions(tracer: Tracer, root: Place, value: Any, path: Path) -> frozenset[str]:
    """The pointers of all unions that judge the values on the way to a place of a value, the place itself included."""
    found: set[str] = set()
    heads = [root]
    for step in (*path, None):
        applied = {place.reference: place for head in heads for place in tracer.applied(head, value)}
        for place in applied.values():
            found |= {below(place.reference, keyword) for keyword in ("anyOf", "oneOf") if place.branches(keyword)}
        if step is not None:
            heads = [inner for place in applied.values() for inner in tracer.inner(place, step)]
            value = value[step]
    return frozenset(found)


def inner_schemas(place: Place, step: str | int) -> list[Place]:
    """The schemas that a schema's own keywords apply to the member of a value at one step."""
    if not isinstance(place.schema, dict):
        return []
    return _of_item(place, step) if isinstance(step, int) else _of_property(place, step)


def _of_item(place: Place, index: int) -> list[Place]:
    prefix = place.branches("prefixItems")
    if index < len(prefix):
        return [prefix[index]]
    items = place.step("items")
    return [items] if items is not None else []


def _of_property(place: Place, name: str) -> list[Place]:
    found = []
    properties = place.keyword("properties")
    if isinstance(properties, dict) and name in properties:
        found.append(place.child("properties", name))
    for pattern, part in place.named("patternProperties").items():
        if _matches(pattern, name):
            found.append(part)
    extra = place.step("additionalProperties")
    if not found and extra is not None:
        found.append(extra)
    return found


def _matches(pattern: str, name: str) -> bool:
    try:
        return matches(pattern, name)
    except (ValueError, re.error):
        return False


def stands(value: Any, path: Path) -> bool:
    """Whether a path leads to a part of a JSON value."""
    for step in path:
        there = isinstance(step, int) and step < len(value) if isinstance(value, list) else False
        if not there and not (isinstance(value, dict) and step in value):
            return False
        value = value[step]
    return True
