"""One schema object of any OpenAPI 3 version into JSON Schema 2020-12, in place.

The rule of this module: a keyword changes only where its 2020-12 meaning differs from what the author can only have
meant, every kind of change has a reason for people, and no subschema moves unless it must, so that pointers stay
those of the original description. It looks at one schema object at a time; the walk over all of them is in ``walk``.
"""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING, Any

import jsonschema_rs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DIALECTS", "SUBSCHEMAS", "admits_null", "convert", "misuse"]

SUBSCHEMAS: dict[str, str] = {
    **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"), "map"),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), "list"),
    **dict.fromkeys(("additionalProperties", "unevaluatedProperties", "propertyNames", "contentSchema"), "one"),
    **dict.fromkeys(("items", "unevaluatedItems", "contains", "not", "if", "then", "else"), "one"),
}
"""Keywords that hold schemas, and how: a ``map`` by name, a ``list``, or ``one``."""

# Dialects whose schemas can be read as 2020-12 after the conversions below -> may be dropped without a word.
DIALECTS = {
    "https://json-schema.org/draft/2020-12/schema": True,
    "https://spec.openapis.org/oas/3.1/dialect/base": True,
    "https://spec.openapis.org/oas/3.1/dialect/2024-10-25": True,
    "https://spec.openapis.org/oas/3.1/dialect/2024-11-10": True,
    "https://spec.openapis.org/oas/3.2/dialect/2025-09-17": True,
    "https://json-schema.org/draft/2019-09/schema": False,
    "http://json-schema.org/draft-07/schema": False,
    "http://json-schema.org/draft-06/schema": False,
    "http://json-schema.org/draft-04/schema": False,
    "http://json-schema.org/schema": False,
}

_LISTS = frozenset(("allOf", "anyOf", "oneOf", "prefixItems", "items", "enum", "type"))
_FLAGS = ("uniqueItems", "readOnly", "writeOnly", "nullable", "exclusiveMinimum", "exclusiveMaximum", "required")
_WRITTEN_FLAGS = {"true": True, "false": False}
_TYPES = frozenset(("null", "boolean", "integer", "number", "string", "array", "object"))
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains")  # fmt: skip  # noqa: E501
# What JSON floats, printed by JavaScript, make of the bounds of 64-bit integers.
_ROUNDED = {
    9223372036854776000: 2**63 - 1,
    9223372036854775808: 2**63 - 1,
    -9223372036854776000: -(2**63),
    18446744073709552000: 2**64 - 1,
    18446744073709551616: 2**64 - 1,
}
_ANNOTATIONS = frozenset(
    ("$ref", "description", "summary", "title", "example", "examples", "deprecated", "externalDocs", "xml", "default")
)
_DATA = frozenset(("default", "example", "examples", "enum", "const"))
_KEYWORDS = frozenset((*SUBSCHEMAS, *_BOUNDS, *_COUNTS, "multipleOf", "uniqueItems", "type", "required", "pattern",
                       "format", "dependencies", "dependentRequired"))  # fmt: skip

NULLABLE = "nullable: true is the word of OpenAPI 3.0: null is allowed here"
NULLABLE_FALSE = "nullable: false is the word of OpenAPI 3.0 and says nothing"
NULLABLE_REF = "nullable: true beside $ref, which OpenAPI 3.0 ignores, can only mean that null is allowed"
SIBLINGS = "OpenAPI 3.0 ignores what stands beside $ref: removed"
EXCLUSIVE = "a boolean exclusiveMinimum or exclusiveMaximum is the form of OpenAPI 3.0: written as a bound"
REQUIRED = "required names a property twice: named once"
REQUIRED_FORM = "a boolean required is the form of older JSON Schema, where a property said it of itself: removed"
INFINITE = "a default that is no finite number: removed"
ROUNDED = "a bound of 64-bit integers, rounded by JSON floats: written exactly"
UNBOUNDED = "a bound that is no finite number bounds nothing: removed"
NUMERAL = "a bound written as a string: read as a number"
NEGATIVE = "a size or step that no value can have (negative, or a fraction of an item): removed"
TYPE = "a type that JSON does not have: read as any value (a file is a string of bytes)"
TYPE_TWICE = "type names one type twice: named once"
EMPTY = "a keyword without a value: removed"
TUPLE = "items as an array is the form of older JSON Schema: written as prefixItems"
DEPENDENCIES = "dependencies is the form of older JSON Schema: written as dependentRequired and dependentSchemas"
PATTERN = "a pattern that is no regular expression of ECMA-262: not checked"
ENUM = "enum must be an array: read as its one value"
NONE = "a keyword with an empty list, which says nothing or would admit nothing: removed"
FLAG = "a boolean written as a string: read as a boolean"


