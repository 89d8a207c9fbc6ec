"""Sites: every constraint that a contract puts on the requests of an operation, each at its own place.

The rule of this module: a site is named as the violation of it will be: by the pointer and the keyword in the
description as written. A schema that is met twice has its sites once, so that recursion ends. What asserts nothing by
itself (``if``, what stands under ``not``, a ``type`` that an ``enum`` beside it restates) is no site.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from assay.schema.formats import ASSERTED
from assay.schema.places import Place, below
from assay.wire.styles import IGNORED_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.generate.reached import Path
    from assay.model import Api, Operation, Parameter
    from assay.schema.check import Schemas
    from assay.schema.places import Places
    from assay.violation import Part

__all__ = ["APPLIES", "Root", "Side", "Site", "Spot", "constraints", "roots", "sites", "spots"]

Side = Literal["inside", "outside"]
Hop = Literal["root", "same", "branch", "then", "else", "dependent", "property", "item"]
_STRINGS = ("minLength", "maxLength", "pattern", "format")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_ARRAYS = ("minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains", "unevaluatedItems")
_OBJECTS = (
    "minProperties", "maxProperties", "propertyNames", "additionalProperties", "unevaluatedProperties", "required",
    "dependentRequired",
)  # fmt: skip
APPLIES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(_STRINGS, str),
    **dict.fromkeys(_NUMBERS, (int, float)),
    **dict.fromkeys(_ARRAYS, list),
    **dict.fromkeys(_OBJECTS, dict),
}
"""Keywords that judge values of one type only; all others judge any value."""

_CLOSERS = ("additionalProperties", "unevaluatedProperties", "unevaluatedItems", "items")


@dataclass(frozen=True, slots=True)
class Spot:
    """One schema, and one way to it from the root: through ``parent`` by ``hop`` (and ``step``, where it has one).

    ``path`` leads to the value that it judges, with 0 for any item.
    """

    place: Place
    path: Path
    parent: Spot | None = None
    hop: Hop = "root"
    step: str | int = ""


@dataclass(frozen=True, slots=True)
class Site:
    """One constraint of an operation's requests.

    ``pointer`` is what ``Violation.pointer`` says where it is broken, ``rule`` what ``Violation.rule`` says.
    ``path`` leads to the value that is judged; for parameters its first step is the parameter's name. ``name`` is the
    property that a ``required`` asks for, or the number of a union's branch. A branch has an inside only: a value
    outside all branches breaks the union.
    """

    operation: str
    part: Part
    pointer: str
    keyword: str
    path: Path
    name: str = ""
    spot: Spot | None = field(default=None, compare=False, repr=False)

    @property
    def rule(self) -> str:
        """The rule of a violation of this site."""
        return f"schema/{self.keyword}" if self.spot is not None else f"http/{self.keyword}"

    @property
    def branch(self) -> bool:
        """Whether this is one branch of a union."""
        return self.keyword in ("anyOf", "oneOf") and self.name != ""

    @property
    def sides(self) -> frozenset[Side]:
        """From where it can be probed at all: a branch only from inside, a place for no value only from outside."""
        if self.branch:
            return frozenset({"inside"})
        return frozenset({"outside"}) if self.keyword == "false" else frozenset({"inside", "outside"})

    def applies(self, value: Any) -> bool:
        """Whether this keyword says anything of a value that its schema judges."""
        wanted = APPLIES.get(self.keyword)
        if wanted is not None and (not isinstance(value, wanted) or isinstance(value, bool)):
            return False
        if self.keyword == "dependentRequired" and self.spot is not None:
            asked = self.spot.place.schema["dependentRequired"]
            return any(trigger in value and self.name in names for trigger, names in asked.items())
        return True


@dataclass(frozen=True, slots=True)
class Root:
    """Where a schema judges a part of a request: a parameter, or the body in one media type."""

    part: Part
    place: Place
    places: Places
    parameter: Parameter | None = None
    media_type: str = ""

    @property
    def prefix(self) -> Path:
        """What stands before the path of a value in violations."""
        return (self.parameter.name,) if self.parameter is not None else ()


def roots(schemas: Schemas, operation: Operation) -> Iterator[Root]:
    """Yield the roots of an operation: parameters in order, then the body's media types, JSON first."""
    for parameter in operation.parameters:
        if parameter.schema is not None and not _ignored(parameter):
            places = schemas.check(parameter.schema, "request").places
            yield Root(_part(parameter), places.at(parameter.schema), places, parameter)
    contents = operation.body.contents if operation.body else ()
    for content in sorted(contents, key=lambda content: "json" not in content.media_type):
        if content.schema is not None:
            places = schemas.check(content.schema, "request").places
            yield Root("body", places.at(content.schema), places, media_type=content.media_type)


def sites(api: Api, schemas: Schemas, operation: Operation) -> tuple[Site, ...]:
    """Every site of an operation, in the order of the description; each (pointer, keyword, name) once."""
    found: dict[tuple[str, str, str, str], Site] = {}
    for site in (*_outer(api, operation), *_inner(api, schemas, operation)):
        found.setdefault((site.part, site.pointer, site.keyword, site.name), site)
    return tuple(found.values())


