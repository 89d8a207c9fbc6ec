"""The two engines, brought to one face: ``jsonschema-rs`` for the verdict, ``jsonschema`` as reference.

The rule of this module: both engines judge by the same formats and patterns (``formats``), reach nothing outside the
documents they were given, and hand on their errors as ``Failure`` values. Which one judged cannot be seen from outside.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, cast

import attrs
import jsonschema
import referencing
import referencing.exceptions
import referencing.jsonschema

from assay.schema import formats
from assay.schema.algebra import BACKTRACKS, registry, rust
from assay.schema.failures import NOTHING, Failure, value_at
from assay.schema.places import below, parts, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jsonschema_rs import Registry

    from assay.errors import DescriptionError
    from assay.schema.places import Place, Places

__all__ = ["MOST_FAILURES", "Engine", "ReferenceEngine", "RustEngine"]

Judge = tuple["Callable[[Any], bool]", "Callable[[Any], list[Failure]]"]
"""A compiled schema: the verdict, and the failures of a value."""


MOST_FAILURES = 100
"""Failures that are looked at, of a value and of each branch of a union: a hostile value can have a million."""


# Annotations, and a keyword of another draft.
_WITHOUT_SAY = frozenset(
    ("$comment", "$recursiveAnchor", "$vocabulary", "contentEncoding", "contentMediaType", "default", "deprecated",
     "description", "examples", "readOnly", "title", "writeOnly")
)  # fmt: skip
_MANY_VALUES = 400
_BEGINNING = 20


class Engine(Protocol):
    """Compiles schemas."""

    def compile(self, reference: str, asserted: frozenset[str]) -> Judge:
        """Compile the schema at an absolute reference; ``asserted`` are the formats met there that are judged.

        Raises ``DescriptionError`` for what is no schema.
        """
        ...


class RustEngine:
    """``jsonschema-rs``."""

    __slots__ = ("places", "resources")

    def __init__(self, places: Places) -> None:
        self.places = places
        self.resources: Registry = registry(places)

    def compile(self, reference: str, asserted: frozenset[str]) -> Judge:
        """See ``Engine``."""
        module = rust()
        try:
            validator = module.Draft202012Validator(
                {"$ref": reference},
                registry=self.resources,
                validate_formats=bool(asserted),
                formats=_all_formats() if asserted else None,
                # The linear automaton runs whatever it can; only look-around and back-references step back.
                pattern_options=module.FancyRegexOptions(backtrack_limit=BACKTRACKS),
                offline=True,
            )
        except ValueError as error:
            raise self._refusal(error, reference) from None

        def failures(value: Any) -> list[Failure]:
            return [self._failure(error, value) for error in islice(_errors(validator, value), MOST_FAILURES)]

        return validator.is_valid, failures

    def _failure(self, error: Any, value: Any) -> Failure:
        kind = error.kind
        pointer = error.absolute_keyword_location or ""
        uri, steps = parts(pointer)
        keyword = "false" if kind.name == "falseSchema" else (steps[-1] if steps else kind.name)
        if kind.name == "required" and keyword != "required" and len(steps) > 1:
            # Under dependentRequired the engine names the member that asks, by number or name.
            steps = steps[:-1]
            keyword, pointer = steps[-1], below(uri, *steps)
        path, names = _real_path(value, error.instance_path), _names(kind)
        if keyword == "false" and steps[-1:] == ("additionalProperties",) and steps[-2:-1] != ("properties",):
            # Where no property is declared at all, the engine refuses the object and names none of them.
            keyword, names = "additionalProperties", tuple(value_at(value, path))
        holder = steps if keyword == "false" else steps[:-1]
        return Failure(
            keyword=keyword,
            path=path,
            pointer=pointer,
            schema=self.places.find(below(uri, *holder)) or NOTHING,
            names=names,
            branches=tuple(
                tuple(self._failure(inner, value) for inner in branch[:MOST_FAILURES])
                for branch in getattr(kind, "context", ())
            ),
        )

    def _refusal(self, error: Any, reference: str) -> DescriptionError:
        message, _, _ = str(error).partition("\n")
        steps = getattr(error, "instance_path", None) or []
        if not steps:
            return refused(message, reference)
        # The engine gives the steps, not the document: it is one that has such a place.
        uris = [reference.partition("#")[0], *self.places.documents]
        uri = next((uri for uri in uris if self.places.find(below(uri, *steps))), uris[0])
        return refused(f"not a schema: {message}", below(uri, *steps))


def _errors(validator: Any, value: Any) -> Iterable[Any]:
    """Return the errors of a value; of a large one those in the beginnings of its arrays, or else the first.

    The engine finds all errors before it gives one, in time that grows with the square of their number.
    """
    if not _is_large(value):
        return cast("Iterable[Any]", validator.iter_errors(value))
    short = _shortened(value)
    if not _is_large(short) and not validator.is_valid(short):
        return cast("Iterable[Any]", validator.iter_errors(short))
    try:
        validator.validate(value)
    except ValueError as error:
        return (error,)
    return ()


def _is_large(value: Any) -> bool:
    waiting, seen = [value], 0
    while waiting and seen <= _MANY_VALUES:
        here = waiting.pop()
        seen += 1
        if isinstance(here, dict):
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)
    return seen > _MANY_VALUES


def _shortened(value: Any) -> Any:
    # Level by level: a value may be nested deeper than Python's stack is.
    whole = [value]
    row: list[Any] = [whole]
    while row:
        below_it: list[Any] = []
        for holder in row:
            for step, inner in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
                if isinstance(inner, dict | list):
                    holder[step] = new = dict(inner) if isinstance(inner, dict) else inner[:_BEGINNING]
                    below_it.append(new)
        row = below_it
    return whole[0]


def _real_path(value: Any, steps: list[str | int]) -> tuple[str | int, ...]:
    """Give back to property names that read like numbers (``"50256"``, ``"007"``) the text that the engine took."""
    path: list[str | int] = []
    for given in steps:
        step = given
        if isinstance(given, int) and isinstance(value, dict):
            names = (name for name in value if name.lstrip("+").isdecimal() and int(name) == given)
            step = str(given) if str(given) in value else next(names, str(given))
        path.append(step)
        value = value[step]
    return tuple(path)


def _names(kind: Any) -> tuple[str, ...]:
    match kind.name:
        case "required":
            return (kind.property,)
        case "additionalProperties" | "unevaluatedProperties" | "unevaluatedItems":
            return tuple(kind.unexpected)
        case "propertyNames":
            return (str(kind.error.instance),)
        case _:
            return ()


def _all_formats() -> dict[str, Callable[[str], bool]]:
    """Return every format the engine knows by itself, each with our judgement."""
    return {**dict.fromkeys((*formats.NOT_ASSERTED, *_BUILT_IN), _accept), **formats.ASSERTED}


# Formats of JSON Schema 2020-12 that jsonschema-rs judges unless told otherwise, beyond those in the tables.
_BUILT_IN = (
    "idn-email",
    "idn-hostname",
    "iri-reference",
    "json-pointer",
    "relative-json-pointer",
    "uri-template",
)


def _accept(_: str) -> bool:
    return True


class ReferenceEngine:
    """``jsonschema`` with ``referencing``: the oracle of the differential tests."""

    __slots__ = ("checked", "places", "resources")

    def __init__(self, places: Places) -> None:
        self.places = places
        self.checked: set[str] = set()
        specification = referencing.jsonschema.DRAFT202012
        self.resources: referencing.Registry[Any] = referencing.Registry().with_resources(
            (uri, specification.create_resource(document)) for uri, document in places.documents.items()
        )

    def compile(self, reference: str, asserted: frozenset[str]) -> Judge:
        """See ``Engine``."""
        for start in self.places.reach(reference).starts:
            self._check_schema(start)
        checker = jsonschema.FormatChecker(formats=())
        for name in asserted:
            checker.checks(name)(_on_strings(formats.ASSERTED[name]))
        validator = _Validator({"$ref": reference}, registry=self.resources, format_checker=checker)
        root = self.places.at(reference)

        def failures(value: Any) -> list[Failure]:
            return [self._failure(error, root) for error in islice(validator.iter_errors(value), MOST_FAILURES)]

        def is_valid(value: Any) -> bool:
            try:
                return next(validator.iter_errors(value), None) is None
            except referencing.exceptions.Unresolvable as error:
                # This engine follows an anchor or an $id only when a value leads there.
                raise refused(f'the reference "{error.ref}" leads nowhere', reference) from None

        return is_valid, failures

    def _check_schema(self, reference: str) -> None:
        if reference in self.checked:
            return
        self.checked.add(reference)
        meta = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
        for error in meta.iter_errors(self.places.at(reference).schema):
            # What has no say in a verdict may be written anyhow.
            if not _WITHOUT_SAY.intersection(map(str, list(error.absolute_path)[-1:])):
                raise refused(f"not a schema: {error.message[:200]}", below(reference, *error.absolute_path))
        for pattern, at in _patterns(self.places.at(reference)):
            try:
                formats.matches(pattern, "")
            except ValueError as error:
                raise refused(f"not a regular expression: {error}", at) from None

    def _failure(self, error: Any, root: Place) -> Failure:
        keyword = "false" if error.validator is None else str(error.validator)
        steps = tuple(error.absolute_schema_path)
        here = self._holder(root, steps if keyword == "false" else steps[:-1], error.schema) or NOTHING
        union = keyword in ("anyOf", "oneOf")
        return Failure(
            keyword=keyword,
            path=tuple(error.absolute_path),
            pointer=here.reference if keyword == "false" else below(here.reference, keyword),
            schema=here,
            names=tuple(getattr(error, "names", ())),
            branches=self._branches(error, here, root) if union else (),
        )

    def _holder(self, root: Place, steps: tuple[str | int, ...], schema: Any) -> Place | None:
        """Find the place of the very schema object that failed; the engine's steps leave out every ``$ref``."""
        waiting, seen = [(root, 0)], set()
        while waiting:
            place, taken = waiting.pop()
            if (place.reference, taken) in seen:
                continue
            seen.add((place.reference, taken))
            if taken == len(steps) and place.schema is schema:
                return place
            if (target := self.places.target(place)) is not None:
                waiting.append((target, taken))
            if taken < len(steps) and (child := place.step(steps[taken])) is not None:
                waiting.append((child, taken + 1))
        return None

    def _branches(self, error: Any, here: Place, root: Place) -> tuple[tuple[Failure, ...], ...]:
        branches: list[list[Failure]] = [[] for _ in here.branches(error.validator)]
        for inner in error.context:
            number = inner.relative_schema_path[0]
            if isinstance(number, int) and number < len(branches):
                branches[number].append(self._failure(inner, root))
        return tuple(tuple(branch) for branch in branches)