def convert(schema: dict[str, Any], version: str, is_nullable: Callable[[Any], bool]) -> list[str]:
    """Change one schema object into 2020-12; return the reason of each change.

    ``version`` is the first two numbers of the OpenAPI version; ``is_nullable`` says whether a subschema of this
    schema admits null, its references followed.
    """
    reasons: list[str] = []
    for keyword in [name for name, value in schema.items() if value is None and name in _KEYWORDS]:
        del schema[keyword]
        reasons.append(EMPTY)
    if version == "3.0" and "$ref" in schema:
        _alone(schema, reasons)
    for keyword in [name for name, value in schema.items() if value == [] and name in _LISTS]:
        del schema[keyword]
        reasons.append(NONE)
    for keyword in _FLAGS:
        written = schema.get(keyword)
        if isinstance(written, str) and written in _WRITTEN_FLAGS:
            schema[keyword] = _WRITTEN_FLAGS[written]
            reasons.append(FLAG)
    for keyword in [name for name in schema if name in _PRESENT]:
        if keyword in schema:
            _PRESENT[keyword](schema, reasons)
    if "nullable" in schema:
        _nullable(schema, is_nullable, reasons)
    return reasons


def misuse(schema: dict[str, Any]) -> tuple[tuple[str, ...], str] | None:
    """Return the steps to the first keyword whose value cannot be read in one way, and what it must be; or None.

    Asked before ``convert``, which reads what can be read.
    """
    for keyword, value in schema.items():
        wanted = _WANTED.get(keyword)
        if wanted is not None and value is not None and not wanted[0](value):
            return (keyword,), wanted[1]
    for pattern in schema["patternProperties"] if isinstance(schema.get("patternProperties"), dict) else ():
        if not is_pattern(pattern):
            return ("patternProperties", pattern), "a regular expression of ECMA-262"
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and value in _WRITTEN_FLAGS)


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return _numeral(value) is not None or _is_infinite(value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_bound(value: Any) -> bool:
    return _is_flag(value) or _is_number(value)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_map_of_names(value: Any) -> bool:
    return isinstance(value, dict) and all(_are_names(names) for names in value.values())


def _is_infinite(text: str) -> bool:
    return text.lstrip("+-.").lower() in ("inf", "infinity", "nan") or _FLOAT.fullmatch(text) is not None


_FLOAT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")

# Keyword -> whether its value can be read in one way, and what to write.
_WANTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("$id", "$anchor", "$dynamicAnchor", "format"), (_is_text, "a string")),
    **dict.fromkeys(("uniqueItems", "readOnly", "writeOnly", "nullable"), (_is_flag, "true or false")),
    **dict.fromkeys(("minimum", "maximum", "multipleOf", *_COUNTS), (_is_number, "a number")),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), (_is_bound, "a number")),
    "type": (lambda value: _is_text(value) or _are_names(value), "the name of a type or an array of such names"),
    "required": (lambda value: _is_flag(value) or _are_names(value), "an array of names"),
    "enum": (lambda value: not isinstance(value, dict), "an array of values"),
    "dependentRequired": (_is_map_of_names, "an object of arrays of names"),
    "dependencies": (lambda value: isinstance(value, dict), "an object"),
}


