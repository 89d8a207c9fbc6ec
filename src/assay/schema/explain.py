"""Failures for people: which of them matter, in which order, and in which words.

The rule of this module: one grammar, *expected X, got Y*, both noun phrases. What the description says may be shown;
what the value says never, except by ``violation.describe``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assay.schema.closest import closest, listed, named_types
from assay.schema.failures import Failure, value_at
from assay.violation import Violation, describe, describe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from assay.schema.places import Places

__all__ = ["explain"]

_LONGEST_PATTERN = 80
# What the message is about comes first; what merely follows from it, or may be a slip of the pen, last.
_LATE = {"not": 1, "additionalProperties": 2, "unevaluatedItems": 3, "unevaluatedProperties": 3}


def explain(failures: Iterable[Failure], instance: Any, places: Places, limit: int) -> list[Violation]:
    """Return at most ``limit`` violations for the failures of a value, most relevant first, paths from the value on."""
    shown = [inner for failure in failures for inner in closest(failure, instance, places)]
    shown = _without_echoes(shown)
    shown.sort(key=lambda failure: _LATE.get(failure.keyword, 0))
    found: dict[tuple[Any, ...], Violation] = {}
    for failure in shown:
        for key, violation in _violations(failure, instance):
            found.setdefault(key, violation)
            if len(found) >= limit:
                return list(found.values())
    return list(found.values())


def _without_echoes(failures: list[Failure]) -> list[Failure]:
    """Leave out what another failure brought about.

    That is a union, where the schema that holds it refuses the very type of the value; and ``unevaluated*``, where
    something else is wrong with the same object or array.
    """
    mistyped = {(failure.schema.reference, failure.path) for failure in failures if failure.keyword == "type"}
    failures = [
        failure
        for failure in failures
        if failure.keyword not in ("anyOf", "oneOf") or (failure.schema.reference, failure.path) not in mistyped
    ]
    other = [failure.path for failure in failures if not failure.keyword.startswith("unevaluated")]
    return [
        failure
        for failure in failures
        if not failure.keyword.startswith("unevaluated")
        or not any(path[: len(failure.path)] == failure.path for path in other)
    ]


def _violations(failure: Failure, instance: Any) -> list[tuple[tuple[Any, ...], Violation]]:
    rule = f"schema/{failure.keyword}"
    value = value_at(instance, failure.path)
    if failure.expected:
        return [_one(failure, failure.path, failure.expected, describe(value))]
    if failure.keyword in ("required", "dependentRequired") and failure.names:
        return [
            _one(failure, failure.path, f'the property "{name}"', "no such property", name) for name in failure.names
        ]
    if failure.keyword in ("additionalProperties", "unevaluatedProperties") and failure.names:
        return [
            _one(failure, (*failure.path, name), f"no property {_shown(name)}", describe(value.get(name)), name)
            for name in failure.names
        ]
    if failure.keyword == "false":
        return [_one(failure, failure.path, "no value here", describe(value))]
    if failure.keyword == "propertyNames" and failure.names:
        name = failure.names[0]
        expected = "another property name (see propertyNames)"
        return [_one(failure, failure.path, expected, _shown(name), name)]
    phrase = _PHRASES.get(failure.keyword)
    expected = phrase(failure.schema.schema) if phrase and failure.keyword in failure.schema.schema else ""
    return [_one(failure, failure.path, expected or f"a value that {rule} admits", describe(value))]


def _one(
    failure: Failure, path: tuple[str | int, ...], expected: str, got: str, name: str = ""
) -> tuple[tuple[Any, ...], Violation]:
    violation = Violation(f"schema/{failure.keyword}", "body", path, expected, got, failure.pointer)
    return (path, failure.keyword, name), violation


def _shown(name: str) -> str:
    text = describe_name(name)
    return f'"{text}"' if text == name else text


def _types(schema: Any) -> str:
    value = schema["type"]
    return named_types([value] if isinstance(value, str) else value)


def _counted(lead: str, keyword: str, noun: str) -> Callable[[Any], str]:
    def phrase(schema: Any) -> str:
        count = schema[keyword]
        plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
        return f"{lead} {_number(count)} {noun if count == 1 else plural}"

    return phrase


def _number(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _pattern(schema: Any) -> str:
    text = schema["pattern"]
    return f"a string matching {text if len(text) <= _LONGEST_PATTERN else text[:_LONGEST_PATTERN] + '...'}"


def _not(schema: Any) -> str:
    match schema["not"]:
        case {"required": [str(name)]}:
            return f'no property "{name}"'
        case {"required": [*names]}:
            return f"not all of the properties {', '.join(json.dumps(name) for name in names)}"
        case {"const": value}:
            return f"anything but {json.dumps(value)}"
        case {"enum": values}:
            return f"none of {listed(values).removeprefix('one of ')}"
        case {"type": str(name)}:
            return f"anything but {named_types([name])}"
    return "a value outside the schema under not"


def _contains(schema: Any) -> str:
    return f"at least {_number(schema.get('minContains', 1))} of the items that contains describes"


_PHRASES: dict[str, Callable[[Any], str]] = {
    "type": _types,
    "enum": lambda schema: listed(schema["enum"]),
    "const": lambda schema: listed([schema["const"]]),
    "minimum": lambda schema: f"at least {_number(schema['minimum'])}",
    "maximum": lambda schema: f"at most {_number(schema['maximum'])}",
    "exclusiveMinimum": lambda schema: f"more than {_number(schema['exclusiveMinimum'])}",
    "exclusiveMaximum": lambda schema: f"less than {_number(schema['exclusiveMaximum'])}",
    "multipleOf": lambda schema: f"a multiple of {_number(schema['multipleOf'])}",
    "minLength": _counted("at least", "minLength", "character"),
    "maxLength": _counted("at most", "maxLength", "character"),
    "pattern": _pattern,
    "format": lambda schema: f"a string in the format {schema['format']}",
    "minItems": _counted("at least", "minItems", "item"),
    "maxItems": _counted("at most", "maxItems", "item"),
    "uniqueItems": lambda _: "items that all differ",
    "contains": _contains,
    "minContains": _contains,
    "maxContains": lambda schema: f"at most {_number(schema['maxContains'])} of the items that contains describes",
    "minProperties": _counted("at least", "minProperties", "property"),
    "maxProperties": _counted("at most", "maxProperties", "property"),
    "not": _not,
    "unevaluatedItems": lambda _: "no further items",
    "unevaluatedProperties": lambda _: "no further properties",
    "anyOf": lambda _: "a value that one of the forms under anyOf admits",
    "oneOf": lambda _: "a value that exactly one of the forms under oneOf admits",
}