def _patterns(start: Place) -> Iterator[tuple[str, str]]:
    """Yield every pattern written in a schema, each with its reference."""
    for here in start.written():
        if isinstance(pattern := here.keyword("pattern"), str):
            yield pattern, below(here.reference, "pattern")
        for pattern in here.named("patternProperties"):
            yield pattern, below(here.reference, "patternProperties", pattern)


def _on_strings(judge: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or judge(value)


def _named(message: str, names: tuple[str, ...]) -> jsonschema.ValidationError:
    error = jsonschema.ValidationError(message)
    error.names = names  # type: ignore[attr-defined]
    return error


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, str) and not formats.matches(pattern, value):
        yield jsonschema.ValidationError("pattern")


def _pattern_properties(
    validator: Any, keyword: Mapping[str, Any], value: Any, _: Any
) -> Iterator[jsonschema.ValidationError]:
    if not isinstance(value, dict):
        return
    for pattern, schema in keyword.items():
        for name, inner in value.items():
            if formats.matches(pattern, name):
                yield from validator.descend(inner, schema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, keyword: Any, value: Any, schema: Mapping[str, Any]
) -> Iterator[jsonschema.ValidationError]:
    if not isinstance(value, dict):
        return
    declared, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extra = [n for n in value if n not in declared and not any(formats.matches(p, n) for p in patterns)]
    if keyword is False:
        if extra:
            yield _named("additionalProperties", tuple(extra))
        return
    for name in extra:
        yield from validator.descend(value[name], keyword, path=name)