def _alone(schema: dict[str, Any], reasons: list[str]) -> None:
    """Leave ``$ref`` alone with annotations; 3.0 gives the rest no meaning."""
    ignored = [name for name in schema if name not in _ANNOTATIONS and not name.startswith("x-") and name != "nullable"]
    for name in ignored:
        del schema[name]
    if ignored:
        reasons.append(SIBLINGS)


def _nullable(schema: dict[str, Any], is_nullable: Callable[[Any], bool], reasons: list[str]) -> None:
    if schema.pop("nullable") is not True:
        reasons.append(NULLABLE_FALSE)
        return
    reasons.append(NULLABLE_REF if "$ref" in schema else NULLABLE)
    _admit(schema, is_nullable)


def _admit(schema: dict[str, Any], is_nullable: Callable[[Any], bool]) -> None:
    """Let null through every keyword that would stop it."""
    kinds = schema.get("type")
    if kinds is not None and "null" not in (kinds if isinstance(kinds, list) else [kinds]):
        schema["type"] = [*(kinds if isinstance(kinds, list) else [kinds]), "null"]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    if schema.get("const") is not None:
        schema["enum"] = [schema.pop("const"), None]
    for keyword in ("anyOf", "oneOf"):
        branches = schema.get(keyword)
        if isinstance(branches, list) and not any(is_nullable(branch) for branch in branches):
            schema[keyword] = [*branches, {"type": "null"}]
    for member in schema["allOf"] if isinstance(schema.get("allOf"), list) else ():
        if isinstance(member, dict) and not is_nullable(member):
            _admit(member, is_nullable)
    if "$ref" in schema and not is_nullable({"$ref": schema["$ref"]}):
        _admit_target(schema)


def _admit_target(schema: dict[str, Any]) -> None:
    """Let null past a reference: what it leads to is shared, so the choice is made here."""
    either = [{"$ref": schema.pop("$ref")}, {"type": "null"}]
    if "anyOf" in schema:
        schema["allOf"] = [*schema.get("allOf", []), {"anyOf": either}]
    else:
        schema["anyOf"] = either


def admits_null(schema: Any, follow: Callable[[str], Any], depth: int = 0) -> bool:
    """Whether a schema, converted or not yet, admits null, as far as its own shape tells."""
    if not isinstance(schema, dict):
        return schema is not False
    if schema.get("nullable") is True or depth > 16:  # noqa: PLR2004  deeper than any description; ends circles
        return True
    kinds = schema.get("type")
    if kinds is not None and "null" not in (kinds if isinstance(kinds, list) else [kinds]):
        return False
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        return False
    if schema.get("const") is not None:
        return False
    if isinstance(schema.get("$ref"), str) and not admits_null(follow(schema["$ref"]), follow, depth + 1):
        return False
    for keyword in ("anyOf", "oneOf"):
        branches = schema.get(keyword)
        if isinstance(branches, list) and not any(admits_null(branch, follow, depth + 1) for branch in branches):
            return False
    members = schema.get("allOf")
    return not isinstance(members, list) or all(admits_null(member, follow, depth + 1) for member in members)


# --- one function per keyword -------------------------------------------------------------------------------------


def _type(schema: dict[str, Any], reasons: list[str]) -> None:
    written = schema["type"]
    kinds = written if isinstance(written, list) else [written]
    if all(isinstance(kind, str) and kind in _TYPES for kind in kinds):
        if len(set(kinds)) != len(kinds):
            schema["type"] = list(dict.fromkeys(kinds))
            reasons.append(TYPE_TWICE)
        return
    reasons.append(TYPE)
    if written == "file":
        schema["type"] = "string"
        schema.setdefault("format", "binary")
        return
    del schema["type"]


def _required(schema: dict[str, Any], reasons: list[str]) -> None:
    names = schema["required"]
    if isinstance(names, bool):
        del schema["required"]
        reasons.append(REQUIRED_FORM)
    elif len(set(names)) != len(names):
        schema["required"] = list(dict.fromkeys(names))
        reasons.append(REQUIRED)