def _outer(api: Api, operation: Operation) -> Iterator[Site]:
    """What must be there at all: required parameters, and a required body."""
    for parameter in operation.parameters:
        if parameter.required and parameter.location != "path" and not _ignored(parameter):
            pointer = api.shown(parameter.pointer)
            yield Site(operation.id, _part(parameter), pointer, "parameter-missing", (parameter.name,))
    if operation.body is not None and operation.body.required:
        yield Site(operation.id, "body", api.shown(operation.body.pointer), "body-missing", ())


def _inner(api: Api, schemas: Schemas, operation: Operation) -> Iterator[Site]:
    for root in roots(schemas, operation):
        for spot in spots(root):
            path = (*root.prefix, *spot.path)
            for keyword, pointer, name in constraints(spot.place):
                yield Site(operation.id, root.part, api.shown(pointer), keyword, path, name, spot)


def spots(root: Root) -> Iterator[Spot]:
    """Yield every schema that can judge a part of a root's values, the nearest first, each once."""
    waiting, seen = deque([Spot(root.place, ())]), set()
    while waiting:
        spot = waiting.popleft()
        if spot.place.reference in seen:
            continue
        seen.add(spot.place.reference)
        yield spot
        waiting.extend(_further(spot, root.places))


def _further(spot: Spot, places: Places) -> Iterator[Spot]:
    place, path = spot.place, spot.path
    if not isinstance(place.schema, dict):
        return
    target = places.target(place)
    if target is not None:
        yield Spot(target, path, spot, "same")
    yield from (Spot(part, path, spot, "same") for part in place.branches("allOf"))
    for keyword in ("anyOf", "oneOf"):
        yield from (Spot(part, path, spot, "branch", keyword) for part in place.branches(keyword))
    if "if" in place.schema:
        yield from (Spot(place.child(side), path, spot, side) for side in ("then", "else") if side in place.schema)
    yield from (Spot(part, path, spot, "dependent", name) for name, part in place.named("dependentSchemas").items())
    yield from (Spot(part, (*path, name), spot, "property", name) for name, part in place.named().items())
    for step, part in _unnamed(place):
        yield Spot(part, (*path, step), spot, "item" if isinstance(step, int) else "property", step)


def _unnamed(place: Place) -> Iterator[tuple[str | int, Place]]:
    """Items, and properties that the schema does not name, each under a step that leads to it."""
    prefix = place.branches("prefixItems")
    yield from enumerate(prefix)
    if isinstance(place.keyword("items"), dict):
        yield len(prefix), place.child("items")
    for pattern, part in place.named("patternProperties").items():
        yield pattern.strip("^$").replace(".*", "").replace("\\", "") or "otter", part
    if isinstance(place.keyword("additionalProperties"), dict):
        yield "otter", place.child("additionalProperties")


def constraints(place: Place) -> Iterator[tuple[str, str, str]]:
    """Yield the keywords of one schema that can be broken, each with its pointer and the name it is about."""
    schema = place.schema
    if schema is False:
        yield "false", place.reference, ""
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        pointer = below(place.reference, keyword)
        if keyword in ("required", "anyOf", "oneOf", "dependentRequired"):
            yield from ((keyword, at, name) for at, name in _each(place, keyword, value))
        elif _asserts(schema, keyword, value):
            yield keyword, pointer, ""


def _each(place: Place, keyword: str, value: Any) -> Iterator[tuple[str, str]]:
    pointer = below(place.reference, keyword)
    match keyword:
        case "required" if isinstance(value, list):
            yield from ((pointer, name) for name in value if isinstance(name, str))
        case "dependentRequired" if isinstance(value, dict):
            yield from ((pointer, name) for name in dict.fromkeys(name for names in value.values() for name in names))
        case "anyOf" | "oneOf" if isinstance(value, list):
            yield pointer, ""
            yield from ((below(pointer, number), str(number)) for number in range(len(value)))


def _asserts(schema: dict[str, Any], keyword: str, value: Any) -> bool:
    """Whether a keyword refuses anything that the keywords beside it admit."""
    match keyword:
        case "type":
            return "enum" not in schema and "const" not in schema
        case "enum" | "const" | "not" | "contains" | "propertyNames" | "pattern":
            return value is not False or keyword == "const"
        case "format":
            return value in ASSERTED
        case "uniqueItems":
            return value is True
        case "minLength" | "minItems" | "minProperties" | "minContains":
            return bool(value != 0)
    if keyword in _CLOSERS:
        return value is False
    return keyword in APPLIES


def _ignored(parameter: Parameter) -> bool:
    return parameter.location == "header" and parameter.name.lower() in IGNORED_HEADERS


def _part(parameter: Parameter) -> Part:
    return "query" if parameter.location == "querystring" else parameter.location