def _required(_: Any, keyword: list[str], value: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, dict):
        yield from (_named("required", (name,)) for name in keyword if name not in value)


def _property_names(validator: Any, keyword: Any, value: Any, _: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, dict):
        refused = (name for name in value if next(validator.descend(name, keyword), None) is not None)
        yield from (_named("propertyNames", (name,)) for name in refused)


def _dependent_required(
    _: Any, keyword: Mapping[str, list[str]], value: Any, __: Any
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, dict):
        wanted = [name for key, names in keyword.items() if key in value for name in names]
        yield from (_named("dependentRequired", (name,)) for name in wanted if name not in value)


_Validator: Any = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "propertyNames": _property_names,
        "required": _required,
        "dependentRequired": _dependent_required,
        # Draft 7's keyword; the other engine honours it, as the specification lets it.
        "dependencies": jsonschema.Draft7Validator.VALIDATORS["dependencies"],
    },
)

_descend = _Validator.descend


def _descend_with_place(
    self: Any, instance: Any, schema: Any, path: Any = None, schema_path: Any = None, **rest: Any
) -> Iterator[jsonschema.ValidationError]:
    """Descend as jsonschema does, but let the failure of a ``false`` schema keep its place, which is lost there."""
    for error in _descend(self, instance, schema, path=path, schema_path=schema_path, **rest):
        if schema is False:
            error.relative_path.extendleft([] if path is None else [path])
            error.relative_schema_path.extendleft([] if schema_path is None else [schema_path])
        yield error


def _evolve(self: Any, **changes: Any) -> Any:
    """Stay with this class below a ``$schema``, where jsonschema would go back to its own."""
    return attrs.evolve(self, **changes)


_Validator.descend = _descend_with_place
_Validator.evolve = _evolve