def _bound(keyword: str, schema: dict[str, Any], reasons: list[str]) -> None:
    value = schema.get(keyword)
    if isinstance(value, bool):
        _exclusive(keyword, schema, reasons)
    elif isinstance(value, str):
        read = _numeral(value)
        if read is None:
            del schema[keyword]
        else:
            schema[keyword] = read
        reasons.append(UNBOUNDED if read is None else NUMERAL)
    elif isinstance(value, int | float):
        if keyword == "multipleOf" and value <= 0:
            del schema[keyword]
            reasons.append(NEGATIVE)
        elif value in _ROUNDED:
            schema[keyword] = _ROUNDED[int(value)]
            reasons.append(ROUNDED)


def _exclusive(keyword: str, schema: dict[str, Any], reasons: list[str]) -> None:
    """Write a boolean ``exclusiveMinimum`` as the bound itself."""
    plain = keyword.removeprefix("exclusive").lower()
    said = schema.pop(keyword)
    if said and plain != keyword and plain in schema:
        _bound(plain, schema, reasons)
        schema[keyword] = schema.pop(plain)
    reasons.append(EXCLUSIVE)


def _count(keyword: str, schema: dict[str, Any], reasons: list[str]) -> None:
    value = schema[keyword]
    if isinstance(value, str):
        _bound(keyword, schema, reasons)
        value = schema.get(keyword)
    if value is None:
        return
    if value < 0 or value != int(value):
        del schema[keyword]
        reasons.append(NEGATIVE)


def _numeral(text: str) -> int | float | None:
    if not _FLOAT.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        value = float(text)
    return value if math.isfinite(value) else None


def _default(schema: dict[str, Any], reasons: list[str]) -> None:
    value, kinds = schema["default"], schema.get("type")
    numeric = any(kind in ("integer", "number") for kind in (kinds if isinstance(kinds, list) else [kinds]))
    if numeric and isinstance(value, str) and _is_infinite(value) and _numeral(value) is None:
        del schema["default"]
        reasons.append(INFINITE)


def _items(schema: dict[str, Any], reasons: list[str]) -> None:
    if not isinstance(schema["items"], list):
        return
    schema["prefixItems"] = schema.pop("items")
    if "additionalItems" in schema:
        schema["items"] = schema.pop("additionalItems")
    reasons.append(TUPLE)


def _dependencies(schema: dict[str, Any], reasons: list[str]) -> None:
    for name, needed in schema.pop("dependencies").items():
        place = "dependentRequired" if isinstance(needed, list) else "dependentSchemas"
        schema.setdefault(place, {})[name] = needed
    reasons.append(DEPENDENCIES)


def _enum(schema: dict[str, Any], reasons: list[str]) -> None:
    if not isinstance(schema["enum"], list):
        schema["enum"] = [schema["enum"]]
        reasons.append(ENUM)


def _pattern(schema: dict[str, Any], reasons: list[str]) -> None:
    # A number too is an unread pattern: api.video's 00:00:00 became 0 on its way through YAML 1.1.
    if not isinstance(schema["pattern"], str) or not is_pattern(schema["pattern"]):
        schema["x-unread-pattern"] = schema.pop("pattern")
        reasons.append(PATTERN)


@functools.lru_cache(maxsize=4096)
def is_pattern(text: str) -> bool:
    """Whether the engine can compile a pattern."""
    try:
        jsonschema_rs.Draft202012Validator({"pattern": text})
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


_PRESENT: dict[str, Callable[[dict[str, Any], list[str]], None]] = {
    "type": _type,
    "required": _required,
    "default": _default,
    "items": _items,
    "dependencies": _dependencies,
    "enum": _enum,
    "pattern": _pattern,
    **{keyword: functools.partial(_bound, keyword) for keyword in (*_BOUNDS, "multipleOf")},
    **{keyword: functools.partial(_count, keyword) for keyword in _COUNTS},
}
