"""Facets: the ways in which a response can differ that its schema names, and which of them a value shows.

The rule of this module: a facet is a value of an enum, a null, a branch of a union, or a property that need not be
there; its name is the place and what is there, for people. Which facets there are follows from the schema alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.generate.reached import Tracer
from assay.generate.sites import Root, spots
from assay.schema.failures import value_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.generate.reached import Path
    from assay.schema.check import Schemas
    from assay.schema.places import Place

__all__ = ["Facets"]

_MANY = 40  # members of an enum beyond which a client can hardly tell them apart


class Facets:
    """The facets of one schema of responses or events."""

    def __init__(self, schemas: Schemas, reference: str) -> None:
        places = schemas.check(reference, "response").places
        self._root = places.at(reference)
        self._places = places
        self._tracer = Tracer(schemas, places, "response")
        # The first way to a schema names its facets, whichever way a value takes.
        self._paths = {spot.place.reference: spot.path for spot in spots(Root("body", self._root, places))}

    @property
    def possible(self) -> frozenset[str]:
        """Every facet there is."""
        found: set[str] = set()
        for reference, path in self._paths.items():
            found.update(self._of(self._places.at(reference), path))
        return frozenset(found)

    def shown(self, value: Any) -> frozenset[str]:
        """The facets that a value shows."""
        found: set[str] = set()
        for place, where in self._tracer.reached(self._root, value):
            path = self._paths.get(place.reference)
            if path is not None:
                found.update(self._seen(place, path, value_at(value, where)))
        return frozenset(found)

    def _of(self, place: Place, path: Path) -> Iterator[str]:
        schema = place.schema
        if not isinstance(schema, dict):
            return
        name = _named(path)
        for member in _members(schema):
            yield f"{name}={_shown(member)}"
        yield from (f"{name}.{one}".lstrip(".") for one in _optional(schema))
        for keyword in ("anyOf", "oneOf"):
            branches = place.branches(keyword)
            yield from (f"{name or 'body'} is {self._branch(part, n)}" for n, part in enumerate(branches))

    def _seen(self, place: Place, path: Path, value: Any) -> Iterator[str]:
        schema = place.schema
        if not isinstance(schema, dict):
            return
        name = _named(path)
        members = _members(schema)
        if any(member == value and type(member) is type(value) for member in members):
            yield f"{name}={_shown(value)}"
        if isinstance(value, dict):
            yield from (f"{name}.{one}".lstrip(".") for one in _optional(schema) if one in value)
        for keyword in ("anyOf", "oneOf"):
            for number, part in enumerate(place.branches(keyword)):
                if self._tracer.admits(part, value):
                    yield f"{name or 'body'} is {self._branch(part, number)}"

    def _branch(self, place: Place, number: int) -> str:
        """A branch by the name of its schema, by its one type, or by its number."""
        target = self._places.target(place)
        if target is not None:
            return target.reference.rpartition("/")[2]
        kind = place.keyword("type")
        return kind if isinstance(kind, str) else f"alternative {number + 1}"


def _members(schema: dict[str, Any]) -> list[Any]:
    members = schema.get("enum")
    if isinstance(members, list):
        plain = [one for one in members if one is None or isinstance(one, str | int | bool)]
        return plain if 1 < len(plain) <= _MANY else []
    kind = schema.get("type")
    return [None] if isinstance(kind, list) and "null" in kind else []


def _optional(schema: dict[str, Any]) -> list[str]:
    properties, required = schema.get("properties"), schema.get("required", ())
    return [name for name in properties if name not in required] if isinstance(properties, dict) else []


def _named(path: Path) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += "[]"
        else:
            text += f".{'*' if step == 'otter' else step}"
    return text.lstrip(".")


def _shown(member: Any) -> str:
    return "null" if member is None else str(member).lower() if isinstance(member, bool) else str(member)
