"""Unions whose branches no value can share, written as ``anyOf`` for the engine that gives the verdict.

Of ``oneOf`` an engine must try every branch, also after one has taken the value; of ``anyOf`` only those up to it. The
rule of this module: a union is rewritten only where it is proven that its branches exclude each other, by the types
of their values or by the values that one required property may have; whatever is not understood stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from typing import TYPE_CHECKING, Any

from assay.schema.places import Place, Places, below, objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["without_one_of"]

_TYPES = frozenset(("null", "boolean", "object", "array", "number", "string"))
_DEEPEST = 4  # unions inside of unions
# What holds values instead of schemas.
_VALUES = frozenset(("const", "enum", "default", "example", "examples"))


def without_one_of(documents: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the documents with ``anyOf`` for every ``oneOf`` whose branches exclude each other.

    Every schema admits what it did before. The same object comes back when nothing can be rewritten: when a reference
    leads into a ``oneOf``, or schemas have bases of their own.
    """
    nodes = [node for document in documents.values() for node in objects(document)]
    if any("/oneOf/" in str(node.get("$ref", "")) or isinstance(node.get("$id"), str) for node in nodes):
        return documents
    if not any("oneOf" in node for node in nodes):
        return documents
    places = Places(documents)
    return {uri: _rewritten(places, uri, document) for uri, document in documents.items()}


@dataclass(frozen=True, slots=True)
class _Sign:
    """What every value of a schema has: one of the types (integers are numbers), and what holds if it is an object.

    ``tags`` are properties with the texts, booleans and null that each may be, ``required`` the names that must be
    there.
    """

    types: frozenset[str] = _TYPES
    tags: tuple[tuple[str, frozenset[Any]], ...] = ()
    required: frozenset[str] = frozenset()

    def excludes(self, other: _Sign) -> bool:
        """Whether no value can have both signs: one that is there, as either requires, cannot be right for both."""
        shared = self.types & other.types
        if shared != {"object"}:
            return not shared
        others, required = dict(other.tags), self.required | other.required
        return any(name in required and tag.isdisjoint(others.get(name, tag)) for name, tag in self.tags)

    def both(self, other: _Sign) -> _Sign:
        """The sign of the values of two schemas at once."""
        tags = dict(self.tags)
        for name, tag in other.tags:
            tags[name] = tags.get(name, tag) & tag
        return _Sign(self.types & other.types, tuple(tags.items()), self.required | other.required)

    def either(self, other: _Sign) -> _Sign:
        """The sign of the values of one schema or the other."""
        types = self.types | other.types
        if "object" not in other.types:
            return _Sign(types, self.tags, self.required)
        if "object" not in self.types:
            return _Sign(types, other.tags, other.required)
        others = dict(other.tags)
        tags = tuple((name, tag | others[name]) for name, tag in self.tags if name in others)
        return _Sign(types, tags, self.required & other.required)


def _rewritten(places: Places, uri: str, node: Any, steps: tuple[str | int, ...] = ()) -> Any:
    """A JSON value with its unions rewritten; what has none comes back as it is, and so do values inside of schemas."""
    if isinstance(node, list):
        items = [_rewritten(places, uri, inner, (*steps, number)) for number, inner in enumerate(node)]
        return items if any(new is not old for new, old in zip(items, node, strict=True)) else node
    if not isinstance(node, dict):
        return node
    made = {
        key: new
        for key, inner in node.items()
        if isinstance(inner, dict | list) and key not in _VALUES
        if (new := _rewritten(places, uri, inner, (*steps, key))) is not inner
    }
    new = {**node, **made} if made else node
    if "oneOf" in node and "anyOf" not in node and _is_disjoint(places, Place(below(uri, *steps), node)):
        return {"anyOf" if key == "oneOf" else key: inner for key, inner in new.items()}
    return new


def _is_disjoint(places: Places, union: Place) -> bool:
    signs = [_sign(places, branch, _DEEPEST) for branch in union.branches("oneOf")]
    return bool(signs) and all(one.excludes(other) for one, other in combinations(signs, 2))


def _sign(places: Places, place: Place, depth: int) -> _Sign:
    sign = _Sign()
    for here in places.same_value(place):
        sign = sign.both(_Sign(_types(here), tuple(_tags(places, here)), frozenset(_named(here.keyword("required")))))
        for keyword in ("anyOf", "oneOf") if depth else ():
            branches = here.branches(keyword)
            if branches:
                inner = [_sign(places, branch, depth - 1) for branch in branches]
                sign = sign.both(reduce(_Sign.either, inner))
    return sign


def _types(place: Place) -> frozenset[str]:
    """The types that the keywords of one schema leave to its values."""
    named = place.keyword("type")
    types = _TYPES if named is None else frozenset("number" if name == "integer" else name for name in _named(named))
    values = _values(place)
    return types if values is None else types & frozenset(map(_type, values))


def _tags(places: Places, place: Place) -> Iterator[tuple[str, frozenset[Any]]]:
    for name, property_ in place.named().items():
        for here in places.same_value(property_):
            values = _values(here)
            if values is not None and all(value is None or isinstance(value, str | bool) for value in values):
                yield name, frozenset(values)


def _values(place: Place) -> list[Any] | None:
    """The values that ``const`` or ``enum`` leave; None where there is neither."""
    if place.schema is False:
        return []
    one = place.keyword("const", ...)
    found = place.keyword("enum") if one is ... else [one]
    return found if isinstance(found, list) else None


def _named(value: Any) -> list[str]:
    """The names that a keyword gives, in a list or alone."""
    names = value if isinstance(value, list) else [value]
    return [name for name in names if isinstance(name, str)]


def _type(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
