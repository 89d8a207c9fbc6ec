"""The reference engine, ``jsonschema`` with ``referencing``: the oracle of the differential tests.

The rule of this module: see ``engines``. It is imported when it is asked for, since few need it and it takes longer to
import than a description takes to load.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs
import jsonschema
import referencing
import referencing.exceptions
import referencing.jsonschema

from assay.schema import formats
from assay.schema.engines import MOST_FAILURES
from assay.schema.failures import NOTHING, Failure
from assay.schema.places import below, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from assay.schema.engines import Judge
    from assay.schema.places import Place, Places

__all__ = ["ReferenceEngine"]

# Annotations, and a keyword of another draft.
_WITHOUT_SAY = frozenset(
    ("$comment", "$recursiveAnchor", "$vocabulary", "contentEncoding", "contentMediaType", "default", "deprecated",
     "description", "examples", "readOnly", "title", "writeOnly")
)  # fmt: skip


class ReferenceEngine:
    """``jsonschema``, made to judge formats and patterns as ``jsonschema-rs`` is told to."""

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
