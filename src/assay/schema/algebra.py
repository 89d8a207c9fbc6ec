"""Schemas as sets of values: canonical form, negation, what admits nothing, and the shape that text forms need.

The rule of this module: it reasons about schemas without looking at any value. The algebra is that of
``jsonschema_rs.canonical``; where its compiled wheel cannot be imported, ``shape`` still works and the rest raises
``UsageError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.errors import UsageError
from assay.model import Shape
from assay.schema.places import refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema_rs import CanonicalSchema, Registry

    from assay.schema.places import Place, Places

try:
    import jsonschema_rs
except ImportError:  # pragma: no cover  no wheel for this platform
    jsonschema_rs = None  # type: ignore[assignment]

__all__ = [
    "BACKTRACKS",
    "canonical",
    "inline",
    "json_type",
    "negate",
    "registry",
    "rust",
    "shape",
    "types",
    "unsatisfiable",
]

BACKTRACKS = 100_000
"""Steps back that one pattern may take on one string; patterns that a linear automaton can run need none."""

_ALL_TYPES = frozenset({"null", "boolean", "number", "string", "array", "object"})
_DEEPEST_SHAPE = 4


def rust() -> Any:
    """Return the module ``jsonschema_rs``, or raise ``UsageError`` where its wheel cannot be imported."""
    if jsonschema_rs is None:  # pragma: no cover  no wheel for this platform
        raise UsageError("jsonschema-rs cannot be imported here: install it, or use the engine 'reference'")
    return jsonschema_rs


def registry(places: Places) -> Registry:
    """Make the registry of ``jsonschema_rs`` from all documents; raises ``DescriptionError``."""
    module = rust()
    try:
        made: Registry = module.Registry(list(places.documents.items()), draft=module.Draft202012)
    except ValueError as error:
        raise refused(_first_line(error), places.dangling() or ", ".join(places.documents)) from None
    return made


def canonical(resources: Registry, reference: str) -> CanonicalSchema:
    """Return the canonical form of the schema at an absolute reference; raises ``DescriptionError``."""
    module = rust()
    try:
        form: CanonicalSchema = module.canonicalize({"$ref": reference}, **_options(resources))
    except ValueError as error:
        raise refused(_first_line(error), reference) from None
    return form


def inline(schema: Mapping[str, Any]) -> CanonicalSchema:
    """Return the canonical form of a schema that refers to nothing, fit to be combined with those of descriptions.

    Raises ``ValueError`` where it is no schema.
    """
    options = {name: option for name, option in _options(None).items() if option is not None}
    form: CanonicalSchema = rust().canonicalize(schema, **options)
    return form


def negate(form: CanonicalSchema) -> CanonicalSchema | None:
    """Return the schema that admits exactly what ``form`` rejects, or None where the algebra cannot express it."""
    errors = rust().canonical
    try:
        return form.negate()
    except (errors.UnsupportedOperand, errors.UnsupportedResult):
        return None


def unsatisfiable(resources: Registry, places: Places, reference: str) -> tuple[str, ...]:
    """Return the references of the subschemas, written in place below ``reference``, that admit no value.

    A literal ``false`` is meant and is not reported. What is not reported is not proven to admit a value.
    """
    module = rust()
    place = places.at(reference)
    if not isinstance(place.schema, dict):
        return ()
    try:
        found = module.canonical.find_unsatisfiable(places.absolute(place).schema, **_options(resources))
    except ValueError as error:
        raise refused(_first_line(error), reference) from None
    literal = module.canonical.UnsatisfiableReason.Literal
    return tuple(f"{place.reference}{pointer}" for pointer, why in found.items() if not isinstance(why, literal))


def _options(resources: Registry | None) -> dict[str, Any]:
    module = rust()
    return {
        "draft": module.Draft202012,
        "registry": resources,
        # Generation wants a URI where one is named, also for the formats that no check asserts.
        "validate_formats": True,
        "pattern_options": module.FancyRegexOptions(backtrack_limit=BACKTRACKS),
        "offline": True,
    }


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def json_type(value: object) -> str:
    """Name the JSON type of a value; a number without a fraction is a ``number`` here, as in the data model."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case dict():
            return "object"
        case _:
            return "array"


def types(places: Places, place: Place) -> frozenset[str]:
    """Return the JSON types that a schema may admit, ``integer`` where only integers; empty when it is not bounded."""
    key = ("types", place.reference)
    if key not in places.kept:
        places.kept[key] = _types(places, place, frozenset())
    kept: frozenset[str] = places.kept[key]
    return kept


def _types(places: Places, place: Place, seen: frozenset[str]) -> frozenset[str]:
    if place.reference in seen or not isinstance(place.schema, dict):
        return frozenset()
    seen |= {place.reference}
    bounds = [_own_types(place)]
    if (target := places.target(place)) is not None:
        bounds.append(_types(places, target, seen))
    bounds.extend(_types(places, branch, seen) for branch in place.branches("allOf"))
    for keyword in ("anyOf", "oneOf"):
        branches = [_types(places, branch, seen) for branch in place.branches(keyword)]
        if branches and all(branches):
            bounds.append(frozenset().union(*branches))
    result: frozenset[str] = frozenset()
    for bound in bounds:
        result = _both(result, bound) if result and bound else result or bound
    return result


def _own_types(place: Place) -> frozenset[str]:
    own = place.keyword("type")
    if isinstance(own, str):
        return frozenset({own})
    if isinstance(own, list):
        return frozenset(name for name in own if isinstance(name, str))
    if isinstance(values := place.keyword("enum"), list):
        return frozenset(json_type(value) for value in values)
    return frozenset({json_type(place.keyword("const"))}) if place.keyword("const", ...) is not ... else frozenset()


def _both(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    common = one & other
    if ("integer" in one and "number" in other) or ("number" in one and "integer" in other):
        common |= {"integer"}
    return common


def shape(places: Places, place: Place) -> Shape:
    """Return what a text form must know of a schema: its types and those of its parts; recursion is cut."""
    return _shape(places, place, 0, {})


def _shape(places: Places, place: Place, depth: int, known: dict[tuple[str, int], Shape]) -> Shape:
    """One part of a shape, so deep in it; ``known`` are those of the schemas that were met so deep before."""
    if depth > _DEEPEST_SHAPE:
        return Shape()
    mark = (places.meant(place.reference), depth)
    if (made := known.get(mark)) is not None:
        return made
    items: Shape | None = None
    additional: Shape | None = None
    properties: dict[str, Shape] = {}
    for here in _alternatives(places, place):
        if items is None and isinstance(here.keyword("items"), dict):
            items = _shape(places, here.child("items"), depth + 1, known)
        if additional is None and isinstance(here.keyword("additionalProperties"), dict):
            additional = _shape(places, here.child("additionalProperties"), depth + 1, known)
        for name, inner in here.named().items():
            if name not in properties:
                properties[name] = _shape(places, inner, depth + 1, known)
    return known.setdefault(mark, Shape(types(places, place), items, properties, additional))


def _alternatives(places: Places, place: Place) -> list[Place]:
    """Return every schema that may apply to the same value: through ``$ref``, ``allOf``, ``anyOf`` and ``oneOf``."""
    found: dict[str, Place] = {}
    waiting = [place]
    while waiting:
        for here in places.same_value(waiting.pop()):
            if here.reference in found:
                continue
            found[here.reference] = here
            waiting.extend([*here.branches("anyOf"), *here.branches("oneOf")])
    return list(found.values())
